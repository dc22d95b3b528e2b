//@ts-check
// The filters: chips for those in force, a menu to add more.

import { h } from '../dom.js';
import { providerName } from '../format.js';
import { icon, providerMark } from '../icons.js';
import { loadChoices } from '../inventory.js';
import { parseQuery } from '../query.js';
import { FILTERS, go, toggle } from '../route.js';
import { amend } from '../store.js';

/** @typedef {import('../types').State} State */

/** @param {State} state */
export function chips(state) {
  const { route } = state;
  const inForce = FILTERS.flatMap(({ name, title }) => (route.filters[name] ?? []).map((value) => ({ name, title, value })));
  const { terms } = parseQuery(route.keyword);
  if (inForce.length === 0 && terms.length === 0) return null;
  return h('ul', { class: 'chips', key: 'chips', 'aria-label': 'Filters in force' },
    terms.map(({ source, title, text: words }, index) => h('li', { key: `${index} ${source}` }, chip(title, words, () => go({ keyword: without(terms, index) })))),
    inForce.map(({ name, title, value }) => h('li', { key: `${name} ${value}` }, chip(title, text(state, name, value), () => toggle(name, value)))),
    h('li', { key: 'clear' }, h('button', { class: 'link', 'data-testid': 'clear-filters', onclick: () => go({ filters: {}, keyword: '' }) }, 'Clear all')));
}

/** The search without one of its parts.
 * @param {{ source: string }[]} terms @param {number} index */
const without = (terms, index) => terms.filter((_, at) => at !== index).map(({ source }) => source).join(' ');

/** @param {string} title @param {string} value @param {() => void} remove */
function chip(title, value, remove) {
  return h('span', { class: 'chip', 'data-testid': 'chip' },
    h('span', { class: 'muted' }, title), ' ', value,
    h('button', { class: 'quiet icon-only', 'aria-label': `Remove ${title} ${value}`, onclick: remove }, icon('close')));
}

/** @param {State} state */
export function filterMenu(state) {
  const { choices, route } = state;
  const current = FILTERS.find((filter) => filter.name === choices.key);
  return h('div', { class: 'menu filter', role: 'dialog', 'aria-label': 'Filter', 'data-testid': 'filter-menu' },
    current ? values(state, current) : h('ul', { key: 'names' }, FILTERS.map(({ name, title }, index) => h('li', { key: name },
      h('button', {
        class: 'quiet entry', 'data-testid': `filter-${name}`, onclick: () => loadChoices(name),
        mounted: index === 0 ? (/** @type {HTMLElement} */ button) => button.focus() : undefined,
      }, h('span', { class: 'grow' }, title), route.filters[name] && h('span', { class: 'count' }, route.filters[name].length), icon('right'))))));
}

/** @param {State} state @param {{ name: string, title: string }} filter */
function values(state, { name, title }) {
  const { choices, route } = state;
  const chosen = new Set(route.filters[name] ?? []);
  const wanted = choices.search.toLowerCase();
  const offered = [...new Set([...chosen, ...choices.values])].filter((value) => text(state, name, value).toLowerCase().includes(wanted));
  return h('div', { key: name },
    h('div', { class: 'menu-head' },
      h('button', { class: 'quiet icon-only', 'aria-label': 'All filters', onclick: () => amend('choices', { key: '' }) }, icon('left')),
      h('strong', null, title)),
    choices.values.length > 8 && h('input', {
      type: 'search', placeholder: 'Find …', 'aria-label': `Find in ${title}`, value: choices.search,
      oninput: (/** @type {any} */ event) => amend('choices', { search: event.target.value }),
    }),
    choices.status === 'loading' && h('div', { class: 'bones' }, [1, 2, 3].map(() => h('i', { class: 'bone' }))),
    choices.status === 'failed' && h('p', { class: 'small muted pad' }, 'Values cannot be loaded. ', h('button', { class: 'link', onclick: () => loadChoices(name) }, 'Try again')),
    choices.status === 'ready' && offered.length === 0 && h('p', { class: 'small muted pad' }, 'No values.'),
    h('ul', { class: 'choices' }, offered.map((value) => h('li', { key: value },
      h('label', { class: 'choice' },
        h('input', { type: 'checkbox', checked: chosen.has(value), onchange: () => toggle(name, value), 'data-testid': `choice-${value}` }),
        name === 'provider' && providerMark(value),
        h('span', null, text(state, name, value)))))));
}

/** @param {State} state @param {string} name @param {string} value */
function text(state, name, value) {
  if (name === 'provider') return providerName(value);
  if (name !== 'region') return value;
  const region = state.regions.find((one) => one.region_code === value);
  return region && region.name !== value ? `${region.name} (${value})` : value;
}
