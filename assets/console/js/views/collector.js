//@ts-check
// One collector: the job at hand, what it is told to do, and the jobs before.

import { startCollector } from '../collector-draft.js';
import { chosenCollector, loadCollectors, pluginName, startCollectorRemoval } from '../collectors.js';
import { h } from '../dom.js';
import { ago, count, moment, providerName, scheduleText } from '../format.js';
import { icon } from '../icons.js';
import { go, visit } from '../route.js';
import { offers } from '../store.js';
import { collectButton } from './collectors.js';
import { jobCard, jobState } from './job.js';
import { bones, failed, nothing } from './states.js';
import { tree } from './tree.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Collector} Collector */

/** @param {State} state */
export function collectorPage(state) {
  const { collectors, job } = state;
  const collector = chosenCollector(state);
  return h('main', { class: 'content scrolled', id: 'content', tabindex: '-1', key: 'collector', 'aria-busy': collectors.status === 'loading' },
    h('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, h('button', { class: 'link', 'data-testid': 'collectors-back', onclick: () => go({ id: '', job: '' }) }, 'Collectors')),
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1', 'data-testid': 'collector-name' }, collector?.name ?? 'Collector'),
      h('span', { class: 'space' }),
      collector && actions(state, collector)),
    collectors.status === 'failed' && failed('The collector', collectors.error, loadCollectors),
    collectors.status === 'loading' && bones(6),
    collectors.status === 'ready' && !collector && nothing('collect', 'There is no such collector'),
    collector && h('div', { class: 'halves' },
      h('div', null, offers('/inventory/job/list') && jobCard(state)),
      h('div', null, settings(state, collector), job.history.length > 0 && history(state))));
}

/** @param {State} state @param {Collector} collector */
function actions(state, collector) {
  return h('div', { class: 'actions' },
    collectButton(state, collector, state.job.item ?? undefined),
    offers('/inventory/collector/update') && h('button', { onclick: () => startCollector(collector), 'data-testid': 'collector-edit' }, icon('pencil'), 'Edit'),
    offers('/inventory/collector/delete') && h('button', { class: 'danger', onclick: () => startCollectorRemoval(collector), 'data-testid': 'collector-delete' }, icon('trash'), 'Delete'));
}

/** @param {State} state @param {Collector} collector */
function settings({ plugins }, collector) {
  const { provider, plugin_info: info, schedule, created_at: created, last_collected_at: last } = collector;
  const options = info?.options ?? {};
  return h('section', { class: 'sheet', 'aria-labelledby': 'settings-title' },
    h('h2', { id: 'settings-title' }, 'Settings'),
    h('dl', null,
      field('Plugin', pluginName(collector, plugins)),
      field('Version', info?.version && `${info.version}${info.upgrade_mode === 'AUTO' ? ', upgraded by itself' : ''}`),
      field('Provider', provider && providerName(provider)),
      field('Schedule', h('span', { 'data-testid': 'collector-schedule' }, scheduleText(schedule))),
      field('Last collected', last && h('time', { datetime: last, title: moment(last) }, ago(last))),
      field('Created', created && moment(created)),
      field('Found', h('button', { class: 'link', onclick: () => visit({ view: 'resources', keyword: `collector:=${collector.collector_id}` }) }, 'Its resources'))),
    h('h3', null, 'Options'),
    Object.keys(options).length > 0 ? h('div', { class: 'tree', 'data-testid': 'collector-options' }, tree(options)) : h('p', { class: 'muted small' }, 'None: the plugin decides.'));
}

/** @param {string} name @param {any} value */
function field(name, value) {
  return value ? [h('dt', null, name), h('dd', null, value)] : null;
}

/** @param {State} state */
function history({ job }) {
  return h('section', { class: 'sheet', 'aria-labelledby': 'history-title' },
    h('h2', { id: 'history-title' }, 'Jobs'),
    h('ul', { class: 'jobs', 'data-testid': 'job-history' }, job.history.map((one) => h('li', { key: one.job_id },
      h('button', {
        class: 'entry', 'aria-current': one.job_id === job.item?.job_id ? 'true' : 'false', title: one.job_id,
        onclick: () => go({ job: one.job_id }),
      }, jobState(one), h('span', { class: 'grow muted' }, one.created_at && ago(one.created_at)), h('span', { class: 'count' }, `${count(one.total_tasks ?? 0)} ${one.total_tasks === 1 ? 'task' : 'tasks'}`))))));
}
