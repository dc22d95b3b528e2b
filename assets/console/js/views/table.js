//@ts-check
// The list as a table; on a narrow screen the same cells stand as a card each.

import { h } from '../dom.js';
import { startCreate } from '../edit.js';
import { ago, at, moment, providerName, tone, words } from '../format.js';
import { icon, providerMark, typeIcon } from '../icons.js';
import { loadList } from '../inventory.js';
import { go } from '../route.js';
import { amend, state as current } from '../store.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').CloudService} CloudService */
/** @typedef {import('../types').Column} Column */

/** @param {State} state */
export function table(state) {
  const { list } = state;
  if (list.status === 'failed') return failure(state);
  if (list.status === 'ready' && list.rows.length === 0) return nothing(state);
  return h('div', { class: list.busy && list.status === 'ready' ? 'table busy' : 'table', key: 'table' },
    h('table', { 'aria-rowcount': list.total + 1 },
      h('caption', { class: 'unseen' }, 'Resources'),
      h('thead', null, h('tr', null, h('th', { class: 'pick', scope: 'col' }, pickAll(state)), state.columns.map((column) => heading(state, column)))),
      h('tbody', null, list.status === 'loading' ? bones(state) : list.rows.map((row) => tableRow(state, row)))));
}

/** @param {State} state */
function pickAll({ list }) {
  const all = list.rows.length > 0 && list.rows.every((row) => list.selected.has(row.cloud_service_id));
  return h('input', {
    type: 'checkbox', 'aria-label': 'Select all on this page', checked: all, indeterminate: !all && list.selected.size > 0, 'data-testid': 'select-all',
    onchange: () => amend('list', { selected: new Set(all ? [] : list.rows.map((row) => row.cloud_service_id)) }),
  });
}

/** @param {State} state @param {Column} column */
function heading({ route }, column) {
  const ascending = route.sort === column.key;
  const descending = route.sort === `-${column.key}`;
  const sorted = ascending ? 'ascending' : descending ? 'descending' : 'none';
  if (column.sortable === false) return h('th', { scope: 'col', key: column.key, 'data-key': column.key }, column.name);
  return h('th', { scope: 'col', 'aria-sort': sorted, key: column.key, 'data-key': column.key },
    h('button', { class: 'heading', 'data-testid': `sort-${column.key}`, onclick: () => go({ sort: ascending ? `-${column.key}` : column.key }) },
      column.name, sorted === 'none' ? null : icon(ascending ? 'up' : 'down')));
}

/** @param {State} state @param {CloudService} row */
function tableRow({ route, list, columns, regions }, row) {
  const id = row.cloud_service_id;
  const picked = list.selected.has(id);
  return h('tr', {
    key: id, class: route.id === id ? 'current' : picked ? 'picked' : '', 'data-testid': 'row', 'data-id': id,
    onclick: (/** @type {any} */ event) => { if (!event.target.closest('input, a, button')) go({ id: route.id === id ? '' : id }); },
  },
  h('td', { class: 'pick' }, h('input', { type: 'checkbox', checked: picked, 'aria-label': `Select ${row.name || id}`, 'data-testid': 'select', onchange: () => pick(id) })),
  columns.map((column) => h('td', { key: column.key, 'data-label': column.name, 'data-key': column.key }, cell(row, column, regions))));
}

/** @param {string} id */
function pick(id) {
  const selected = new Set(current.list.selected);
  if (!selected.delete(id)) selected.add(id);
  amend('list', { selected });
}

/** @param {CloudService} row @param {Column} column @param {State['regions']} regions */
function cell(row, column, regions) {
  const value = at(row, column.key);
  if (column.key === 'name') {
    return h('button', { class: 'name', onclick: () => go({ id: row.cloud_service_id }), onkeydown: arrows, 'data-testid': 'row-name' },
      icon(typeIcon(row.cloud_service_group ?? '', row.cloud_service_type ?? '')), h('span', { class: 'grow' }, value || row.cloud_service_id));
  }
  if (value === undefined || value === null || value === '' || value.length === 0) return h('span', { class: 'muted' }, '–');
  if (column.key === 'cloud_service_type') return [row.cloud_service_group, h('span', { class: 'muted' }, ' · '), value];
  if (column.key === 'provider') return h('span', { class: 'pair', title: providerName(value) }, providerMark(value), h('span', null, providerName(value)));
  if (column.key === 'region_code') return h('span', { title: regions.find((one) => one.region_code === value)?.name ?? value }, value);
  if (column.type === 'state') return h('span', { class: `state ${tone(value)}` }, words(value));
  if (column.type === 'datetime') return h('time', { datetime: value, title: moment(value) }, ago(value));
  if (Array.isArray(value)) return [h('span', { class: 'mono' }, value[0]), value.length > 1 && h('span', { class: 'muted', title: value.join(', ') }, ` +${value.length - 1}`)];
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Up and down move between rows.
 * @param {KeyboardEvent} event */
function arrows(event) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  event.preventDefault();
  const row = /** @type {HTMLElement} */ (event.target).closest('tr');
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  /** @type {HTMLElement | null | undefined} */ (next?.querySelector('.name'))?.focus();
}

/** @param {State} state */
function bones({ route, columns }) {
  return Array.from({ length: Math.min(route.size, 12) }, (_, index) => h('tr', { key: `bone ${index}`, 'aria-hidden': 'true', class: 'bones' },
    h('td', { class: 'pick' }), (columns.length ? columns : Array.from({ length: 8 }, (_, key) => ({ key }))).map((column) => h('td', { key: column.key }, h('i', { class: 'bone' })))));
}

/** @param {State} state */
function failure({ list: { error } }) {
  return h('div', { class: 'blank', role: 'alert', key: 'failure', 'data-testid': 'list-error' },
    icon('alert'), h('h2', null, 'The list cannot be loaded'),
    h('p', null, h('code', null, error?.code), h('br', null), error?.message),
    h('button', { onclick: loadList, 'data-testid': 'retry' }, icon('refresh'), 'Try again'));
}

/** @param {State} state */
function nothing({ route }) {
  const narrowed = route.keyword !== '' || Object.keys(route.filters).length > 0;
  return h('div', { class: 'blank', key: 'nothing', 'data-testid': 'list-empty' },
    icon(narrowed ? 'search' : 'cube'), h('h2', null, narrowed ? 'Nothing matches' : 'Nothing here yet'),
    narrowed
      ? h('button', { onclick: () => go({ filters: {}, keyword: '' }) }, 'Clear filters')
      : h('button', { class: 'primary', onclick: startCreate }, icon('plus'), 'Create a resource'));
}
