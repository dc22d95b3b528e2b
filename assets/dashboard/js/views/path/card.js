//@ts-check
// A card: a Service with its ClusterIP as the gate that connections pass, and the pods behind it.

import { h } from '../../dom.js';
import { duration, percent, rate } from '../../format.js';
import { go, link } from '../../route.js';
import { pod } from './pod.js';
import { gate } from './shapes.js';

/** @typedef {import('./types').Group} Group @typedef {import('../../types').State} State */

/** Up to so many pods have a line of their own; more become tiles. */
const ROWS = 8;
/** From here on tiles are small. */
const MANY = 60;
/** Those among tiles that are named. */
const WORST = 3;

/** @param {Group} group @param {State} state @param {Map<string, number>} open connections by pod */
export function card(group, state, open) {
  const { meters, route } = state;
  const total = group.stops.reduce((sum, { name }) => sum + (meters[name]?.rate ?? 0), 0);
  const beside = group.zone === 'start' || group.zone === 'worker' || group.zone === 'plugged';
  const form = group.stops.length > ROWS ? 'tile' : group.stops.length > 2 || beside ? 'row' : 'roomy';
  const picked = route.rest[0];
  const tabbed = group.stops.some(({ name }) => name === picked) ? picked : group.stops[0]?.name;
  return h(
    'section',
    { class: `card-of-pods as-${form}${group.stops.length === 0 ? ' is-empty' : ''}`, key: group.id, 'data-card': group.id, 'aria-label': group.name },
    head(group, group.stops.length > 1 ? `${rate(total)}/s` : '', picked === group.id),
    group.note ? h('p', { class: 'note' }, group.note) : null,
    h(
      'div',
      { class: `pods as-${form}${group.stops.length > MANY ? ' is-many' : ''}`, 'data-pods': group.id },
      group.stops.map((stop) => {
        const meter = meters[stop.name];
        const share = total > 0 && meter ? meter.rate / total : 0;
        return pod(stop, { meter, share, open: group.gate ? (open.get(stop.name) ?? 0) : null, form, picked: stop.name === picked, tabbed: stop.name === tabbed, alone: group.stops.length === 1 });
      }),
      group.stops.length === 0 ? h('p', { class: 'note' }, 'no pods') : null,
    ),
    form === 'tile' ? worst(group, state, total) : null,
  );
}

/** @param {Group} group @param {string} total @param {boolean} picked */
const head = (group, total, picked) =>
  h(
    'button',
    { class: `card-head${total ? ' has-total' : ''}`, type: 'button', 'data-stop': group.id, 'aria-pressed': picked, onclick: () => go(link('path', [group.id])) },
    group.gate && group.gate !== 'headless' ? gate : null,
    h('span', { class: 'title' }, group.name),
    group.gate ? h('code', { class: 'address' }, group.gate) : null,
    h(
      'span',
      { class: 'tail' },
      total ? h('span', { class: 'total' }, total) : null,
      group.wanted === null || group.ready === group.wanted
        ? h('span', { class: 'count' }, group.ready, h('span', { class: 'unseen' }, ' ready'))
        : h('span', { class: 'count warn' }, `${group.ready} of ${group.wanted}`),
    ),
  );

/** The pods of many that need a look. @param {Group} group @param {State} state @param {number} total */
function worst(group, { meters }, total) {
  /** @type {[number, string, string, string][]} */
  const found = [];
  for (const stop of group.stops) {
    const meter = meters[stop.name];
    if (stop.state !== 'ready') found.push([3, stop.name, stop.short, stop.word]);
    else if (meter && meter.failed > 0) found.push([2 + meter.failed, stop.name, stop.short, `${percent(meter.failed)} errors`]);
    else if (meter && meter.rate > 0) found.push([meter.p95 / 1e6, stop.name, stop.short, `p95 ${duration(meter.p95 * 1000)}, ${percent(total > 0 ? meter.rate / total : 0)}`]);
  }
  found.sort((one, other) => other[0] - one[0]);
  return h(
    'ul',
    { class: 'worst', 'aria-label': `Worst pods of ${group.name}` },
    // Always as many lines, so that nothing below moves.
    Array.from({ length: WORST }, (_, at) => {
      const [weight, name, short, word] = found[at] ?? [0, '', '', ''];
      return h('li', { class: weight >= 2 ? 'bad' : 'muted' }, name ? h('a', { href: link('path', [name]) }, short) : '\u00a0', ` ${word}`);
    }),
  );
}
