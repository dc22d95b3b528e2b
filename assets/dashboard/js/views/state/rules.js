//@ts-check
// Ingress objects, and a tester: which rule would match this request, why, and where it would go.

import { h } from '../../dom.js';
import { ask, change, room } from '../../stateroom.js';
import { badge, command } from '../parts.js';
import { code, heading, table } from './parts.js';

/** @param {import('../../types').State} _state @param {import('../../types').Status} status */
export function rules(_state, status) {
  return [
    heading('Ingress rules', 'lab status', 'lab route URL'),
    tester(status),
    table('Ingresses', [['Ingress'], ['Class'], ['Hosts'], ['Addresses'], ['What does not do what it says']], status.ingresses.map((one) =>
      h('tr', { key: one.name },
        h('th', { scope: 'row' }, one.name),
        h('td', null, one.class ?? h('span', { class: 'warned-text' }, 'not served')),
        h('td', null, one.hosts.map((host) => h('div', { key: host }, host))),
        h('td', null, one.addresses.map((address) => h('div', { key: address }, code(address)))),
        h('td', null, one.reports.length ? one.reports.map((report) => h('div', { class: 'warned-text', key: report }, report)) : h('span', { class: 'muted' }, 'nothing'))))),
  ];
}

/** @param {import('../../types').Status} status */
function tester(status) {
  const { asked, answer, problem } = room();
  const set = (/** @type {'url' | 'method' | 'header'} */ name) => (/** @type {any} */ event) => change({ asked: { ...asked, [name]: event.target.value } });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    ask();
  };
  return h(
    'section',
    { class: 'card rule-tester', 'aria-label': 'Rule tester' },
    h('h2', null, 'Which rule would match, and why?'),
    h('form', { onsubmit: submit },
      h('label', { class: 'grow' }, 'URL', h('input', { type: 'text', name: 'url', autocomplete: 'off', spellcheck: 'false', placeholder: status.urls.console ?? 'console.lab.localhost/', value: asked.url, oninput: set('url') })),
      h('label', null, 'Method', h('select', { name: 'method', value: asked.method, onchange: set('method') }, ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'].map((method) => h('option', { value: method, key: method }, method)))),
      h('label', { class: 'grow' }, 'Headers, name: value, a line each', h('textarea', { name: 'header', rows: '1', spellcheck: 'false', value: asked.header, oninput: set('header') })),
      h('button', { class: 'primary', type: 'submit' }, 'Ask')),
    problem ? h('p', { class: 'bad', role: 'alert' }, problem) : null,
    answer ? verdict(answer, asked.url) : h('p', { class: 'muted small' }, 'Nothing is sent: the table that the ingress uses is asked.'),
  );
}

/** @param {import('../../types').RouteAnswer} answer @param {string} url */
function verdict(answer, url) {
  return h(
    'div',
    { class: 'rule-verdict', 'aria-live': 'polite' },
    h('p', null, badge(answer.winner ? 'good' : 'bad', answer.winner ? '✓ a rule wins' : '✕ no rule'), ' ', answer.winner ? [code(answer.winner.route), ` of ${answer.winner.ingress}, priority ${answer.winner.priority}`] : null),
    h('dl', { class: 'fact-list' },
      h('dt', null, 'Asked'), h('dd', null, code(`${answer.host} ${answer.path}`), answer.tls ? ' over TLS' : ' in clear text'),
      h('dt', null, 'Why'), h('dd', null, answer.why),
      h('dt', null, 'Then'), h('dd', null, answer.outcome),
      answer.goes_to.flatMap((to) => [
        h('dt', null, 'Service'),
        h('dd', null, h('strong', null, `${to.service}:${to.port}`), answer.goes_to.length > 1 ? ` gets ${Math.round(to.share)} %` : null, ': ', to.endpoints.length ? h('span', { class: 'candidates' }, to.endpoints.map((name) => h('span', { class: 'candidate', key: name }, name))) : 'nobody is ready'),
      ])),
    h('details', { open: !answer.winner }, h('summary', null, `${answer.losers.length} other rules, and why not`),
      h('ul', { class: 'losing-rules' }, answer.losers.map((loser, index) => h('li', { key: index }, code(loser.route), ` — ${loser.reason}`)))),
    h('div', { class: 'row' }, command(`lab route ${url.trim()}`), h('span', { class: 'muted small' }, 'Really send it:'), command(`lab trace ${url.trim()}`)),
  );
}
