//@ts-check
// Small parts that several views show.

import { call } from '../api.js';
import { h } from '../dom.js';
import { complain, toast } from '../store.js';

/** Lines that icons are made of, on a square of 24. @type {Record<string, string>} */
const ICONS = {
  path: 'M4 12h5m0 0l5-6h6m-11 6l5 6h6',
  film: 'M5 4h14v16H5zM5 8h14M5 16h14M9 4v4m6-4v4m-6 8v4m6-4v4',
  pinning: 'M4 6h10a4 4 0 0 1 0 8H4m0 5h16M4 6v0',
  break: 'M13 3L5 14h6l-1 7 9-12h-6z',
  load: 'M4 19V9m5 10V5m5 14v-7m5 7V7',
  state: 'M4 5h16M4 12h16M4 19h16',
  lessons: 'M4 5l8-2 8 2v14l-8-2-8 2zM12 3v14',
  copy: 'M8 8h11v12H8zM5 16V4h11',
  pin: 'M9 4h6l-1 6 3 4H7l3-4zM12 14v6',
  pinned: 'M9 4h6l-1 6 3 4H7l3-4zM12 14v6M10 7h4M9 12h6',
  close: 'M6 6l12 12M18 6L6 18',
};

/** @param {string} name */
export const icon = (name) =>
  h('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, h('path', { d: ICONS[name] ?? '' }));

/** A command that does the same, to be learnt and copied.
 * @param {string} line */
export const command = (line) =>
  h(
    'span',
    { class: 'command' },
    h('code', null, line),
    h(
      'button',
      { class: 'quiet', type: 'button', 'aria-label': `Copy ${line}`, title: 'Copy', onclick: () => navigator.clipboard?.writeText(line) },
      icon('copy'),
    ),
  );

/** Calls the API for a button, and tells what went wrong.
 * @param {string} path @param {unknown} body @param {string} [good] what to say when it worked
 * @returns {Promise<any>} the answer, or undefined */
export async function act(path, body, good) {
  try {
    const answer = await call(path, { body });
    if (good) toast('good', good);
    return answer;
  } catch (error) {
    complain(error);
    return undefined;
  }
}

/** What is shown where there is nothing.
 * @param {string} title @param {...any} more */
export const empty = (title, ...more) => h('div', { class: 'empty' }, h('h2', null, title), ...more);

/** A word with a colour, whose meaning is in the word.
 * @param {'good' | 'bad' | 'warn' | ''} tone @param {string} word */
export const badge = (tone, word) => h('span', { class: `badge ${tone}` }, word);
