//@ts-check
// The dialog that creates a collector or changes one.

import { call } from './api.js';
import { loadCollectors } from './collectors.js';
import { problem } from './http.js';
import { formFields, fromValues, parseOptions, toValues } from './options.js';
import { go } from './route.js';
import { amend, offers, state, toast, update } from './store.js';

/** @typedef {import('./types').Collector} Collector */
/** @typedef {import('./types').CollectorDraft} CollectorDraft */

/** @type {CollectorDraft} */
const EMPTY = {
  id: '', plugin: '', name: '', provider: '', version: '', versions: [], enabled: false, hours: [0], schema: null, asking: false,
  mode: 'json', values: {}, json: '{}', busy: false, errors: {},
};

/** Opens the dialog for a new collector, or for this one.
 * @param {Collector} [collector] */
export function startCollector(collector) {
  if (!collector) {
    update({ collectorDraft: EMPTY });
    if (state.plugins.length === 1) choosePlugin(state.plugins[0].plugin_id);
    return;
  }
  const { plugin_info: info, schedule } = collector;
  const plugin = info?.plugin_id ?? '';
  const schema = info?.metadata?.options_schema ?? schemaOf(plugin);
  const options = info?.options ?? {};
  update({
    collectorDraft: {
      ...EMPTY, id: collector.collector_id, plugin, name: collector.name, version: info?.upgrade_mode === 'MANUAL' ? (info.version ?? '') : '',
      enabled: schedule?.state === 'ENABLED', hours: schedule?.hours ?? [], ...filledIn(schema, options),
    },
  });
  loadVersions(plugin);
}

/** @param {string} plugin_id */
export function choosePlugin(plugin_id) {
  const draft = state.collectorDraft;
  if (!draft) return;
  const plugin = state.plugins.find((one) => one.plugin_id === plugin_id);
  const [provider = '', ...others] = providersOf(plugin);
  amend('collectorDraft', {
    plugin: plugin_id, name: draft.name || (plugin?.name ?? ''), provider: others.length > 0 ? '' : provider, version: '', versions: [], errors: {},
    ...filledIn(schemaOf(plugin_id), plugin?.capability?.options ?? {}),
  });
  loadVersions(plugin_id);
}

/** Providers that a plugin can collect from.
 * @param {import('./types').Plugin | undefined} plugin @returns {string[]} */
export function providersOf(plugin) {
  return plugin?.capability?.supported_providers ?? (plugin?.provider ? [plugin.provider] : []);
}

/** The catalogue may know what options a plugin takes.
 * @param {string} plugin_id @returns {Record<string, any> | null} */
function schemaOf(plugin_id) {
  const plugin = state.plugins.find((one) => one.plugin_id === plugin_id);
  return plugin?.capability?.options_schema ?? plugin?.docs?.options_schema ?? null;
}

/** @param {Record<string, any> | null} schema @param {Record<string, any>} options @returns {Pick<CollectorDraft, 'schema' | 'mode' | 'values' | 'json'>} */
function filledIn(schema, options) {
  return {
    schema, mode: formFields(schema).length > 0 ? 'form' : 'json', values: toValues(schema, options), json: JSON.stringify(options, null, 2),
  };
}

/** @param {string} plugin_id */
async function loadVersions(plugin_id) {
  if (!plugin_id || !offers('/repository/plugin/get-versions')) return;
  try {
    const answer = await call('/repository/plugin/get-versions', { plugin_id });
    if (state.collectorDraft?.plugin === plugin_id) amend('collectorDraft', { versions: answer.results ?? answer.version ?? [] });
  } catch {
    // Without a list there is still the newest.
  }
}

/** Whether the plugin itself can be asked for its options. */
export const canAsk = () => offers('/plugin/plugin/get-plugin-metadata');

/** Asks the plugin for its options; it is started for that if it does not run. */
export async function askPlugin() {
  const draft = state.collectorDraft;
  if (!draft || draft.asking || !draft.plugin) return;
  amend('collectorDraft', { asking: true, errors: {} });
  const { options } = parseOptions(draft.json);
  try {
    const version = draft.version ? { version: draft.version, upgrade_mode: 'MANUAL' } : { upgrade_mode: 'AUTO' };
    const { metadata } = await call('/plugin/plugin/get-plugin-metadata', { plugin_id: draft.plugin, options, ...version });
    if (state.collectorDraft?.plugin !== draft.plugin) return;
    amend('collectorDraft', { asking: false, ...filledIn(metadata?.options_schema ?? null, options) });
    if (formFields(metadata?.options_schema).length === 0) amend('collectorDraft', { errors: { options: 'The plugin names no options.' } });
  } catch (error) {
    const { code, message } = problem(error);
    if (state.collectorDraft) amend('collectorDraft', { asking: false, errors: { options: `${code}: ${message}` } });
  }
}

