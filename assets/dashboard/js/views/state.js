//@ts-check
// What runs, section by section, as the command line tells it; and the command for each.

import { h } from '../dom.js';
import { link } from '../route.js';
import { enter, leave } from '../stateroom.js';
import { config } from './state/config.js';
import { certificates, gateways, reports } from './state/objects.js';
import { connections } from './state/connections.js';
import { logs } from './state/logs.js';
import { pods, services } from './state/workloads.js';
import { rules } from './state/rules.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Status} Status */

/** The sections, and how many things each has. @type {[string, string, (state: State, status: Status) => any, ((status: Status) => number)?][]} */
const SECTIONS = [
  ['services', 'Services', services, (status) => status.services.length],
  ['pods', 'Pods', pods, (status) => status.pods.length],
  ['logs', 'Logs', logs],
  ['connections', 'Connections', connections],
  ['rules', 'Ingress rules', rules, (status) => status.ingresses.length],
  ['gateways', 'Gateways', gateways, (status) => status.gateways?.length ?? 0],
  ['certificates', 'Certificates', certificates, (status) => status.certificates.length],
  ['reports', 'Reports', reports, (status) => status.reports.length + status.warnings.length],
  ['config', 'Config', config],
];

/** @param {State} state */
function render(state) {
  const { status } = state;
  if (!status) return h('div', null);
  const shown = SECTIONS.find(([id]) => id === state.route.rest[0]) ?? SECTIONS[0];
  return h(
    'div',
    { class: 'state-view' },
    h('nav', { class: 'state-tabs', 'aria-label': 'Sections' }, SECTIONS.map(([id, title, , count]) => {
      const number = count?.(status);
      return h('a', { key: id, href: link('state', [id]), 'aria-current': id === shown[0] ? 'page' : null }, title, number === undefined ? null : h('span', { class: `number${id === 'reports' && number ? ' warned-text' : ''}` }, number));
    })),
    h('section', { class: 'state-section', key: shown[0], 'aria-label': shown[1], 'data-section': shown[0] }, shown[2](state, status)),
  );
}

/** @type {import('../types').View} */
export const view = { id: 'state', title: 'State', icon: 'state', render, enter, leave };
