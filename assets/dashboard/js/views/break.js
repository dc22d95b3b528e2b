//@ts-check
// Breaks things on purpose: where, what, for how long; and what is broken now.

import { call } from '../api.js';
import { h } from '../dom.js';
import { age } from '../format.js';
import { polling } from '../poll.js';
import { keep, state } from '../store.js';
import { kinds, phrase } from './break/kinds.js';
import { places } from './break/places.js';
import { act, badge, command, empty } from './parts.js';

/** @typedef {import('./break/kinds.js').Kind} Kind */
/** @typedef {{ faults: any[], target: string, values: Record<string, string>, seed: string, seconds: string }} Kept */

/** A Service and its Deployment have one name. @param {import('./break/places.js').Place} place */
const idOf = (place) => `${place.is}/${place.target}`;

/** @returns {Kept} */
const kept = () => ({ faults: [], target: 'ingress/ingress', values: {}, seed: '', seconds: '', ...state.kept.break });

async function refresh() {
  try {
    keep('break', { faults: await call('/api/faults') });
  } catch {
    // The page says already that the lab does not answer.
  }
}

/** @param {import('../types').State} state */
function render({ status }) {
  const { faults, target, values, seed, seconds } = kept();
  const groups = places(status);
  const place = groups.flatMap((group) => group.places).find((one) => idOf(one) === target) ?? groups[0].places[0];
  return h(
    'div',
    { class: 'break' },
    h('div', { class: 'row' }, h('h1', { tabindex: '-1' }, 'Break it'), h('span', { class: 'space' }), undoAll(faults)),
    active(faults),
    h(
      'section',
      { class: 'card', 'aria-label': 'Break something' },
      h(
        'div',
        { class: 'row' },
        h(
          'label',
          null,
          'Where',
          h(
            'select',
            { id: 'break-target', value: idOf(place), onchange: (/** @type {any} */ event) => keep('break', { target: event.target.value }) },
            groups.map((group) =>
              h('optgroup', { key: group.title, label: group.title }, group.places.map((one) => h('option', { key: one.target, value: idOf(one) }, one.name))),
            ),
          ),
        ),
        field('seconds', 'Undone after seconds', seconds, { type: 'number', min: '1', placeholder: 'never' }),
        field('seed', 'Seed', seed, { type: 'number', min: '0', placeholder: 'any' }),
      ),
      h('p', { class: 'muted small' }, 'The same seed draws the same way again.'),
      h(
        'ul',
        { class: 'kinds' },
        kinds.filter((kind) => kind.at.includes(place.is)).map((kind) => choice(kind, place.target, values)),
        place.is === 'pod' ? killing(place.target) : null,
      ),
    ),
  );
}

/** @param {'seconds' | 'seed'} name @param {string} label @param {string} value @param {Record<string, any>} props */
const field = (name, label, value, props) =>
  h('label', null, label, h('input', { id: `break-${name}`, value, oninput: (/** @type {any} */ event) => keep('break', { [name]: event.target.value }), ...props }));

/** @param {Kind} kind @param {string} target @param {Record<string, string>} values */
function choice(kind, target, values) {
  const value = kind.parameter ? (values[kind.id] ?? kind.parameter.first) : '';
  const { seed, seconds } = kept();
  const set = (/** @type {any} */ event) => keep('break', { values: { ...kept().values, [kind.id]: event.target.value } });
  const begin = async (/** @type {Event} */ event) => {
    event.preventDefault();
    // What counts is what is written now, which may not be drawn yet.
    const { seed, seconds, values } = kept();
    const body = {
      target,
      kind: kind.id,
      ...kind.parameter?.field(Number(values[kind.id] ?? kind.parameter.first)),
      ...(seed === '' ? {} : { seed: Number(seed) }),
      ...(seconds === '' ? {} : { for_ms: Math.round(Number(seconds) * 1000) }),
    };
    await act('/api/faults', body, `${kind.title}: ${target}`);
    refresh();
  };
  const line = ['lab fault add', kind.id, target, kind.parameter?.option(value), seed && `--seed ${seed}`, seconds && `--for ${seconds}s`];
  return h(
    'li',
    { key: kind.id },
    h(
      'form',
      { class: 'kind', onsubmit: begin },
      h('div', { class: 'about' }, h('strong', null, kind.title), h('span', { class: 'muted small' }, kind.about)),
      kind.parameter ? h('label', null, kind.parameter.label, h('input', { id: `break-${kind.id}`, type: 'number', step: 'any', value, oninput: set, required: true })) : null,
      h('button', { type: 'submit', class: 'danger' }, 'Break'),
      command(line.filter(Boolean).join(' ')),
    ),
  );
}

/** @param {string} pod */
const killing = (pod) =>
  h(
    'li',
    { key: 'kill' },
    h(
      'form',
      {
        class: 'kind',
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          act('/api/kill', { pod }, `${pod} is killed; the lab starts it again`);
        },
      },
      h('div', { class: 'about' }, h('strong', null, 'Kill'), h('span', { class: 'muted small' }, 'SIGKILL for its program. It is started again, so there is nothing to undo.')),
      h('button', { type: 'submit', class: 'danger' }, 'Kill'),
      command(`lab kill ${pod}`),
    ),
  );

/** @param {any[]} faults */
const undoAll = (faults) =>
  h(
    'button',
    {
      type: 'button',
      class: faults.length > 0 ? 'primary' : '',
      disabled: faults.length === 0,
      onclick: async () => {
        await act('/api/faults/undo', {}, 'everything is undone');
        refresh();
      },
    },
    'Undo everything',
  );

/** @param {any[]} faults */
function active(faults) {
  if (faults.length === 0) return empty('Nothing is broken', command('lab fault list'));
  return h(
    'section',
    { class: 'card', 'aria-label': 'Broken now' },
    h('h2', null, `Broken now: ${faults.length}`),
    h(
      'ul',
      { class: 'faults' },
      faults.map((fault) =>
        h(
          'li',
          { key: fault.id },
          badge('bad', phrase(fault)),
          h('code', { class: 'grow' }, fault.target),
          h('span', { class: 'muted small' }, `since ${age(fault.started)}${fault.until ? `, ends by itself in ${Math.max(0, Math.round(fault.until / 1e6 - Date.now() / 1000))} s` : ''}, seed ${fault.seed}`),
          h(
            'button',
            {
              type: 'button',
              'aria-label': `Undo ${phrase(fault)} at ${fault.target}`,
              onclick: async () => {
                await act('/api/faults/undo', { id: fault.id }, 'undone');
                refresh();
              },
            },
            'Undo',
          ),
        ),
      ),
    ),
    command('lab fault undo'),
  );
}

/** @type {import('../types').View} */
export const view = { id: 'break', title: 'Break it', icon: 'break', render, ...polling(refresh) };
