//@ts-check
// One job of a collector, watched while it runs, and the ones before it.

import { call } from './api.js';
import { loadCollectors, newestFirst } from './collectors.js';
import { count } from './format.js';
import { problem } from './http.js';
import { loadOverview } from './inventory.js';
import { amend, offers, state, subscribe } from './store.js';

/** How often a running job is looked at, in milliseconds: often enough to see it move. */
const LOOK = 1000;
/** The same for a page that nobody sees, and for an API that fails. */
const GLANCE = 5000;
/** Jobs in the history of a collector. */
const HISTORY = 20;
/** Tasks shown; a job with more than these has them counted. */
const TASKS = 200;

/** Raised with each `watchJob`, so that an older watch ends. */
let watch = 0;

/** Shows the route's job, or the collector's newest, until the page shows something else. */
export async function watchJob() {
  const mine = ++watch;
  const { id, job: wanted } = state.route;
  if (!id || !offers('/inventory/job/list')) return;
  amend('job', { status: 'loading', item: null, tasks: [], history: [], error: null, said: '' });
  try {
    const { results = [] } = await call('/inventory/job/list', { collector_id: id, query: newestFirst(HISTORY) });
    if (mine !== watch) return;
    amend('job', { status: 'ready', history: results });
    const job = wanted || results[0]?.job_id;
    while (job && (await look(job, mine))) await pause(document.hidden || state.job.error ? GLANCE : LOOK);
  } catch (error) {
    if (mine === watch) amend('job', { status: 'failed', error: problem(error) });
  }
}

/** Ends the watch when the page goes elsewhere. */
subscribe((now, before) => {
  if (now.route === before.route && now.session?.workspace === before.session?.workspace) return;
  if (now.route.view !== 'collectors' || now.route.id !== before.route.id || now.route.job !== before.route.job) watch += 1;
});

/** Whether to look again. A look that fails says so, and is tried again: the job goes on without us.
 * @param {string} job_id @param {number} mine */
async function look(job_id, mine) {
  try {
    return await lookOnce(job_id, mine);
  } catch (error) {
    if (mine !== watch) return false;
    amend('job', { status: 'failed', error: problem(error) });
    return problem(error).status !== 404;
  }
}

/** @param {string} job_id @param {number} mine */
async function lookOnce(job_id, mine) {
  // One after the other: of a job that has ended, the tasks must be told as they are at the end.
  const item = await call('/inventory/job/get', { job_id });
  const tasks = await call('/inventory/job-task/list', { job_id, query: { sort: [{ key: 'created_at', desc: false }], page: { start: 1, limit: TASKS } } });
  if (mine !== watch) return false;
  const before = state.job.item;
  const history = state.job.history.map((one) => (one.job_id === job_id ? item : one));
  if (!history.some((one) => one.job_id === job_id)) history.unshift(item);
  amend('job', { status: 'ready', error: null, item, tasks: tasks.results ?? [], history, said: say(item, before) });
  const runs = running(item);
  if (!runs && before && running(before)) {
    loadOverview();
    loadCollectors();
  }
  return runs;
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {import('./types').Job} job */
export const running = (job) => job.status === 'IN_PROGRESS';

/** Tasks that are over.
 * @param {import('./types').Job} job */
export const finishedTasks = (job) => Math.max(0, (job.total_tasks ?? 0) - (job.remained_tasks ?? 0));

/** For screen readers: the start, each quarter, the end; not every single step.
 * @param {import('./types').Job} job @param {import('./types').Job | null} before */
function say(job, before) {
  if (!running(job)) return before && running(before) ? `The job has ended: ${outcome(job)}` : '';
  const quarter = (/** @type {import('./types').Job} */ one) => Math.floor((4 * finishedTasks(one)) / (one.total_tasks || 1));
  if (before && running(before) && quarter(before) === quarter(job)) return state.job.said;
  return `The job is running: ${count(finishedTasks(job))} of ${count(job.total_tasks ?? 0)} tasks done.`;
}

/** How a job ended, in words.
 * @param {import('./types').Job} job */
export function outcome(job) {
  const failed = job.failure_tasks ?? 0;
  if (job.status === 'SUCCESS') return job.total_tasks ? 'all tasks succeeded.' : 'there was nothing to collect with: the collector has no credentials.';
  if (job.status === 'CANCELED') return 'it was cancelled, because a newer one took its place.';
  if (job.status === 'FAILURE') return failed ? `${count(failed)} of ${count(job.total_tasks ?? 0)} tasks failed.` : 'it failed.';
  return 'it ended.';
}

/** @type {Record<string, string>} */
const ERRORS = {
  ERROR_COLLECTOR_PLUGIN: 'The plugin could not collect a resource',
  ERROR_PLUGIN: 'The plugin failed',
  ERROR_MATCH_RULE: 'The plugin does not say how a resource is recognised',
  ERROR_TOO_MANY_MATCH: 'A resource fits more than one that is known',
  ERROR_COLLECT_CANCELED: 'The job was cancelled',
  ERROR_NO_POSSIBLE_SUPERVISOR: 'No supervisor could start the plugin',
  ERROR_INSTALL_PLUGIN_TIMEOUT: 'The plugin did not start in time',
  ERROR_GRPC_CONNECTION: 'A service or the plugin could not be reached',
  ERROR_UNKNOWN: 'Something went wrong',
};

/** Errors of a task in words, the same one only once, with how often.
 * @param {import('./types').JobTask} task @returns {{ text: string, code: string, times: number }[]} */
export function complaints(task) {
  /** @type {Map<string, { text: string, code: string, times: number }>} */
  const heaps = new Map();
  for (const { error_code: code = 'ERROR_UNKNOWN', message = '' } of task.errors ?? []) {
    const text = `${ERRORS[code] ?? 'It failed'}: ${message || code}`;
    const heap = heaps.get(text) ?? { text, code, times: 0 };
    heaps.set(text, { ...heap, times: heap.times + 1 });
  }
  return [...heaps.values()];
}
