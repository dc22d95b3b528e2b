//@ts-check
// The dialog that creates a resource.

import { h } from '../dom.js';
import { cancelCreate, create, editDraft } from '../edit.js';
import { providerName } from '../format.js';
import { icon } from '../icons.js';
import { dialog } from './dialog.js';

/** @typedef {import('../types').State} State */
/** @typedef {import('../types').Draft} Draft */

/** @param {State} state */
export function createDialog(state) {
  const draft = /** @type {Draft} */ (state.draft);
  const errors = state.draftErrors;
  const providers = [...new Set(state.types.map((type) => type.provider))].sort();
  const types = state.types.filter((type) => type.provider === draft.provider)
    .map((type) => [`${type.group}/${type.name}`, `${type.group} · ${type.name}`])
    .sort((one, other) => one[1].localeCompare(other[1]));
  const regions = state.regions.filter((region) => region.provider === draft.provider)
    .map((region) => [region.region_code, region.name === region.region_code ? region.name : `${region.name} (${region.region_code})`]);
  return dialog({
    title: 'Create a resource', testid: 'create-dialog', cancel: cancelCreate, submit: create,
    buttons: [
      h('button', { type: 'button', onclick: cancelCreate, disabled: state.draftBusy }, 'Cancel'),
      h('button', { class: 'primary', type: 'submit', disabled: state.draftBusy, 'data-testid': 'create-submit' }, state.draftBusy ? 'Creating …' : 'Create'),
    ],
  },
  errors.form && h('p', { class: 'notice bad', role: 'alert', 'data-testid': 'create-error' }, icon('alert'), errors.form),
  h('div', { class: 'columns' },
    select('provider', 'Provider', draft, errors, providers.map((provider) => [provider, providerName(provider)]), (provider) => editDraft({ provider, type: '', region: '' })),
    select('type', 'Group and type', draft, errors, types, (type) => editDraft({ type }))),
  input('name', 'Name', draft, errors, { placeholder: 'web-01' }),
  h('div', { class: 'columns' },
    select('region', 'Region (optional)', draft, errors, regions, (region) => editDraft({ region })),
    input('account', 'Account (optional)', draft, errors, {})),
  input('ip', 'IP addresses (optional)', draft, errors, { placeholder: '10.0.0.7, 203.0.113.9', class: 'mono' }),
  field('data', 'Data', errors, h('textarea', {
    rows: 5, class: 'mono', spellcheck: 'false', value: draft.data, ...invalid('data', errors), 'data-testid': 'create-data',
    oninput: (/** @type {any} */ event) => editDraft({ data: event.target.value }),
  })));
}

/** @param {keyof Draft} name @param {string} title @param {Draft} draft @param {State['draftErrors']} errors @param {string[][]} options @param {(value: string) => void} chosen */
function select(name, title, draft, errors, options, chosen) {
  return field(name, title, errors, h('select', {
    value: draft[name], ...invalid(name, errors), 'data-testid': `create-${name}`, disabled: options.length === 0 && name !== 'provider',
    onchange: (/** @type {any} */ event) => chosen(event.target.value),
  }, h('option', { value: '' }, '–'), options.map(([value, text]) => h('option', { value, key: value }, text))));
}

/** @param {keyof Draft} name @param {string} title @param {Draft} draft @param {State['draftErrors']} errors @param {Record<string, string>} props */
function input(name, title, draft, errors, props) {
  return field(name, title, errors, h('input', {
    ...props, value: draft[name], ...invalid(name, errors), autocomplete: 'off', 'data-testid': `create-${name}`,
    oninput: (/** @type {any} */ event) => editDraft({ [name]: event.target.value }),
  }));
}

/** @param {keyof Draft} name @param {string} title @param {State['draftErrors']} errors @param {any} control */
function field(name, title, errors, control) {
  return h('label', { class: 'field' }, h('span', null, title), control,
    errors[name] && h('span', { class: 'complaint', id: `complaint-${name}`, 'data-testid': `complaint-${name}` }, errors[name]));
}

/** @param {keyof Draft} name @param {State['draftErrors']} errors */
function invalid(name, errors) {
  return errors[name] ? { 'aria-invalid': 'true', 'aria-describedby': `complaint-${name}` } : {};
}
