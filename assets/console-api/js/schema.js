//@ts-check
// A schema as a list of fields that unfolds as far as somebody wants to read.

import { h } from './dom.js';

/** @typedef {import('./types').Schema} Schema */
/** @typedef {Record<string, Schema>} Schemas */

const PREFIX = '#/components/schemas/';

/** What a reference refers to, with its name.
 * @param {Schema} schema @param {Schemas} schemas */
export function resolve(schema, schemas) {
  const name = schema.$ref?.startsWith(PREFIX) ? schema.$ref.slice(PREFIX.length) : '';
  return { name, schema: name ? (schemas[name] ?? {}) : schema };
}

/** The fields of an object, or in words what it is instead.
 * @param {Schema} of @param {Schemas} schemas */
export function fields(of, schemas) {
  const { schema } = resolve(of, schemas);
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return h('p', { class: 'muted' }, schema.description ?? (schema.type === 'object' ? 'Nothing: an empty object.' : typeName(of, schemas)));
  return h('ul', { class: 'fields' }, properties.map(([name, property]) => h('li', null, field(name, property, schema, schemas))));
}

/** @param {string} name @param {Schema} property @param {Schema} owner @param {Schemas} schemas */
function field(name, property, owner, schemas) {
  const inner = resolve(property.items ?? property, schemas).schema;
  const head = [
    h('code', null, name), ' ', h('span', { class: 'type' }, typeName(property, schemas)),
    inner.enum && h('span', { class: 'muted' }, ` ${inner.enum.join(' · ')}`),
    alternatives(name, owner),
  ];
  if (!inner.properties) return h('div', { class: 'field' }, head);
  // Filled when it is opened: some messages contain themselves.
  const details = h('details', { ontoggle: () => { if (details.childElementCount === 1) details.append(fields(property.items ?? property, schemas)); } }, h('summary', null, head));
  return details;
}

/** @param {string} name @param {Schema} owner */
function alternatives(name, owner) {
  const names = (owner.allOf ?? []).map(({ oneOf }) => oneOf.flatMap(({ required }) => required ?? [])).find((group) => group.includes(name));
  const others = names?.filter((one) => one !== name) ?? [];
  return others.length > 0 && h('span', { class: 'muted' }, ` or ${others.join(', ')}`);
}

/** `list of CloudServiceInfo`, `integer`.
 * @param {Schema} of @param {Schemas} schemas @returns {string} */
export function typeName(of, schemas) {
  const { name, schema } = resolve(of, schemas);
  const short = name.split('.').pop() ?? '';
  if (schema.type === 'array' && schema.items) return `list of ${typeName(schema.items, schemas)}`;
  if (schema.enum) return short || 'one of';
  if (name.startsWith('google.protobuf.')) return /** @type {Record<string, string>} */ ({ Struct: 'object', ListValue: 'list', Value: 'any value', Empty: 'nothing' })[short] ?? short;
  if (name) return short;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') return `object of ${typeName(schema.additionalProperties, schemas)}`;
  return schema.format && schema.type === 'number' ? 'number' : (schema.type ?? 'any value');
}

/** A body to begin with: every field that people usually fill in, empty.
 * @param {Schema | undefined} of @param {Schemas} schemas */
export function example(of, schemas) {
  const { schema } = of ? resolve(of, schemas) : { schema: /** @type {Schema} */ ({}) };
  const names = Object.keys(schema.properties ?? {});
  if (names.includes('query')) return '{"query": {"page": {"start": 1, "limit": 10}}}';
  const first = names.find((name) => name.endsWith('_id')) ?? names[0];
  return first ? JSON.stringify({ [first]: '…' }) : '{}';
}
