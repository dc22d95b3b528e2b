//@ts-check
// How a menu is walked through with the keyboard.

/** @type {Record<string, (at: number, last: number) => number>} */
const STEPS = {
  ArrowDown: (at, last) => (at >= last ? 0 : at + 1),
  ArrowUp: (at, last) => (at <= 0 ? last : at - 1),
  Home: () => 0,
  End: (_, last) => last,
};

/** Arrows, Home and End move among the entries of the element that this listens on.
 * @param {KeyboardEvent} event */
export function menuKeys(event) {
  const step = STEPS[event.key];
  if (!step) return;
  const entries = [.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll('button, a')].map((entry) => /** @type {HTMLElement} */ (entry));
  const at = entries.indexOf(/** @type {HTMLElement} */ (event.target));
  event.preventDefault();
  entries[step(at, entries.length - 1)]?.focus();
}
