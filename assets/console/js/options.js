//@ts-check
// A plugin's options: as a form where the plugin tells a JSON Schema, as JSON anywhere.

/** @typedef {Record<string, any>} Schema */
/** @typedef {Record<string, string | boolean>} Values */

/** Kinds of options that a form can ask for. */
const SIMPLE = ['string', 'integer', 'number', 'boolean'];

/** The options that the form asks for, in the plugin's order.
 * @param {Schema | null} schema @returns {[string, Schema][]} */
export function formFields(schema) {
  const properties = schema?.properties ?? {};
  /** @type {string[]} */
  const order = schema?.order ?? [];
  const rank = (/** @type {string} */ name) => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(properties)
    .filter(([, property]) => SIMPLE.includes(property?.type) || Array.isArray(property?.enum))
    .sort(([one], [other]) => rank(one) - rank(other));
}

/** What the form shows for these options.
 * @param {Schema | null} schema @param {Record<string, any>} options @returns {Values} */
export function toValues(schema, options) {
  return Object.fromEntries(formFields(schema).map(([name, property]) => {
    const value = options[name] ?? property.default;
    return [name, property.type === 'boolean' ? value === true : value === undefined ? '' : String(value)];
  }));
}

/** The options that a filled-in form means. What the form does not ask for stays as it was, and what
 * nobody changed from its default stays unsaid.
 * @param {Schema | null} schema @param {Values} values @param {Record<string, any>} options
 * @returns {{ options: Record<string, any>, errors: Record<string, string> }} */
export function fromValues(schema, values, options) {
  const next = { ...options };
  /** @type {Record<string, string>} */
  const errors = {};
  for (const [name, property] of formFields(schema)) {
    const value = values[name];
    if (!(name in options) && value === toValues(schema, {})[name] && !schema?.required?.includes(name)) continue;
    if (value === '' || value === undefined) {
      delete next[name];
      if (schema?.required?.includes(name)) errors[name] = 'Enter a value.';
    } else if (property.type === 'integer' || property.type === 'number') {
      next[name] = Number(value);
      const complaint = range(property, next[name]);
      if (complaint) errors[name] = complaint;
    } else next[name] = value;
  }
  return { options: next, errors };
}

/** @param {Schema} property @param {number} value */
function range({ type, minimum, maximum }, value) {
  if (Number.isNaN(value)) return 'Enter a number.';
  if (type === 'integer' && !Number.isInteger(value)) return 'Enter a whole number.';
  if (minimum !== undefined && value < minimum) return `At least ${minimum}.`;
  if (maximum !== undefined && value > maximum) return `At most ${maximum}.`;
  return '';
}

/** @param {string} text @returns {{ options: Record<string, any>, error: string }} */
export function parseOptions(text) {
  try {
    const options = JSON.parse(text.trim() || '{}');
    if (typeof options === 'object' && options !== null && !Array.isArray(options)) return { options, error: '' };
    return { options: {}, error: 'Enter a JSON object: { … }' };
  } catch (error) {
    return { options: {}, error: `Not valid JSON: ${error instanceof Error ? error.message : error}` };
  }
}
