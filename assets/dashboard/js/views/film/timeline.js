//@ts-check
// The hops of a film on one axis of time: a bar for each, and a thin mark for the connection it rode on.

import { h } from '../../dom.js';
import { duration } from '../../format.js';
import { extent, startOf, tone } from './hops.js';
import { long } from './words.js';

/** @typedef {import('../../types').Film} Film */
/** @typedef {import('./hops.js').Row} Row */

/** What each kind is called, in a word. @type {Record<string, string>} */
export const CALLED = {
  'load-balancer': 'load balancer',
  ingress: 'ingress',
  'http-server': 'pod',
  'grpc-client': 'gRPC call',
  'grpc-server': 'pod',
  'mongo-client': 'MongoDB',
  'mongo-server': 'store',
  'redis-client': 'Redis',
  worker: 'worker',
  connection: 'ClusterIP',
};

/** Steps between the lines of the axis, in microseconds. */
const STEPS = [1, 2, 5].flatMap((digit) => [10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].map((unit) => digit * unit)).sort((one, other) => one - other);

/** @param {Film} film @param {Row[]} all @param {string | undefined} pointed @param {(key: string) => void} point */
export function timeline(film, all, pointed, point) {
  const { from, to } = extent(film);
  const share = (/** @type {number} */ moment) => Math.min(100, Math.max(0, ((moment - from) / (to - from)) * 100));
  const step = STEPS.find((step) => (to - from) / step <= 6) ?? 1e9;
  const lines = [];
  for (let at = 0; at <= to - from; at += step) lines.push(at);
  return h(
    'section',
    { class: 'film-timeline', 'aria-label': 'Timeline' },
    h('div', { class: 'film-axis', 'aria-hidden': 'true' }, h('span', null),
      h('div', { class: 'film-track' }, lines.map((at) => h('span', { class: 'film-tick', style: { left: `${share(from + at)}%` } }, at === 0 ? '0' : duration(at))))),
    h('ol', { class: 'film-bars' }, all.map((row) => bar(film, row, share, lines.map((at) => share(from + at)), pointed === row.key, point))),
  );
}

/** @param {Film} film @param {Row} row @param {(moment: number) => number} share @param {number[]} lines
 * @param {boolean} pointed @param {(key: string) => void} point */
function bar(film, row, share, lines, pointed, point) {
  const { hop, more } = row;
  const grid = lines.map((left) => h('span', { class: 'film-gridline', style: { left: `${left}%` } }));
  const label = (/** @type {string} */ who, /** @type {string} */ what) =>
    h('span', { class: 'film-who', style: { 'padding-left': `${Math.min(row.depth, 9) * 12}px` } }, h('strong', null, who), h('span', { class: 'muted' }, ` ${what}`));
  const props = { class: `film-bar-row${pointed ? ' pointed' : ''}${hop.event === 'connection' ? ' thin' : ''}`, type: 'button', onclick: () => point(row.key), 'aria-pressed': String(pointed) };
  const accepted = hop.event !== 'connection' && hop.kind === 'load-balancer' && share(hop.start + hop.duration) <= 0;
  if (hop.event === 'connection' || accepted) {
    const begun = startOf(hop);
    const before = begun < film.started;
    const word = accepted ? 'accepted' : 'drawn';
    const told = before ? `${word} ${long(film.started - begun)} before` : `${word} ${duration(begun - film.started)} into it`;
    const at = before ? 0 : share(begun);
    return h('li', { key: row.key },
      h('button', props, hop.event === 'connection' ? label(`⇢ ${hop.pod ?? hop.endpoint}`, `ClusterIP ${hop.service}`) : label('load balancer', `to ${hop.attributes?.replica ?? '?'}`),
        h('span', { class: 'film-track' }, grid,
          h('span', { class: `film-wire${before ? ' older' : ''}`, style: { left: `${at}%` } }),
          h('span', { class: `film-wire-word${at > 60 ? ' flip' : ''}`, style: at > 60 ? { right: `${100 - at}%` } : { left: `${at}%` } }, told))));
  }
  const members = more.length ? more : [hop];
  const start = Math.min(...members.map(startOf));
  const end = Math.max(...members.map((one) => startOf(one) + (one.event === 'connection' ? 0 : one.duration)));
  const failed = members.filter((one) => one.event !== 'connection' && tone(one.status) === 'bad').length;
  const state = more.length ? (failed ? 'bad' : 'good') : tone(hop.status);
  const [left, right] = [share(start), share(end)];
  const told = more.length ? `${duration(sum(more))} together` : `${state === 'good' ? '' : `${hop.status} · `}${duration(hop.duration)}`;
  const who = more.length ? `${more.length} more` : hop.kind === 'load-balancer' ? 'load balancer' : hop.source;
  const what = hop.kind === 'load-balancer' ? `to ${hop.attributes?.replica ?? '?'}` : hop.kind === 'ingress' ? 'ingress' : hop.name;
  return h('li', { key: row.key },
    h('button', props, label(who, what),
      h('span', { class: 'film-track' }, grid,
        h('span', { class: `film-bar is-${hop.kind} ${state}`, style: { left: `${left}%`, width: `max(3px, ${right - left}%)` } }),
        h('span', { class: `film-bar-word${right > 76 ? (left > 24 ? ' flip' : ' inside') : ''}`, style: right > 76 && left > 24 ? { right: `${100 - left}%` } : { left: `${right > 76 ? left : right}%` } }, state === 'bad' ? '✕ ' : '', told))));
}

/** @param {import('../../types').Hop[]} hops */
const sum = (hops) => hops.reduce((total, hop) => total + (hop.event === 'connection' ? 0 : hop.duration), 0);
