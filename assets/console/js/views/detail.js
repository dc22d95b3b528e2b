//@ts-check
// One resource: its fields, tags and data, and what can be done with it.

import { h } from '../dom.js';
import { rename, startRemoval } from '../edit.js';
import { ago, moment, providerName, tone, words } from '../format.js';
import { icon, providerMark, typeIcon } from '../icons.js';
import { loadDetail } from '../inventory.js';
import { go, visit } from '../route.js';
import { amend, offers, toast } from '../store.js';
import { tree } from './tree.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').CloudService} CloudService */

/** @param {State} state */
export function detailPanel(state) {
  const { detail } = state;
  const { item } = detail;
  return h('aside', { class: 'panel', 'aria-label': 'Resource', 'data-testid': 'detail', key: 'panel' },
    h('div', { class: 'panel-head' },
      item && h('span', { class: 'tile' }, icon(typeIcon(item.cloud_service_group ?? '', item.cloud_service_type ?? ''))),
      item ? heading(detail, item) : h('span', { class: 'grow' }),
      h('button', { class: 'quiet icon-only', 'aria-label': 'Close', title: 'Close (Esc)', 'data-testid': 'detail-close', onclick: () => go({ id: '' }), key: 'close', mounted: (/** @type {HTMLElement} */ button) => button.focus() }, icon('close'))),
    detail.status === 'failed' && h('div', { class: 'notice bad', role: 'alert' }, icon('alert'),
      h('div', null, h('strong', null, detail.error?.code), h('br', null), detail.error?.message, ' ', h('button', { class: 'link', onclick: loadDetail }, 'Try again'))),
    item && h('div', { class: 'tabs', role: 'tablist' }, tab(detail, 'fields', 'Details'), tab(detail, 'data', 'Data'), tab(detail, 'json', 'JSON')),
    item && h('div', { class: 'panel-body', role: 'tabpanel' }, detail.tab === 'json' ? json(item) : detail.tab === 'data' ? data(item) : fields(state, item)),
    item && h('div', { class: 'panel-foot' },
      item.reference?.external_link && h('a', { class: 'button', href: item.reference.external_link, target: '_blank', rel: 'noreferrer noopener' }, icon('out'), 'Open at provider'),
      h('span', { class: 'space' }),
      h('button', { class: 'danger', onclick: () => startRemoval([item]), 'data-testid': 'delete-button' }, icon('trash'), 'Delete')));
}

/** @param {State['detail']} detail @param {CloudService} item */
function heading(detail, item) {
  if (detail.name === null) {
    return h('div', { class: 'grow', key: 'title' },
      h('h2', { 'data-testid': 'detail-name' }, item.name || item.cloud_service_id),
      h('p', { class: 'muted small' }, `${item.cloud_service_group} · ${item.cloud_service_type}`),
      h('button', { class: 'quiet icon-only rename', 'aria-label': 'Rename', title: 'Rename', 'data-testid': 'rename-button', onclick: () => amend('detail', { name: item.name ?? '' }) }, icon('pencil')));
  }
  return h('form', { class: 'grow rename-form', key: 'rename', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); rename(); } },
    h('input', {
      'aria-label': 'New name', value: detail.name, 'data-testid': 'rename-input', disabled: detail.busy,
      oninput: (/** @type {any} */ event) => amend('detail', { name: event.target.value }),
      onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === 'Escape') { event.stopPropagation(); amend('detail', { name: null }); } },
      mounted: (/** @type {HTMLInputElement} */ input) => { input.focus(); input.select(); },
    }),
    h('button', { class: 'primary icon-only', 'aria-label': 'Save', type: 'submit', disabled: detail.busy, 'data-testid': 'rename-save' }, icon('check')));
}

/** @param {State['detail']} detail @param {State['detail']['tab']} name @param {string} text */
function tab(detail, name, text) {
  return h('button', { role: 'tab', class: 'tab', 'aria-selected': detail.tab === name, 'data-testid': `tab-${name}`, onclick: () => amend('detail', { tab: name }) }, text);
}

