//@ts-check
// The search bar: what can be typed, and what is wrong with what was.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { FIELDS, parseQuery } from '../query.js';
import { go } from '../route.js';
import { state as current, update } from '../store.js';

/** @typedef {import('../types').State} State */

/** Typing rests this long before it is searched: long enough to type on, short enough to feel
 * immediate; in milliseconds. */
const REST = 250;

/** Something to try, and what it finds. */
const EXAMPLES = [
  ['web', 'name, ID, address or type contains “web”'],
  ['provider:aws', 'the provider contains “aws”, in any case'],
  ['state:=ACTIVE', 'the state is exactly that'],
  ['type:Instance,Disk', 'one or the other'],
  ['name:!test', 'the name does not contain it; != for exactly'],
  ['name:~^web-\\d+$', 'the name matches the pattern'],
  ['data.compute.core:>4', 'a number inside of data; also >= < <='],
  ['data.compute:*', 'there is such data; !* for none'],
  ['created:7d', 'in the last 7 days; also s m h w M y'],
  ['created:>2026-01-31', 'later than that day; now-12h counts back'],
  ['name:"two words"', 'quoted: spaces, commas, colons'],
];

/** @param {State} state */
export function searchBar(state) {
  const open = state.menu === 'help';
  return h('form', { class: 'search anchor', role: 'search', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); search(state.search, false); } },
    icon('search'),
    h('input', {
      type: 'search', id: 'search', placeholder: 'Search: web provider:aws data.compute.core:>4 …', 'aria-label': 'Search', 'aria-keyshortcuts': '/', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none',
      'aria-invalid': state.searchError ? 'true' : null, 'aria-describedby': state.searchError ? 'search-complaint' : null,
      value: state.search, 'data-testid': 'search', oninput: (/** @type {any} */ event) => typed(event.target.value),
    }),
    h('button', {
      type: 'button', class: 'quiet icon-only help-button', 'aria-label': 'How to search', title: 'How to search', 'aria-haspopup': 'dialog', 'aria-expanded': open, 'data-testid': 'search-help',
      onclick: () => update({ menu: open ? '' : 'help' }),
    }, icon('help')),
    open && help());
}

/** What is wrong with the search; an empty place that screen readers listen to if nothing is.
 * @param {State} state */
export function searchComplaint({ searchError }) {
  return h('p', { class: searchError ? 'complaint' : 'unseen', id: 'search-complaint', role: 'status', key: 'complaint', 'data-testid': 'search-complaint' }, searchError);
}

function help() {
  return h('div', { class: 'menu search-help', role: 'dialog', 'aria-label': 'How to search', 'data-testid': 'search-help-text' },
    h('p', null, 'All parts of a search must fit. Try one:'),
    h('ul', null, EXAMPLES.map(([example, meaning], index) => h('li', { key: example },
      h('button', {
        type: 'button', class: 'link mono', mounted: index === 0 ? (/** @type {HTMLElement} */ button) => button.focus() : undefined,
        onclick: () => { update({ menu: '' }); search(example, false); document.getElementById('search')?.focus(); },
      }, example), h('span', { class: 'muted' }, meaning)))),
    h('p', { class: 'small' }, h('strong', null, 'Fields '), h('span', { class: 'mono' }, Object.keys(FIELDS).join(' ')),
      ', and any path below ', h('span', { class: 'mono' }, 'data. tags. metadata. reference. collection_info.')));
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let rest;

/** @param {string} text */
function typed(text) {
  update({ search: text, searchError: '' });
  clearTimeout(rest);
  rest = setTimeout(() => search(current.search, true), REST);
}

/** @param {string} text @param {boolean} replace */
function search(text, replace) {
  clearTimeout(rest);
  const keyword = text.trim();
  const { error } = parseQuery(keyword);
  if (error) return update({ searchError: error });
  update({ searchError: '' });
  go({ keyword }, { replace });
}
