//@ts-check
// The dialog that creates a collector, or changes one.

import { askPlugin, canAsk, cancelCollector, choosePlugin, editCollector, providersOf, saveCollector, showOptions } from '../collector-draft.js';
import { h } from '../dom.js';
import { providerName } from '../format.js';
import { icon } from '../icons.js';
import { formFields } from '../options.js';
import { dialog } from './dialog.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').CollectorDraft} Draft */

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

/** @param {State} state */
export function collectorDialog(state) {
  const draft = /** @type {Draft} */ (state.collectorDraft);
  const { errors, busy } = draft;
  const save = draft.id ? 'Save' : 'Create';
  return dialog({
    title: draft.id ? 'Change the collector' : 'Create a collector', testid: 'collector-dialog', cancel: cancelCollector, submit: saveCollector,
    buttons: [
      h('button', { type: 'button', onclick: cancelCollector, disabled: busy }, 'Cancel'),
      h('button', { class: 'primary', type: 'submit', disabled: busy, 'data-testid': 'collector-save' }, busy ? 'Saving …' : save),
    ],
  },
  errors.form && h('p', { class: 'notice bad', role: 'alert', 'data-testid': 'collector-error' }, icon('alert'), errors.form),
  !draft.id && h('div', { class: 'columns' }, field('plugin', 'Plugin', errors, h('select', {
    value: draft.plugin, ...invalid('plugin', errors), 'data-testid': 'collector-plugin', onchange: (/** @type {any} */ event) => choosePlugin(event.target.value),
  }, h('option', { value: '' }, '–'), state.plugins.map((plugin) => h('option', { value: plugin.plugin_id, key: plugin.plugin_id }, plugin.name)))),
  field('provider', 'Provider', errors, h('select', { value: draft.provider, 'data-testid': 'collector-provider', onchange: (/** @type {any} */ event) => editCollector({ provider: event.target.value }) },
    h('option', { value: '' }, 'Any'), providersOf(state.plugins.find((one) => one.plugin_id === draft.plugin)).map((provider) => h('option', { value: provider, key: provider }, providerName(provider)))))),
  h('div', { class: 'columns' },
    field('name', 'Name', errors, h('input', {
      value: draft.name, ...invalid('name', errors), autocomplete: 'off', 'data-testid': 'collector-input-name', oninput: (/** @type {any} */ event) => editCollector({ name: event.target.value }),
    })),
    field('version', 'Version', errors, h('select', { value: draft.version, onchange: (/** @type {any} */ event) => editCollector({ version: event.target.value }) },
      h('option', { value: '' }, 'The newest, upgraded by itself'), versions(draft).map((version) => h('option', { value: version, key: version }, version))))),
  schedule(draft),
  options(draft));
}

/** @param {Draft} draft */
const versions = ({ version, versions: known }) => (version && !known.includes(version) ? [version, ...known] : known);

/** @param {Draft} draft */
function schedule({ enabled, hours, errors }) {
  return h('fieldset', { class: 'field' },
    h('legend', null, 'Schedule'),
    h('label', { class: 'choice flush' }, h('input', { type: 'checkbox', checked: enabled, 'data-testid': 'collector-enabled', onchange: () => editCollector({ enabled: !enabled, hours }) }), 'Collect every day at these hours (UTC)'),
    enabled && h('div', { class: 'hours', role: 'group', 'aria-label': 'Hours, UTC' }, HOURS.map((hour) => h('button', {
      type: 'button', key: hour, 'aria-pressed': hours.includes(hour), 'aria-label': `${hour}:00`, 'data-testid': `hour-${hour}`,
      onclick: () => editCollector({ hours: hours.includes(hour) ? hours.filter((one) => one !== hour) : [...hours, hour].sort((one, other) => one - other) }),
    }, String(hour).padStart(2, '0')))),
    complaint('hours', errors));
}

/** @param {Draft} draft */
function options(draft) {
  const { mode, schema, errors, asking, plugin } = draft;
  const fields = formFields(schema);
  return h('fieldset', { class: 'field' },
    h('legend', null, 'Options'),
    h('div', { class: 'tools' },
      fields.length > 0 && h('div', { class: 'segments', role: 'group', 'aria-label': 'Options as' },
        segment(draft, 'form', 'Form'), segment(draft, 'json', 'JSON')),
      fields.length === 0 && canAsk() && h('button', { type: 'button', disabled: asking || !plugin, onclick: askPlugin, 'data-testid': 'collector-ask' }, asking ? 'Asking the plugin …' : 'Ask the plugin what it takes')),
    mode === 'json'
      ? h('textarea', { rows: 6, class: 'mono', spellcheck: 'false', 'aria-label': 'Options as JSON', value: draft.json, ...invalid('options', errors), 'data-testid': 'collector-options-json', oninput: (/** @type {any} */ event) => editCollector({ json: event.target.value, errors: {} }) })
      : h('div', { class: 'columns' }, fields.map(([name, property]) => optionField(draft, name, property))),
    complaint('options', errors));
}

/** @param {Draft} draft @param {'form' | 'json'} mode @param {string} text */
function segment(draft, mode, text) {
  return h('button', { type: 'button', 'aria-pressed': draft.mode === mode, onclick: () => showOptions(mode), 'data-testid': `options-${mode}` }, text);
}

/** @param {Draft} draft @param {string} name @param {Record<string, any>} property */
function optionField(draft, name, property) {
  const { values, errors } = draft;
  const title = property.title ?? name;
  const set = (/** @type {string | boolean} */ value) => editCollector({ values: { ...values, [name]: value } });
  const common = { ...invalid(`option ${name}`, errors), 'data-testid': `option-${name}`, key: name };
  if (property.type === 'boolean') {
    return h('label', { class: 'choice flush', key: name }, h('input', { type: 'checkbox', checked: values[name] === true, onchange: () => set(values[name] !== true), 'data-testid': `option-${name}` }), title);
  }
  const control = Array.isArray(property.enum)
    ? h('select', { ...common, value: values[name] ?? '', onchange: (/** @type {any} */ event) => set(event.target.value) },
      h('option', { value: '' }, '–'), property.enum.map((one) => h('option', { value: String(one), key: one }, String(one))))
    : h('input', { ...common, value: values[name] ?? '', inputmode: property.type === 'string' ? null : 'decimal', autocomplete: 'off', oninput: (/** @type {any} */ event) => set(event.target.value) });
  return field(`option ${name}`, title, errors, [control, property.description && h('span', { class: 'muted small block' }, property.description)]);
}

/** @param {string} name @param {string} title @param {Record<string, string>} errors @param {any} control */
function field(name, title, errors, control) {
  return h('label', { class: 'field', key: name }, h('span', null, title), control, complaint(name, errors));
}

/** @param {string} name @param {Record<string, string>} errors */
function complaint(name, errors) {
  return errors[name] && h('span', { class: 'complaint', id: idOf(name), 'data-testid': `complaint-${name}` }, errors[name]);
}

/** @param {string} name @param {Record<string, string>} errors */
const invalid = (name, errors) => (errors[name] ? { 'aria-invalid': 'true', 'aria-describedby': idOf(name) } : {});

/** @param {string} name */
const idOf = (name) => `collector-${name.replaceAll(' ', '-')}`;
