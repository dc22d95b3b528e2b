//@ts-check
// The recent films, and those that are kept: filtered, walked through by keys, opened, pinned.

import { h } from '../../dom.js';
import { isPinned, open, pin, room } from '../../filmroom.js';
import { clock, duration } from '../../format.js';
import { go, link } from '../../route.js';
import { keep, state } from '../../store.js';
import { act, badge, icon } from '../parts.js';
import { tone } from './hops.js';

/** @typedef {import('../../types').State} State */
/** @typedef {import('../../types').FilmSummary} FilmSummary */
/** @typedef {import('../../types').FilmFilter} FilmFilter */

/** Rows that a page shows; what is older is found by the filter. */
const ROWS = 100;
/** @type {FilmFilter} */
const ALL = { text: '', status: '', slower: '', pod: '' };

/** @param {Partial<import('../../types').FilmRoom>} patch */
const change = (patch) => keep('film', { ...room(), ...patch });

/** Whether a film is looked for. @param {FilmSummary} film @param {FilmFilter} filter */
export function passes(film, filter) {
  const text = filter.text.trim().toLowerCase();
  const slower = Number(filter.slower);
  const status = film.status || '';
  const of = { '2': /^2/, '3': /^3/, '4': /^4/, '5': /^5/ }[filter.status];
  return (
    (!text || `${film.name} ${film.status} ${film.error ?? ''} ${film.trace}`.toLowerCase().includes(text)) &&
    (!of || of.test(status)) && (filter.status !== 'own' || Boolean(film.error)) &&
    (!(slower > 0) || film.duration >= slower * 1000) && (!filter.pod || (film.sources ?? []).includes(filter.pod))
  );
}

/** Pinned films as the list shows them. @param {import('../../types').Film} film @returns {FilmSummary} */
function summary(film) {
  /** @type {string[]} */
  const sources = [];
  let spans = 0;
  let error;
  const look = (/** @type {import('../../types').Hop[]} */ hops) => {
    for (const hop of hops) {
      if (hop.event !== 'connection') {
        spans += 1;
        if (hop.kind === 'ingress') error ??= hop.attributes?.error_code;
        if (hop.kind !== 'load-balancer' && !sources.includes(hop.source)) sources.push(hop.source);
      }
      look(hop.children ?? []);
    }
  };
  look(film.hops);
  return { trace: film.trace, started: film.started, duration: film.duration, status: film.status, name: film.name, spans, sources, error };
}

/** @param {State} now @param {string | undefined} shown the film that is open */
export function list(now, shown) {
  const kept = room();
  const filter = { ...ALL, ...kept.filter };
  const pinned = kept.pinned.map(summary).filter((film) => passes(film, filter));
  const recent = (kept.held ?? now.films).filter((film) => !isPinned(film.trace) && passes(film, filter)).slice(0, ROWS);
  return h(
    'section',
    { class: 'film-list', 'aria-label': 'Films' },
    h('div', { class: 'row' }, h('h1', null, 'Films'), h('span', { class: 'space' }),
      h('button', { class: 'primary', type: 'button', 'data-do': 'click', onclick: click }, 'Trace a click'),
      h('label', { class: 'file' }, h('input', { type: 'file', accept: '.json,application/json', class: 'unseen', onchange: chosen }), h('span', { class: 'as-button' }, 'Open a file'))),
    filters(now, filter, Boolean(kept.held)),
    pinned.length ? h('h2', { class: 'small' }, `Pinned (${pinned.length})`) : null,
    pinned.length ? h('ul', { class: 'film-rows', 'data-list': 'pinned' }, pinned.map((film) => row(film, shown))) : null,
    h('h2', { class: 'small' }, kept.held ? 'Recent, held' : 'Recent'),
    recent.length
      ? h('ul', { class: 'film-rows', 'data-list': 'recent' }, recent.map((film) => row(film, shown)))
      : h('p', { class: 'muted' }, now.films.length ? 'No film is like that.' : 'No request was filmed yet. Open the console, or trace a click.'),
    now.scale > 1.5 ? h('p', { class: 'muted small' }, `More requests come than are filmed: one film stands for about ${Math.round(now.scale)}.`) : null,
    h('p', { class: 'muted small hide-narrow' }, '↑ ↓ walk, Enter opens, p pins, Escape goes back.'),
  );
}

/** @param {State} now @param {FilmFilter} filter @param {boolean} held */
function filters(now, filter, held) {
  const set = (/** @type {keyof FilmFilter} */ name) => (/** @type {any} */ event) => change({ filter: { ...filter, [name]: event.target.value } });
  const pods = [...new Set([...(now.status?.pods ?? []).map((pod) => pod.name), ...now.films.flatMap((film) => film.sources ?? [])])].sort();
  const option = (/** @type {string} */ value, /** @type {string} */ text) => h('option', { value, key: value }, text);
  return h(
    'div',
    { class: 'film-filter', role: 'search', 'aria-label': 'Filter films' },
    h('input', { type: 'search', name: 'text', placeholder: 'Path, status, trace', 'aria-label': 'Text', value: filter.text, oninput: set('text') }),
    h('select', { name: 'status', 'aria-label': 'Status', value: filter.status, onchange: set('status') },
      option('', 'Any status'), option('2', '2xx'), option('3', '3xx'), option('4', '4xx'), option('5', '5xx'), option('own', 'Made by the proxy')),
    h('select', { name: 'slower', 'aria-label': 'Slower than', value: filter.slower, onchange: set('slower') },
      option('', 'Any time'), ...[5, 20, 50, 100, 500, 1000].map((ms) => option(String(ms), `over ${duration(ms * 1000)}`))),
    h('select', { name: 'pod', 'aria-label': 'Pod', value: filter.pod, onchange: set('pod') }, option('', 'Any pod'), pods.map((pod) => option(pod, pod))),
    h('button', { type: 'button', 'aria-pressed': String(held), 'data-do': 'hold', onclick: () => change({ held: held ? null : state.films }) }, held ? 'Go on' : 'Hold'),
  );
}

/** @param {FilmSummary} film @param {string | undefined} shown */
function row(film, shown) {
  const pinned = isPinned(film.trace);
  const mark = { good: '', warn: '', bad: '✕ ', '': '' }[tone(film.status)];
  return h(
    'li',
    { key: film.trace, class: film.trace === shown ? 'shown' : null },
    h('a', { href: link('film', [film.trace]), 'data-trace': film.trace, 'aria-current': film.trace === shown ? 'true' : null },
      h('span', { class: 'film-name' }, film.name),
      h('span', { class: 'film-about muted small' }, badge(tone(film.status), `${mark}${film.status || '?'}${film.error ? ` ${film.error}` : ''}`), h('span', null, duration(film.duration)), h('span', null, clock(film.started)))),
    h('button', { class: 'quiet', type: 'button', 'aria-pressed': String(pinned), 'aria-label': `${pinned ? 'Unpin' : 'Pin'} ${film.name}`, title: pinned ? 'Unpin' : 'Pin', onclick: () => pin(film.trace) }, icon(pinned ? 'pinned' : 'pin')),
  );
}

/** One request, and its film. */
async function click() {
  const answer = await act('/api/click', {});
  if (answer) go(link('film', [answer.trace]));
}

/** @param {any} event */
async function chosen(event) {
  const [file] = event.target.files;
  event.target.value = '';
  if (file) await show(file);
}

/** Opens a saved film. @param {File} file */
export async function show(file) {
  const trace = await open(file);
  if (trace) go(link('film', [trace]));
}
