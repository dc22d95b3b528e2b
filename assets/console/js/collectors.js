//@ts-check
// Collectors: the list, starting one, deleting one.

import { call } from './api.js';
import { problem } from './http.js';
import { go } from './route.js';
import { amend, offers, state, toast, update } from './store.js';

/** Jobs looked at to tell each collector's last one: more than a class of collectors runs in a day. */
const JOBS_SEEN = 200;

/** How soon the list is loaded again while one of its jobs runs, in milliseconds. */
const AGAIN = 3000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;

/** Loads the collectors, and what their last jobs came to. */
export async function loadCollectors() {
  clearTimeout(again);
  amend('collectors', { error: null });
  try {
    const [collectors, jobs] = await Promise.all([
      call('/inventory/collector/list', { query: { sort: [{ key: 'name', desc: false }] } }),
      offers('/inventory/job/list') ? call('/inventory/job/list', { query: newestFirst(JOBS_SEEN) }) : { results: [] },
    ]);
    amend('collectors', { status: 'ready', rows: collectors.results ?? [], jobs: jobs.results ?? [] });
    if (state.collectors.jobs.some((job) => job.status === 'IN_PROGRESS')) again = setTimeout(onList, AGAIN);
  } catch (error) {
    amend('collectors', { status: 'failed', error: problem(error) });
  }
}

/** The page of one collector looks after its job itself. */
function onList() {
  if (state.session && state.route.view === 'collectors' && !state.route.id) loadCollectors();
}

/** Loads the catalogue's collector plugins, for their names and for the create dialog. */
export async function loadPlugins() {
  if (!offers('/repository/plugin/list')) return;
  try {
    const answer = await call('/repository/plugin/list', { resource_type: 'inventory.Collector', query: {} });
    update({ plugins: answer.results ?? [] });
  } catch (error) {
    const { code, message } = problem(error);
    toast('bad', `Plugins cannot be listed. ${code}: ${message}`);
  }
}

/** @param {number} limit */
export const newestFirst = (limit) => ({ sort: [{ key: 'created_at', desc: true }], page: { start: 1, limit } });

/** The collector that the route names.
 * @param {import('./types').State} of */
export const chosenCollector = (of) => of.collectors.rows.find((one) => one.collector_id === of.route.id) ?? null;

/** What people call a collector's plugin.
 * @param {import('./types').Collector} collector @param {import('./types').Plugin[]} plugins */
export function pluginName({ plugin_info: info }, plugins) {
  return plugins.find((one) => one.plugin_id === info?.plugin_id)?.name ?? info?.plugin_id ?? 'unknown plugin';
}

/** Starts a job now, and shows it.
 * @param {import('./types').Collector} collector */
export async function collectNow(collector) {
  if (state.collectors.starting) return;
  amend('collectors', { starting: collector.collector_id });
  try {
    const job = await call('/inventory/collector/collect', { collector_id: collector.collector_id });
    amend('collectors', { starting: '', jobs: [job, ...state.collectors.jobs] });
    go({ view: 'collectors', id: collector.collector_id, job: job.job_id ?? '' });
  } catch (error) {
    amend('collectors', { starting: '' });
    const { code, message } = problem(error);
    toast('bad', `${collector.name} was not started. ${code}: ${message}`);
  }
}

/** Asks whether this collector is to be deleted.
 * @param {import('./types').Collector} collector */
export function startCollectorRemoval({ collector_id, name }) {
  update({ removal: { what: 'collector', ids: [collector_id], names: [name], busy: false } });
}

/** Deletes the collector that the question named. */
export async function removeCollector() {
  const { removal } = state;
  if (!removal || removal.busy) return;
  amend('removal', { busy: true });
  try {
    await call('/inventory/collector/delete', { collector_id: removal.ids[0] });
    update({ removal: null });
    toast('good', `Deleted ${removal.names[0]}.`);
    if (state.route.id === removal.ids[0]) go({ id: '', job: '' });
    await loadCollectors();
  } catch (error) {
    update({ removal: null });
    const { code, message } = problem(error);
    toast('bad', `${removal.names[0]} was not deleted. ${code}: ${message}`);
  }
}
