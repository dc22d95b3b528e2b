//@ts-check
// Requests as dots over the picture. A dot takes a second or two for what takes milliseconds: it shows
// the way, not the time.

import { Motion } from '../../motion.js';
import { way } from './geometry.js';
import { outcome } from './shapes.js';

/** Flows come four times a second; their dots set out one after another. Milliseconds. */
const SPREAD = 240;

/** Those that are under way. */
export const dots = new Motion(620, 900);

/** Requests set out.
 * @param {import('../../types').Flow[]} flows @param {(name: string) => string | undefined} cardOf */
export function setOut(flows, cardOf) {
  flows.forEach((flow, number) => {
    /** @type {import('../../types').Leg[]} */
    const legs = [];
    if (flow.edges[0]?.[0] === 'lb') way('browser', 'lb', cardOf, legs);
    for (const [from, to] of flow.edges) way(from, to, cardOf, legs);
    dots.add(flow.trace, outcome(flow.status), legs, (number / flows.length) * SPREAD);
  });
}
