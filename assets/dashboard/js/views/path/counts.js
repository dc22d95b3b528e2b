//@ts-check
// Where nothing is to move: how many requests a second went along each wire lately, as numbers.

import { h } from '../../dom.js';
import { rate } from '../../format.js';
import { along, curved } from '../../motion.js';
import { measured } from './geometry.js';

/** Milliseconds that are looked back on. */
const WINDOW = 5000;

/** @type {{ at: number, pair: string }[]} */
let passed = [];
/** When counting began. */
let since = 0;

/** @param {import('../../types').Flow[]} flows @param {(name: string) => string | undefined} cardOf */
export function countFlows(flows, cardOf) {
  const at = performance.now();
  since ||= at;
  passed = passed.filter((one) => one.at > at - WINDOW);
  for (const flow of flows) {
    if (flow.edges[0]?.[0] === 'lb') passed.push({ at, pair: 'browser>lb' });
    for (const [from, to] of flow.edges) passed.push({ at, pair: `${cardOf(from)}>${cardOf(to)}` });
  }
}

/** @param {import('./types').Picture} picture @param {number} scale requests that one flow stands for */
export function counts(picture, scale) {
  const now = performance.now();
  const seconds = Math.max(1, Math.min(WINDOW, now - since) / 1000);
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const one of passed) if (one.at > now - WINDOW) sums.set(one.pair, (sums.get(one.pair) ?? 0) + 1);
  return h(
    'div',
    { class: 'counts', 'aria-hidden': 'true' },
    picture.calls.map(({ from, to }) => {
      const pair = `${from}>${to}`;
      const sum = sums.get(pair);
      const wire = measured().wires.get(pair);
      if (!sum || !wire) return null;
      const at = { x: 0, y: 0 };
      // Nearer to where it goes: many wires begin at one place.
      along(curved(wire.curve), 0.7, at);
      return h('span', { key: pair, style: { transform: `translate(${at.x.toFixed(0)}px, ${at.y.toFixed(0)}px) translate(-50%, -50%)` } }, `${rate((sum * scale) / seconds)}/s`);
    }),
  );
}
