//@ts-check
// The config as it counts: what differs from the built-in default, and what it comes to.

import { h } from '../../dom.js';
import { room } from '../../stateroom.js';
import { code, heading, table } from './parts.js';

/** @param {any} value */
const shown = (value) => (value === null || value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value));

export function config() {
  const { config: it } = room();
  const command = `lab check${it?.file ? ` ${it.file}` : ''}`;
  if (!it) return [heading('Config', command), h('p', { class: 'muted' }, 'One moment')];
  const [differs, same] = [it.settings.filter((one) => one.differs), it.settings.filter((one) => !one.differs)];
  const row = (/** @type {import('../../types').Setting} */ one) =>
    h('tr', { key: one.key },
      h('th', { scope: 'row' }, code(one.key)),
      h('td', { class: 'config-value' }, one.value === null && one.default !== undefined ? h('em', null, 'left out') : shown(one.value)),
      one.differs ? h('td', { class: 'config-value muted' }, one.default === undefined ? h('em', null, 'not there') : shown(one.default)) : null);
  return [
    heading('Config as applied', command, 'lab reload'),
    h('p', null, it.file ? ['From ', code(it.file), ', over the built-in default.'] : 'The built-in default: no file says otherwise.', ' Passwords and tokens are not shown.'),
    h('h2', null, `What differs (${differs.length})`),
    differs.length ? table('What differs', [['Key'], ['Counts now'], ['By default']], differs.map(row)) : h('p', { class: 'muted' }, 'Nothing.'),
    h('h2', null, 'What it comes to'),
    h('ul', { class: 'config-summary card' }, it.summary.map((line, index) => h('li', { key: index }, line))),
    h('details', null, h('summary', null, `${same.length} settings as by default`), table('As by default', [['Key'], ['Counts now']], same.map(row))),
  ];
}
