//@ts-check
// Calls on each connection since the event before: beads, and a rate.

import { subscribe } from '../../store.js';

/** Milliseconds that rates look back on. */
const WINDOW = 5000;

/** @type {Map<number, { drawn: number, calls: number, recent: [number, number][] }>} */
const known = new Map();
/** @type {((told: [import('../../types').Pin, number][]) => void) | null} */
let looker = null;
let first = true;

/** Calls `now` with connections on which there were calls, and how many; none ends it.
 * @param {typeof looker} now */
export function onRides(now) {
  looker = now;
}

/** Calls a second on a connection in the last seconds. @param {number} id */
export function rateOf(id) {
  const since = performance.now() - WINDOW;
  const recent = known.get(id)?.recent ?? [];
  return recent.reduce((sum, [at, calls]) => sum + (at > since ? calls : 0), 0) / (WINDOW / 1000);
}

/** @param {import('../../types').Pin[]} pins */
function count(pins) {
  const now = performance.now();
  /** @type {[import('../../types').Pin, number][]} */
  const told = [];
  const open = new Set();
  for (const pin of pins) {
    open.add(pin.id);
    const before = known.get(pin.id);
    // After a restart of the lab the same number is another connection.
    const same = before && before.drawn === pin.drawn_at ? before : null;
    const calls = pin.calls - (same ? same.calls : first ? pin.calls : 0);
    const recent = (same?.recent ?? []).filter(([at]) => at > now - WINDOW);
    if (calls > 0) {
      recent.push([now, calls]);
      told.push([pin, calls]);
    }
    known.set(pin.id, { drawn: pin.drawn_at, calls: pin.calls, recent });
  }
  for (const id of known.keys()) if (!open.has(id)) known.delete(id);
  first = false;
  if (told.length > 0) looker?.(told);
}

subscribe((now, before) => {
  if (now.pins !== before.pins) count(now.pins);
});
