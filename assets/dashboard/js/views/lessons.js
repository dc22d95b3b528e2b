//@ts-check
// Lessons: a question, a prediction, commands, what the lab has seen itself, and why.

import { call } from '../api.js';
import { h } from '../dom.js';
import { polling } from '../poll.js';
import { go, link } from '../route.js';
import { keep, state } from '../store.js';
import { over, step } from './lessons/step.js';
import { explained } from './lessons/outcome.js';
import { act, badge, command } from './parts.js';

/** @typedef {import('./lessons/shapes').LessonView} LessonView */
/** @typedef {{ list: import('./lessons/shapes').LessonSummary[], lesson: LessonView | null }} Kept */

/** @returns {Kept} */
const kept = () => ({ list: [], lesson: null, ...state.kept.lessons });

async function refresh() {
  try {
    const [list, lesson] = await Promise.all([call('/api/lessons'), call('/api/lessons/current')]);
    keep('lessons', { list, lesson });
  } catch {
    // The page says already that the lab does not answer.
  }
}

/** @param {string} what @param {object} body */
async function move(what, body) {
  const lesson = await act(`/api/lessons/${what}`, body);
  if (lesson !== undefined) {
    keep('lessons', { lesson: what === 'stop' ? null : lesson });
    if (what === 'next' || what === 'start') document.querySelector('main')?.scrollTo({ top: 0 });
  }
  refresh();
}

/** A teacher's own lesson. @param {any} event */
async function own(event) {
  const file = event.target.files[0];
  if (file) await move('start', { lesson: file.name, text: await file.text() });
  event.target.value = '';
}

/** @param {import('../types').State} state */
function render(state) {
  const { list, lesson } = kept();
  const all = state.route.rest[0] === 'all';
  return lesson && !all ? under(lesson) : index(list, lesson);
}

/** @param {Kept['list']} list @param {LessonView | null} lesson */
const index = (list, lesson) =>
  h(
    'div',
    { class: 'lessons' },
    h('div', { class: 'row' }, h('h1', { tabindex: '-1' }, 'Lessons'), command('lab lesson list')),
    lesson ? h('p', null, 'Under way: ', h('a', { href: link('lessons') }, lesson.title)) : null,
    h(
      'ol',
      { class: 'lesson-list' },
      list.map((one) =>
        h(
          'li',
          { key: one.id, class: 'card' },
          h('span', { class: 'lesson-number', 'aria-hidden': 'true' }, one.number),
          h('div', { class: 'grow' }, h('h2', null, one.title), h('p', { class: 'muted' }, one.about)),
          h('span', { class: 'muted small' }, `${one.minutes} min`),
          one.done ? badge('good', 'done') : null,
          h(
            'button',
            { type: 'button', class: one.current ? '' : 'primary', 'data-lesson': one.id, onclick: () => (one.current ? go(link('lessons')) : move('start', { lesson: one.id }).then(() => go(link('lessons')))) },
            one.current ? 'Go on' : 'Start',
          ),
        ),
      ),
    ),
    h('label', { class: 'card own' }, 'A lesson of your own (docs/lessons.md says how to write one)', h('input', { type: 'file', accept: '.toml', onchange: own })),
  );

/** @param {LessonView} lesson */
function under(lesson) {
  const number = lesson.step?.number ?? lesson.steps + 1;
  const done = `${Math.min(number, lesson.steps)} of ${lesson.steps}`;
  return h(
    'article',
    { class: 'lesson' },
    h(
      'div',
      { class: 'row' },
      h('h1', { tabindex: '-1' }, lesson.number ? `${lesson.number}. ${lesson.title}` : lesson.title),
      h('span', { class: 'space' }),
      h('a', { href: link('lessons', ['all']) }, 'All lessons'),
      h('button', { type: 'button', onclick: () => move('stop', {}) }, 'Stop'),
    ),
    h('progress', { value: String(number - 1), max: String(lesson.steps), 'aria-label': `Step ${done}` }),
    number === 1 ? h('div', { class: 'card' }, h('p', null, lesson.about), h('p', null, h('strong', null, 'Question: '), lesson.question), lesson.setup ? h('p', null, h('strong', null, 'It needs: '), lesson.setup) : null) : null,
    lesson.before ? explained(lesson.before) : null,
    lesson.step ? step(lesson, lesson.step, move) : over(lesson, move),
  );
}

/** @type {import('../types').View} */
export const view = { id: 'lessons', title: 'Lessons', icon: 'lessons', render, ...polling(refresh) };
