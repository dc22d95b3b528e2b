//@ts-check
// The address bar, both ways: what is shown can be sent to somebody as a link.

import { state, update } from './store.js';

/** Filters that a link can carry: name in the address, field in the query, title on the page. */
export const FILTERS = [
  { name: 'provider', field: 'provider', title: 'Provider' },
  { name: 'group', field: 'cloud_service_group', title: 'Group' },
  { name: 'type', field: 'cloud_service_type', title: 'Type' },
  { name: 'region', field: 'region_code', title: 'Region' },
  { name: 'account', field: 'account', title: 'Account' },
  { name: 'state', field: 'state', title: 'State' },
];

/** Page sizes on offer; the API would take up to 1000. */
export const SIZES = [10, 25, 50, 100];

const DEFAULT_SORT = '-created_at';
const DEFAULT_SIZE = 25;

/** Where each view is.
 * @type {Record<import('./types').View, string>} */
const PATHS = {
  overview: '/inventory/overview', resources: '/inventory/resources', servers: '/inventory/servers',
  collectors: '/inventory/collectors', costs: '/costs', workspaces: '/workspaces',
};

/** Whether a view is a list of resources, with a panel beside it.
 * @param {import('./types').View} view */
export const isList = (view) => view === 'resources' || view === 'servers';

/** What costs can be grouped by. */
export const GROUPINGS = [
  { field: 'product', title: 'Product' },
  { field: 'provider', title: 'Provider' },
  { field: 'region_code', title: 'Region' },
];

/** Months on offer for the cost chart. */
export const MONTHS = ['3', '6', '12'];

/** @param {URL} url @returns {import('./types').Route} */
export function parse(url) {
  const query = url.searchParams;
  const size = Number(query.get('size'));
  /** @type {Record<string, string[]>} */
  const filters = {};
  for (const { name } of FILTERS) if (query.has(name)) filters[name] = query.getAll(name);
  return {
    view: viewAt(url.pathname),
    filters,
    keyword: query.get('q') ?? '',
    sort: query.get('sort') || DEFAULT_SORT,
    page: Math.max(1, Math.trunc(Number(query.get('page'))) || 1),
    size: SIZES.includes(size) ? size : DEFAULT_SIZE,
    id: query.get('id') ?? '',
    job: query.get('job') ?? '',
    cost: parseCost(query),
  };
}

/** @param {string} path @returns {import('./types').View} */
function viewAt(path) {
  const found = Object.entries(PATHS).find(([, known]) => known === path);
  return /** @type {import('./types').View} */ (found?.[0] ?? 'resources');
}

/** @param {URLSearchParams} query @returns {import('./types').CostView} */
function parseCost(query) {
  const daily = query.get('granularity') === 'DAILY';
  const period = query.get('period') ?? '';
  const by = query.get('by') ?? '';
  const month = /^\d{4}-(0[1-9]|1[0-2])$/.test(period) ? period : new Date().toISOString().slice(0, 7);
  return {
    source: query.get('source') ?? '',
    by: GROUPINGS.some(({ field }) => field === by) ? by : 'product',
    granularity: daily ? 'DAILY' : 'MONTHLY',
    period: daily ? month : MONTHS.includes(period) ? period : '6',
  };
}

/** @param {import('./types').Route} route @returns {string} */
export function format(route) {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(route.filters)) for (const value of values) query.append(name, value);
  if (route.keyword) query.set('q', route.keyword);
  if (route.sort !== DEFAULT_SORT) query.set('sort', route.sort);
  if (route.page !== 1) query.set('page', String(route.page));
  if (route.size !== DEFAULT_SIZE) query.set('size', String(route.size));
  if (route.id) query.set('id', route.id);
  if (route.job) query.set('job', route.job);
  if (route.view === 'costs') {
    const { source, by, granularity, period } = route.cost;
    if (source) query.set('source', source);
    for (const [name, value] of Object.entries({ by, granularity, period })) query.set(name, value);
  }
  const text = query.toString();
  return PATHS[route.view] + (text ? `?${text}` : '');
}

/** Goes somewhere. Anything but another page or another row starts again at page 1.
 * @param {Partial<import('./types').Route>} patch @param {{ replace?: boolean }} [options] */
export function go(patch, options = {}) {
  const stays = Object.keys(patch).every((key) => key === 'page' || key === 'id' || key === 'job');
  const route = { ...state.route, ...(stays ? {} : { page: 1 }), ...patch };
  const url = format(route);
  if (url === format(state.route)) return;
  if (options.replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  show(route);
}

/** Adds or removes one value of a filter.
 * @param {string} name @param {string} value */
export function toggle(name, value) {
  const now = state.route.filters[name] ?? [];
  const next = now.includes(value) ? now.filter((one) => one !== value) : [...now, value];
  const filters = { ...state.route.filters, [name]: next };
  if (next.length === 0) delete filters[name];
  go({ filters });
}

/** Follows the address bar from now on. */
export function follow() {
  window.addEventListener('popstate', () => show(parse(new URL(location.href))));
  show(parse(new URL(location.href)));
}

/** Goes to another view, leaving behind what only the last one had.
 * @param {Partial<import('./types').Route>} patch */
export function visit(patch) {
  update({ menu: '' });
  go({ id: '', job: '', keyword: '', filters: {}, ...patch });
}

/** @param {import('./types').Route} route */
function show(route) {
  // Somebody who is typing keeps the space before the next word.
  const search = state.search.trim() === route.keyword ? state.search : route.keyword;
  update({ route, search, searchError: '' });
}
