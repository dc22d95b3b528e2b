//@ts-check
// What there is, at a glance: a tile for each provider, and where it all is.

import { h } from '../dom.js';
import { count, providerName } from '../format.js';
import { icon, providerMark, typeIcon } from '../icons.js';
import { loadOverview, loadRegionCounts } from '../inventory.js';
import { visit } from '../route.js';
import { bones, failed, nothing } from './states.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').OverviewRow} OverviewRow */

/** Types of a provider and regions that a tile has room for. */
const TYPES = 6;
const REGIONS = 12;

/** @param {State} state */
export function overviewPage(state) {
  const { overview } = state;
  return h('main', { class: 'content scrolled', id: 'content', tabindex: '-1', 'aria-busy': overview.status === 'loading' },
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1' }, 'Overview'),
      h('span', { class: 'space' }),
      h('button', { class: 'icon-only', 'aria-label': 'Reload', title: 'Reload', onclick: () => { loadOverview(); loadRegionCounts(); } }, icon('refresh'))),
    body(state));
}

/** @param {State} state */
function body(state) {
  const { status, rows, regions } = state.overview;
  if (status === 'failed') return failed('The overview', null, loadOverview);
  if (status === 'loading') return bones(8);
  if (rows.length === 0) return nothing('cube', 'Nothing here yet', h('p', null, 'Resources appear here once a collector has run, or somebody has created one.'));
  const providers = [...new Set(rows.map((row) => row.provider))];
  const tiles = providers.map((provider) => ({ provider, rows: rows.filter((row) => row.provider === provider) }))
    .sort((one, other) => sum(other.rows) - sum(one.rows));
  return h('div', { class: 'overview', key: 'overview' },
    h('dl', { class: 'figures' },
      figure('Resources', sum(rows), 'figure-resources'),
      figure('Providers', providers.length, 'figure-providers'),
      figure('Types', rows.length, 'figure-types'),
      figure('Regions', regions.length, 'figure-regions')),
    h('div', { class: 'tiles' },
      tiles.map((tile) => providerTile(tile.provider, tile.rows)),
      regions.length > 0 && regionTile(state)));
}

/** @param {string} name @param {number} value @param {string} testid */
function figure(name, value, testid) {
  return h('div', null, h('dt', null, name), h('dd', { 'data-testid': testid }, count(value)));
}

/** @param {string} provider @param {OverviewRow[]} rows */
function providerTile(provider, rows) {
  const greatest = Math.max(...rows.map((row) => row.resources));
  return h('section', { class: 'card-tile', key: provider, 'aria-labelledby': `tile-${provider}` },
    h('h2', { id: `tile-${provider}` },
      h('button', { class: 'tile-head', 'data-testid': `tile-${provider}`, onclick: () => visit({ view: 'resources', filters: { provider: [provider] } }) },
        providerMark(provider), h('span', { class: 'grow' }, providerName(provider)), h('strong', null, count(sum(rows))))),
    h('ul', null, rows.slice(0, TYPES).map((row) => h('li', { key: `${row.cloud_service_group} ${row.cloud_service_type}` },
      meter(typeIcon(row.cloud_service_group, row.cloud_service_type), `${row.cloud_service_group} · ${row.cloud_service_type}`, row.resources, greatest,
        () => visit({ view: 'resources', filters: { provider: [provider], group: [row.cloud_service_group], type: [row.cloud_service_type] } }),
        `tile-${provider}-${row.cloud_service_group}-${row.cloud_service_type}`)))),
    rows.length > TYPES && h('p', { class: 'muted small pad' }, `and ${rows.length - TYPES} more types`));
}

/** @param {State} state */
function regionTile({ overview, regions: names }) {
  const shown = overview.regions.slice(0, REGIONS);
  const greatest = Math.max(...shown.map((row) => row.resources));
  return h('section', { class: 'card-tile', key: ' regions', 'aria-labelledby': 'tile-regions' },
    h('h2', { id: 'tile-regions', class: 'tile-head' }, icon('network'), h('span', { class: 'grow' }, 'Regions'), h('strong', null, count(overview.regions.length))),
    h('ul', null, shown.map(({ provider, region_code, resources }) => h('li', { key: `${provider} ${region_code}` },
      meter(provider, names.find((one) => one.provider === provider && one.region_code === region_code)?.name ?? region_code, resources, greatest,
        () => visit({ view: 'resources', filters: { provider: [provider], region: [region_code] } }), `region-${region_code}`)))));
}

/** A name, a bar and a number; the whole is a way to what it counts.
 * @param {string} mark @param {string} name @param {number} value @param {number} greatest @param {() => void} onclick @param {string} testid */
function meter(mark, name, value, greatest, onclick, testid) {
  return h('button', { class: 'meter', onclick, title: name, 'data-testid': testid },
    testid.startsWith('region-') ? providerMark(mark) : icon(mark),
    h('span', { class: 'cut' }, name),
    h('span', { class: 'track', 'aria-hidden': 'true' }, h('i', { style: { width: `${Math.max(2, (100 * value) / greatest)}%` } })),
    h('span', { class: 'count' }, count(value)));
}

/** @param {OverviewRow[]} rows */
const sum = (rows) => rows.reduce((total, row) => total + row.resources, 0);