/** @param {Partial<CollectorDraft>} patch */
export function editCollector(patch) {
  if (!state.collectorDraft) return;
  const errors = { ...state.collectorDraft.errors };
  for (const key of Object.keys(patch)) delete errors[key];
  amend('collectorDraft', { ...patch, errors });
}

/** Shows the options the other way; what was entered comes along.
 * @param {'form' | 'json'} mode */
export function showOptions(mode) {
  const draft = state.collectorDraft;
  if (!draft || draft.mode === mode) return;
  const parsed = parseOptions(draft.json);
  if (mode === 'form') {
    if (parsed.error) return editErrors({ options: parsed.error });
    return amend('collectorDraft', { mode, values: toValues(draft.schema, parsed.options), errors: {} });
  }
  const { options } = fromValues(draft.schema, draft.values, parsed.options);
  amend('collectorDraft', { mode, json: JSON.stringify(options, null, 2), errors: {} });
}

/** @param {Record<string, string>} errors */
const editErrors = (errors) => amend('collectorDraft', { errors });

/** Closes the dialog. */
export function cancelCollector() {
  if (!state.collectorDraft?.busy) update({ collectorDraft: null });
}

/** Checks the draft, and creates or changes the collector. */
export async function saveCollector() {
  const draft = state.collectorDraft;
  if (!draft || draft.busy) return;
  const { errors, options } = check(draft);
  if (Object.keys(errors).length > 0) return editErrors(errors);
  amend('collectorDraft', { busy: true, errors: {} });
  try {
    const saved = draft.id ? await change(draft, options) : await create(draft, options);
    update({ collectorDraft: null });
    toast('good', draft.id ? `Saved ${draft.name.trim()}.` : `Created ${draft.name.trim()}.`);
    await loadCollectors();
    if (!draft.id) go({ view: 'collectors', id: saved.collector_id ?? '', job: '' });
  } catch (error) {
    const { code, message } = problem(error);
    if (state.collectorDraft) amend('collectorDraft', { busy: false, errors: { form: `${code}: ${message}` } });
  }
}

/** @param {CollectorDraft} draft */
function check(draft) {
  /** @type {Record<string, string>} */
  const errors = {};
  if (!draft.plugin) errors.plugin = 'Choose a plugin.';
  if (!draft.name.trim()) errors.name = 'Enter a name.';
  if (draft.enabled && draft.hours.length === 0) errors.hours = 'Choose at least one hour, or switch the schedule off.';
  const parsed = parseOptions(draft.json);
  if (draft.mode === 'json') {
    if (parsed.error) errors.options = parsed.error;
    return { errors, options: parsed.options };
  }
  const form = fromValues(draft.schema, draft.values, parsed.options);
  for (const [name, complaint] of Object.entries(form.errors)) errors[`option ${name}`] = complaint;
  return { errors, options: form.options };
}

/** @param {CollectorDraft} draft */
const schedule = (draft) => ({ state: draft.enabled ? 'ENABLED' : 'DISABLED', hours: draft.hours });

/** @param {CollectorDraft} draft */
const version = (draft) => (draft.version ? { version: draft.version, upgrade_mode: 'MANUAL' } : { upgrade_mode: 'AUTO' });

/** @param {CollectorDraft} draft @param {Record<string, any>} options */
function create(draft, options) {
  return call('/inventory/collector/create', {
    name: draft.name.trim(),
    plugin_info: { plugin_id: draft.plugin, options, ...version(draft) },
    schedule: schedule(draft),
    provider: draft.provider || undefined,
    resource_group: 'WORKSPACE',
    workspace_id: state.session?.workspace?.workspace_id,
  });
}

/** Two methods have a part in it; the second is needed only for what it can change.
 * @param {CollectorDraft} draft @param {Record<string, any>} options */
async function change(draft, options) {
  const collector_id = draft.id;
  const before = state.collectors.rows.find((one) => one.collector_id === collector_id)?.plugin_info;
  const saved = await call('/inventory/collector/update', { collector_id, name: draft.name.trim(), schedule: schedule(draft) });
  const pinned = before?.upgrade_mode === 'MANUAL' ? (before.version ?? '') : '';
  if (JSON.stringify(before?.options ?? {}) === JSON.stringify(options) && pinned === draft.version) return saved;
  return call('/inventory/collector/update-plugin', { collector_id, options, ...version(draft) });
}
