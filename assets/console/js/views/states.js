//@ts-check
// What stands in the place of a page's content while it loads, when it failed, when there is none.

import { h } from '../dom.js';
import { icon } from '../icons.js';

/** @param {string} what @param {import('../types').Problem | null} error @param {() => void} again */
export function failed(what, error, again) {
  return h('div', { class: 'blank', role: 'alert', key: 'failed', 'data-testid': 'page-error' },
    icon('alert'), h('h2', null, `${what} cannot be loaded`),
    h('p', null, h('code', null, error?.code), h('br', null), error?.message),
    h('button', { onclick: again }, icon('refresh'), 'Try again'));
}

/** @param {string} drawing @param {string} title @param {...any} more */
export function nothing(drawing, title, ...more) {
  return h('div', { class: 'blank', key: 'nothing', 'data-testid': 'page-empty' }, icon(drawing), h('h2', null, title), more);
}

/** @param {number} lines */
export function bones(lines) {
  return h('div', { class: 'sheet bones', key: 'bones', 'aria-hidden': 'true' }, Array.from({ length: lines }, () => h('i', { class: 'bone' })));
}
