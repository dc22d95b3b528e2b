//@ts-check
// What is around every view: name and state of the lab, the navigation, messages.

import { h } from '../dom.js';
import { rate } from '../format.js';
import { link } from '../route.js';
import { dismiss } from '../store.js';
import { viewOf, views } from './all.js';
import { command, empty, icon } from './parts.js';

/** @typedef {import('../types').State} State */

/** @param {State} state */
export function page(state) {
  const view = viewOf(state.route);
  return h(
    'div',
    { class: `shell at-${view.id}` },
    h('a', { class: 'skip', href: '#content', onclick: skip }, 'To the content'),
    top(state),
    navigation(view),
    h('main', { id: 'content', tabindex: '-1', class: 'content', 'aria-label': view.title }, content(state, view)),
    h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' }, state.toasts.map(message)),
  );
}

/** The address is the view's, so a jump inside the page is made by hand. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** @param {State} state */
function top(state) {
  const { status } = state;
  return h(
    'header',
    { class: 'top' },
    h('strong', { class: 'brand' }, 'lab', status ? h('span', { class: 'muted' }, ` ${status.name}`) : null),
    status ? h('span', { class: 'badge hide-narrow', title: status.runtime_reason }, status.runtime) : null,
    h('span', { class: 'space' }),
    status ? h('span', { class: 'muted small hide-narrow' }, `${rate(state.rate)} requests/s`) : null,
    connection(state),
  );
}

/** @param {State} state */
function connection({ connection, status }) {
  const [tone, text] = {
    connecting: ['', 'connecting'],
    live: status && !status.ready ? ['warn', status.phase === 'running' ? 'not everything is ready' : status.phase] : ['good', 'live'],
    lost: ['bad', 'connection lost'],
    denied: ['bad', 'not signed in'],
  }[connection];
  return h('span', { class: `badge ${tone}`, role: 'status', 'data-connection': connection }, text);
}

/** @param {import('../types').View} shown */
const navigation = (shown) =>
  h(
    'nav',
    { class: 'side', 'aria-label': 'Views' },
    views.map((view) =>
      h('a', { class: 'entry', key: view.id, href: link(view.id), 'aria-current': view === shown ? 'page' : null }, icon(view.icon), view.title),
    ),
  );

/** @param {State} state @param {import('../types').View} view */
function content(state, view) {
  if (state.connection === 'denied') {
    return empty('This browser is not signed in to the lab', h('p', null, 'A link from the command line does it:'), command('lab open'));
  }
  if (!state.status) return empty(state.connection === 'lost' ? 'The lab does not answer' : 'One moment', h('p', { class: 'muted' }, 'The page tries again by itself.'));
  return view.render(state);
}

/** @param {State['toasts'][0]} toast */
const message = ({ id, tone, text, hint }) =>
  h(
    'div',
    { class: `toast ${tone}`, key: id },
    h('div', null, h('div', null, text), hint ? h('div', { class: 'muted small' }, hint) : null),
    h('button', { class: 'quiet', type: 'button', 'aria-label': 'Dismiss', onclick: () => dismiss(id) }, icon('close')),
  );
