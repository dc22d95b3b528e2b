//@ts-check
// Puts the rooms together: state to page, address to data, keys to actions.

import { boot } from './boot.js';
import { loadCollectors, loadPlugins } from './collectors.js';
import { loadChart, loadCosts } from './costs.js';
import { render } from './dom.js';
import { cancelRemoval } from './edit.js';
import { loadColumns, loadDetail, loadList, loadOverview, loadReferences, loadRegionCounts } from './inventory.js';
import { watchJob } from './jobs.js';
import { follow, go, isList } from './route.js';
import { freshToken } from './session.js';
import { amend, offers, state, subscribe, update } from './store.js';
import { page, titleOf } from './views/shell.js';
import { loadWorkspaces } from './workspaces.js';

/** How often the token is looked at, in milliseconds; Cloudforet's console does the same. */
const TOKEN_CHECK = 30_000;

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
let planned = false;
/** Whether the next rendering shows another page, at whose heading reading starts. */
let arrived = false;

/** Renders once after any number of changes in one go. */
function plan() {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    render(app, page(state));
    document.title = titleOf(state);
    if (arrived) document.querySelector('h1')?.focus();
    arrived = false;
  });
}

subscribe(plan);
subscribe((now, before) => {
  if (now.phase !== 'ready') return;
  if (before.phase !== 'ready') return void enter();
  if (now.session && now.session.workspace?.workspace_id !== before.session?.workspace?.workspace_id) return changeWorkspace();
  if (now.route !== before.route) visit(now, before);
});

/** Everything again, for whoever came in. */
async function enter() {
  loadOverview();
  loadPlugins();
  // Resources name the collector that found them.
  if (offers('/inventory/collector/list') && state.route.view !== 'collectors') loadCollectors();
  // The list needs to know what a server is, and which columns to ask for.
  await Promise.all([loadReferences(), loadColumns()]);
  show();
}

/** What was on the page belongs to the other workspace. */
function changeWorkspace() {
  update({ menu: '', draft: null, removal: null, collectorDraft: null });
  amend('overview', { status: 'loading', rows: [], regions: [] });
  amend('collectors', { status: 'loading', rows: [], jobs: [] });
  amend('costs', { status: 'loading', sources: [], series: [], sync: '' });
  forgetList();
  // Filters and ids of the one mean nothing in the other.
  go({ id: '', job: '', page: 1, filters: {}, keyword: '' }, { replace: true });
  enter();
}

/** Loads what the view shows. */
function show() {
  const { view, id } = state.route;
  if (isList(view)) {
    loadList();
    loadDetail();
  } else if (view === 'overview') loadRegionCounts();
  else if (view === 'collectors') loadCollectors().then(() => (id ? watchJob() : undefined));
  else if (view === 'costs') loadCosts();
  else if (view === 'workspaces') loadWorkspaces();
}

function forgetList() {
  amend('list', { status: 'loading', busy: true, rows: [], selected: new Set() });
}

/** @param {import('./types').State} now @param {import('./types').State} before */
async function visit({ route: now }, { route: before }) {
  const elsewhere = now.view !== before.view || (now.view === 'collectors' && now.id !== before.id);
  if (elsewhere) arrived = true;
  if (isList(now.view)) {
    if (now.id !== before.id) loadDetail();
    if (now.view !== before.view) {
      forgetList();
      await loadColumns();
    }
    if (now.view !== before.view || changed({ ...now, id: '' }, { ...before, id: '' })) loadList();
  } else if (now.view !== before.view) show();
  else if (now.view === 'collectors' && (now.id !== before.id || now.job !== before.job)) now.id ? watchJob() : loadCollectors();
  else if (now.view === 'costs' && changed(now.cost, before.cost)) loadChart();
}

/** @param {object} one @param {object} other */
const changed = (one, other) => JSON.stringify(one) !== JSON.stringify(other);

document.addEventListener('keydown', (event) => {
  if (state.phase !== 'ready' || event.defaultPrevented) return;
  const typing = /** @type {HTMLElement} */ (event.target).closest('input, textarea, select');
  if (event.key === 'Escape') {
    if (state.menu) closeMenu();
    else if (state.removal) cancelRemoval();
    else if (!state.draft && isList(state.route.view) && state.route.id && !typing) closePanel();
  } else if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById('search')?.focus();
  }
});

/** Gives the focus back to what opened the menu. */
function closeMenu() {
  const opener = document.querySelector('[aria-haspopup][aria-expanded="true"]');
  update({ menu: '' });
  /** @type {HTMLElement | null} */ (opener)?.focus();
}

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
