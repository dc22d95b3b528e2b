//@ts-check
// Which connection leads to which pod, and why calls do not move when pods are added.

import { h } from '../dom.js';
import { clock } from '../format.js';
import { go, link } from '../route.js';
import { keep, state as now } from '../store.js';
import { act, badge, command, empty } from './parts.js';
import { isIngress, pictureOf } from './path/picture.js';
import { cures } from './pinning/cures.js';
import { clients, pods, shownOf, story } from './pinning/ends.js';
import { evenness } from './pinning/evenness.js';
import { beads, layOut, light, ride } from './pinning/lanes.js';
import { onRides } from './pinning/rides.js';

/** @typedef {import('../types').State} State @typedef {import('../types').Pin} Pin */

/** Where Cloudforet's services speak gRPC. */
const GRPC = 50051;
/** Numbers of pods that buttons offer. */
const SCALES = [1, 3, 5];
/** Pods that are shown one by one. */
const PODS = 24;
/** @type {Record<string, true>} */
const NOTHING = {};
/** @type {Record<string, number>} */
const ZERO = {};
/** When the page was opened, in microseconds. */
const OPENED = Date.now() * 1000;

/** @type {HTMLElement | null} */
let element = null;
let placed = '';

const sizes = new ResizeObserver(() => place());

function place() {
  if (element?.isConnected) layOut(element);
  light(lane());
}

const lane = () => (now.kept.pinning?.lane === undefined ? undefined : String(now.kept.pinning.lane));

/** The Service that is looked at: the one in the address, else inventory, else the one with most calls.
 * @param {State} state @param {import('../types').Service[]} services */
function serviceOf(state, services) {
  const named = services.find(({ name }) => name === state.route.rest[0]) ?? services.find(({ name }) => name === 'inventory');
  if (named) return named;
  const calls = (/** @type {string} */ name) => state.pins.reduce((sum, pin) => sum + (pin.service === name ? pin.calls : 0), 0);
  return [...services].sort((one, other) => calls(other.name) - calls(one.name))[0];
}

/** @param {State} state */
function render(state) {
  const status = /** @type {import('../types').Status} */ (state.status);
  const services = status.services.filter((service) => !isIngress(service) && service.type !== 'ExternalName');
  const service = serviceOf(state, services);
  if (!service) return empty('There is no Service', h('p', { class: 'muted' }, 'Write one into lab.toml.'), command('lab reload'));
  const headless = service.cluster_ip === 'None';
  const grpc = service.ports.some(({ port }) => port === GRPC);
  const group = pictureOf(status, state.kept.path?.seen ?? NOTHING, state.pins).groups.get(`service:${service.name}`);
  const stops = group?.stops ?? [];
  const pins = state.pins.filter((pin) => pin.service === service.name);
  const addresses = new Set(service.endpoints.map(({ address }) => address));
  const isGone = (/** @type {Pin} */ pin) => !addresses.has(pin.endpoint);
  const shown = shownOf(pins);
  const names = new Set(stops.map(({ name }) => name));
  const gone = [...new Set(shown.map((pin) => pin.pod ?? pin.endpoint).filter((name) => !names.has(name)))];

  const { from = ZERO, at = OPENED, lane: looked } = state.kept.pinning ?? {};
  const since = (/** @type {string} */ name) => Math.max(0, (state.served[name] ?? 0) - (from[name] ?? 0));
  const sum = (/** @type {(name: string) => number} */ of) => stops.reduce((total, { name }) => total + of(name), 0);
  const [rates, counts] = [sum((name) => state.meters[name]?.rate ?? 0), sum(since)];
  const targets = stops.map((stop) => ({
    stop,
    lanes: pins.filter((pin) => (pin.pod ?? pin.endpoint) === stop.name).length,
    now: rates > 0 ? (state.meters[stop.name]?.rate ?? 0) / rates : 0,
    share: counts > 0 ? since(stop.name) / counts : 0,
    since: since(stop.name),
  }));
  // Of very many pods, those that something happens to.
  const visible = targets.length <= PODS ? targets : targets.filter(({ lanes, now, since, stop }) => lanes + now + since > 0 || stop.state !== 'ready').slice(0, PODS);
  const ready = stops.filter((stop) => stop.state === 'ready');
  const shape = [service.name, ...shown.map((pin) => `${pin.id} ${isGone(pin)}`), ...visible.map(({ stop }) => stop.name), ...gone, looked].join('\n');
  if (shape !== placed) {
    placed = shape;
    queueMicrotask(place);
  } else queueMicrotask(() => light(lane()));
  const picked = shown.find((pin) => pin.id === looked);
  const told = picked ? story(picked, isGone(picked), ready.length) : shown.length > 0 ? h('p', { class: 'story muted' }, 'Choose a connection to see how it was drawn, and among whom.') : null;

  return h(
    'div',
    { class: 'pinning' },
    h(
      'div',
      { class: 'row' },
      h('h1', null, 'Why calls stay where they are'),
      h('span', { class: 'space' }),
      command(`lab connections ${service.name}`),
    ),
    h(
      'div',
      { class: 'row controls' },
      h(
        'label',
        null,
        h('span', null, 'Service'),
        h('select', { class: 'service', value: service.name, onchange: (/** @type {Event} */ event) => go(link('pinning', [/** @type {HTMLSelectElement} */ (event.target).value])) }, services.map(({ name }) => h('option', { key: name, value: name }, name))),
      ),
      service.replicas === undefined || service.replicas === null
        ? null
        : h(
            'div',
            { class: 'row scales', role: 'group', 'aria-label': `Pods of ${service.name}` },
            SCALES.map((replicas) => h('button', { type: 'button', 'data-replicas': replicas, 'aria-pressed': service.replicas === replicas, onclick: () => act('/api/scale', { service: service.name, replicas }) }, `${replicas} ${replicas === 1 ? 'pod' : 'pods'}`)),
            command(`lab scale ${service.name} ${service.replicas === 5 ? 1 : 5}`),
          ),
      h('span', { class: 'space' }),
      h('button', { type: 'button', class: 'start-over', onclick: () => keep('pinning', { from: now.served, at: Date.now() * 1000 }) }, 'Start over'),
    ),
    verdict(ready.map(({ name }) => since(name)), at),
    h('p', { class: 'why' }, why(headless, grpc, targets, pins.length)),
    h(
      'div',
      { class: 'lanes', mounted: appear },
      WIRES,
      clients(pins, shown, isGone, looked, told),
      pods(visible, gone, headless, targets.length - visible.length),
      BEADS,
    ),
    grpc ? cures(status, service.name) : null,
  );
}

