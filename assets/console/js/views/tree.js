//@ts-check
// Any JSON value as a tree that can be folded.

import { h } from '../dom.js';
import { count } from '../format.js';

/** Levels that are open at first. */
const OPEN = 2;
/** Entries shown of one list or object; more would make the page slow and nobody the wiser. */
const SHOWN = 200;

/** The entries of an object or a list.
 * @param {Record<string, any> | any[]} value @param {number} [level] @returns {any} */
export function tree(value, level = 0) {
  const entries = Object.entries(value);
  return h('ul', null,
    entries.slice(0, SHOWN).map(([key, inner]) => h('li', { key }, entry(key, inner, level))),
    entries.length > SHOWN && h('li', { class: 'muted' }, `and ${count(entries.length - SHOWN)} more`));
}

/** @param {string} key @param {any} value @param {number} level */
function entry(key, value, level) {
  const size = value !== null && typeof value === 'object' ? Object.keys(value).length : 0;
  if (size === 0) return h('span', { class: 'leaf' }, h('span', { class: 'key' }, key), ' ', leaf(value));
  return h('details', { open: level < OPEN },
    h('summary', null, h('span', { class: 'key' }, key), ' ', h('span', { class: 'muted' }, Array.isArray(value) ? `[${size}]` : `{${size}}`)),
    tree(value, level + 1));
}

/** @param {any} value */
function leaf(value) {
  if (value === null) return h('span', { class: 'muted' }, 'null');
  if (typeof value === 'object') return h('span', { class: 'muted' }, Array.isArray(value) ? '[ ]' : '{ }');
  return h('span', { class: `value ${typeof value}` }, value === '' ? '""' : String(value));
}
