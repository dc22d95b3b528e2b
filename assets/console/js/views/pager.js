//@ts-check
// Which part of the list is shown, and the way to the others.

import { h } from '../dom.js';
import { count } from '../format.js';
import { icon } from '../icons.js';
import { go, SIZES } from '../route.js';

/** @param {import('../types').State} state */
export function pager({ list, route }) {
  const pages = Math.max(1, Math.ceil(list.total / route.size));
  const first = (route.page - 1) * route.size + 1;
  const last = Math.min(list.total, route.page * route.size);
  if (list.status !== 'ready' || list.total === 0) return null;
  return h('nav', { class: 'pager', 'aria-label': 'Pages', key: 'pager' },
    h('label', { class: 'muted' }, h('span', { class: 'wide-only' }, 'Rows '),
      h('select', { 'aria-label': 'Rows per page', value: String(route.size), 'data-testid': 'page-size', onchange: (/** @type {any} */ event) => go({ size: Number(event.target.value) }) },
        SIZES.map((size) => h('option', { value: String(size) }, size)))),
    h('span', { class: 'space' }),
    h('span', { class: 'muted', 'data-testid': 'page-info' }, first > list.total ? `page ${route.page} of ${pages}` : `${count(first)}–${count(last)} of ${count(list.total)}`),
    h('button', { class: 'icon-only', 'aria-label': 'Previous page', disabled: route.page <= 1, 'data-testid': 'page-previous', onclick: () => go({ page: Math.min(route.page - 1, pages) }) }, icon('left')),
    h('button', { class: 'icon-only', 'aria-label': 'Next page', disabled: route.page >= pages, 'data-testid': 'page-next', onclick: () => go({ page: route.page + 1 }) }, icon('right')));
}