const WIRES = h('svg', { class: 'wires', 'aria-hidden': 'true' });
const BEADS = h('canvas', { class: 'dots', 'aria-hidden': 'true', mounted: (/** @type {HTMLCanvasElement} */ canvas) => beads.drawOn(canvas) });

/** @param {number[]} counts of ready pods @param {number} at microseconds */
function verdict(counts, at) {
  const { tone, verdict, figures } = evenness(counts);
  return h('div', { class: 'row verdict' }, badge(tone, verdict), h('span', { class: 'muted' }, figures), h('span', { class: 'muted small' }, `since ${clock(at)}`));
}

/** @param {boolean} headless @param {boolean} grpc @param {{ stop: import('./path/types').Stop, lanes: number }[]} targets @param {number} lanes */
function why(headless, grpc, targets, lanes) {
  if (headless) return 'This Service is headless: DNS answers with the pods’ own addresses, and no ClusterIP draws anything. What spreads the calls is the client.';
  const ready = targets.filter(({ stop }) => stop.state === 'ready');
  const idle = ready.filter((target) => target.lanes === 0).length;
  const keeps = grpc ? 'gRPC sends all its calls on one connection that stays open' : 'clients keep theirs open and use them again';
  const rule = `A ClusterIP draws a pod once for each connection, and ${keeps}`;
  if (lanes > 0 && idle > 0) return `${rule}: ${idle === 1 ? '1 ready pod gets' : `${idle} ready pods get`} nothing until somebody connects anew.`;
  return `${rule}: add pods, and nothing moves.`;
}

/** @param {HTMLElement} now */
function appear(now) {
  element = now;
  sizes.observe(now);
}

/** Escape lets go of the connection that is looked at; up and down go from one to the next.
 * @param {KeyboardEvent} event */
function keys(event) {
  if (event.key === 'Escape' && lane() !== undefined) keep('pinning', { lane: undefined });
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const focused = document.activeElement;
  if (!step || !focused?.matches('.connection')) return;
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('.connection')]);
  event.preventDefault();
  all[Math.max(0, Math.min(all.length - 1, all.indexOf(/** @type {HTMLElement} */ (focused)) + step))].focus();
}

function enter() {
  onRides(ride);
  addEventListener('keydown', keys);
}

function leave() {
  onRides(null);
  removeEventListener('keydown', keys);
  beads.drawOn(null);
  sizes.disconnect();
  [element, placed] = [null, ''];
}

/** @type {import('../types').View} */
export const view = { id: 'pinning', title: 'Pinning', icon: 'pinning', render, enter, leave };
