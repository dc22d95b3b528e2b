//@ts-check
// The API's document as a page: services and resources on the left, methods on the right.

import { h } from './dom.js';
import { example, fields, typeName } from './schema.js';

/** @typedef {import('./types').Document} Document */
/** @typedef {import('./types').Method} Method */

const services = /** @type {HTMLElement} */ (document.getElementById('services'));
const main = /** @type {HTMLElement} */ (document.getElementById('methods'));
const find = /** @type {HTMLInputElement} */ (document.getElementById('find'));

/** @type {Document} */
let api;
/** @type {Method[]} */
let methods = [];

/** `/inventory/docs` is about inventory alone. */
const service = /^\/([^/]+)\/docs\/?$/.exec(location.pathname)?.[1] ?? '';
const source = service ? `../${service}/openapi.json` : '../openapi.json';

async function load() {
  try {
    const response = await fetch(new URL(source, document.baseURI));
    if (!response.ok) throw new Error(`${source} answers ${response.status}`);
    api = await response.json();
  } catch (error) {
    main.replaceChildren(h('p', { class: 'bad', role: 'alert' }, `The document cannot be loaded. ${error instanceof Error ? error.message : error}`));
    return;
  }
  methods = Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item).map(([verb, operation]) => listed(path, verb, operation)));
  document.title = api.info.title;
  /** @type {HTMLElement} */ (document.getElementById('title')).textContent = api.info.title;
  document.getElementById('document')?.setAttribute('href', source);
  show();
}

/** @param {string} path @param {string} verb @param {import('./types').Operation} operation @returns {Method} */
function listed(path, verb, operation) {
  const tag = operation.tags[0] ?? '';
  return { path, verb: verb.toUpperCase(), operation, service: tag.includes('.') ? (path.split('/')[1] ?? '') : tag, resource: tag.split('.').pop() ?? '' };
}

/** Shows what is looked for, or the resource that the address names. */
function show() {
  const wanted = find.value.trim().toLowerCase();
  const chosen = decodeURIComponent(location.hash.slice(1));
  const tag = methods.find(({ operation }) => operation.operationId === chosen)?.operation.tags[0] ?? chosen;
  const shown = wanted
    ? methods.filter(({ path, operation }) => `${path} ${operation.operationId}`.toLowerCase().includes(wanted))
    : methods.filter(({ operation }) => operation.tags[0] === tag);
  navigation(tag);
  if (wanted) main.replaceChildren(h('h2', null, `${shown.length} ${shown.length === 1 ? 'method' : 'methods'}`), ...shown.map((method) => section(method, shown.length === 1)));
  else if (shown.length > 0) main.replaceChildren(h('h2', null, tag), ...shown.map((method) => section(method, shown.length === 1 || method.operation.operationId === chosen)));
  else main.replaceChildren(h('h2', null, 'What this is'), h('p', null, api.info.description ?? ''), h('p', { class: 'muted' }, `${methods.length} methods. Choose a resource, or find a method by a part of its path.`));
  document.querySelector('details[data-chosen]')?.scrollIntoView({ block: 'nearest' });
}

/** @param {string} tag */
function navigation(tag) {
  const names = [...new Set(methods.map((method) => method.service))];
  services.replaceChildren(...names.map((name) => h('section', null,
    h('h2', null, name),
    h('ul', null, [...new Map(methods.filter((method) => method.service === name).map((method) => [method.operation.tags[0], method.resource]))].map(([id, resource]) =>
      h('li', null, h('a', { href: `${location.pathname}#${id}`, 'aria-current': id === tag ? 'page' : null, onclick: () => { find.value = ''; } }, resource)))))));
}

/** @param {Method} method @param {boolean} open */
function section({ path, verb, operation }, open) {
  const { schemas } = api.components;
  const request = operation.requestBody?.content['application/json']?.schema;
  const answer = operation.responses['200']?.content?.['application/json']?.schema;
  const details = h('details', { class: 'method', open, 'data-chosen': open, ontoggle: () => details.hasAttribute('open') && fill() },
    h('summary', null, h('span', { class: 'verb' }, verb), h('code', { class: 'path' }, path), h('span', { class: 'muted id' }, operation.operationId)));
  const fill = () => {
    if (details.childElementCount > 1) return;
    details.append(
      request ? part('Request', typeName(request, schemas), fields(request, schemas)) : '',
      answer ? part('Answer', typeName(answer, schemas), fields(answer, schemas)) : '',
      h('h3', null, 'With curl'),
      h('pre', { tabindex: '0' }, curl(verb, path, verb === 'POST' ? example(request, schemas) : '', operation.security?.length !== 0)));
  };
  if (open) fill();
  return details;
}

/** @param {string} title @param {string} type @param {HTMLElement} content */
const part = (title, type, content) => h('section', null, h('h3', null, `${title} `, h('span', { class: 'type' }, type)), content);

/** @param {string} verb @param {string} path @param {string} body @param {boolean} token */
function curl(verb, path, body, token) {
  const lines = [`curl ${location.origin}${path}`];
  if (token) lines.push('-H "Authorization: Bearer $TOKEN"');
  if (verb === 'POST') lines.push("-H 'Content-Type: application/json'", `-d '${body}'`);
  return lines.join(' \\\n  ');
}

find.addEventListener('input', show);
window.addEventListener('hashchange', () => { show(); main.focus(); });
document.getElementById('skip')?.addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || document.activeElement === find) return;
  event.preventDefault();
  find.focus();
});
load();
