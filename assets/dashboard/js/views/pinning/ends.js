//@ts-check
// Both ends of the lanes: connections by the pod that dialled on the left, the Service's pods on the right.

import { h } from '../../dom.js';
import { age, clock, percent, rate } from '../../format.js';
import { link } from '../../route.js';
import { keep } from '../../store.js';
import { shape } from '../path/shapes.js';
import { rateOf } from './rides.js';

/** @typedef {import('../../types').Pin} Pin @typedef {import('../path/types').Stop} Stop */

/** Connections that have a lane of their own. */
const LANES = 24;

/** The connections that are drawn: those with the most calls. @param {Pin[]} pins @returns {Pin[]} */
export const shownOf = (pins) => [...pins].sort((one, other) => other.calls - one.calls || one.id - other.id).slice(0, LANES);

/** @param {Pin[]} pins all of the Service @param {Pin[]} shown @param {(pin: Pin) => boolean} isGone @param {number | undefined} lane looked at
 * @param {any} below what is said of it */
export function clients(pins, shown, isGone, lane, below) {
  /** @type {Map<string, Pin[]>} */
  const by = new Map();
  for (const pin of shown) by.set(pin.client_pod ?? '', [...(by.get(pin.client_pod ?? '') ?? []), pin]);
  const groups = [...by].sort(([one], [other]) => one.localeCompare(other));
  return h(
    'div',
    { class: 'clients' },
    h('h2', null, 'Who is connected'),
    groups.map(([pod, own]) =>
      h(
        'section',
        { class: 'client', key: pod, 'aria-label': pod || 'clients that are no pods' },
        h('h3', null, pod ? h('a', { href: link('path', [pod]) }, pod) : 'not known by its address'),
        own.sort((one, other) => one.id - other.id).map((pin) => connection(pin, isGone(pin), pin.id === lane)),
      ),
    ),
    pins.length > shown.length ? h('p', { class: 'muted' }, `and ${pins.length - shown.length} more with fewer calls`) : null,
    pins.length === 0 ? h('p', { class: 'muted' }, 'Nobody has a connection through this ClusterIP.') : null,
    below,
  );
}

/** @param {Pin} pin @param {boolean} gone @param {boolean} lit */
const connection = (pin, gone, lit) =>
  h(
    'button',
    {
      key: pin.id,
      class: `connection${gone ? ' is-gone' : ''}`,
      type: 'button',
      'data-lane': pin.id,
      'data-to': pin.pod ?? pin.endpoint,
      'data-gone': gone ? '' : null,
      'aria-pressed': lit,
      onclick: () => keep('pinning', { lane: lit ? undefined : pin.id }),
    },
    h('code', null, `:${pin.client.split(':').pop()}`),
    h('span', { class: 'drawn' }, drawn(pin), gone ? h('strong', { class: 'bad' }, ' endpoint gone') : null),
    h('span', { class: 'age muted' }, age(pin.drawn_at)),
    h('span', { class: 'calls' }, `${pin.calls} calls`),
    h('span', { class: 'rate' }, `${rate(rateOf(pin.id))}/s`),
  );

/** How it was drawn, as the dice show it. @param {Pin} pin */
function drawn({ selection, candidates }) {
  const of = candidates.length;
  const index = selection.index === undefined ? '' : `${selection.index + 1} of ${of}`;
  if (selection.algorithm === 'random') return `random, ${index}`;
  if (selection.algorithm === 'round-robin') return `in turn, ${index}`;
  if (selection.algorithm === 'client-ip') return `as last time for ${selection.client}`;
  return selection.algorithm;
}

/** The draw of one connection, told whole. @param {Pin} pin @param {boolean} gone @param {number} ready pods that are ready now */
export function story(pin, gone, ready) {
  const chosen = pin.pod ?? pin.endpoint;
  const others = pin.candidates.length;
  const how = pin.selection.algorithm === 'random' ? 'The dice fell on' : pin.selection.algorithm === 'round-robin' ? 'The turn was at' : 'This client had before:';
  return h(
    'p',
    { class: 'story' },
    `At ${clock(pin.drawn_at)}, ${pin.client_pod ?? pin.client} connected to ${pin.cluster_ip}. ${how} `,
    h('strong', null, chosen),
    others === 1 ? ', the only pod that was ready' : `, among ${pin.candidates.join(', ')}`,
    `. Each of its ${pin.calls} calls has gone there since`,
    ready > others ? `; ${ready} pods are ready now, and it will not look at them.` : '.',
    gone ? ' That endpoint is not one of the Service any more: the connection lasts until one of its ends closes it.' : '',
  );
}

/** A pod, how many connections lead to it, and its shares of the calls.
 * @typedef {{ stop: Stop, lanes: number, now: number, share: number, since: number }} Target */

/** @param {Target[]} pods @param {string[]} gone endpoints that are no more
 * @param {boolean} headless @param {number} idle ready pods beside these */
export const pods = (pods, gone, headless, idle) =>
  h(
    'div',
    { class: 'targets' },
    h('h2', null, 'Where the calls go'),
    pods.map((target) => card(target, headless, pods.length + idle)),
    idle > 0 ? h('p', { class: 'muted' }, `and ${idle} more pods, to which nothing is drawn`) : null,
    gone.map((address) =>
      h('section', { class: 'target is-ghost', key: address, 'data-pod': address, 'aria-label': address }, h('h3', null, shape('failed'), address), h('p', { class: 'small' }, 'no endpoint any more, but connections are left')),
    ),
  );

/** @param {Target} target @param {boolean} headless @param {number} of */
function card({ stop, lanes, now, share, since }, headless, of) {
  const led = lanes === 0 ? 'nothing is drawn to it' : lanes === 1 ? '1 connection' : `${lanes} connections`;
  return h(
    'section',
    { class: `target is-${stop.state}${lanes === 0 && !headless ? ' is-idle' : ''}`, key: stop.name, 'data-pod': stop.name, 'aria-label': stop.name },
    h(
      'h3',
      null,
      shape(stop.state),
      stop.isPod ? h('a', { href: link('path', [stop.name]) }, stop.name) : stop.short,
      stop.state === 'ready' ? null : h('span', { class: 'word' }, stop.word),
      h('span', { class: 'lanes-here' }, headless ? 'dialled by its own address' : led),
    ),
    bar('now', now, percent(now), of),
    bar('since', share, `${percent(share)} · ${since}`, of),
  );
}

/** @param {'now' | 'since'} kind @param {number} share @param {string} text @param {number} of */
const bar = (kind, share, text, of) =>
  h(
    'div',
    { class: `share-bar of-${kind}` },
    h('span', { class: 'label muted' }, kind === 'now' ? 'now' : 'in all'),
    h(
      'span',
      { class: 'track', 'aria-hidden': 'true' },
      h('span', { class: 'fill', style: { transform: `scaleX(${share.toFixed(3)})` } }),
      of > 1 ? h('span', { class: 'even', title: 'an equal share', style: { left: `${(100 / of).toFixed(2)}%` } }) : null,
    ),
    h('span', { class: 'value' }, text),
  );
