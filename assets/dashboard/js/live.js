//@ts-check
// Keeps the page true: everything anew at each connection, then what changes. When the connection is
// lost, the page says so and tries again.

import { ApiError, events } from './api.js';
import { measure } from './meters.js';
import { state, update } from './store.js';

/** Milliseconds until the next try; a lab that starts again is there within a second or two. */
const AGAIN = [250, 500, 1000, 2000];
/** A machine that slept leaves connections that are dead and do not say so. The lab says something at
 * least every ten seconds. */
const SILENCE = 25_000;
/** Films in the list. */
const FILMS = 200;

/** @type {((flows: import('./types').Flow[]) => void)[]} */
const lookers = [];

/** Calls `looker` with the ways of requests as they happen; the result takes it back.
 * @param {(flows: import('./types').Flow[]) => void} looker */
export function onFlows(looker) {
  lookers.push(looker);
  return () => void lookers.splice(lookers.indexOf(looker), 1);
}

/** @type {Record<string, (data: any) => void>} */
const apply = {
  status: (status) => update({ status }),
  traffic: (traffic) => {
    update(measure(traffic));
    if (traffic.flows.length > 0) for (const looker of lookers) looker(traffic.flows);
  },
  films: (films) => {
    // One that has grown stays where it is, so that whoever has the focus on it keeps it.
    const told = new Map(films.map((/** @type {import('./types').FilmSummary} */ film) => [film.trace, film]));
    const kept = state.films.map((film) => {
      const now = told.get(film.trace) ?? film;
      told.delete(film.trace);
      return now;
    });
    update({ films: [...told.values(), ...kept].slice(0, FILMS) });
  },
  pins: (pins) => update({ pins }),
};

/** One event of the lab.
 * @param {string} name @param {any} data */
export const hear = (name, data) => apply[name]?.(data);

/** Runs for as long as the page is there. */
export async function live() {
  for (let tries = 0; ; tries += 1) {
    const ended = new AbortController();
    /** @type {number | undefined} */
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => ended.abort(), SILENCE);
    };
    try {
      heard();
      await events('/api/live', ended.signal, (name, data) => {
        heard();
        tries = 0;
        if (state.connection !== 'live') update({ connection: 'live' });
        hear(name, data);
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        update({ connection: 'denied' });
        return;
      }
    }
    clearTimeout(silence);
    update({ connection: 'lost' });
    await new Promise((done) => setTimeout(done, AGAIN[Math.min(tries, AGAIN.length - 1)]));
  }
}
