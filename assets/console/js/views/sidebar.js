//@ts-check
// The pages, and what there is, counted: everything, servers, and every provider's groups and types.

import { h } from '../dom.js';
import { count, providerName } from '../format.js';
import { icon, providerMark, typeIcon } from '../icons.js';
import { loadOverview, serverTypes } from '../inventory.js';
import { visit } from '../route.js';
import { offers, state as current, update } from '../store.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').OverviewRow} OverviewRow */

/** @param {State} state */
export function sidebar(state) {
  const { overview, route, menu, session } = state;
  const plain = Object.keys(route.filters).length === 0;
  return h('nav', { class: menu === 'sidebar' ? 'side open' : 'side', 'aria-label': 'Console', 'data-testid': 'sidebar' },
    h('ul', null,
      offers('/inventory/cloud-service/analyze') && entry('home', 'Overview', null, route.view === 'overview', () => visit({ view: 'overview' }), 'nav-overview'),
      entry('all', 'All resources', sum(overview.rows), plain && route.view === 'resources', () => visit({ view: 'resources', filters: {} }), 'nav-all'),
      entry('server', 'Servers', sum(servers(overview.rows)), plain && route.view === 'servers', () => visit({ view: 'servers', filters: {} }), 'nav-servers'),
      offers('/inventory/collector/list') && entry('collect', 'Collectors', null, route.view === 'collectors', () => visit({ view: 'collectors' }), 'nav-collectors'),
      offers('/cost-analysis/cost/analyze') && offers('/cost-analysis/data-source/list') && entry('coins', 'Costs', null, route.view === 'costs', () => visit({ view: 'costs' }), 'nav-costs'),
      session?.admin && offers('/identity/workspace/list') && entry('rooms', 'Workspaces', null, route.view === 'workspaces', () => visit({ view: 'workspaces' }), 'nav-workspaces')),
    h('h2', null, 'Providers'),
    overview.status === 'loading' && h('div', { class: 'bones', 'aria-hidden': 'true' }, [1, 2, 3, 4, 5].map(() => h('i', { class: 'bone' }))),
    overview.status === 'failed' && h('p', { class: 'small muted pad' }, 'Counts cannot be loaded. ', h('button', { class: 'link', onclick: loadOverview }, 'Try again')),
    h('ul', null, by(overview.rows, 'provider').map(([provider, rows]) => providerEntry(state, provider, rows))));
}

/** @param {State} state @param {string} provider @param {OverviewRow[]} rows */
function providerEntry({ route, folded }, provider, rows) {
  const chosen = route.view === 'resources' && route.filters.provider?.length === 1 && route.filters.provider[0] === provider;
  const open = !folded.has(provider);
  return h('li', { key: provider },
    h('div', { class: 'entry-row' },
      h('button', {
        class: 'entry', 'aria-current': chosen && !route.filters.group ? 'page' : 'false', 'data-testid': `nav-provider-${provider}`,
        onclick: () => visit({ view: 'resources', filters: { provider: [provider] } }),
      }, providerMark(provider), h('span', { class: 'grow' }, providerName(provider)), h('span', { class: 'count' }, count(sum(rows)))),
      h('button', { class: 'quiet icon-only fold', 'aria-expanded': open, 'aria-label': `${providerName(provider)} types`, onclick: () => fold(provider) }, icon(open ? 'up' : 'down'))),
    open && h('ul', { class: 'inner' }, by(rows, 'cloud_service_group').flatMap(([group, types]) => types.map((row) =>
      entry(typeIcon(group, row.cloud_service_type), title(row, types.length), row.resources,
        chosen && route.filters.group?.[0] === group && route.filters.type?.[0] === row.cloud_service_type,
        () => visit({ view: 'resources', filters: { provider: [provider], group: [group], type: [row.cloud_service_type] } }),
        `nav-type-${group}-${row.cloud_service_type}`)))));
}

/** Group and type in one line; most groups have one type that says nothing new.
 * @param {OverviewRow} row @param {number} siblings */
function title(row, siblings) {
  if (siblings === 1 && row.cloud_service_type === 'Instance') return row.cloud_service_group;
  return `${row.cloud_service_group} · ${row.cloud_service_type}`;
}

/** @param {string} drawing @param {string} text @param {number | null} resources @param {boolean} current @param {() => void} onclick @param {string} testid */
function entry(drawing, text, resources, current, onclick, testid) {
  return h('li', { key: testid },
    h('button', { class: 'entry', 'aria-current': current ? 'page' : 'false', onclick, title: text, 'data-testid': testid },
      icon(drawing), h('span', { class: 'grow' }, text), resources !== null && h('span', { class: 'count' }, count(resources))));
}

/** @param {string} provider */
function fold(provider) {
  const next = new Set(current.folded);
  if (!next.delete(provider)) next.add(provider);
  update({ folded: next });
}

/** @param {OverviewRow[]} rows */
function servers(rows) {
  const names = new Set(serverTypes().map((type) => `${type.provider}/${type.group}/${type.name}`));
  return rows.filter((row) => names.has(`${row.provider}/${row.cloud_service_group}/${row.cloud_service_type}`));
}

/** @param {OverviewRow[]} rows */
const sum = (rows) => rows.reduce((total, row) => total + row.resources, 0);

/** Rows by one of their fields, the biggest heap first.
 * @param {OverviewRow[]} rows @param {'provider' | 'cloud_service_group'} field @returns {[string, OverviewRow[]][]} */
function by(rows, field) {
  /** @type {Map<string, OverviewRow[]>} */
  const heaps = new Map();
  for (const row of rows) heaps.set(row[field], [...(heaps.get(row[field]) ?? []), row]);
  return [...heaps].sort((one, other) => sum(other[1]) - sum(one[1]));
}
