//@ts-check
// One job: how far it is, what each task found, and what went wrong.

import { h } from '../dom.js';
import { ago, count, duration, moment, providerName, words } from '../format.js';
import { icon, providerMark } from '../icons.js';
import { complaints, finishedTasks, outcome, running, watchJob } from '../jobs.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Job} Job */
/** @typedef {import('../types').JobTask} JobTask */

/** Complaints of one task that are shown; a broken plugin has thousands. */
const COMPLAINTS = 5;

const TONES = /** @type {Record<string, string>} */ ({ SUCCESS: 'good', FAILURE: 'bad', TIMEOUT: 'bad', CANCELED: 'calm', PENDING: 'calm', IN_PROGRESS: 'warn' });

/** @param {{ status?: string }} of */
export function jobState({ status = 'UNKNOWN' }) {
  return h('span', { class: `state ${TONES[status] ?? 'calm'}` }, words(status));
}

/** @param {State} state */
export function jobCard({ job }) {
  const { item, tasks, error, said, status } = job;
  return h('section', { class: 'sheet', key: 'job', 'aria-labelledby': 'job-title', 'data-testid': 'job' },
    h('h2', { id: 'job-title' }, 'Job'),
    // Always there, so that screen readers hear what it says later.
    h('p', { class: 'unseen', role: 'status', 'data-testid': 'job-said' }, said),
    status === 'failed' && h('div', { class: 'notice bad', role: 'alert' }, icon('alert'), h('div', null, h('strong', null, error?.code), ' ', error?.message, ' ', h('button', { class: 'link', onclick: watchJob }, 'Try again'))),
    status === 'ready' && !item && job.history.length === 0 && h('p', { class: 'muted' }, 'It has never collected.'),
    item && progress(item),
    item && tasks.length > 0 && taskTable(tasks, item));
}

/** @param {Job} job */
function progress(job) {
  const total = job.total_tasks ?? 0;
  const done = finishedTasks(job);
  const runs = running(job);
  const failures = Math.min(done, job.failure_tasks ?? 0);
  return h('div', { class: 'progress', key: 'progress' },
    h('p', null, h('span', { 'data-testid': 'job-status' }, jobState(job)),
      h('span', { class: 'muted' }, runs ? ` ${count(done)} of ${count(total)} tasks done` : ` ${outcome(job)}`)),
    h('div', {
      class: runs ? 'track running' : 'track', role: 'progressbar', 'aria-label': 'Tasks done', 'aria-valuemin': 0, 'aria-valuemax': total, 'aria-valuenow': done,
      'aria-valuetext': `${done} of ${total} tasks`,
    }, h('i', { style: { width: share(done - failures, total) } }), h('i', { class: 'failed', style: { width: share(failures, total) } })),
    h('p', { class: 'muted small' }, job.created_at && h('time', { datetime: job.created_at, title: moment(job.created_at) }, `Started ${ago(job.created_at)}`),
      time(job.created_at, job.finished_at, runs)));
}

/** @param {number} part @param {number} whole */
const share = (part, whole) => `${whole > 0 ? (100 * part) / whole : 0}%`;

/** @param {string | undefined} from @param {string | undefined} to @param {boolean} runs */
function time(from, to, runs) {
  if (!from || (!to && !runs)) return null;
  const took = (to ? Date.parse(to) : Date.now()) - Date.parse(from);
  return ` · ${runs ? 'for' : 'took'} ${duration(took)}`;
}

const COUNTS = /** @type {[keyof JobTask, string][]} */ ([
  ['created_count', 'Created'], ['updated_count', 'Updated'], ['deleted_count', 'Deleted'], ['disconnected_count', 'Lost'], ['failure_count', 'Failed'],
]);

/** @param {JobTask[]} tasks @param {Job} job */
function taskTable(tasks, job) {
  return h('div', { class: 'wide-table', tabindex: '0', role: 'region', 'aria-label': 'Tasks', key: 'tasks' },
    h('table', { class: 'numbers', 'data-testid': 'tasks' },
      h('caption', { class: 'unseen' }, 'Tasks of the job'),
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Task'), h('th', { scope: 'col' }, 'State'), COUNTS.map(([, name]) => h('th', { scope: 'col', class: 'number' }, name)), h('th', { scope: 'col', class: 'number' }, 'Time'))),
      h('tbody', null, tasks.flatMap((task) => taskRows(task))),
      tasks.length > 1 && h('tfoot', null, h('tr', null, h('th', { scope: 'row' }, 'All'), h('td', null),
        COUNTS.map(([key]) => h('td', { class: 'number', key }, count(total(tasks, key)))), h('td', null)))),
    (job.total_tasks ?? 0) > tasks.length && h('p', { class: 'muted small' }, `and ${count((job.total_tasks ?? 0) - tasks.length)} more tasks`));
}

/** @param {JobTask} task */
function taskRows(task) {
  const wrong = complaints(task);
  const { started_at: from, finished_at: to } = task;
  return [
    h('tr', { key: task.job_task_id, 'data-testid': 'task' },
      h('th', { scope: 'row' }, h('span', { class: 'pair', title: task.job_task_id }, task.provider && providerMark(task.provider), h('span', null, task.provider ? providerName(task.provider) : task.job_task_id)),
        task.service_account_id && h('span', { class: 'muted mono small block' }, task.service_account_id)),
      h('td', null, jobState(task)),
      COUNTS.map(([key]) => h('td', { class: 'number', key }, count(Number(task[key] ?? 0)))),
      h('td', { class: 'number' }, from ? duration((to ? Date.parse(to) : Date.now()) - Date.parse(from)) : '–')),
    wrong.length > 0 && h('tr', { key: `${task.job_task_id} errors`, class: 'errors' }, h('td', { colspan: COUNTS.length + 3 },
      h('ul', { 'data-testid': 'task-errors' },
        wrong.slice(0, COMPLAINTS).map(({ text, code, times }) => h('li', { key: text, title: code }, text, times > 1 && h('strong', null, ` × ${count(times)}`))),
        wrong.length > COMPLAINTS && h('li', { class: 'muted' }, `and ${count(wrong.length - COMPLAINTS)} other errors`)))),
  ].filter(Boolean);
}

/** @param {JobTask[]} tasks @param {keyof JobTask} key */
const total = (tasks, key) => tasks.reduce((all, task) => all + Number(task[key] ?? 0), 0);
