//@ts-check
// One pod or one Service, close: what it is, who is connected to it, and what can be done to it.

import { h } from '../../dom.js';
import { duration, percent, rate } from '../../format.js';
import { link } from '../../route.js';
import { act, badge, command, icon } from '../parts.js';
import { measured } from './geometry.js';
import { close } from './keys.js';
import { shape } from './shapes.js';

/** @typedef {import('./types').Group} Group @typedef {import('../../types').State} State */

/** Lines of connections that are listed. */
const LISTED = 6;

/** @param {State} state @param {import('./types').Picture} picture @param {string} name a pod or a card */
export function panel(state, picture, name) {
  const group = picture.groups.get(name) ?? picture.home.get(name);
  const stop = group?.stops.find((one) => one.name === name);
  const title = stop?.name ?? group?.name ?? name;
  // Not over what it is about.
  const { stops, width } = measured();
  const aside = (stops.get(name)?.x ?? 0) > width / 2;
  return h(
    'aside',
    { class: `path-panel${aside ? ' at-left' : ''}`, 'aria-label': title, key: 'panel' },
    h(
      'header',
      { class: 'row' },
      h('h2', { tabindex: '-1', key: name, mounted: (/** @type {HTMLElement} */ heading) => heading.focus({ preventScroll: true }) }, title),
      h('span', { class: 'space' }),
      h('button', { class: 'quiet', type: 'button', 'aria-label': 'Close', title: 'Close (Escape)', onclick: close }, icon('close')),
    ),
    !group ? h('p', { class: 'muted' }, 'This pod is gone. Its place was taken by another.') : stop ? aboutPod(state, group, stop) : aboutService(state, group),
    group && (stop?.isPod ?? true) ? actions(group, stop) : null,
  );
}

/** @param {State} state @param {Group} group @param {import('./types').Stop} stop */
function aboutPod(state, group, stop) {
  const pod = state.status?.pods.find((one) => one.name === stop.name);
  const meter = state.meters[stop.name];
  const total = group.stops.reduce((sum, { name }) => sum + (state.meters[name]?.rate ?? 0), 0);
  const into = state.pins.filter((pin) => pin.pod === stop.name);
  const out = state.pins.filter((pin) => pin.client_pod === stop.name);
  return [
    h('p', { class: 'row' }, shape(stop.state), badge(stop.state === 'ready' ? 'good' : 'warn', stop.word), stop.restarts > 0 ? badge('warn', `started again ${stop.restarts}×`) : null),
    stop.reason ? h('p', { class: 'bad' }, stop.reason) : null,
    h(
      'dl',
      { class: 'facts' },
      fact('Address', h('code', null, stop.isPod ? (pod?.address ?? 'none: it is given accepted connections') : stop.name)),
      fact('Served', `${rate(meter?.rate ?? 0)}/s, ${percent(total > 0 ? (meter?.rate ?? 0) / total : 0)} of ${group.name}`),
      fact('Errors', percent(meter?.failed ?? 0)),
      fact('Latency', meter && meter.rate > 0 ? `p50 ${duration(meter.p50 * 1000)}, p95 ${duration(meter.p95 * 1000)}` : 'no requests in the last seconds'),
    ),
    connections('Connections in', count(into, (pin) => pin.client_pod ?? pin.client), group.gate ? 'nobody is connected' : 'none through a ClusterIP'),
    connections('Connections out', count(out, (pin) => `${pin.service} → ${pin.pod ?? pin.endpoint}`), 'it is connected to nobody'),
    pod && pod.last_lines.length > 0 ? [h('h3', null, 'Last lines before it ended'), h('pre', { class: 'lines', tabindex: '0' }, pod.last_lines.join('\n'))] : null,
  ];
}

/** @param {State} state @param {Group} group */
function aboutService(state, group) {
  const open = state.pins.filter((pin) => `service:${pin.service}` === group.id);
  const gate = group.gate;
  return [
    h('p', { class: 'muted' }, gate === 'headless' ? 'Headless: DNS answers with the pods’ own addresses.' : gate ? 'A ClusterIP is an address without anybody behind it: one draw for each connection to it, none for each request.' : group.note || 'Connections are given to these pods themselves.'),
    h(
      'dl',
      { class: 'facts' },
      gate ? fact('ClusterIP', h('code', null, gate)) : null,
      fact('Pods', group.wanted === null ? `${group.ready} ready` : `${group.ready} of ${group.wanted} ready`),
    ),
    connections('Connected to it', count(open, (pin) => pin.client_pod ?? pin.client), 'nobody is connected'),
    open.length > 0 ? h('p', null, h('a', { href: link('pinning', [group.name]) }, 'See which connection went where')) : null,
  ];
}

/** @param {string} term @param {any} value */
const fact = (term, value) => [h('dt', null, term), h('dd', null, value)];

/** @param {import('../../types').Pin[]} pins @param {(pin: import('../../types').Pin) => string} by @returns {[string, number, number][]} */
function count(pins, by) {
  /** @type {Map<string, [string, number, number]>} */
  const found = new Map();
  for (const pin of pins) {
    const entry = found.get(by(pin)) ?? [by(pin), 0, 0];
    found.set(by(pin), [entry[0], entry[1] + 1, entry[2] + pin.calls]);
  }
  return [...found.values()].sort((one, other) => other[2] - one[2]);
}

/** @param {string} title @param {[string, number, number][]} found @param {string} none */
const connections = (title, found, none) => [
  h('h3', null, title, found.length > 0 ? h('span', { class: 'muted' }, ` ${found.reduce((sum, one) => sum + one[1], 0)}`) : null),
  h(
    'ul',
    { class: 'ends' },
    found.length === 0 ? h('li', { class: 'muted' }, none) : null,
    found.slice(0, LISTED).map(([name, open, calls]) => h('li', null, h('span', null, name), h('span', { class: 'muted' }, `${open} open${calls > 0 ? `, ${calls} calls` : ''}`))),
    found.length > LISTED ? h('li', { class: 'muted' }, `and ${found.length - LISTED} more`) : null,
  ),
];

/** @param {Group} group @param {import('./types').Stop | undefined} stop */
function actions(group, stop) {
  const { wanted } = group;
  const scale = (/** @type {number} */ replicas) => act('/api/scale', { service: group.name, replicas });
  return h(
    'div',
    { class: 'actions' },
    wanted === null
      ? null
      : h(
          'div',
          { class: 'row' },
          h('button', { type: 'button', class: 'scale', 'aria-label': `Fewer pods of ${group.name}`, disabled: wanted === 0, onclick: () => scale(wanted - 1) }, '−'),
          h('output', { 'aria-label': 'Pods wanted' }, wanted),
          h('button', { type: 'button', class: 'scale', 'aria-label': `More pods of ${group.name}`, disabled: wanted >= 200, onclick: () => scale(wanted + 1) }, '+'),
          command(`lab scale ${group.name} ${wanted + 1}`),
        ),
    stop
      ? h(
          'div',
          { class: 'row' },
          h('button', { type: 'button', class: 'danger kill', onclick: () => act('/api/kill', { pod: stop.name }, `${stop.name} was killed`) }, 'Kill'),
          command(`lab kill ${stop.name}`),
        )
      : null,
    h('div', { class: 'row' }, command(`lab logs ${stop?.name ?? group.id.split(':')[1]} -f`)),
  );
}
