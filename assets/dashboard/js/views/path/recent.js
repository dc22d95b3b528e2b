//@ts-check
// The newest requests, each a link to its film. They change once a second at most, and not while
// somebody is about to choose one.

import { h } from '../../dom.js';
import { duration } from '../../format.js';
import { link } from '../../route.js';
import { outcome } from './shapes.js';

/** Requests that are listed, and failures among them that stay. */
const LISTED = 6;
const FAILURES = 2;
/** Milliseconds. */
const PACE = 1000;

/** @type {import('../../types').FilmSummary[]} */
let shown = [];
let since = -PACE;

/** @param {import('../../types').FilmSummary[]} films the newest first */
export function recent(films) {
  const now = performance.now();
  const held = document.querySelector('.recent:hover, .recent:focus-within');
  if (shown.length === 0 || (now - since >= PACE && !held)) {
    since = now;
    const failed = films.filter((film) => outcome(film.status) === 'bad').slice(0, FAILURES);
    const others = films.filter((film) => !failed.includes(film)).slice(0, LISTED - failed.length);
    shown = [...failed, ...others].sort((one, other) => other.started - one.started);
  }
  return h(
    'section',
    { class: 'recent', 'aria-label': 'Recent requests' },
    h('h2', null, 'Recent requests'),
    shown.length === 0 ? h('p', { class: 'muted' }, 'None yet. Open the console, or ask for one.') : null,
    h('ol', null, shown.map(line)),
  );
}

/** @param {import('../../types').FilmSummary} film */
function line({ trace, status, name, duration: took }) {
  const kind = outcome(status);
  return h(
    'li',
    { key: trace },
    h(
      'a',
      { href: link('film', [trace]) },
      h('svg', { class: `mark is-${kind}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, h('path', { d: MARKS[kind] })),
      h('span', { class: 'status' }, status),
      h('span', { class: 'what' }, name),
      h('span', { class: 'number' }, duration(took)),
    ),
  );
}

/** As the dots are. */
export const MARKS = { good: 'M6 2.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7z', warn: 'M2.5 2.5h7v7h-7z', bad: 'M2 2l8 8M10 2l-8 8' };
