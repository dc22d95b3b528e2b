//@ts-check
// The frame: top bar, sidebar, content, panel, footer, dialogs.

import { h } from '../dom.js';
import { isList } from '../route.js';
import { chosenCollector } from '../collectors.js';
import { collectorDialog } from './collector-dialog.js';
import { collectorPage } from './collector.js';
import { collectorsPage } from './collectors.js';
import { costsPage } from './costs.js';
import { createDialog } from './create.js';
import { detailPanel } from './detail.js';
import { footer } from './footer.js';
import { inventoryPage, listTitle } from './inventory.js';
import { failedPage, loadingPage, loginPage } from './login.js';
import { overviewPage } from './overview.js';
import { removalDialog } from './removal.js';
import { sidebar } from './sidebar.js';
import { toasts } from './toasts.js';
import { topBar } from './top.js';
import { workspaceDialog, workspacesPage } from './workspaces.js';

/** @typedef {import('../types').State} State */

/** The whole page.
 * @param {State} state */
export function page(state) {
  return h('div', { class: 'page' }, body(state), toasts(state));
}

/** The browser's title of it.
 * @param {State} state */
export function titleOf(state) {
  const titles = {
    overview: () => 'Overview',
    resources: () => listTitle(state),
    servers: () => listTitle(state),
    collectors: () => chosenCollector(state)?.name ?? 'Collectors',
    costs: () => 'Costs',
    workspaces: () => 'Workspaces',
  };
  const name = state.phase === 'ready' ? titles[state.route.view]() : 'Log in';
  return `${name} – Cloudforet console`;
}

/** @param {State} state */
function body(state) {
  if (state.phase === 'loading') return loadingPage();
  if (state.phase === 'failed') return failedPage(state);
  if (state.phase === 'login') return loginPage(state);
  const panel = isList(state.route.view) && state.route.id;
  return h('div', { class: panel ? 'shell with-panel' : 'shell', 'data-testid': 'shell' },
    h('a', { class: 'skip', href: '#content', onclick: skip }, 'Skip to content'),
    topBar(state),
    sidebar(state),
    content(state),
    panel && detailPanel(state),
    footer(state),
    state.draft && createDialog(state),
    state.collectorDraft && collectorDialog(state),
    state.workspaces.name !== null && workspaceDialog(state),
    state.removal && removalDialog(state));
}

/** @param {State} state */
function content(state) {
  switch (state.route.view) {
    case 'overview': return overviewPage(state);
    case 'collectors': return state.route.id ? collectorPage(state) : collectorsPage(state);
    case 'costs': return costsPage(state);
    case 'workspaces': return workspacesPage(state);
    default: return inventoryPage(state);
  }
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
