//@ts-check
// The step that is under way, and the end of a lesson.

import { h } from '../../dom.js';
import { command } from '../parts.js';
import { observations, paragraphs } from './outcome.js';

/** @typedef {import('./shapes').LessonView} LessonView */
/** @typedef {(what: string, body: object) => void} Move */

/** @param {LessonView} lesson @param {import('./shapes').Step} step @param {Move} move */
export function step(lesson, step, move) {
  const seen = step.observations.every((one) => one.holds);
  return h(
    'section',
    { class: 'card step', key: `step-${step.number}`, 'aria-label': `Step ${step.number}` },
    h('h2', null, `Step ${step.number} of ${lesson.steps}`),
    paragraphs(step.say, 'say'),
    step.predict ? prediction(step.predict, step.number, move) : null,
    step.toml ? [h('p', null, lesson.changed_toml && lesson.before ? 'In lab.toml, in place of what this lesson wrote there before:' : 'Write into lab.toml:'), h('pre', null, step.toml.trim())] : null,
    step.run.length > 0 ? [h('p', null, 'Run:'), commands(step.run)] : null,
    h('h3', null, 'What the lab has seen'),
    observations(step.observations),
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'button', class: 'primary', 'data-next': '', disabled: !seen, onclick: () => move('next', { wait: 2000 }) }, 'Next'),
      seen ? null : h('button', { type: 'button', class: 'quiet', onclick: () => move('next', { skip: true }) }, 'Skip this step'),
      command('lab lesson next'),
    ),
  );
}

/** @param {{ question: string, choices: string[], answer: number | null }} predict @param {number} number @param {Move} move */
const prediction = (predict, number, move) =>
  h(
    'fieldset',
    { class: 'predict' },
    h('legend', null, 'Predict: ', predict.question),
    predict.choices.map((choice, index) =>
      h(
        'label',
        { class: 'check', key: choice },
        h('input', { type: 'radio', name: `predict-${number}`, value: String(index + 1), checked: predict.answer === index + 1, onchange: () => move('check', { answer: index + 1 }) }),
        choice,
      ),
    ),
  );

/** @param {import('./shapes').Command[]} all */
const commands = (all) =>
  h('ul', { class: 'commands' }, all.map((one, index) => h('li', { key: index }, command(one.command), one.fails ? h('span', { class: 'muted small' }, ' it will fail: that is what it shows') : null)));

/** @param {LessonView} lesson @param {Move} move */
export const over = (lesson, move) =>
  h(
    'section',
    { class: 'card step', key: 'over', 'aria-label': 'The end' },
    h('h2', null, 'The lesson is over'),
    h('p', { class: 'say' }, 'Can you answer it now? ', lesson.question),
    lesson.changed_toml ? h('p', null, 'Take what the lesson wrote out of lab.toml.') : null,
    lesson.undo.length > 0 ? [h('p', null, 'To leave the lab as it was before:'), commands(lesson.undo)] : null,
    h('div', { class: 'row' }, h('button', { type: 'button', class: 'primary', onclick: () => move('stop', {}) }, 'Done')),
  );
