//@ts-check
// Puts the rooms together: state to page, address to view, the lab to state.

import { redeem } from './api.js';
import { render } from './dom.js';
import { live } from './live.js';
import { decay } from './meters.js';
import { link, read } from './route.js';
import { complain, state, subscribe, update } from './store.js';
import { page } from './views/shell.js';
import { viewOf } from './views/all.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
/** The next drawing, if one is planned. @type {{ frame: number, timer: ReturnType<typeof setTimeout> } | null} */
let planned = null;

/** How long a page that is not seen, and so gets no frames, may fall behind, in milliseconds. */
const UNSEEN = 250;

/** Draws once for any number of changes, when the browser draws next. */
function plan() {
  planned ??= { frame: requestAnimationFrame(draw), timer: setTimeout(draw, UNSEEN) };
}

function draw() {
  if (!planned) return;
  cancelAnimationFrame(planned.frame);
  clearTimeout(planned.timer);
  planned = null;
  render(app, page(state));
  const name = state.status ? ` · ${state.status.name}` : '';
  document.title = `${viewOf(state.route).title}${name}`;
}

subscribe(plan);

/** Another address. */
function arrive() {
  const route = read(location.hash);
  const before = viewOf(state.route);
  const now = viewOf(route);
  if (before !== now) before.leave?.();
  update({ route });
  now.enter?.(route);
}

/** A code in the address is handed in, and taken out of it. */
async function enter() {
  const route = read(location.hash);
  const { code, ...query } = route.query;
  if (code) {
    try {
      await redeem(code);
    } catch (error) {
      complain(error);
    }
    history.replaceState(null, '', link(route.view, route.rest, query));
  }
  addEventListener('hashchange', arrive);
  arrive();
  decay(update);
  await live();
}

plan();
enter();
