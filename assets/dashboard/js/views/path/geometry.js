//@ts-check
// Where things are. Measured only when the structure or the size of the picture has changed; the wires
// between cards are drawn then, and dots find their way by it.

import { curve, curved, outline, straight } from '../../motion.js';

/** @typedef {import('./types').Box} Box @typedef {import('./types').Picture} Picture */
/** @typedef {import('../../types').Curve} Curve @typedef {import('../../types').Leg} Leg */

/** Pixels from which on there are columns; see path.css. */
const WIDE = 1030;
const SVG = 'http://www.w3.org/2000/svg';

/** @type {{ element: HTMLElement | null, picture: Picture | null, stops: Map<string, Box>, cards: Map<string, Box>, pods: Map<string, Box>, wires: Map<string, { curve: Curve, path: Element }>, width: number, height: number }} */
const place = { element: null, picture: null, stops: new Map(), cards: new Map(), pods: new Map(), wires: new Map(), width: 0, height: 0 };

/** What was measured last. */
export const measured = () => place;

/** Measures everything and draws the wires.
 * @param {HTMLElement} element the picture's @param {Picture} picture */
export function layOut(element, picture) {
  place.element = element;
  place.picture = picture;
  const origin = element.getBoundingClientRect();
  place.width = origin.width;
  place.height = origin.height;
  /** @param {string} attribute */
  const boxes = (attribute) => {
    /** @type {Map<string, Box>} */
    const found = new Map();
    for (const one of element.querySelectorAll(`[data-${attribute}]`)) {
      const box = one.getBoundingClientRect();
      const [left, top, right, bottom] = [box.left - origin.left, box.top - origin.top, box.right - origin.left, box.bottom - origin.top];
      found.set(/** @type {HTMLElement} */ (one).dataset[attribute] ?? '', { left, right, top, bottom, x: (left + right) / 2, y: (top + bottom) / 2 });
    }
    return found;
  };
  place.stops = boxes('stop');
  place.cards = boxes('card');
  place.pods = boxes('pods');
  draw(/** @type {Element} */ (element.querySelector('.wires')), picture);
}

/** @param {Element} svg @param {Picture} picture */
function draw(svg, picture) {
  /** @type {typeof place.wires} */
  const wires = new Map();
  for (const { from, to, direct } of picture.calls) {
    const key = `${from}>${to}`;
    const line = between(from, to, direct);
    if (!line) continue;
    const before = place.wires.get(key);
    const path = before?.path ?? document.createElementNS(SVG, 'path');
    path.setAttribute('d', outline(line));
    path.setAttribute('data-wire', key);
    if (path.parentNode !== svg) svg.append(path);
    // Dots that are under way stay on their wire when it moves.
    wires.set(key, { curve: before ? Object.assign(before.curve, line) : line, path });
  }
  for (const [key, { path }] of place.wires) if (!wires.has(key)) path.remove();
  place.wires = wires;
}

/** From one card to another: into its gate, or past it to the pods.
 * @param {string} from @param {string} to @param {boolean} direct @returns {Curve | null} */
function between(from, to, direct) {
  const start = place.cards.get(from);
  const end = place.cards.get(to);
  const into = (direct ? place.pods.get(to) : place.stops.get(to)) ?? end;
  if (!start || !end || !into) return null;
  const out = place.pods.get(from) ?? start;
  const gap = end.left - start.right;
  if (gap > 6) {
    const bend = Math.max(16, gap * 0.5);
    const [a, d] = [{ x: start.right, y: out.y }, { x: end.left, y: into.y }];
    return curve(a, { x: a.x + bend, y: a.y }, { x: d.x - bend, y: d.y }, d);
  }
  // In one column, or back: out and in again on the left, where calls come from. In columns there is more
  // room between cards than beside the only column of a phone.
  const [least, most] = place.width > WIDE ? [18, 46] : [12, 24];
  const bend = Math.min(most, least + Math.abs(out.y - into.y) * 0.06);
  const [a, d] = [{ x: start.left, y: out.y }, { x: end.left, y: into.y }];
  return curve(a, { x: a.x - bend, y: a.y }, { x: d.x - bend, y: d.y }, d);
}

/** The parts of the way from one stop to another; none if the picture does not hold it.
 * @param {string} from @param {string} to @param {(name: string) => string | undefined} cardOf @param {Leg[]} into */
export function way(from, to, cardOf, into) {
  const wire = place.wires.get(`${cardOf(from)}>${cardOf(to)}`);
  if (!wire) return;
  const start = place.stops.get(from);
  const end = place.stops.get(to);
  const back = wire.curve.b.x < wire.curve.a.x;
  if (start) into.push(straight({ x: back ? start.left + 12 : start.right - 8, y: start.y }, wire.curve.a));
  into.push(curved(wire.curve));
  if (end) into.push(straight(wire.curve.d, { x: end.left + 12, y: end.y }));
}
