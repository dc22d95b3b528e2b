//@ts-check
// What pods write, as they write it.

import { h } from '../../dom.js';
import { go, link } from '../../route.js';
import { change, room } from '../../stateroom.js';
import { heading } from './parts.js';

/** @typedef {import('../../types').State} State */
/** @typedef {import('../../types').LogLine} LogLine */

/** Lines that are drawn; the filter looks through all that are kept. */
const DRAWN = 500;
/** Fields of structured lines that stand elsewhere. */
const ELSEWHERE = ['level', 'severity', 'timestamp', 'time', 'ts', 'message', 'msg', 'fields', 'target'];

/** A line in its parts, whether it is structured or not. @param {LogLine} line */
function parse(line) {
  try {
    const said = JSON.parse(line.text);
    if (typeof said !== 'object' || said === null) throw new Error();
    const fields = { ...said, ...said.fields };
    const rest = Object.entries(fields).filter(([name]) => !ELSEWHERE.includes(name));
    return {
      level: String(said.level ?? said.severity ?? '').toUpperCase(),
      message: String(fields.message ?? fields.msg ?? ''),
      rest: rest.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' '),
    };
  } catch {
    return { level: '', message: line.text, rest: '' };
  }
}

/** @param {State} state @param {import('../../types').Status} status */
export function logs(state, status) {
  const { logs: kept, search, paused } = room();
  const { pod, service } = state.route.query;
  const chosen = pod ? `pod ${pod}` : service ? `service ${service}` : '';
  const option = (/** @type {string} */ value, /** @type {string} */ text) => h('option', { value, key: value }, text);
  const names = [...new Set([...status.services.map((one) => one.name), ...status.deployments.map((one) => one.name)])].sort();
  const choose = (/** @type {any} */ event) => {
    const [kind, name] = event.target.value.split(' ');
    go(link('state', ['logs'], name ? { [kind]: name } : {}));
  };
  const wanted = search.trim().toLowerCase();
  const shown = (paused || kept || []).filter((line) => !wanted || `${line.pod} ${line.text}`.toLowerCase().includes(wanted)).slice(-DRAWN);
  return [
    heading('Logs', `lab logs${pod ?? service ? ` ${pod ?? service}` : ''} -f`),
    h('div', { class: 'row' },
      h('select', { 'aria-label': 'Whose lines', name: 'whose', value: chosen, onchange: choose }, option('', 'Everybody'),
        h('optgroup', { label: 'Services and Deployments' }, names.map((name) => option(`service ${name}`, name))),
        h('optgroup', { label: 'Pods' }, status.pods.map((one) => option(`pod ${one.name}`, one.name)))),
      h('input', { type: 'search', name: 'search', placeholder: 'Only lines with …', 'aria-label': 'Only lines with', value: search, oninput: (/** @type {any} */ event) => change({ search: event.target.value }) }),
      h('button', { type: 'button', 'aria-pressed': String(Boolean(paused)), onclick: () => change({ paused: paused ? false : (kept ?? []) }) }, paused ? 'Go on' : 'Pause'),
      h('span', { class: 'muted small' }, `${shown.length} lines`)),
    h('div', { class: 'log', role: 'log', tabindex: '0', 'aria-label': 'Lines', mounted: follow }, shown.length ? shown.map(row) : h('p', { class: 'muted' }, 'Nothing was written yet.')),
  ];
}

/** @param {LogLine} line */
function row(line) {
  const { level, message, rest } = parse(line);
  return h(
    'div',
    { class: `log-line${/^(WARN|ERROR)/.test(level) || line.stream === 'stderr' ? ' loud' : ''}`, key: line.number },
    h('span', { class: 'muted' }, new Date(line.time / 1000).toLocaleTimeString([], { hour12: false })),
    h('span', { class: 'log-pod' }, line.pod),
    h('span', { class: 'log-level' }, level || (line.stream === 'stderr' ? 'ERR' : '')),
    h('span', { class: 'log-said' }, message, rest ? h('span', { class: 'muted' }, ` ${rest}`) : null),
  );
}

/** Stays at the end for as long as whoever reads is there. @param {HTMLElement} box */
function follow(box) {
  let atEnd = true;
  box.addEventListener('scroll', () => {
    atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
  });
  new MutationObserver(() => {
    if (atEnd) box.scrollTop = box.scrollHeight;
  }).observe(box, { childList: true });
  box.scrollTop = box.scrollHeight;
}
