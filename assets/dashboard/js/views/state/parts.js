//@ts-check
// What the sections have in common.

import { h } from '../../dom.js';
import { command } from '../parts.js';

/** Title and the commands that print the same. @param {string} title @param {...string} commands */
export const heading = (title, ...commands) => h('div', { class: 'row' }, h('h1', null, title), commands.map(command));

/** @param {string} label @param {[string, string?][]} columns names, and `number` where they are aligned so
 * @param {any[]} rows */
export const table = (label, columns, rows) =>
  h('div', { class: 'wide-scroller card-table', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', null,
      h('thead', null, h('tr', null, columns.map(([name, kind]) => h('th', { scope: 'col', class: kind ?? null }, name)))),
      h('tbody', null, rows)));

/** @param {string} text */
export const code = (text) => h('code', null, text);

/** A time in words, from RFC 3339. @param {string | null | undefined} time */
export const moment = (time) => (time ? new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }) : '');
