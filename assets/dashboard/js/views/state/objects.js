//@ts-check
// Certificates, Gateways, and what is wrong with objects.

import { h } from '../../dom.js';
import { badge } from '../parts.js';
import { code, heading, moment, table } from './parts.js';

/** @typedef {import('../../types').State} State */
/** @typedef {import('../../types').Status} Status */

/** @param {State} _state @param {Status} status */
export function certificates(_state, status) {
  return [
    heading('Certificates', 'lab cert HOST', 'lab trust'),
    h('p', { class: 'muted' }, 'Chosen by the name in the handshake (SNI). The lab’s own CA signs for localhost, lab.localhost and example.com only.'),
    table('Certificates', [['Secret'], ['Names'], ['For'], ['Issuer'], ['State'], ['Valid until'], ['Renewed']], status.certificates.map((one) =>
      h('tr', { key: one.secret },
        h('th', { scope: 'row' }, one.secret),
        h('td', null, one.hosts.map((/** @type {string} */ host) => h('div', { key: host }, host))),
        h('td', null, one.ingresses.join(', ')),
        h('td', null, one.issuer ? 'the lab’s CA' : 'your own'),
        h('td', null, badge(one.ready ? 'good' : 'bad', one.ready ? 'ready' : one.reason)),
        h('td', null, moment(one.not_after)),
        h('td', null, moment(one.renewal))))),
    status.ca_certificate ? h('p', null, 'The CA: ', code(status.ca_certificate)) : null,
  ];
}

/** @param {State} _state @param {Status} status */
export function gateways(_state, status) {
  const all = status.gateways ?? [];
  return [
    heading('Gateways', 'lab status', 'lab check'),
    all.length
      ? table('Gateways', [['Gateway'], ['Class'], ['Listeners'], ['Addresses'], ['Routes'], ['What does not do what it says']], all.map((/** @type {any} */ one) =>
          h('tr', { key: `${one.namespace}/${one.name}` },
            h('th', { scope: 'row' }, one.name, h('div', { class: 'muted small' }, one.namespace)),
            h('td', null, one.class),
            ...[one.listeners, one.addresses, one.routes].map((list) => h('td', null, list.map((/** @type {string} */ text) => h('div', { key: text }, text)))),
            h('td', null, one.reports.length ? one.reports.map((/** @type {string} */ text) => h('div', { class: 'warned-text', key: text }, text)) : h('span', { class: 'muted' }, 'nothing')))))
      : h('p', { class: 'muted' }, 'There is none. A Gateway, HTTPRoutes and GRPCRoutes come from files that manifests in lab.toml names.'),
  ];
}

/** @param {State} _state @param {Status} status */
export function reports(_state, status) {
  return [
    heading('Reports and warnings', 'lab status', 'lab check'),
    status.warnings.length ? h('ul', { class: 'state-warnings' }, status.warnings.map((text) => h('li', { class: 'card', key: text }, badge('warn', '! warning'), ' ', text))) : null,
    status.reports.length
      ? table('Reports', [['Kind'], ['Name'], ['What is wrong'], ['Effect']], status.reports.map((one, index) =>
          h('tr', { key: index }, h('th', { scope: 'row' }, one.kind), h('td', null, one.name), h('td', null, one.message), h('td', null, badge(one.unusable ? 'bad' : 'warn', one.unusable ? 'not used' : 'used in part')))))
      : null,
    status.reports.length + status.warnings.length ? null : h('p', { class: 'muted' }, 'Everything that the files say is done as they say it.'),
  ];
}
