//@ts-check
// Costs: data sources, what they cost over time, and having a data source synchronised.

import { call } from './api.js';
import { span, toSeries } from './cost-series.js';
import { problem } from './http.js';
import { amend, offers, state, toast } from './store.js';

/** How often a synchronisation is looked at, in milliseconds. */
const LOOK = 1000;

/** Loads the data sources, and then the costs of the one that is shown. */
export async function loadCosts() {
  amend('costs', { error: null });
  try {
    const answer = await call('/cost-analysis/data-source/list', { query: { sort: [{ key: 'name', desc: false }] } });
    amend('costs', { sources: answer.results ?? [] });
    await loadChart();
  } catch (error) {
    amend('costs', { status: 'failed', error: problem(error) });
  }
}

/** The data source that is shown.
 * @param {import('./types').State} of */
export function chosenSource({ costs: { sources }, route }) {
  return sources.find((one) => one.data_source_id === route.cost.source) ?? sources[0] ?? null;
}

/** What costs are counted in, if the data source says so.
 * @param {import('./types').State} of */
export function currency(of) {
  const named = chosenSource(of)?.plugin_info?.metadata?.currency;
  return typeof named === 'string' && /^[A-Z]{3}$/.test(named) ? named : '';
}

let loading = 0;

/** Loads what the chart shows. */
export async function loadChart() {
  const mine = ++loading;
  const source = chosenSource(state);
  if (!source) return amend('costs', { status: 'ready', series: [], dates: [] });
  const { by, granularity } = state.route.cost;
  const { start, end, dates } = span(state.route.cost, new Date());
  amend('costs', { error: null, column: -1 });
  try {
    const { results = [] } = await call('/cost-analysis/cost/analyze', {
      data_source_id: source.data_source_id,
      query: { granularity, start, end, group_by: [by], fields: { cost: { key: 'cost', operator: 'sum' } } },
    });
    if (mine === loading) amend('costs', { status: 'ready', dates, series: toSeries(results, by, dates) });
  } catch (error) {
    if (mine === loading) amend('costs', { status: 'failed', error: problem(error) });
  }
}

/** Has the data source's plugin asked for its costs now. */
export async function syncNow() {
  const source = chosenSource(state);
  if (!source || state.costs.syncing) return;
  amend('costs', { syncing: true, sync: `Synchronising ${source.name} …` });
  try {
    let job = await call('/cost-analysis/data-source/sync', { data_source_id: source.data_source_id });
    while (job.status === 'IN_PROGRESS' && state.session && offers('/cost-analysis/job/get')) {
      const total = job.total_tasks ?? 0;
      const tasks = total > 0 ? ` ${total - (job.remained_tasks ?? 0)} of ${total} tasks done.` : '';
      amend('costs', { sync: `Synchronising ${source.name} …${tasks}` });
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      job = await call('/cost-analysis/job/get', { job_id: job.job_id });
    }
    amend('costs', { syncing: false, sync: ended(source.name, job) });
    await loadCosts();
  } catch (error) {
    const { code, message } = problem(error);
    amend('costs', { syncing: false, sync: '' });
    toast('bad', `${source.name} was not synchronised. ${code}: ${message}`);
  }
}

/** @param {string} name @param {any} job */
function ended(name, job) {
  if (job.status === 'SUCCESS') return `${name} is synchronised.`;
  if (job.status === 'CANCELED') return `Synchronising ${name} was cancelled.`;
  if (job.status === 'IN_PROGRESS') return `Synchronising ${name} goes on by itself.`;
  return `Synchronising ${name} failed. ${[job.error_code, job.error_message].filter(Boolean).join(': ')}`;
}
