//@ts-check
// The lanes as curves between a connection and its pod, and calls as beads on them. Measured only when
// there are other lanes or another size.

import { Motion, curve, curved, outline } from '../../motion.js';
import { state } from '../../store.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Beads of one lane that set out within one event; more look the same. */
const BEADS = 8;
/** Events come four times a second. Milliseconds. */
const SPREAD = 240;

/** Beads under way. */
export const beads = new Motion(420, 500);

/** @type {Map<string, { path: Element, legs: import('../../types').Leg[] }>} */
let lanes = new Map();

/** @param {HTMLElement} element that holds connections (`data-lane`) and pods (`data-pod`) */
export function layOut(element) {
  const origin = element.getBoundingClientRect();
  const svg = /** @type {Element} */ (element.querySelector('.wires'));
  /** @type {Map<string, DOMRect>} */
  const pods = new Map();
  for (const pod of element.querySelectorAll('[data-pod]')) pods.set(/** @type {HTMLElement} */ (pod).dataset.pod ?? '', pod.getBoundingClientRect());
  const drawn = new Map();
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll('[data-lane]'))) {
    const id = row.dataset.lane ?? '';
    const to = pods.get(row.dataset.to ?? '');
    if (!to) continue;
    const from = row.getBoundingClientRect();
    const across = to.left - from.right > 6;
    const start = { x: (across ? from.right : from.left) - origin.left, y: (from.top + from.bottom) / 2 - origin.top };
    const end = { x: to.left - origin.left, y: to.top + Math.min(22, to.height / 2) - origin.top };
    const bend = across ? (end.x - start.x) * 0.5 : -20;
    const line = curve(start, { x: start.x + bend, y: start.y }, { x: end.x - Math.abs(bend), y: end.y }, end);
    const before = lanes.get(id);
    const path = before?.path ?? document.createElementNS(SVG, 'path');
    path.setAttribute('d', outline(line));
    path.setAttribute('data-wire', id);
    path.classList.toggle('is-gone', row.dataset.gone !== undefined);
    if (path.parentNode !== svg) svg.append(path);
    // Beads that are under way stay on their lane when it moves.
    const legs = before?.legs ?? [curved(line)];
    Object.assign(legs[0], curved(line));
    drawn.set(id, { path, legs });
  }
  for (const [id, { path }] of lanes) if (!drawn.has(id)) path.remove();
  lanes = drawn;
  beads.fit(origin.width, origin.height);
}

/** Which lane is looked at. @param {string | undefined} id */
export function light(id) {
  for (const [one, { path }] of lanes) path.classList.toggle('is-lit', one === id);
}

/** Calls set out. @param {[import('../../types').Pin, number][]} told */
export function ride(told) {
  for (const [pin, calls] of told) {
    const lane = lanes.get(String(pin.id));
    if (!lane) continue;
    const count = Math.min(BEADS, Math.round(calls * state.scale));
    for (let at = 0; at < count; at += 1) beads.add(String(pin.id), 'good', lane.legs, (at / count) * SPREAD);
  }
}
