//@ts-check
// The cost page: what to look at, the chart, what costs most, and the numbers.

import { monthFrom, sum } from '../cost-series.js';
import { chosenSource, currency, loadCosts, syncNow } from '../costs.js';
import { h } from '../dom.js';
import { ago, dateName, moment, providerName } from '../format.js';
import { icon } from '../icons.js';
import { go, GROUPINGS, MONTHS } from '../route.js';
import { offers } from '../store.js';
import { costChart, costTable, legend } from './chart.js';
import { bones, failed, nothing } from './states.js';

/** @typedef {import('../types').State} State */

/** About the width that the chart has on the page, so that its text is neither huge nor tiny: the
 * page scales the drawing to fit exactly. */
function chartWidth() {
  const content = window.innerWidth > 860 ? window.innerWidth - 292 : window.innerWidth - 24;
  return Math.max(300, Math.round(content > 860 ? ((content - 14) * 2) / 3 : content) - 42);
}

/** @param {State} state */
export function costsPage(state) {
  const { costs } = state;
  const source = chosenSource(state);
  return h('main', { class: 'content scrolled', id: 'content', tabindex: '-1', key: 'costs', 'aria-busy': costs.status === 'loading' },
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1' }, 'Costs'),
      h('span', { class: 'space' }),
      source && offers('/cost-analysis/data-source/sync') && h('button', { onclick: syncNow, disabled: costs.syncing, 'data-testid': 'cost-sync' },
        h('span', { class: costs.syncing ? 'turning' : '' }, icon('refresh')), costs.syncing ? 'Synchronising …' : 'Sync now')),
    source && toolbar(state),
    h('p', { class: costs.sync ? 'muted' : 'unseen', role: 'status', key: 'sync', 'data-testid': 'sync-said' }, costs.sync),
    body(state));
}

/** @param {State} state */
function toolbar(state) {
  const { costs: { sources }, route: { cost } } = state;
  const source = chosenSource(state);
  const change = (/** @type {Partial<State['route']['cost']>} */ patch) => go({ cost: { ...cost, ...patch } });
  const thisMonth = new Date().toISOString().slice(0, 7);
  return h('div', { class: 'tools wrap', key: 'tools' },
    labelled('Data source', h('select', { value: source?.data_source_id ?? '', 'data-testid': 'cost-source', onchange: (/** @type {any} */ event) => change({ source: event.target.value }) },
      sources.map((one) => h('option', { value: one.data_source_id, key: one.data_source_id }, one.name)))),
    labelled('By', h('select', { value: cost.by, 'data-testid': 'cost-by', onchange: (/** @type {any} */ event) => change({ by: event.target.value }) },
      GROUPINGS.map(({ field, title }) => h('option', { value: field }, title)))),
    h('div', { class: 'segments', role: 'group', 'aria-label': 'One bar is' },
      h('button', { 'aria-pressed': cost.granularity === 'MONTHLY', 'data-testid': 'cost-monthly', onclick: () => change({ granularity: 'MONTHLY', period: '6' }) }, 'Monthly'),
      h('button', { 'aria-pressed': cost.granularity === 'DAILY', 'data-testid': 'cost-daily', onclick: () => change({ granularity: 'DAILY', period: thisMonth }) }, 'Daily')),
    cost.granularity === 'MONTHLY'
      ? labelled('Last', h('select', { value: cost.period, 'data-testid': 'cost-months', onchange: (/** @type {any} */ event) => change({ period: event.target.value }) },
        MONTHS.map((months) => h('option', { value: months }, `${months} months`))))
      : h('div', { class: 'segments' },
        h('button', { class: 'icon-only', 'aria-label': 'Month before', 'data-testid': 'cost-before', onclick: () => change({ period: monthFrom(cost.period, -1) }) }, icon('left')),
        h('span', { class: 'segment-text', role: 'status' }, dateName(cost.period)),
        h('button', { class: 'icon-only', 'aria-label': 'Month after', disabled: cost.period >= thisMonth, onclick: () => change({ period: monthFrom(cost.period, 1) }) }, icon('right'))),
    source?.last_synchronized_at && h('span', { class: 'muted small', title: moment(source.last_synchronized_at) }, `Synchronised ${ago(source.last_synchronized_at)}`));
}

/** @param {string} name @param {any} control */
const labelled = (name, control) => h('label', { class: 'inline', key: name }, h('span', { class: 'muted' }, name), control);

/** @param {State} state */
function body(state) {
  const { status, sources, series, dates, column, error } = state.costs;
  if (status === 'failed') return failed('Costs', error, loadCosts);
  if (status === 'loading') return bones(8);
  if (sources.length === 0) return nothing('coins', 'No data source yet', h('p', null, 'Costs come from data sources: plugins of the kind cost_analysis.DataSource in lab.toml.'));
  if (series.length === 0 || sum(series.map((one) => one.total)) === 0) {
    return nothing('coins', 'No costs in this time', h('p', null, 'The data source may not have been synchronised yet.'));
  }
  const chart = { dates, series, column, currency: currency(state), width: chartWidth() };
  const nameOf = (/** @type {string} */ name) => (state.route.cost.by === 'provider' && !/ others$/.test(name) ? providerName(name) : name);
  return h('div', { class: 'costs', key: 'chart' },
    h('section', { class: 'sheet', 'aria-label': 'Chart' }, costChart(chart)),
    h('section', { class: 'sheet', 'aria-labelledby': 'top-title' }, h('h2', { id: 'top-title' }, 'What costs most'), legend(chart, nameOf)),
    h('section', { class: 'sheet across', 'aria-labelledby': 'numbers-title' }, h('h2', { id: 'numbers-title' }, 'In numbers'), costTable(chart, nameOf)));
}
