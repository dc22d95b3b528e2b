//@ts-check
// Changing the inventory: create, rename, delete.

import { call } from './api.js';
import { problem } from './http.js';
import { loadDetail, loadList, loadOverview } from './inventory.js';
import { go } from './route.js';
import { amend, state, toast, update } from './store.js';

/** Deletions under way at the same time; more would only queue up behind one connection. */
const DELETIONS_AT_ONCE = 4;

/** Opens the create dialog, filled in as far as the filters say. */
export function startCreate() {
  const { provider, type, region } = state.route.filters;
  update({
    draft: {
      provider: provider?.[0] ?? '', type: '', name: '', region: region?.[0] ?? '', account: '', ip: '', data: '{\n  \n}',
    },
    draftErrors: {},
    draftBusy: false,
  });
  const fits = state.types.find((one) => one.provider === provider?.[0] && one.name === type?.[0]);
  if (fits) editDraft({ type: `${fits.group}/${fits.name}` });
}

/** @param {Partial<import('./types').Draft>} patch */
export function editDraft(patch) {
  if (!state.draft) return;
  const draftErrors = { ...state.draftErrors };
  for (const key of Object.keys(patch)) delete draftErrors[/** @type {keyof import('./types').Draft} */ (key)];
  update({ draft: { ...state.draft, ...patch }, draftErrors });
}

/** Closes the create dialog. */
export function cancelCreate() {
  if (!state.draftBusy) update({ draft: null, draftErrors: {} });
}

/** Checks the draft and creates the resource. */
export async function create() {
  const draft = state.draft;
  if (!draft || state.draftBusy) return;
  const { errors, data, addresses } = check(draft);
  if (Object.keys(errors).length > 0) return update({ draftErrors: errors });
  const [group, type] = draft.type.split('/');
  update({ draftBusy: true, draftErrors: {} });
  try {
    const created = await call('/inventory/cloud-service/create', {
      provider: draft.provider,
      cloud_service_group: group,
      cloud_service_type: type,
      name: draft.name.trim(),
      region_code: draft.region || undefined,
      account: draft.account.trim() || undefined,
      ip_addresses: addresses,
      data,
      reference: {},
    });
    update({ draft: null, draftBusy: false });
    toast('good', `Created ${created.name}.`);
    go({ id: created.cloud_service_id });
    await Promise.all([loadList(), loadOverview()]);
  } catch (error) {
    const { code, message } = problem(error);
    update({ draftBusy: false, draftErrors: { form: `${code}: ${message}` } });
  }
}

/** @param {import('./types').Draft} draft */
function check(draft) {
  /** @type {import('./types').State['draftErrors']} */
  const errors = {};
  /** @type {Record<string, unknown>} */
  let data = {};
  if (!draft.provider) errors.provider = 'Choose a provider.';
  if (!draft.type) errors.type = 'Choose a type.';
  if (!draft.name.trim()) errors.name = 'Enter a name.';
  const addresses = draft.ip.split(/[\s,]+/).filter(Boolean);
  const strange = addresses.find((address) => !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.test(address));
  if (strange) errors.ip = `“${strange}” is not an IP address.`;
  try {
    data = JSON.parse(draft.data.trim() || '{}');
    if (typeof data !== 'object' || data === null || Array.isArray(data)) errors.data = 'Enter a JSON object: { … }';
  } catch (error) {
    errors.data = `Not valid JSON: ${error instanceof Error ? error.message : error}`;
  }
  return { errors, data, addresses };
}

/** Gives the resource in the detail panel the name in its field. */
export async function rename() {
  const { item, name, busy } = state.detail;
  const wanted = name?.trim() ?? '';
  if (!item || busy) return;
  if (wanted === '' || wanted === item.name) return amend('detail', { name: null });
  amend('detail', { busy: true });
  try {
    const changed = await call('/inventory/cloud-service/update', { cloud_service_id: item.cloud_service_id, name: wanted });
    amend('detail', { busy: false, name: null, item: { ...item, ...changed } });
    toast('good', `Renamed to ${wanted}.`);
    await loadList();
  } catch (error) {
    amend('detail', { busy: false });
    const { code, message } = problem(error);
    toast('bad', `Not renamed. ${code}: ${message}`);
  }
}

/** Asks whether these are to be deleted.
 * @param {import('./types').CloudService[]} rows */
export function startRemoval(rows) {
  const ids = rows.map((row) => row.cloud_service_id);
  update({ removal: { what: 'resource', ids, names: rows.map((row) => row.name || row.cloud_service_id), busy: false } });
}

/** Closes the question. */
export function cancelRemoval() {
  if (!state.removal?.busy) update({ removal: null });
}

/** Deletes what the question named. */
export async function remove() {
  const removal = state.removal;
  if (!removal || removal.busy) return;
  amend('removal', { busy: true });
  const waiting = [...removal.ids];
  /** @type {string[]} */
  const failures = [];
  const worker = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await call('/inventory/cloud-service/delete', { cloud_service_id: id });
      } catch (error) {
        const { code, message } = problem(error);
        failures.push(`${code}: ${message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE }, worker));
  const gone = removal.ids.length - failures.length;
  update({ removal: null });
  if (gone > 0) toast('good', gone === 1 && removal.names.length === 1 ? `Deleted ${removal.names[0]}.` : `Deleted ${gone} resources.`);
  if (failures.length > 0) toast('bad', `${failures.length} not deleted. ${failures[0]}`);
  amend('list', { selected: new Set() });
  if (removal.ids.includes(state.route.id)) {
    if (gone > 0) go({ id: '' });
    else loadDetail();
  }
  await Promise.all([loadList(), loadOverview()]);
}
