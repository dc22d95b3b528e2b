//@ts-check
// The views in the order of the navigation.

import { view as breaking } from './break.js';
import { view as film } from './film.js';
import { view as lessons } from './lessons.js';
import { view as load } from './load.js';
import { view as path } from './path.js';
import { view as pinning } from './pinning.js';
import { view as state } from './state.js';

/** @type {import('../types').View[]} */
export const views = [path, film, pinning, breaking, load, state, lessons];

/** The view of an address; the first one for an address that nobody knows.
 * @param {import('../types').Route} route */
export const viewOf = (route) => views.find((view) => view.id === route.view) ?? views[0];
