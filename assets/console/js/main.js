//@ts-check
// Puts the rooms together: state to page, address to lists, keys to actions.

import { boot } from './boot.js';
import { render } from './dom.js';
import { cancelRemoval } from './edit.js';
import { loadColumns, loadDetail, loadList, loadOverview, loadReferences } from './inventory.js';
import { follow, go } from './route.js';
import { freshToken } from './session.js';
import { amend, state, subscribe, update } from './store.js';
import { page } from './views/shell.js';

/** How often the token is looked at, in milliseconds; Cloudforet's console does the same. */
const TOKEN_CHECK = 30_000;

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
let planned = false;

/** Renders once after any number of changes in one go. */
function plan() {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    render(app, page(state));
  });
}

subscribe(plan);
subscribe((now, before) => {
  if (now.phase === 'ready' && before.phase !== 'ready') enter();
  else if (now.phase === 'ready' && now.route !== before.route) visit(now, before);
});

async function enter() {
  amend('list', { status: 'loading', rows: [], selected: new Set() });
  loadOverview();
  // The list needs to know what a server is, and which columns to ask for.
  await Promise.all([loadReferences(), loadColumns()]);
  loadList();
  loadDetail();
}

/** @param {import('./types').State} now @param {import('./types').State} before */
async function visit(now, before) {
  if (now.route.id !== before.route.id) loadDetail();
  if (now.route.view !== before.route.view) {
    // What is on the page belongs to the other view, its count too.
    amend('list', { status: 'loading', busy: true, rows: [], selected: new Set() });
    await loadColumns();
  }
  const { id: _now, ...list } = now.route;
  const { id: _before, ...listBefore } = before.route;
  if (JSON.stringify(list) === JSON.stringify(listBefore)) return;
  loadList();
}

document.addEventListener('keydown', (event) => {
  if (state.phase !== 'ready' || event.defaultPrevented) return;
  const typing = /** @type {HTMLElement} */ (event.target).closest('input, textarea, select');
  if (event.key === 'Escape') {
    if (state.menu) update({ menu: '' });
    else if (state.removal) cancelRemoval();
    else if (!state.draft && state.route.id && !typing) closePanel();
  } else if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById('search')?.focus();
  }
});

/** Gives the focus back to the row that opened the panel. */
function closePanel() {
  const row = document.querySelector(`tr[data-id="${CSS.escape(state.route.id)}"] .name`);
  go({ id: '' });
  /** @type {HTMLElement | null} */ (row)?.focus();
}

document.addEventListener('pointerdown', (event) => {
  const inside = /** @type {HTMLElement} */ (event.target).closest('.menu, .anchor, .side, [aria-haspopup]');
  if (state.menu && !inside) update({ menu: '' });
});

setInterval(() => {
  // A failure shows itself at the next call, or as the login page.
  if (state.session) freshToken().catch(() => {});
}, TOKEN_CHECK);

follow();
plan();
boot();
