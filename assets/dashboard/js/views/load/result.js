//@ts-check
// What came of a run: latencies, spread over pods, errors by cause, and the run before.

import { h } from '../../dom.js';
import { clock, duration, percent, rate } from '../../format.js';
import { badge } from '../parts.js';

/** @param {any} load @param {any} [before] the run before at the same URL */
export function result(load, before) {
  const failed = load.errors.reduce((/** @type {number} */ sum, /** @type {any} */ error) => sum + error.count, 0);
  return h(
    'div',
    { class: 'load-result' },
    h(
      'section',
      { class: 'card', 'aria-label': 'Result' },
      h(
        'div',
        { class: 'row' },
        h('h2', null, `Run ${load.id}`),
        h('span', { class: 'muted small' }, `${load.method} ${load.url}, ${clock(load.started)}, ${load.protocol || 'no connection'}`),
        load.stopped ? badge('warn', 'stopped early') : null,
        load.behind ? badge('warn', 'this machine was too slow for the rate') : null,
      ),
      h(
        'p',
        null,
        `${load.sent} sent, ${load.answered} answered, `,
        h('strong', { class: failed ? 'bad' : 'good' }, failed ? `${failed} failed` : 'none failed'),
        `, ${rate(load.achieved_rate)}/s of ${load.rate}/s`,
        load.waited ? `; ${load.waited} found every connection busy` : '',
      ),
      latencies(load.latency, before?.latency, before?.id),
    ),
    load.spread.length > 0 ? spread(load) : null,
    load.errors.length > 0 ? errors(load) : null,
  );
}

/** @param {any} now @param {any} [then] @param {number} [id] */
const latencies = (now, then, id) =>
  h(
    'table',
    null,
    h(
      'thead',
      null,
      h('tr', null, h('th', { scope: 'col' }, 'Latency'), h('th', { scope: 'col', class: 'number' }, 'now'), then ? [h('th', { scope: 'col', class: 'number' }, `run ${id}`), h('th', { scope: 'col', class: 'number' }, 'change')] : null),
    ),
    h(
      'tbody',
      null,
      [['p50', 'half'], ['p90', '90 %'], ['p99', '99 %'], ['p999', '99.9 %'], ['max', 'slowest']].map(([key, name]) =>
        h(
          'tr',
          { key },
          h('th', { scope: 'row' }, name),
          h('td', { class: 'number' }, duration(now[key])),
          then ? [h('td', { class: 'number' }, duration(then[key])), h('td', { class: 'number' }, change(now[key], then[key]))] : null,
        ),
      ),
    ),
  );

/** @param {number} now @param {number} then */
function change(now, then) {
  if (then === 0) return '';
  const share = now / then - 1;
  // Less than a tenth is this machine's mood.
  if (Math.abs(share) < 0.1) return h('span', { class: 'muted' }, 'same');
  return h('span', { class: share > 0 ? 'bad' : 'good' }, `${share > 0 ? '▲ +' : '▼ −'}${Math.round(Math.abs(share) * 100)} %`);
}

/** What the test says, in words. @type {Record<string, string>} */
const VERDICTS = { turns: 'more even than any draw: they take turns', fair: 'as even as dice', uneven: 'uneven: no draw with equal chances looks like this' };

/** @param {any} load */
function spread(load) {
  const total = load.spread.reduce((/** @type {number} */ sum, /** @type {any} */ share) => sum + share.requests, 0);
  const { evenness } = load;
  return h(
    'section',
    { class: 'card', 'aria-label': 'Spread' },
    h('div', { class: 'row' }, h('h2', null, 'Who answered'), evenness ? h('span', { class: 'small muted' }, `${VERDICTS[evenness.verdict]} (χ² ${evenness.chi_square.toFixed(1)}, p ${evenness.probability < 0.001 ? '< 0.001' : evenness.probability.toFixed(3)})`) : null),
    h(
      'ul',
      { class: 'shares' },
      load.spread.map((/** @type {any} */ share) =>
        h(
          'li',
          { key: share.pod },
          h('span', { class: 'name' }, share.pod),
          h('span', { class: 'share-bar', 'aria-hidden': 'true' }, h('span', { style: { width: `${total ? (share.requests / total) * 100 : 0}%` } })),
          h('span', { class: 'number' }, share.requests),
          h('span', { class: 'number muted' }, total ? percent(share.requests / total) : ''),
        ),
      ),
    ),
    load.unnamed ? h('p', { class: 'muted small' }, `${load.unnamed} answers name no pod`) : null,
  );
}

/** @param {any} load */
const errors = (load) =>
  h(
    'section',
    { class: 'card', 'aria-label': 'Errors' },
    h('h2', null, 'What went wrong'),
    h(
      'table',
      null,
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Cause'), h('th', { scope: 'col' }, 'Made by'), h('th', { scope: 'col', class: 'number' }, 'How often'))),
      h(
        'tbody',
        null,
        load.errors.map((/** @type {any} */ error) =>
          h('tr', { key: `${error.cause} ${error.code}` }, h('td', null, error.cause), h('td', null, error.code ? `the ingress: ${error.code}` : 'a pod or the connection'), h('td', { class: 'number' }, error.count)),
        ),
      ),
    ),
  );
