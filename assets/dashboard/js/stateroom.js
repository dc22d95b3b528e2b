//@ts-check
// What the view State asks the lab for beside the status: connections, logs, the config, and which rule
// a request would meet.

import { call, lines } from './api.js';
import { complain, keep, state } from './store.js';

/** Lines of logs that are kept. */
const LINES = 2000;
/** Milliseconds between two looks at the connections, and in which lines are drawn together. */
const LOOK = 2000;
const TOGETHER = 100;

/** @type {import('./types').StateRoom} */
const EMPTY = { connections: null, logs: null, config: null, asked: { url: '', method: 'GET', header: '' }, answer: null, problem: null, search: '', paused: false };

/** @returns {import('./types').StateRoom} */
export const room = () => state.kept.state ?? EMPTY;

/** @param {Partial<import('./types').StateRoom>} patch */
export const change = (patch) => keep('state', { ...room(), ...patch });

/** @type {AbortController | undefined} */
let following;
/** @type {ReturnType<typeof setInterval> | undefined} */
let looking;

/** Asks for what a section needs, and goes on while it is shown. @param {import('./types').Route} route */
export function enter(route) {
  leave();
  const [section] = route.rest;
  if (section === 'connections') {
    lookAtConnections();
    looking = setInterval(lookAtConnections, LOOK);
  } else if (section === 'logs') follow(route.query);
  else if (section === 'config') load('/api/config', 'config');
}

export function leave() {
  following?.abort();
  following = undefined;
  clearInterval(looking);
}

const lookAtConnections = () => void (document.hidden || load('/api/connections', 'connections'));

/** @param {string} path @param {'connections' | 'config'} name */
async function load(path, name) {
  try {
    change({ [name]: await call(path) });
  } catch (error) {
    // The page says by itself that the lab does not answer.
    const told = /** @type {import('./api.js').ApiError} */ (error);
    if (told.status) complain(told);
  }
}

/** Follows what pods write. @param {Record<string, string>} query `pod` or `service` */
async function follow(query) {
  const stop = new AbortController();
  following = stop;
  const wanted = new URLSearchParams({ follow: 'true', tail: '200' });
  for (const name of ['pod', 'service']) if (query[name]) wanted.set(name, query[name]);
  /** @type {import('./types').LogLine[]} */
  let waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  change({ logs: [] });
  const tell = () => {
    timer = undefined;
    if (stop.signal.aborted) return;
    change({ logs: [...(room().logs ?? []), ...waiting].slice(-LINES) });
    waiting = [];
  };
  let number = 0;
  try {
    await lines(`/api/logs?${wanted}`, { signal: stop.signal }, (line) => {
      waiting.push({ ...line, number: (number += 1) });
      timer ??= setTimeout(tell, TOGETHER);
    });
  } catch (error) {
    if (stop.signal.aborted) return;
    complain(error);
  }
}

/** Which rule would match. */
export async function ask() {
  const { url, method, header } = room().asked;
  if (!url.trim()) return;
  try {
    const query = new URLSearchParams({ url, method, header });
    change({ answer: await call(`/api/route?${query}`), problem: null });
  } catch (error) {
    change({ answer: null, problem: /** @type {Error} */ (error).message });
  }
}
