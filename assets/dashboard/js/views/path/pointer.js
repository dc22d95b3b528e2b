//@ts-check
// The picture by pointer: dots lead to films, and the wires of the card that is looked at are lit.

import { go, link } from '../../route.js';
import { dots } from './dots.js';
import { measured } from './geometry.js';

/** The request under the pointer. @param {MouseEvent} event */
function under(event) {
  const { element } = measured();
  if (!element || /** @type {HTMLElement} */ (event.target).closest('button, a')) return null;
  const box = element.getBoundingClientRect();
  return dots.near(event.clientX - box.left, event.clientY - box.top);
}

/** A click on a dot opens its film. @param {MouseEvent} event */
export function choose(event) {
  const trace = under(event);
  if (trace) go(link('film', [trace]));
}

/** Says that there is something to click on. @param {MouseEvent} event */
export function point(event) {
  measured().element?.classList.toggle('at-dot', under(event) !== null);
}

/** Lights the wires of the card that is looked at. @param {Event} event */
export function mark(event) {
  const id = /** @type {HTMLElement} */ (/** @type {HTMLElement} */ (event.target).closest('[data-card]'))?.dataset.card;
  measured().element?.classList.toggle('has-lit', Boolean(id));
  for (const [pair, { path }] of measured().wires) path.classList.toggle('is-lit', Boolean(id) && pair.split('>').includes(id ?? ''));
}

/** Nothing is looked at. */
export function unmark() {
  measured().element?.classList.remove('has-lit');
  for (const { path } of measured().wires.values()) path.classList.remove('is-lit');
}
