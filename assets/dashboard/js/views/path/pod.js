//@ts-check
// One pod on its card. Its description is kept until something in it is another, so that a tick over
// two hundred pods changes a few texts and nothing else.

import { h } from '../../dom.js';
import { duration, percent, rate } from '../../format.js';
import { go, link } from '../../route.js';
import { shape } from './shapes.js';

/** @typedef {import('./types').Stop} Stop @typedef {import('../../types').Meter} Meter */
/** @typedef {{ meter: Meter | undefined, share: number, open: number | null, form: 'roomy' | 'row' | 'tile', picked: boolean, tabbed: boolean, alone: boolean }} Shown */

/** @type {Map<string, { key: string, vnode: import('../../types').VNode }>} */
const kept = new Map();

/** Forgets pods that are no more. @param {(name: string) => boolean} there */
export function forget(there) {
  for (const name of kept.keys()) if (!there(name)) kept.delete(name);
}

/** @param {Stop} stop @param {Shown} shown */
export function pod(stop, shown) {
  const { meter, share, open, form, picked, tabbed, alone } = shown;
  const texts = form === 'tile' ? [] : [
    alone ? '' : percent(share),
    meter ? `${rate(meter.rate)}/s` : '0/s',
    meter && meter.rate > 0 ? duration(meter.p50 * 1000) : '–',
    meter && meter.rate > 0 ? duration(meter.p95 * 1000) : '–',
    open === null ? '' : String(open),
  ];
  const failing = meter && meter.failed > 0 ? `${percent(meter.failed)} err` : '';
  const filled = share.toFixed(2);
  const key = [form, stop.state, stop.word, stop.restarts, stop.reason, picked, tabbed, failing, filled, ...texts].join('|');
  const known = kept.get(stop.name);
  if (known?.key === key) return known.vnode;
  const bar = h('span', { class: 'bar', 'aria-hidden': 'true' }, h('span', { class: 'fill', style: { transform: `scaleX(${filled})` } }));
  const vnode = h(
    'button',
    {
      key: stop.name,
      class: `pod ${form} is-${stop.state}${failing ? ' failing' : ''}`,
      type: 'button',
      'data-stop': stop.name,
      'aria-pressed': picked,
      tabindex: tabbed ? '0' : '-1',
      title: stop.name,
      onclick: () => go(link('path', [stop.name])),
    },
    shape(stop.state),
    ...{ roomy, row, tile }[form](stop, texts, failing),
    bar,
  );
  kept.set(stop.name, { key, vnode });
  return vnode;
}

/** How a pod is, in words, if there is something to say. @param {Stop} stop @param {string} failing */
function words(stop, failing) {
  if (stop.state !== 'ready') return h('span', { class: 'word' }, stop.word);
  if (failing) return h('span', { class: 'word bad' }, failing);
  return h('span', { class: 'unseen' }, 'ready');
}

/** @param {Stop} stop */
const restarts = (stop) => (stop.restarts > 0 ? h('span', { class: 'restarts' }, `↻${stop.restarts}`, h('span', { class: 'unseen' }, ' restarts')) : null);

/** @param {Stop} stop @param {string[]} texts @param {string} failing */
const roomy = (stop, [share, rate, p50, p95, open], failing) => [
  h('span', { class: 'name' }, stop.short, restarts(stop), words(stop, failing)),
  h('span', { class: 'share' }, share),
  h('span', { class: 'numbers' }, ...numbers(rate, p50, p95, open)),
];

/** @param {Stop} stop @param {string[]} texts @param {string} failing */
const row = (stop, [share, rate, , p95, open], failing) =>
  stop.state === 'ready'
    ? [
        h('span', { class: 'name' }, stop.short, restarts(stop), h('span', { class: 'unseen' }, 'ready')),
        h('span', { class: 'share' }, share),
        h('span', { class: 'number rate' }, rate),
        failing ? h('span', { class: 'number word bad' }, failing) : h('span', { class: 'number p95' }, p95),
        h('span', { class: 'number open' }, open, open ? h('span', { class: 'unseen' }, ' open connections') : null),
      ]
    : [h('span', { class: 'name' }, stop.short, restarts(stop)), h('span', { class: 'word long' }, stop.word, stop.reason ? `: ${stop.reason}` : null)];

/** @param {Stop} stop */
const tile = (stop) => [h('span', { class: 'unseen' }, `${stop.short} ${stop.word}`)];

/** @param {string} rate @param {string} p50 @param {string} p95 @param {string} open */
const numbers = (rate, p50, p95, open) => [
  h('span', null, rate),
  h('span', { class: 'half', title: 'half of the requests were faster' }, h('i', null, 'p50 '), p50),
  h('span', { title: '95 of 100 requests were faster' }, h('i', null, 'p95 '), p95),
  open ? h('span', { class: 'open', title: 'open connections through the ClusterIP' }, open, h('i', null, ' open')) : null,
];
