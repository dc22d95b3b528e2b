//@ts-check
// One request, hop by hop: the list of films, and the one that is looked at.

import { h } from '../dom.js';
import { pin, want } from '../filmroom.js';
import { go, link } from '../route.js';
import { state } from '../store.js';
import { detail } from './film/detail.js';
import { list, show } from './film/list.js';

/** @param {import('../types').State} now */
function render(now) {
  const [trace] = now.route.rest;
  const other = now.route.query.with;
  return h('div', { class: `film-view${trace ? ' opened' : ''}`, ondragover: hover, ondrop: drop }, list(now, trace), trace ? detail(now, trace, other) : nothing());
}

const nothing = () =>
  h('section', { class: 'film-detail idle' },
    h('p', { class: 'muted' }, 'Choose a film: when each hop was, what it decided, among whom, and why. A saved film can be dropped here.'));

/** @param {DragEvent} event */
function hover(event) {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
}

/** @param {DragEvent} event */
function drop(event) {
  const file = event.dataTransfer?.files[0];
  if (!file) return;
  event.preventDefault();
  show(file);
}

/** Puts the focus on the row of a film, once `ready` and the row is there; frames in which it is not are
 * waited for, but not for ever. @param {string} trace @param {() => boolean} ready @param {number} [frames] */
function focus(trace, ready, frames = 60) {
  const row = /** @type {HTMLElement | null} */ (document.querySelector(`[data-trace="${CSS.escape(trace)}"]`));
  if (ready() && row) row.focus();
  if (frames > 0 && !(row && document.activeElement === row)) requestAnimationFrame(() => focus(trace, ready, frames - 1));
}

/** @param {KeyboardEvent} event */
function press(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const writes = target.matches('input, textarea, select');
  if (event.key === 'Escape' && state.route.rest.length) {
    const trace = state.route.rest[0];
    go(link('film'));
    focus(trace, () => state.route.rest.length === 0);
    return;
  }
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('.film-rows a')]);
  const at = links.indexOf(/** @type {any} */ (document.activeElement));
  const inList = at >= 0 || document.activeElement === document.body || document.activeElement?.id === 'content';
  if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && inList && links.length) {
    event.preventDefault();
    const next = event.key === 'ArrowDown' ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0);
    links[next].focus();
  } else if (event.key === 'p') {
    const trace = links[at]?.dataset.trace ?? state.route.rest[0];
    // The row goes to another list, and the focus goes with it.
    if (trace) pin(trace).then(() => at >= 0 && requestAnimationFrame(() => focus(trace, () => true)));
  }
}

/** @param {import('../types').Route} route */
function enter(route) {
  removeEventListener('keydown', press);
  addEventListener('keydown', press);
  want(route.rest[0]);
  want(route.query.with);
}

const leave = () => removeEventListener('keydown', press);

/** @type {import('../types').View} */
export const view = { id: 'film', title: 'Film', icon: 'film', render, enter, leave };
