//@ts-check
// The collectors, each with its plugin, schedule and last job.

import { startCollector } from '../collector-draft.js';
import { collectNow, loadCollectors, pluginName } from '../collectors.js';
import { h } from '../dom.js';
import { ago, moment, providerName, scheduleText } from '../format.js';
import { icon, providerMark } from '../icons.js';
import { running } from '../jobs.js';
import { go } from '../route.js';
import { offers } from '../store.js';
import { jobState } from './job.js';
import { bones, failed, nothing } from './states.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Collector} Collector */

/** @param {State} state */
export function collectorsPage(state) {
  const { collectors } = state;
  return h('main', { class: 'content', id: 'content', tabindex: '-1', key: 'collectors', 'aria-busy': collectors.status === 'loading' },
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1' }, 'Collectors'),
      h('span', { class: 'count' }, collectors.status === 'ready' ? collectors.rows.length : ''),
      h('span', { class: 'space' }),
      h('button', { class: 'icon-only', 'aria-label': 'Reload', title: 'Reload', onclick: loadCollectors }, icon('refresh')),
      createButton()),
    body(state));
}

function createButton() {
  return offers('/inventory/collector/create') && h('button', { class: 'primary', onclick: () => startCollector(), 'data-testid': 'collector-create' }, icon('plus'), 'Create');
}

/** @param {State} state */
function body(state) {
  const { status, rows, error } = state.collectors;
  if (status === 'failed') return failed('Collectors', error, loadCollectors);
  if (status === 'loading') return bones(6);
  if (rows.length === 0) return nothing('collect', 'No collector yet', h('p', null, 'A collector has a plugin ask a provider what there is, and writes it into the inventory.'), createButton());
  return h('div', { class: 'table plain', key: 'table' },
    h('table', null,
      h('caption', { class: 'unseen' }, 'Collectors'),
      h('thead', null, h('tr', null, ['Name', 'Plugin', 'Provider', 'Schedule', 'Last collected', 'Last job'].map((name) => h('th', { scope: 'col' }, name)), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Actions')))),
      h('tbody', null, rows.map((collector) => row(state, collector)))));
}

/** @param {State} state @param {Collector} collector */
function row(state, collector) {
  const { collector_id: id, name, provider, schedule, last_collected_at: last } = collector;
  const job = state.collectors.jobs.find((one) => one.collector_id === id);
  const open = () => go({ id, job: '' });
  return h('tr', {
    key: id, 'data-id': id, 'data-testid': 'collector-row',
    onclick: (/** @type {any} */ event) => { if (!event.target.closest('a, button')) open(); },
  },
  cell('name', h('button', { class: 'name', onclick: open, 'data-testid': `collector-${name}` }, icon('collect'), h('span', { class: 'grow' }, name))),
  cell('plugin', pluginName(collector, state.plugins)),
  cell('provider', provider ? h('span', { class: 'pair' }, providerMark(provider), h('span', null, providerName(provider))) : h('span', { class: 'muted' }, 'any')),
  cell('schedule', scheduleText(schedule, 2)),
  cell('last', last ? h('time', { datetime: last, title: moment(last) }, ago(last)) : h('span', { class: 'muted' }, 'never')),
  cell('job', job ? jobState(job) : h('span', { class: 'muted' }, '–')),
  cell('do', collectButton(state, collector, job)));
}

/** @param {string} key @param {any} content */
const cell = (key, content) => h('td', { 'data-key': key, key }, content);

/** @param {State} state @param {Collector} collector @param {import('../types').Job} [job] */
export function collectButton({ collectors }, collector, job) {
  if (!offers('/inventory/collector/collect')) return null;
  const starting = collectors.starting === collector.collector_id;
  return h('button', {
    disabled: starting, 'aria-label': `Collect ${collector.name} now`, 'data-testid': `collect-${collector.name}`,
    title: job && running(job) ? 'Takes the place of the job that runs' : 'Start a job now', onclick: () => collectNow(collector),
  }, icon('play'), starting ? 'Starting …' : 'Collect now');
}
