//@ts-check
// The question before anything is deleted.

import { removeCollector } from '../collectors.js';
import { h } from '../dom.js';
import { cancelRemoval, remove } from '../edit.js';
import { icon } from '../icons.js';
import { dialog } from './dialog.js';

/** Names shown before the rest is only counted: what fits without scrolling. */
const NAMES_SHOWN = 5;

/** @param {import('../types').State} state */
export function removalDialog({ removal }) {
  const { what, names, busy } = /** @type {NonNullable<import('../types').State['removal']>} */ (removal);
  const title = names.length === 1 ? `Delete this ${what}?` : `Delete ${names.length} resources?`;
  return dialog({
    title, testid: 'confirm-dialog', cancel: cancelRemoval, submit: what === 'collector' ? removeCollector : remove,
    buttons: [
      h('button', { type: 'button', onclick: cancelRemoval, disabled: busy, mounted: (/** @type {HTMLElement} */ button) => button.focus() }, 'Keep'),
      h('button', { class: 'danger solid', type: 'submit', disabled: busy, 'data-testid': 'confirm-delete' }, icon('trash'), busy ? 'Deleting …' : 'Delete'),
    ],
  },
  h('ul', { class: 'names' }, names.slice(0, NAMES_SHOWN).map((name) => h('li', null, name))),
  what === 'collector' && h('p', { class: 'muted' }, 'What it has collected stays in the inventory.'),
  names.length > NAMES_SHOWN && h('p', { class: 'muted' }, `and ${names.length - NAMES_SHOWN} more`));
}
