//@ts-check
// Drives requests at a fixed rate, and shows what came of them beside the run before.

import { ApiError, call, lines } from '../api.js';
import { h } from '../dom.js';
import { keep, state, toast } from '../store.js';
import { progress } from './load/progress.js';
import { result } from './load/result.js';
import { act, command, empty } from './parts.js';

/** @typedef {{ url: string, method: string, body: string, rate: string, seconds: string, connections: string, token: boolean }} Draft */
/** @typedef {{ draft: Draft | null, running: boolean, steps: any[], loads: any[], shown: number | null }} Kept */

/** @returns {Kept} */
const kept = () => ({ draft: null, running: false, steps: [], loads: [], shown: null, ...state.kept.load });

/** What is run unless something else is written: a call that anybody may make, all the way to the store;
 * without Cloudforet's services the first door.
 * @param {import('../types').Status | null} status @returns {Draft} */
function first(status) {
  const api = status?.urls.console_api_v2;
  const rest = { rate: '50', seconds: '10', connections: '4', token: false };
  if (!api || !status?.login) return { url: status?.urls.console ?? '', method: 'GET', body: '', ...rest };
  const body = JSON.stringify({ name: status.login.domain });
  return { url: `${api.replace(/\/$/, '')}/identity/domain/get-auth-info`, method: 'POST', body, ...rest };
}

/** @param {Draft} draft */
const asked = (draft) => ({
  url: draft.url.trim(),
  method: draft.method,
  rate: Number(draft.rate),
  duration_ms: Math.round(Number(draft.seconds) * 1000),
  connections: Number(draft.connections),
  body: draft.body,
  headers: draft.body ? { 'content-type': 'application/json' } : {},
  log_in: draft.token,
});

/** @param {Draft} draft */
async function start(draft) {
  keep('load', { running: true, steps: [] });
  try {
    await lines('/api/load', { body: asked(draft) }, (line) => {
      if (line.progress) keep('load', { steps: [...kept().steps, line.progress] });
      if (line.result) keep('load', { loads: [line.result, ...kept().loads], shown: line.result.id });
    });
  } catch (error) {
    const told = error instanceof ApiError ? error : new ApiError(0, String(error));
    toast('bad', told.message, told.hint);
  }
  keep('load', { running: false });
}

/** Runs that were made before this page came, from the command line or another page. */
async function enter() {
  try {
    const loads = await call('/api/loads');
    keep('load', { loads, shown: kept().shown ?? loads[0]?.id ?? null });
  } catch {
    // The page says already that the lab does not answer.
  }
}

/** @param {import('../types').State} state */
function render({ status }) {
  const { draft, running, steps, loads, shown } = { ...kept(), draft: kept().draft ?? first(status) };
  const at = loads.findIndex((load) => load.id === shown);
  const one = loads[at];
  const before = loads.slice(at + 1).find((load) => load.url === one?.url && load.method === one?.method);
  return h(
    'div',
    { class: 'load' },
    h('h1', { tabindex: '-1' }, 'Load'),
    h('p', { class: 'muted' }, 'Requests begin at a fixed rate, whether the ones before are answered or not. Latencies count from when a request was due.'),
    form(draft, running),
    running ? progress(steps, Number(draft.seconds)) : null,
    one ? result(one, before) : running ? null : empty('Nothing was run yet'),
    loads.length > 1 ? runs(loads, shown) : null,
  );
}

/** @param {Draft} draft @param {boolean} running */
function form(draft, running) {
  /** @param {keyof Draft} name */
  const change = (name) => (/** @type {any} */ event) => {
    keep('load', { draft: { ...draft, ...kept().draft, [name]: name === 'token' ? event.target.checked : event.target.value } });
  };
  /** @param {keyof Draft} name @param {string} label @param {Record<string, any>} props */
  const field = (name, label, props) =>
    h('label', { class: `field-${name}` }, label, h('input', { id: `load-${name}`, value: String(draft[name]), oninput: change(name), required: true, ...props }));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    // What counts is what is written now, which may not be drawn yet.
    if (!kept().running) start(kept().draft ?? draft);
  };
  const told = [`lab load ${draft.url}`, `--rate ${draft.rate}`, `--duration ${draft.seconds}s`, `--connections ${draft.connections}`];
  if (draft.method !== 'GET') told.push(`--method ${draft.method}`);
  if (draft.body) told.push(`--body '${draft.body}'`, "--header 'content-type: application/json'");
  if (draft.token) told.push('--token');
  return h(
    'form',
    { class: 'card load-form', onsubmit: submit },
    h(
      'div',
      { class: 'load-fields' },
      h(
        'label',
        null,
        'Method',
        h('select', { id: 'load-method', value: draft.method, onchange: change('method') }, ['GET', 'POST'].map((name) => h('option', { value: name }, name))),
      ),
      field('url', 'URL', { type: 'url', inputmode: 'url' }),
      field('rate', 'Requests/s', { type: 'number', min: '0.1', max: '5000', step: 'any' }),
      field('seconds', 'Seconds', { type: 'number', min: '1', max: '3600', step: 'any' }),
      field('connections', 'Connections', { type: 'number', min: '1', max: '500' }),
    ),
    h(
      'div',
      { class: 'load-more' },
      draft.method === 'POST' ? h('label', null, 'Body', h('input', { id: 'load-body', value: draft.body, oninput: change('body') })) : null,
      h('label', { class: 'check' }, h('input', { id: 'load-token', type: 'checkbox', checked: draft.token, onchange: change('token') }), ' Log in as the lab’s own user, and send the access token'),
    ),
    h(
      'div',
      { class: 'row' },
      running
        ? h('button', { type: 'button', class: 'danger', onclick: () => act('/api/load/stop', {}) }, 'Stop')
        : h('button', { type: 'submit', class: 'primary' }, 'Run'),
    ),
    command(told.join(' ')),
  );
}

/** @param {any[]} loads @param {number | null} shown */
const runs = (loads, shown) =>
  h(
    'section',
    { 'aria-label': 'Runs' },
    h('h2', null, 'Runs'),
    h(
      'div',
      { class: 'row' },
      loads.map((load) =>
        h(
          'button',
          { key: load.id, type: 'button', class: 'run', 'aria-pressed': String(load.id === shown), onclick: () => keep('load', { shown: load.id }) },
          `${load.id}: ${load.rate}/s, p99 ${Math.round(load.latency.p99 / 100) / 10} ms`,
        ),
      ),
    ),
  );

/** @type {import('../types').View} */
export const view = { id: 'load', title: 'Load', icon: 'load', render, enter };
