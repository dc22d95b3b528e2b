//@ts-check
// The picture by keyboard: arrows go to the nearest stop in their direction, Escape closes the panel.

import { go, link } from '../../route.js';
import { state } from '../../store.js';

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** @param {KeyboardEvent} event */
export function move(event) {
  const arrow = ARROWS[event.key];
  const now = /** @type {HTMLElement} */ (event.target).closest?.('[data-stop]');
  if (!arrow || !now || event.altKey || event.ctrlKey || event.metaKey) return;
  const here = now.getBoundingClientRect();
  /** @type {Element | null} */
  let best = null;
  let least = Infinity;
  for (const one of /** @type {HTMLElement} */ (event.currentTarget).querySelectorAll('button[data-stop]')) {
    const box = one.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2 - here.left - here.width / 2, box.top + box.height / 2 - here.top - here.height / 2];
    const ahead = x * arrow[0] + y * arrow[1];
    // What is beside the way counts more than what is far along it.
    const aside = Math.abs(x * arrow[1]) + Math.abs(y * arrow[0]);
    const clear = arrow[0] !== 0 ? box.left >= here.right - 4 || box.right <= here.left + 4 : box.top >= here.bottom - 4 || box.bottom <= here.top + 4;
    if (one === now || ahead <= 0 || !clear) continue;
    const distance = ahead + 3 * aside;
    if (distance < least) [best, least] = [one, distance];
  }
  if (!best) return;
  event.preventDefault();
  /** @type {HTMLElement} */ (best).focus();
}

/** Where the focus was before the panel came. @type {string | undefined} */
let origin;

/** Remembers it. @param {string} name of the stop */
export function opened(name) {
  const focused = document.activeElement?.closest('[data-stop]');
  origin = focused ? /** @type {HTMLElement} */ (focused).dataset.stop : name;
}

/** Closes the panel; the focus goes back to where it was. */
export function close() {
  const stop = origin ?? state.route.rest[0];
  go(link('path'));
  const found = [...document.querySelectorAll('[data-stop]')].find((one) => /** @type {HTMLElement} */ (one).dataset.stop === stop);
  /** @type {HTMLElement | undefined} */ (found)?.focus();
}

/** @param {KeyboardEvent} event */
export function escape(event) {
  if (event.key !== 'Escape' || state.route.rest.length === 0 || event.defaultPrevented) return;
  event.preventDefault();
  close();
}
