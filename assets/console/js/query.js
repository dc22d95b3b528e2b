//@ts-check
// The search's query language: free words, and conditions such as `provider:aws data.cpu:>4`.
// Nothing but text in and the API's filters out.

/** @typedef {import('./types').Condition} Condition */

/** Short names, what they stand for, and how their values compare.
 * @type {Record<string, { field: string, title: string, kind: 'text' | 'number' | 'date' }>} */
export const FIELDS = {
  name: { field: 'name', title: 'Name', kind: 'text' },
  id: { field: 'cloud_service_id', title: 'ID', kind: 'text' },
  provider: { field: 'provider', title: 'Provider', kind: 'text' },
  group: { field: 'cloud_service_group', title: 'Group', kind: 'text' },
  type: { field: 'cloud_service_type', title: 'Type', kind: 'text' },
  region: { field: 'region_code', title: 'Region', kind: 'text' },
  account: { field: 'account', title: 'Account', kind: 'text' },
  state: { field: 'state', title: 'State', kind: 'text' },
  ip: { field: 'ip_addresses', title: 'IP address', kind: 'text' },
  project: { field: 'project_id', title: 'Project', kind: 'text' },
  resource: { field: 'reference.resource_id', title: 'Resource ID', kind: 'text' },
  collector: { field: 'collection_info.collector_id', title: 'Collector', kind: 'text' },
  instance: { field: 'instance_type', title: 'Instance type', kind: 'text' },
  size: { field: 'instance_size', title: 'Size', kind: 'number' },
  created: { field: 'created_at', title: 'Created', kind: 'date' },
  updated: { field: 'updated_at', title: 'Updated', kind: 'date' },
  collected: { field: 'collection_info.last_collected_at', title: 'Collected', kind: 'date' },
};

/** Paths into a resource that may be named as they are. */
const PATHS = /^(data|metadata|tags|tag_keys|reference|collection_info)\.[\w$-]+(\.[\w$-]+)*$/;
const NUMBER = /^-?\d+(\.\d+)?$/;
const DATE = /^\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/;
const AGE = /^\d+[smhdwMy]$/;
const RELATIONS = /** @type {Record<string, string>} */ ({ '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte' });

/** What each sign says, for people. */
const SIGNS = /** @type {Record<string, string>} */ ({ '': '', '=': 'is ', '!': 'not ', '!=': 'is not ', '~': 'matches ' });

/** Takes a search apart.
 * @param {string} text @returns {import('./types').Query} */
export function parseQuery(text) {
  /** @type {import('./types').Query} */
  const query = { filter: [], keyword: '', terms: [], error: '' };
  const words = [];
  try {
    for (const source of split(text, /\s/)) {
      const [, key, sign, rest] = /^([A-Za-z_][\w.$-]*):(!=|>=|<=|[!=<>~]?)([^]*)$/.exec(source) ?? [];
      if (key === undefined) {
        words.push(unquote(source));
        query.terms.push({ source, title: 'Search', text: unquote(source) });
        continue;
      }
      const { title, kind, field } = fieldOf(key, source);
      const values = split(rest, /,/).map((raw) => ({ text: unquote(raw), quoted: raw.startsWith('"') }));
      if (values.length === 0) throw new Error(`“${key}:” needs a value behind it, as in ${key}:${kind === 'date' ? '7d' : kind === 'number' ? '>5' : 'value'}`);
      query.filter.push(...conditions({ key, field, kind }, sign, values));
      query.terms.push({ source, title, text: (SIGNS[sign] ?? `${sign} `) + values.map((value) => value.text).join(' or ') });
    }
  } catch (error) {
    return { filter: [], keyword: '', terms: [], error: error instanceof Error ? error.message : String(error) };
  }
  query.keyword = words.join(' ');
  return query;
}

/** Parts between separators; within quotation marks nothing separates.
 * @param {string} text @param {RegExp} separator */
function split(text, separator) {
  const parts = [];
  let part = '';
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    if (!quoted && separator.test(letter)) {
      if (part) parts.push(part);
      part = '';
    } else part += letter;
  }
  if (quoted) throw new Error(`A quotation mark is not closed: ${text.slice(text.lastIndexOf('"'))}`);
  return part ? [...parts, part] : parts;
}

/** @param {string} text */
const unquote = (text) => text.replaceAll('"', '');

