//@ts-check
// The whole path of a request as a picture of what runs, with the requests on their way.

import { h } from '../dom.js';
import { onFlows } from '../live.js';
import { still } from '../motion.js';
import { keep, state as now } from '../store.js';
import { command } from './parts.js';
import { cardOf, openOf } from './path/calls.js';
import { card } from './path/card.js';
import { counts, countFlows } from './path/counts.js';
import { dots, setOut } from './path/dots.js';
import { layOut, measured } from './path/geometry.js';
import { escape, move, opened } from './path/keys.js';
import './path/news.js';
import { legend, news } from './path/notes.js';
import { panel } from './path/panel.js';
import { pictureOf } from './path/picture.js';
import { forget } from './path/pod.js';
import { choose, mark, point, unmark } from './path/pointer.js';
import { recent } from './path/recent.js';

/** @typedef {import('../types').State} State @typedef {import('./path/types').Picture} Picture */

/** @type {Record<string, true>} */
const NOTHING = {};
/** @type {HTMLElement | null} */
let element = null;
/** The picture that is on the page, and what its places were measured for. @type {Picture | null} */
let picture = null;
let placed = '';
/** @type {Set<string>} */
let open = new Set();
/** The calls seen that the wires show. @type {Record<string, true>} */
let lit = NOTHING;

// Cards change their size by themselves too: a line wraps, a window is dragged.
const sizes = new ResizeObserver(() => place());

/** Measures, and draws wires and canvas anew. */
function place() {
  if (!element?.isConnected || !picture) return;
  layOut(element, picture);
  dots.fit(measured().width, measured().height);
  light();
}

/** Which wires are in use: a connection is open, or requests went along. */
function light() {
  const seen = now.kept.path?.seen ?? NOTHING;
  for (const [pair, { path }] of measured().wires) {
    // Workers ask for their tasks; the wire is drawn the way that the tasks go.
    const back = pair.split('>').reverse().join('>');
    path.classList.toggle('is-open', open.has(pair) || open.has(back) || pair in seen || pair.startsWith('browser'));
  }
}

/** @param {State} state */
function render(state) {
  const status = /** @type {import('../types').Status} */ (state.status);
  picture = pictureOf(status, state.kept.path?.seen ?? NOTHING, state.pins);
  const { pairs, into } = openOf(picture, state.pins);
  const seen = state.kept.path?.seen ?? NOTHING;
  const changed = [...pairs].some((pair) => !open.has(pair)) || pairs.size !== open.size || seen !== lit;
  [open, lit] = [pairs, seen];
  const shape = `${picture.shape}\n${still.matches}`;
  if (shape !== placed) {
    placed = shape;
    const { home } = picture;
    forget((name) => home.has(name) || name.includes(':'));
    // After this description has become the page, and before it is drawn.
    queueMicrotask(() => {
      place();
      for (const one of element?.querySelectorAll('[data-card]') ?? []) sizes.observe(one);
    });
  } else if (changed) queueMicrotask(light);
  const name = state.route.rest[0];
  return h(
    'div',
    { class: 'path' },
    h('div', { class: 'row' }, h('h1', null, 'The path of a request'), h('span', { class: 'space' }), command(`lab trace ${example(status)}`)),
    h('div', { class: 'path-body' }, scene(state, picture, into), name ? panel(state, picture, name) : null),
    h('div', { class: 'path-foot' }, recent(state.films), news(state.kept.path?.news ?? []), legend),
  );
}

/** An address that leads through the ingress. @param {import('../types').Status} status */
function example({ urls, ingresses }) {
  const host = ingresses.flatMap(({ hosts }) => hosts).find((one) => !one.includes('*'));
  return urls.console ?? (host ? `${host}/` : 'URL');
}

const WIRES = h('svg', { class: 'wires', 'aria-hidden': 'true' });
const DOTS = h('canvas', { class: 'dots', 'aria-hidden': 'true', mounted: (/** @type {HTMLCanvasElement} */ canvas) => dots.drawOn(canvas) });

