//@ts-check
// Beside the picture: what has just changed, and what its signs mean.

import { h } from '../../dom.js';
import { clock } from '../../format.js';
import { MARKS } from './recent.js';
import { gate, shape } from './shapes.js';

/** @param {import('./news.js').News[]} news the newest first */
export const news = (news) =>
  h(
    'section',
    { class: 'news', 'aria-label': 'What has changed' },
    h('h2', null, 'Just now'),
    news.length === 0 ? h('p', { class: 'muted' }, 'Nothing has changed since this page was opened.') : null,
    h('ol', { role: 'log' }, news.map(({ id, at, tone, text }) => h('li', { key: id, class: tone }, h('time', { class: 'muted' }, clock(at)), ` ${text}`))),
  );

/** @param {'good' | 'warn' | 'bad'} kind */
const mark = (kind) => h('svg', { class: `mark is-${kind}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, h('path', { d: MARKS[kind] }));

/** @param {any} sign @param {string} meaning */
const entry = (sign, meaning) => h('li', null, sign, meaning);

/** The same always. */
export const legend = h(
  'section',
  { class: 'legend', 'aria-label': 'Signs' },
  h('h2', null, 'Signs'),
  h(
    'ul',
    null,
    entry(mark('good'), 'answered'),
    entry(mark('warn'), 'refused'),
    entry(mark('bad'), 'failed'),
    entry(gate, 'ClusterIP'),
    entry(h('i', { class: 'line is-open' }), 'in use'),
    entry(h('i', { class: 'line' }), 'may call'),
    entry(shape('ready'), 'ready'),
    entry(shape('unready'), 'not ready'),
    entry(shape('starting'), 'starting'),
    entry(shape('ending'), 'terminating'),
    entry(shape('restarting'), 'restarting'),
  ),
  h('p', { class: 'muted' }, 'Dots take a second for what takes milliseconds. Click one to see its film; arrow keys go from pod to pod.'),
);