/** @param {string} key @param {string} source
 * @returns {{ field: string, title: string, kind: 'text' | 'number' | 'date' | 'any' }} */
function fieldOf(key, source) {
  if (Object.hasOwn(FIELDS, key)) return FIELDS[key];
  const known = Object.values(FIELDS).find(({ field }) => field === key);
  if (known) return known;
  if (PATHS.test(key)) return { field: key, title: key, kind: 'any' };
  throw new Error(`There is no field “${key}”. There are ${Object.keys(FIELDS).join(', ')}, and paths such as data.os.type. To look for the text itself, quote it: "${source}"`);
}

/** @param {{ key: string, field: string, kind: string }} of @param {string} sign @param {{ text: string, quoted: boolean }[]} values @returns {Condition[]} */
function conditions({ key, field, kind }, sign, values) {
  const [first] = values;
  const several = values.length > 1;
  if (first.text === '*' && !first.quoted && (sign === '' || sign === '!')) return [{ k: field, v: sign === '', o: 'exists' }];
  if (sign in RELATIONS) {
    if (several) throw new Error(`“${key}:${sign}” takes one value.`);
    return [relation(key, field, kind, sign, first)];
  }
  if (kind === 'date') return day(key, field, sign, first, several);
  const texts = values.map((value) => value.text);
  if (sign === '~') return [several ? { k: field, v: texts, o: 'regex_in' } : { k: field, v: texts[0], o: 'regex' }];
  const strange = kind === 'number' && texts.find((text) => !NUMBER.test(text));
  if (strange) throw new Error(`“${key}” is a number, and “${strange}” is none.`);
  // Inside of data a number may be stored as one, or as text.
  const plain = (kind === 'any' || kind === 'number') && values.every((value) => !value.quoted && /^(true|false|-?\d+(\.\d+)?)$/.test(value.text));
  const not = sign.startsWith('!');
  if (plain) return [{ k: field, v: texts.flatMap((text) => [NUMBER.test(text) ? Number(text) : text === 'true', text]), o: not ? 'not_in' : 'in' }];
  if (sign.endsWith('=')) return [several ? { k: field, v: texts, o: not ? 'not_in' : 'in' } : { k: field, v: texts[0], o: not ? 'not' : 'eq' }];
  const o = (not ? 'not_contain' : 'contain') + (several ? '_in' : '');
  return [{ k: field, v: several ? texts : texts[0], o }];
}

/** `>` and its relatives.
 * @param {string} key @param {string} field @param {string} kind @param {string} sign @param {{ text: string, quoted: boolean }} value @returns {Condition} */
function relation(key, field, kind, sign, { text, quoted }) {
  const o = RELATIONS[sign];
  if (kind === 'date') {
    if (text.startsWith('now')) return { k: field, v: text, o: `timediff_${o}` };
    if (DATE.test(text)) return { k: field, v: text, o: `datetime_${o}` };
    throw new Error(`“${key}:${sign}” needs a date (2026-01-31) or a distance from now (now-7d).`);
  }
  if (kind === 'text') throw new Error(`“${key}” is text. < and > compare numbers and dates.`);
  if (NUMBER.test(text) && !quoted) return { k: field, v: Number(text), o };
  // Dates inside of data are text whose order is theirs.
  if (kind === 'any' && (quoted || DATE.test(text))) return { k: field, v: text, o };
  throw new Error(`“${key}:${sign}” needs a number, and “${text}” is none.`);
}

/** A date without a relation: that day, or no longer ago than that.
 * @param {string} key @param {string} field @param {string} sign @param {{ text: string }} value @param {boolean} several @returns {Condition[]} */
function day(key, field, sign, { text }, several) {
  if (!several && (sign === '' || sign === '=')) {
    if (AGE.test(text)) return [{ k: field, v: `now-${text}`, o: 'timediff_gte' }];
    if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))) {
      const next = new Date(Date.parse(text) + 86_400_000).toISOString().slice(0, 10);
      return [{ k: field, v: text, o: 'datetime_gte' }, { k: field, v: next, o: 'datetime_lt' }];
    }
  }
  throw new Error(`“${key}” is a date: ${key}:2026-01-31 is that day, ${key}:7d the last seven days, ${key}:>2026-01-31 later.`);
}
