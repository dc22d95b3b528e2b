//@ts-check
// The browser's own modal dialog: it keeps focus inside. Afterwards the focus is where it was before.

import { h } from '../dom.js';

/** What had the focus before the dialog; only one is open at a time.
 * @type {Element | null} */
let opener = null;

/** @param {{ title: string, testid: string, cancel: () => void, submit: () => void, buttons: any }} options @param {...any} content */
export function dialog({ title, testid, cancel, submit, buttons }, ...content) {
  return h('dialog', {
    key: testid, 'aria-label': title, 'data-testid': testid,
    mounted: (/** @type {HTMLDialogElement} */ element) => { opener = document.activeElement; element.showModal(); },
    unmounted: () => /** @type {HTMLElement | null} */ (opener)?.focus(),
    oncancel: (/** @type {Event} */ event) => { event.preventDefault(); cancel(); },
    onmousedown: (/** @type {MouseEvent} */ event) => { if (event.target === event.currentTarget) cancel(); },
  },
  h('form', { novalidate: true, onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); submit(); toComplaint(event); } },
    h('h2', null, title),
    h('div', { class: 'dialog-body' }, content),
    h('div', { class: 'dialog-foot' }, buttons)));
}

/** What is wrong is where the next key should go.
 * @param {Event} event */
function toComplaint(event) {
  const form = /** @type {HTMLElement} */ (event.currentTarget);
  // The rendering was queued before this.
  queueMicrotask(() => /** @type {HTMLElement | null} */ (form.querySelector('[aria-invalid]'))?.focus());
}
