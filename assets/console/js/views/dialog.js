//@ts-check
// The browser's own modal dialog: it keeps focus inside and gives it back afterwards.

import { h } from '../dom.js';

/** @param {{ title: string, testid: string, cancel: () => void, submit: () => void, buttons: any }} options @param {...any} content */
export function dialog({ title, testid, cancel, submit, buttons }, ...content) {
  return h('dialog', {
    key: testid, 'aria-label': title, 'data-testid': testid,
    mounted: (/** @type {HTMLDialogElement} */ element) => element.showModal(),
    oncancel: (/** @type {Event} */ event) => { event.preventDefault(); cancel(); },
    onmousedown: (/** @type {MouseEvent} */ event) => { if (event.target === event.currentTarget) cancel(); },
  },
  h('form', { novalidate: true, onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); submit(); } },
    h('h2', null, title),
    h('div', { class: 'dialog-body' }, content),
    h('div', { class: 'dialog-foot' }, buttons)));
}