/** @param {State} state @param {CloudService} item */
function fields(state, item) {
  const region = state.regions.find((one) => one.region_code === item.region_code && one.provider === item.provider);
  const tags = tagList(item.tags ?? {});
  return [
    h('dl', null,
      field('State', item.state && h('span', { class: `state ${tone(item.state)}` }, words(item.state))),
      field('Provider', item.provider && h('span', { class: 'pair' }, providerMark(item.provider), providerName(item.provider))),
      field('Region', item.region_code && (region && region.name !== item.region_code ? `${region.name} (${item.region_code})` : item.region_code)),
      field('Account', item.account),
      field('Instance type', item.instance_type),
      field('IP addresses', item.ip_addresses?.length && h('span', { class: 'mono' }, item.ip_addresses.join(', '))),
      field('ID', copyable(item.cloud_service_id)),
      field('Resource ID', item.reference?.resource_id && copyable(item.reference.resource_id)),
      field('Project', item.project_id),
      field('Created', item.created_at && when(item.created_at)),
      field('Updated', item.updated_at && when(item.updated_at))),
    collection(state, item),
    h('h3', null, 'Tags'),
    tags.length === 0 ? h('p', { class: 'muted small' }, 'No tags.') : h('ul', { class: 'chips' }, tags.map(([key, value]) =>
      h('li', null, h('span', { class: 'chip' }, h('span', { class: 'muted' }, key), ' ', value)))),
  ];
}

/** @param {string} name @param {any} value */
function field(name, value) {
  return value ? [h('dt', null, name), h('dd', null, value)] : null;
}

/** @param {string} iso */
function when(iso) {
  return h('time', { datetime: iso, title: iso }, `${moment(iso)} (${ago(iso)})`);
}

/** @param {string} text */
function copyable(text) {
  return h('button', {
    class: 'copy mono', title: 'Copy',
    onclick: () => navigator.clipboard?.writeText(text).then(() => toast('good', 'Copied.'), () => toast('bad', 'The browser does not allow copying.')),
  }, text, icon('copy'));
}

/** Tags come plain, or by provider and hash with key and value inside.
 * @param {Record<string, any>} tags @returns {[string, string][]} */
function tagList(tags) {
  return Object.entries(tags).flatMap(([key, value]) => {
    if (typeof value !== 'object' || value === null) return [/** @type {[string, string]} */ ([key, String(value)])];
    if ('key' in value) return [/** @type {[string, string]} */ ([value.key, String(value.value ?? '')])];
    return tagList(value);
  });
}

/** Who found it, and when.
 * @param {State} state @param {CloudService} item */
function collection({ collectors }, { collection_info: info }) {
  if (!info?.collector_id && !info?.last_collected_at) return [h('h3', null, 'Collection'), h('p', { class: 'muted small' }, 'Made by hand; no collector has seen it.')];
  const collector = collectors.rows.find((one) => one.collector_id === info.collector_id);
  const link = offers('/inventory/collector/list') && info.collector_id;
  return [
    h('h3', null, 'Collection'),
    h('dl', { 'data-testid': 'detail-collection' },
      field('Collector', link ? h('button', { class: 'link', onclick: () => visit({ view: 'collectors', id: info.collector_id }) }, collector?.name ?? info.collector_id) : info.collector_id),
      field('Collected', info.last_collected_at && when(info.last_collected_at)),
      field('Service account', info.service_account_id && copyable(info.service_account_id)),
      field('Secret', info.secret_id && copyable(info.secret_id))),
  ];
}

/** @param {CloudService} item */
function data(item) {
  const inside = item.data ?? {};
  if (Object.keys(inside).length === 0) return h('p', { class: 'muted small' }, 'No data.');
  return h('div', { class: 'tree', key: item.cloud_service_id, 'data-testid': 'detail-tree' }, tree(inside));
}

/** @param {CloudService} item */
function json(item) {
  return h('pre', { class: 'json', tabindex: '0', 'aria-label': 'Data', 'data-testid': 'detail-json' }, JSON.stringify(item.data ?? {}, null, 2));
}
