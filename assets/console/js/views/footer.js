//@ts-check
// Who answered: the pods that served the last requests, and how the requests spread over them.

import { h } from '../dom.js';
import { milliseconds } from '../format.js';
import { icon } from '../icons.js';
import { amend, showFooter } from '../store.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Call} Call */

/** @param {State} state */
export function footer({ footer: { shown, open, calls } }) {
  if (!shown) return null;
  const last = calls[0];
  return h('footer', { class: 'foot', 'data-testid': 'footer' },
    open && history(calls),
    h('div', { class: 'foot-line' },
      h('button', { class: 'quiet foot-last', 'aria-expanded': open, title: 'The last requests', 'data-testid': 'footer-open', onclick: () => amend('footer', { open: !open }) },
        icon('pulse'), last ? served(last) : h('span', { class: 'muted' }, 'No request yet'), icon(open ? 'down' : 'up')),
      h('span', { class: 'space' }),
      h('button', { class: 'quiet icon-only', 'aria-label': 'Hide this line', title: 'Hide this line (the user menu brings it back)', 'data-testid': 'footer-hide', onclick: () => showFooter(false) }, icon('close'))));
}

/** @param {Call} call */
function served(call) {
  const hops = call.pods.length > 0 ? call.pods : ['unknown pod'];
  return h('span', { class: 'hops', 'data-testid': 'footer-pods' },
    hops.map((pod, index) => [index > 0 && h('span', { class: 'muted', 'aria-label': 'then' }, ' → '), h('span', { class: 'mono' }, pod)]),
    h('span', { class: 'muted' }, ` · ${milliseconds(call.milliseconds)}`));
}

/** @param {Call[]} calls */
function history(calls) {
  return h('div', { class: 'history', 'data-testid': 'footer-history' },
    h('section', { 'aria-label': 'Spread' },
      h('h2', null, `Last ${calls.length} requests, by the pod that did the work`),
      spread(calls).map(([pod, number]) => h('div', { class: 'bar', key: pod },
        h('span', { class: 'mono' }, pod),
        h('span', { class: 'track' }, h('i', { style: { width: `${(100 * number) / calls.length}%` } })),
        h('span', { class: 'count' }, number)))),
    h('section', { 'aria-label': 'Requests' },
      h('table', null, h('tbody', null, calls.map((call) => h('tr', { key: call.id },
        h('td', { class: call.status < 400 ? 'good' : 'bad' }, call.status),
        h('td', { class: 'mono' }, call.path),
        h('td', { class: 'mono muted' }, call.pods.join(' → ')),
        h('td', { class: 'number' }, milliseconds(call.milliseconds))))))));
}

/** How often each last pod of a request was the last.
 * @param {Call[]} calls @returns {[string, number][]} */
function spread(calls) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const call of calls) {
    const pod = call.pods.at(-1) ?? 'unknown pod';
    times.set(pod, (times.get(pod) ?? 0) + 1);
  }
  return [...times].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
}