/** @param {State} state @param {Picture} picture @param {Map<string, number>} into */
function scene(state, picture, into) {
  const status = /** @type {import('../types').Status} */ (state.status);
  const cards = (/** @type {import('./path/types').Zone} */ zone) => picture.zones[zone].map((group) => card(group, state, into));
  const beside = ['start', 'list', 'worker', 'plugin', 'plugged'].some((zone) => picture.zones[/** @type {'start'} */ (zone)].length > 0);
  return h(
    'div',
    { class: 'picture', onkeydown: move, onclick: choose, onpointermove: point, onpointerover: mark, onfocusin: mark, onpointerleave: unmark, mounted: appear },
    WIRES,
    h(
      'div',
      { class: 'columns' },
      column('Browser', 'browser', h('div', { class: 'end', 'data-stop': 'browser', 'data-card': 'browser' }, 'browser')),
      column('Host ports', 'lb', h('div', { class: 'end', 'data-stop': 'lb', 'data-card': 'lb' }, h('span', { class: 'title' }, 'load balancer'), picture.hosts.map((host) => h('code', null, `:${host.split(':').pop()}`)))),
      column('Ingress', 'ingress', cards('ingress')),
      column(status.urls.console ? 'Console and API' : 'Behind the ingress', 'web', cards('web')),
      column('Behind ClusterIPs', 'backend', cards('backend')),
      column('Stores', 'store', cards('store')),
    ),
    beside
      ? h(
          'div',
          { class: 'beside' },
          h('p', { class: 'beside-name' }, h('strong', null, 'Beside it, never balanced'), h('span', { class: 'muted' }, ' a plugin’s pod is asked for, and dialled by its own address')),
          h(
            'div',
            { class: 'plane' },
            h('div', { class: 'zone' }, cards('start')),
            h('div', { class: 'zone' }, cards('list')),
            h('div', { class: 'zone' }, cards('worker')),
            h('div', { class: 'zone' }, cards('plugin')),
            h('div', { class: 'zone' }, cards('plugged'), picture.zones.plugged.length === 0 ? h('p', { class: 'note' }, 'no plugin is needed now') : null),
          ),
        )
      : null,
    still.matches ? counts(picture, state.scale) : null,
    DOTS,
  );
}

/** @param {string} title @param {string} zone @param {...any} cards */
const column = (title, zone, ...cards) => h('div', { class: `zone in-${zone}` }, cards.flat().length > 0 ? h('h2', { class: 'column-name' }, title) : null, cards);

/** @param {HTMLElement} now */
function appear(now) {
  element = now;
  sizes.observe(now);
}

/** @type {(() => void) | null} */
let unlook = null;

/** @param {import('../types').Flow[]} flows */
function look(flows) {
  if (!picture) return;
  const shown = picture;
  const home = (/** @type {string} */ name) => cardOf(shown, name);
  /** @type {Record<string, true>} */
  const found = {};
  for (const flow of flows) {
    for (const [from, to] of flow.edges) {
      const [start, end] = [home(from), home(to)];
      if (start && end && start !== end) found[`${start}>${end}`] = true;
    }
  }
  const seen = now.kept.path?.seen ?? NOTHING;
  if (Object.keys(found).some((pair) => !(pair in seen))) keep('path', { seen: { ...seen, ...found } });
  if (still.matches) countFlows(flows, home);
  setOut(flows, home);
}

/** @param {import('../types').Route} route */
function enter(route) {
  if (route.rest[0]) opened(route.rest[0]);
  if (unlook) return;
  unlook = onFlows(look);
  addEventListener('keydown', escape);
}

function leave() {
  unlook?.();
  unlook = null;
  removeEventListener('keydown', escape);
  dots.drawOn(null);
  sizes.disconnect();
  [element, placed] = [null, ''];
}

/** @type {import('../types').View} */
export const view = { id: 'path', title: 'Path', icon: 'path', render, enter, leave };
