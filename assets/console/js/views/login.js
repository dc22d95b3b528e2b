//@ts-check
// The login page, and what stands in its place while loading or when nothing can be loaded.

import { boot } from '../boot.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { login } from '../session.js';
import { amend } from '../store.js';

/** @typedef {import('../types').State} State */

/** The product's name and drawing. */
export function brand() {
  return h('span', { class: 'brand' }, h('img', { src: 'favicon.svg', alt: '', width: 28, height: 28 }), h('span', null, 'Cloudforet'));
}

/** @param {State} state */
export function loginPage({ login: form, domain, config }) {
  const name = domain?.name ?? config.domainName;
  return h('main', { class: 'front', 'data-testid': 'login-page' },
    h('form', { class: 'card', onsubmit: submit, novalidate: true },
      brand(),
      h('h1', null, 'Log in'),
      h('p', { class: 'muted' }, 'Domain ', h('strong', { 'data-testid': 'login-domain' }, name)),
      form.error && h('p', { class: 'notice bad', role: 'alert', 'data-testid': 'login-error' }, icon('alert'), form.error),
      h('label', { class: 'field' }, h('span', null, 'User'),
        h('input', {
          name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', 'data-testid': 'login-user',
          value: form.user, oninput: (/** @type {any} */ event) => amend('login', { user: event.target.value, error: '' }),
          mounted: (/** @type {HTMLElement} */ input) => input.focus(),
        })),
      h('label', { class: 'field' }, h('span', null, 'Password'),
        h('span', { class: 'with-button' },
          h('input', {
            name: 'password', type: form.visible ? 'text' : 'password', autocomplete: 'current-password', 'data-testid': 'login-password',
            value: form.password, oninput: (/** @type {any} */ event) => amend('login', { password: event.target.value, error: '' }),
          }),
          h('button', {
            type: 'button', class: 'quiet icon-only', 'aria-label': 'Show password', 'aria-pressed': form.visible,
            onclick: () => amend('login', { visible: !form.visible }),
          }, icon('eye')))),
      h('button', { class: 'primary wide', type: 'submit', disabled: form.busy, 'aria-busy': form.busy, 'data-testid': 'login-submit' },
        form.busy ? 'Logging in …' : 'Log in'),
      h('p', { class: 'muted small' }, 'The user and password were printed by ', h('code', null, 'lab up'), '.')));
}

/** @param {Event} event */
function submit(event) {
  event.preventDefault();
  login();
}

/** While the configuration is on its way. */
export function loadingPage() {
  return h('main', { class: 'front', 'aria-busy': 'true' },
    h('div', { class: 'card calm', role: 'status' }, brand(), h('p', { class: 'muted' }, 'Loading …')));
}

/** Nothing works without what failed here.
 * @param {State} state */
export function failedPage({ fatal, config }) {
  return h('main', { class: 'front', 'data-testid': 'fatal' },
    h('div', { class: 'card' },
      brand(),
      h('h1', null, 'The console cannot start'),
      h('div', { class: 'notice bad', role: 'alert' }, icon('alert'), h('div', null, h('strong', null, fatal?.code), h('br', null), fatal?.message)),
      config.v2 && h('p', { class: 'muted small' }, 'API: ', h('a', { href: `${config.v2}/check`, target: '_blank', rel: 'noreferrer' }, config.v2)),
      h('button', { class: 'primary wide', onclick: boot }, icon('refresh'), 'Try again')));
}
