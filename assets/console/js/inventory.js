//@ts-check
// Reading the inventory: counts, the list, one resource, the values a filter can take.

import { call, callV1 } from './api.js';
import { problem } from './http.js';
import { parseQuery } from './query.js';
import { FILTERS } from './route.js';
import { amend, state, update } from './store.js';

/** Shown when console-api (v1) has no page schema to offer. */
const PLAIN_COLUMNS = [
  { key: 'name', name: 'Name', type: 'text' },
  { key: 'cloud_service_type', name: 'Type', type: 'text' },
  { key: 'provider', name: 'Provider', type: 'text' },
  { key: 'region_code', name: 'Region', type: 'text' },
  { key: 'account', name: 'Account', type: 'text' },
  { key: 'state', name: 'State', type: 'state' },
  { key: 'ip_addresses', name: 'IP address', type: 'list' },
  { key: 'created_at', name: 'Created', type: 'datetime' },
];

const ACTIVE = { k: 'state', v: ['ACTIVE'], o: 'in' };

/** What changes rarely: types, regions. */
export async function loadReferences() {
  const [types, regions] = await Promise.allSettled([
    call('/inventory/cloud-service-type/list', { query: { only: ['name', 'provider', 'group', 'labels', 'resource_type'] } }),
    call('/inventory/region/list', { query: { only: ['name', 'region_code', 'provider'] } }),
  ]);
  update({
    types: types.status === 'fulfilled' ? (types.value.results ?? []) : [],
    regions: regions.status === 'fulfilled' ? (regions.value.results ?? []) : [],
  });
}

/** Counts per provider, group and type, for the sidebar and the overview. */
export async function loadOverview() {
  const query = {
    group_by: ['provider', 'cloud_service_group', 'cloud_service_type'],
    fields: { resources: { operator: 'count' } },
    filter: [ACTIVE],
    sort: [{ key: 'resources', desc: true }],
  };
  try {
    const answer = await call('/inventory/cloud-service/analyze', { query });
    amend('overview', { status: 'ready', rows: answer.results ?? [] });
  } catch {
    amend('overview', { status: 'failed' });
  }
}

/** Counts per region, for the overview. */
export async function loadRegionCounts() {
  const query = {
    group_by: ['provider', 'region_code'],
    fields: { resources: { operator: 'count' } },
    filter: [ACTIVE],
    sort: [{ key: 'resources', desc: true }],
  };
  try {
    const { results = [] } = await call('/inventory/cloud-service/analyze', { query });
    amend('overview', { regions: results.filter((/** @type {any} */ row) => row.region_code) });
  } catch {
    // The page says so for the counts, which fail with it.
  }
}

/** The table's columns for what is shown now. */
export async function loadColumns() {
  const view = state.route.view;
  const resource_type = view === 'servers' ? 'inventory.Server' : 'inventory.CloudService';
  let columns = PLAIN_COLUMNS;
  try {
    const answer = await callV1('/add-ons/page-schema/get', { schema: 'table', resource_type, options: {} });
    if (answer.options?.fields?.length) columns = answer.options.fields;
  } catch {
    // The list is worth more than its schema.
  }
  if (state.route.view === view) update({ columns });
}

/** Types that are servers: so labelled, or of the old resource type. */
export function serverTypes() {
  return state.types.filter(
    (type) => type.labels?.includes('Server') || type.resource_type === 'inventory.Server',
  );
}

/** The conditions of the route as the API's filters, leaving out one of them if told so.
 * @param {string} [without] Name of a filter. */
function conditions(without) {
  const { view, filters, keyword } = state.route;
  const filter = [...parseQuery(keyword).filter];
  if (view === 'servers' && serverTypes().length > 0) {
    filter.push({ k: 'cloud_service_group', v: distinct(serverTypes().map((type) => type.group)), o: 'in' });
    filter.push({ k: 'cloud_service_type', v: distinct(serverTypes().map((type) => type.name)), o: 'in' });
  }
  for (const { name, field } of FILTERS) {
    if (name !== without && filters[name]?.length) filter.push({ k: field, v: filters[name], o: 'in' });
  }
  return filter;
}

/** @param {string[]} values */
const distinct = (values) => [...new Set(values)];

/** @type {AbortController | null} */
let listing = null;

/** Loads the page of the list that the route asks for; a newer call takes the place of an older. */
export async function loadList() {
  listing?.abort();
  const mine = (listing = new AbortController());
  const { sort, page, size } = state.route;
  const { keyword, error } = parseQuery(state.route.keyword);
  if (error) return amend('list', { status: 'failed', busy: false, error: { status: 0, code: 'The search is not understood', message: error } });
  const descending = sort.startsWith('-');
  const query = {
    filter: conditions(),
    keyword: keyword || undefined,
    sort: [{ key: descending ? sort.slice(1) : sort, desc: descending }],
    page: { start: (page - 1) * size + 1, limit: size },
    only: distinct([
      ...state.columns.map((column) => column.key),
      'cloud_service_id', 'name', 'provider', 'cloud_service_group', 'cloud_service_type', 'region_code',
      'reference.resource_id', 'reference.external_link',
    ]),
  };
  amend('list', { busy: true, error: null });
  try {
    const answer = await call('/inventory/cloud-service/list', { query }, mine.signal);
    const rows = answer.results ?? [];
    const present = new Set(rows.map((/** @type {any} */ row) => row.cloud_service_id));
    const selected = new Set([...state.list.selected].filter((id) => present.has(id)));
    amend('list', { status: 'ready', busy: false, rows, total: answer.total_count ?? 0, selected });
  } catch (error) {
    if (!mine.signal.aborted) amend('list', { status: 'failed', busy: false, error: problem(error) });
  }
}

/** Loads the resource that the detail panel shows. */
export async function loadDetail() {
  const id = state.route.id;
  if (!id) return;
  const known = state.list.rows.find((row) => row.cloud_service_id === id) ?? null;
  const item = state.detail.item?.cloud_service_id === id ? state.detail.item : known;
  amend('detail', { status: 'loading', item, error: null, name: null });
  try {
    const answer = await call('/inventory/cloud-service/get', { cloud_service_id: id });
    if (state.route.id === id) amend('detail', { status: 'ready', item: answer });
  } catch (error) {
    if (state.route.id === id) amend('detail', { status: 'failed', error: problem(error) });
  }
}

/** Loads the values that a filter can take among what the other conditions leave.
 * @param {string} name Name of a filter. */
export async function loadChoices(name) {
  const field = FILTERS.find((filter) => filter.name === name)?.field;
  update({ choices: { key: name, status: 'loading', values: [], search: '' } });
  try {
    const answer = await callV1('/add-ons/autocomplete/distinct', {
      resource_type: 'inventory.CloudService',
      distinct_key: field,
      options: { filter: conditions(name), limit: 200 },
    });
    const values = (answer.results ?? []).map((/** @type {{ key: string }} */ result) => result.key).filter(Boolean);
    if (state.choices.key === name) amend('choices', { status: 'ready', values });
  } catch {
    if (state.choices.key === name) amend('choices', { status: 'failed' });
  }
}
