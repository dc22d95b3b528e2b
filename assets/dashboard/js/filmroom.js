//@ts-check
// Films that this page has: asked for, pinned, opened from a file. Pinned ones are kept in this browser
// with their content, so that they outlive the lab's own ring.

import { call } from './api.js';
import { keep, state, toast } from './store.js';

/** @typedef {import('./types').Film} Film */

const KEY = 'lab/films';
/** Pinned films; a browser gives a page some five megabytes, and a film takes tens of kilobytes. */
const PINNED = 30;
/** Films that were looked at and are not asked for again. */
const LOOKED = 20;
/** Milliseconds that the lab may wait for the last hop to tell. */
const WAIT = 2000;

/** Pinned films, the newest first. @returns {Film[]} */
function stored() {
  try {
    const films = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(films) ? films.filter(isFilm) : [];
  } catch {
    return [];
  }
}

/** @returns {import('./types').FilmRoom} */
export const room = () => state.kept.film ?? { pinned: stored(), seen: {}, problems: {} };

/** @param {Partial<import('./types').FilmRoom>} patch */
const change = (patch) => keep('film', { ...room(), ...patch });

/** The film, if this page has it. @param {string | undefined} trace @returns {Film | undefined} */
export const known = (trace) =>
  trace === undefined ? undefined : (room().pinned.find((film) => film.trace === trace) ?? room().seen[trace]);

/** Sees to it that the page has a film, or says why not. @param {string | undefined} trace @param {boolean} [anew] */
export async function want(trace, anew = false) {
  if (!trace || (known(trace) && !anew)) return;
  try {
    const film = await call(`/api/films/${encodeURIComponent(trace)}?wait=${WAIT}`);
    const others = Object.entries(room().seen).filter(([other]) => other !== trace).slice(1 - LOOKED);
    const { [trace]: _, ...problems } = room().problems;
    change({ seen: { ...Object.fromEntries(others), [trace]: film }, problems });
    if (isPinned(trace)) store(room().pinned.map((one) => (one.trace === trace ? film : one)));
  } catch (error) {
    const told = /** @type {import('./api.js').ApiError} */ (error);
    if (!known(trace)) change({ problems: { ...room().problems, [trace]: told.message } });
    else toast('bad', told.message, 'what is shown is what this browser has kept');
  }
}

/** @param {string} trace */
export const isPinned = (trace) => room().pinned.some((film) => film.trace === trace);

/** Pins a film, or takes the pin out. @param {string} trace */
export async function pin(trace) {
  if (isPinned(trace)) {
    const film = known(trace);
    if (film) change({ seen: { ...room().seen, [trace]: film } });
    store(room().pinned.filter((one) => one.trace !== trace));
    return;
  }
  await want(trace);
  const film = known(trace);
  if (film) store([film, ...room().pinned]);
  else toast('bad', 'the film is gone from the lab, so it cannot be pinned');
}

/** @param {Film[]} films */
function store(films) {
  const pinned = films.slice(0, PINNED);
  change({ pinned });
  try {
    localStorage.setItem(KEY, JSON.stringify(pinned));
  } catch {
    toast('bad', 'this browser has no room for more films', 'they are pinned until the page is closed; save them to files');
  }
}

/** Hands the film over as a file. @param {Film} film */
export function save(film) {
  const blob = new Blob([JSON.stringify(film, null, 1)], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${film.trace.slice(0, 12)}.film.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Opens a saved film: it is pinned, and its trace is returned. @param {File} file */
export async function open(file) {
  try {
    const film = JSON.parse(await file.text());
    if (!isFilm(film)) throw new Error('it holds no film');
    store([film, ...room().pinned.filter((one) => one.trace !== film.trace)]);
    return film.trace;
  } catch (error) {
    toast('bad', `${file.name} cannot be opened: ${/** @type {Error} */ (error).message}`, 'a film is saved by its page, or by lab trace -o json');
    return undefined;
  }
}

/** Whether this can be shown as a film: a file may hold anything. @param {any} film */
function isFilm(film) {
  const isHop = (/** @type {any} */ hop, depth = 0) =>
    typeof hop === 'object' && hop !== null && depth < 100 &&
    (hop.event === 'connection' ? typeof hop.drawn_at === 'number' && Array.isArray(hop.candidates) : typeof hop.kind === 'string' && Number.isFinite(hop.start) && Number.isFinite(hop.duration)) &&
    (hop.children ?? []).every((/** @type {any} */ child) => isHop(child, depth + 1));
  return (
    typeof film === 'object' && film !== null && /^[0-9a-f]{32}$/.test(film.trace) && Number.isFinite(film.started) &&
    typeof film.name === 'string' && typeof film.status === 'string' && Array.isArray(film.hops) && film.hops.every((/** @type {any} */ hop) => isHop(hop))
  );
}
