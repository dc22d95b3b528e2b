//@ts-check
// The bar at the top: where one is, in which workspace, and as whom.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { visit } from '../route.js';
import { logout, switchWorkspace } from '../session.js';
import { offers, showFooter, update } from '../store.js';
import { brand } from './login.js';
import { menuKeys } from './menu.js';

/** @typedef {import('../types').State} State */

/** @param {State} state */
export function topBar(state) {
  const { menu } = state;
  return h('header', { class: 'top' },
    h('button', {
      class: 'quiet icon-only narrow-only', 'aria-label': 'Menu', 'aria-expanded': menu === 'sidebar', 'data-testid': 'sidebar-button',
      onclick: () => update({ menu: menu === 'sidebar' ? '' : 'sidebar' }),
    }, icon('menu')),
    brand(),
    switcher(state),
    h('span', { class: 'space' }),
    user(state));
}

/** The workspace at hand, and the way to the others.
 * @param {State} state */
function switcher({ session, menu }) {
  if (!session) return null;
  const { workspace, workspaces, admin } = session;
  const open = menu === 'workspace';
  return h('div', { class: 'anchor workspace' },
    h('button', {
      class: 'quiet', 'aria-haspopup': 'menu', 'aria-expanded': open, 'aria-label': `Workspace ${workspace?.name ?? 'none'}`, 'data-testid': 'workspace-button',
      onclick: () => update({ menu: open ? '' : 'workspace' }),
    }, h('span', { class: 'cut' }, workspace?.name ?? 'No workspace'), icon('down')),
    open && h('div', { class: 'menu left', role: 'menu', 'aria-label': 'Workspace', onkeydown: menuKeys, mounted: focusChosen, 'data-testid': 'workspace-menu' },
      workspaces.length === 0 && h('p', { class: 'muted small' }, 'You belong to no workspace.'),
      workspaces.map((one) => {
        const chosen = one.workspace_id === workspace?.workspace_id;
        return h('button', {
          class: 'quiet', role: 'menuitemradio', 'aria-checked': chosen, key: one.workspace_id, 'data-testid': `workspace-${one.name}`,
          onclick: () => { update({ menu: '' }); switchWorkspace(one); },
        }, h('span', { class: 'tick' }, chosen && icon('check')), h('span', { class: 'cut' }, one.name));
      }),
      admin && offers('/identity/workspace/list') && h('button', {
        class: 'quiet apart', role: 'menuitem', key: 'all', 'data-testid': 'workspace-all', onclick: () => visit({ view: 'workspaces' }),
      }, icon('rooms'), 'All workspaces of the domain')));
}

/** @param {State} state */
function user({ session, menu, domain, config, footer: { shown } }) {
  const open = menu === 'user';
  return h('div', { class: 'anchor' },
    h('button', {
      class: 'quiet', 'aria-haspopup': 'menu', 'aria-expanded': open, 'aria-label': `User ${session?.userId}`, 'data-testid': 'user-button',
      onclick: () => update({ menu: open ? '' : 'user' }),
    }, icon('user'), h('span', { class: 'wide-only' }, session?.userId), icon('down')),
    open && h('div', { class: 'menu', role: 'menu', 'aria-label': 'User', onkeydown: menuKeys, mounted: focusFirst },
      h('p', { class: 'muted small' }, `${session?.userId} in ${domain?.name}`),
      h('button', {
        class: 'quiet', role: 'menuitemcheckbox', 'aria-checked': shown, 'data-testid': 'footer-toggle',
        onclick: () => { showFooter(!shown); update({ menu: '' }); },
      }, icon('pulse'), shown ? 'Hide who answered' : 'Show who answered'),
      h('a', { class: 'button quiet', role: 'menuitem', href: `${config.v2}/docs`, target: '_blank', rel: 'noreferrer' }, icon('out'), 'The API’s documentation'),
      h('button', { class: 'quiet', role: 'menuitem', 'data-testid': 'logout', onclick: logout }, icon('leave'), 'Log out')));
}

/** @param {HTMLElement} menu */
function focusFirst(menu) {
  menu.querySelector('button')?.focus();
}

/** @param {HTMLElement} menu */
function focusChosen(menu) {
  /** @type {HTMLElement | null} */ (menu.querySelector('[aria-checked="true"]') ?? menu.querySelector('button'))?.focus();
}
