//@ts-check
// The frame around the inventory: top bar, sidebar, content, panel, footer, dialogs.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { logout } from '../session.js';
import { showFooter, update } from '../store.js';
import { createDialog } from './create.js';
import { detailPanel } from './detail.js';
import { footer } from './footer.js';
import { inventoryPage } from './inventory.js';
import { brand, failedPage, loadingPage, loginPage } from './login.js';
import { removalDialog } from './removal.js';
import { sidebar } from './sidebar.js';
import { toasts } from './toasts.js';

/** @typedef {import('../types').State} State */

/** The whole page. @param {State} state */
export function page(state) {
  return h('div', { class: 'page' }, body(state), toasts(state));
}

/** @param {State} state */
function body(state) {
  if (state.phase === 'loading') return loadingPage();
  if (state.phase === 'failed') return failedPage(state);
  if (state.phase === 'login') return loginPage(state);
  return h('div', { class: state.route.id ? 'shell with-panel' : 'shell', 'data-testid': 'shell' },
    h('a', { class: 'skip', href: '#content', onclick: skip }, 'Skip to content'),
    topBar(state),
    sidebar(state),
    inventoryPage(state),
    state.route.id && detailPanel(state),
    footer(state),
    state.draft && createDialog(state),
    state.removal && removalDialog(state));
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** @param {State} state */
function topBar({ session, menu, domain, footer: { shown } }) {
  const open = menu === 'user';
  return h('header', { class: 'top' },
    h('button', {
      class: 'quiet icon-only narrow-only', 'aria-label': 'Menu', 'aria-expanded': menu === 'sidebar', 'data-testid': 'sidebar-button',
      onclick: () => update({ menu: menu === 'sidebar' ? '' : 'sidebar' }),
    }, icon('menu')),
    brand(),
    session?.workspace && h('span', { class: 'workspace', title: 'Workspace' }, session.workspace.name),
    h('span', { class: 'space' }),
    h('div', { class: 'anchor' },
      h('button', {
        class: 'quiet', 'aria-haspopup': 'menu', 'aria-expanded': open, 'data-testid': 'user-button',
        onclick: () => update({ menu: open ? '' : 'user' }),
      }, icon('user'), h('span', { class: 'wide-only' }, session?.userId), icon('down')),
      open && h('div', { class: 'menu', role: 'menu', 'aria-label': 'User', mounted: focusFirst },
        h('p', { class: 'muted small' }, `${session?.userId} in ${domain?.name}`),
        h('button', {
          class: 'quiet', role: 'menuitemcheckbox', 'aria-checked': shown, 'data-testid': 'footer-toggle',
          onclick: () => { showFooter(!shown); update({ menu: '' }); },
        }, icon('pulse'), shown ? 'Hide who answered' : 'Show who answered'),
        h('button', { class: 'quiet', role: 'menuitem', 'data-testid': 'logout', onclick: logout }, icon('leave'), 'Log out'))));
}

/** @param {HTMLElement} menu */
function focusFirst(menu) {
  menu.querySelector('button')?.focus();
}
