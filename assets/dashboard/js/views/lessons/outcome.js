//@ts-check
// What was seen, and what explains it.

import { h } from '../../dom.js';
import { badge, command } from '../parts.js';

/** @param {import('./shapes').Outcome} outcome */
export const explained = (outcome) =>
  h(
    'section',
    { class: 'card outcome', key: `outcome-${outcome.step}`, 'aria-label': `Step ${outcome.step} explained` },
    h('div', { class: 'row' }, h('h2', null, `Step ${outcome.step}`), outcome.skipped ? badge('warn', 'skipped') : badge('good', 'done')),
    outcome.prediction ? verdict(outcome.prediction) : null,
    paragraphs(outcome.why, 'say'),
    observations(outcome.observations),
    h(
      'div',
      { class: 'in-kubernetes' },
      h('h3', null, 'In Kubernetes'),
      paragraphs(outcome.kubernetes, ''),
      outcome.kubectl.map((line, index) => h('div', { key: index }, command(line))),
    ),
  );

/** @param {{ question: string, guessed: string | null, answer: string, right: boolean }} verdict */
const verdict = ({ question, guessed, answer, right }) =>
  h(
    'p',
    { class: 'verdict' },
    question,
    ' ',
    guessed === null ? null : badge(right ? 'good' : 'bad', right ? '✓ right' : `✗ you said: ${guessed}`),
    ' ',
    h('strong', null, answer),
  );

/** @param {import('./shapes').Observation[]} all */
export const observations = (all) =>
  h(
    'ul',
    { class: 'observations', 'aria-live': 'polite' },
    all.map((one) =>
      h(
        'li',
        { key: one.wanted, class: one.holds ? 'holds' : '' },
        badge(one.holds ? 'good' : '', one.holds ? '✓ seen' : '… not yet'),
        h('span', null, one.wanted, h('span', { class: 'muted' }, one.holds ? ` (${one.seen})` : `, saw ${one.seen}`)),
      ),
    ),
  );

/** @param {string} text with empty lines between paragraphs @param {string} kind */
export const paragraphs = (text, kind) => text.trim().split(/\n\s*\n/).map((one, index) => h('p', { key: index, class: kind || null }, one.replace(/\s*\n\s*/g, ' ')));
