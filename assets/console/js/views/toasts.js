//@ts-check
// Short messages at the edge of the page.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { dismiss } from '../store.js';

/** @param {import('../types').State} state */
export function toasts({ toasts: messages }) {
  return h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite', 'data-testid': 'toasts' },
    messages.map(({ id, tone, text }) => h('div', { class: `toast ${tone}`, key: id, 'data-testid': 'toast' },
      icon(tone === 'good' ? 'check' : 'alert'), h('span', { class: 'grow' }, text),
      h('button', { class: 'quiet icon-only', 'aria-label': 'Dismiss', onclick: () => dismiss(id) }, icon('close')))));
}
