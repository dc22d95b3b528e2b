//@ts-check
// The content: title, tools, chips, table, pager.

import { h } from '../dom.js';
import { startCreate, startRemoval } from '../edit.js';
import { count, providerName } from '../format.js';
import { icon } from '../icons.js';
import { loadList, loadOverview } from '../inventory.js';
import { amend, offers, update } from '../store.js';
import { chips, filterMenu } from './filters.js';
import { pager } from './pager.js';
import { searchBar, searchComplaint } from './search.js';
import { table } from './table.js';

/** @typedef {import('../types').State} State */

/** @param {State} state */
export function inventoryPage(state) {
  const { list } = state;
  return h('main', { class: 'content', id: 'content', tabindex: '-1', 'aria-busy': list.busy },
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1' }, listTitle(state)),
      h('span', { class: 'count', role: 'status', 'data-testid': 'total' }, list.status === 'ready' ? count(list.total) : ''),
      h('span', { class: 'space' }),
      offers('/inventory/cloud-service/create') && h('button', { class: 'primary', onclick: startCreate, 'data-testid': 'create-button' }, icon('plus'), 'Create')),
    list.selected.size > 0 ? selectionBar(state) : toolbar(state),
    searchComplaint(state),
    chips(state),
    table(state),
    pager(state));
}

/** What the list holds, in words.
 * @param {State} state */
export function listTitle({ route }) {
  if (route.view === 'servers') return 'Servers';
  const { provider, group, type } = route.filters;
  if (group?.length === 1 && type?.length === 1) return `${group[0]} · ${type[0]}`;
  if (provider?.length === 1) return providerName(provider[0]);
  return 'All resources';
}

/** @param {State} state */
function toolbar(state) {
  const open = state.menu === 'filter';
  return h('div', { class: 'tools', key: 'tools' },
    searchBar(state),
    h('div', { class: 'anchor' },
      h('button', {
        'aria-haspopup': 'dialog', 'aria-expanded': open, 'data-testid': 'filter-button',
        onclick: () => update({ menu: open ? '' : 'filter', choices: { ...state.choices, key: '' } }),
      }, icon('filter'), 'Filter'),
      open && filterMenu(state)),
    h('button', {
      class: 'icon-only', 'aria-label': 'Reload', title: 'Reload', 'data-testid': 'reload',
      onclick: () => { loadList(); loadOverview(); },
    }, h('span', { class: state.list.busy ? 'turning' : '' }, icon('refresh'))));
}

/** @param {State} state */
function selectionBar({ list }) {
  const rows = list.rows.filter((row) => list.selected.has(row.cloud_service_id));
  return h('div', { class: 'tools selection', key: 'selection' },
    h('span', { role: 'status', 'data-testid': 'selected-count' }, `${rows.length} selected`),
    h('span', { class: 'space' }),
    h('button', { class: 'danger', onclick: () => startRemoval(rows), 'data-testid': 'delete-selected' }, icon('trash'), 'Delete'),
    h('button', { onclick: () => amend('list', { selected: new Set() }) }, 'Clear'));
}
