//@ts-check
// One film: what it was, why it failed if it did, when each hop was, and what each decided.

import { h } from '../../dom.js';
import { isPinned, known, pin, room, save, want } from '../../filmroom.js';
import { clock, duration } from '../../format.js';
import { go, link } from '../../route.js';
import { keep } from '../../store.js';
import { badge, command, empty } from '../parts.js';
import { compare } from './compare.js';
import { rows, tone } from './hops.js';
import { reason } from './reason.js';
import { CALLED, timeline } from './timeline.js';
import { story } from './words.js';

/** @typedef {import('../../types').Film} Film */
/** @typedef {import('../../types').State} State */

/** @param {State} state @param {string} trace @param {string | undefined} other */
export function detail(state, trace, other) {
  const film = known(trace);
  const problem = room().problems[trace];
  const back = h('a', { class: 'back', href: link('film') }, '‹ All films');
  if (!film) {
    const told = problem ? empty('This film is not here', h('p', null, `The lab says: ${problem}. It keeps the newest films only; pinned ones stay in the browser that pinned them.`)) : empty('One moment');
    return h('section', { class: 'film-detail' }, back, told);
  }
  const second = other ? known(other) : undefined;
  return h(
    'section',
    { class: 'film-detail', 'aria-label': 'Film', 'data-film': film.trace },
    back,
    head(state, film, other),
    other ? (second ? compare(film, second) : empty(room().problems[other] ? 'The other film is not here' : 'One moment')) : whole(film),
  );
}

/** @param {State} state @param {Film} film @param {string | undefined} other */
function head(state, film, other) {
  const pinned = isPinned(film.trace);
  const others = [...room().pinned, ...state.films].filter((one, index, all) => one.trace !== film.trace && all.findIndex((same) => same.trace === one.trace) === index);
  const option = (/** @type {string} */ value, /** @type {string} */ text) => h('option', { value, key: value }, text);
  const to = (/** @type {any} */ event) => go(link('film', [film.trace], event.target.value ? { with: event.target.value } : {}));
  // The one that is compared with may be gone from the list.
  const named = other && !others.some((one) => one.trace === other) ? [option(other, other.slice(0, 8))] : [];
  return h(
    'header',
    { class: 'film-head' },
    h('div', { class: 'row' }, h('h1', null, film.name), badge(tone(film.status), film.status || '?'), h('span', null, duration(film.duration)), h('span', { class: 'muted' }, `at ${clock(film.started)}`)),
    h('div', { class: 'row' },
      h('button', { type: 'button', 'aria-pressed': String(pinned), 'data-do': 'pin', onclick: () => pin(film.trace) }, pinned ? 'Unpin' : 'Pin'),
      h('button', { type: 'button', 'data-do': 'save', onclick: () => save(film) }, 'Save'),
      h('button', { type: 'button', 'data-do': 'again', onclick: () => want(film.trace, true) }, 'Look again'),
      h('select', { 'aria-label': 'Compare with', name: 'with', value: other ?? '', onchange: to },
        option('', 'Compare with …'), named, others.slice(0, 60).map((one) => option(one.trace, `${clock(one.started)} ${one.name} ${one.status}`))),
      command(`lab trace ${film.trace}`)),
    film.settled ? null : h('p', { class: 'warned-text' }, 'The film may not be complete: some hops have not told yet.'),
    film.left_out ? h('p', { class: 'warned-text' }, `${film.left_out} more hops found no room in this film.`) : null,
  );
}

/** @param {Film} film */
function whole(film) {
  const all = rows(film);
  const pointed = room().hop;
  const point = (/** @type {string} */ key) => {
    keep('film', { ...room(), hop: key === pointed ? undefined : key });
    if (key !== pointed) requestAnimationFrame(() => document.querySelector('.film-step.pointed')?.scrollIntoView({ block: 'nearest' }));
  };
  return [
    reason(film),
    timeline(film, all, pointed, point),
    h('section', { class: 'film-story', 'aria-label': 'Story' },
      h('h2', null, 'What happened, and why'),
      h('ol', { class: 'film-steps' }, all.map((row) => step(film, row, row.key === pointed)))),
  ];
}

/** @param {Film} film @param {import('./hops.js').Row} row @param {boolean} pointed */
function step(film, row, pointed) {
  const { hop, more } = row;
  const who = hop.event === 'connection' ? hop.service : hop.kind === 'load-balancer' ? '' : hop.source;
  const lines = more.length ? [`${more.length} more of these: ${hop.event === 'connection' ? '' : hop.name}.`] : story(film, hop);
  return h(
    'li',
    { key: row.key, class: `film-step is-${row.kind}${pointed ? ' pointed' : ''}`, style: { 'margin-left': `${Math.min(row.depth, 8) * 14}px` } },
    h('h3', null, h('span', { class: 'film-kind' }, CALLED[row.kind] ?? row.kind), who ? ` ${who}` : null),
    lines.map((line) => h('div', { class: 'film-line' }, line)),
  );
}
