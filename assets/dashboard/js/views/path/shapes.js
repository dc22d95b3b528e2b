//@ts-check
// How states look: a shape for each, so that nothing is said by colour alone.

import { h } from '../../dom.js';

/** On a square of 12. @type {Record<import('./types').PodState, string>} */
const SHAPES = {
  ready: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z',
  starting: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z',
  unready: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM3.5 6h5',
  ending: 'M1.5 3h9L6 10.5z',
  restarting: 'M10 6.5a4 4 0 1 1-1.4-3.4M10.4 1v2.7H7.7',
  failed: 'M2 2l8 8M10 2l-8 8',
};

/** @type {Record<string, import('../../types').VNode>} */
const made = {};

/** @param {import('./types').PodState} state */
export const shape = (state) =>
  (made[state] ??= h('svg', { class: `shape is-${state}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, h('path', { d: SHAPES[state] })));

/** A ClusterIP: something that a connection passes. */
export const gate = h('svg', { class: 'gate-mark', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, h('path', { d: 'M6 .8L11.2 6L6 11.2L.8 6z' }));

/** How a request ended.
 * @param {string} status HTTP's or gRPC's @returns {'good' | 'warn' | 'bad'} */
export function outcome(status) {
  if (/^5|^(UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS|FAILURE)$/.test(status)) return 'bad';
  return /^[123]|^(OK|SUCCESS)$/.test(status) ? 'good' : 'warn';
}
