//@ts-check
// Costs over time as stacked bars: an SVG for the eye and the arrow keys, and a table that says the
// same in numbers. A series is told by its place, its hatching and its name, not by colour alone.

import { scale, sum } from '../cost-series.js';
import { h } from '../dom.js';
import { dateName, money } from '../format.js';
import { amend } from '../store.js';

/** @typedef {import('../types').Series} Series */
/** @typedef {{ dates: string[], series: Series[], column: number, currency: string, width: number }} Chart */

const HEIGHT = 300;
const LEFT = 64;
const BOTTOM = 26;
const TOP = 10;

/** @param {Chart} chart */
export function costChart(chart) {
  const { dates, series, column, currency, width } = chart;
  const totals = dates.map((_, index) => sum(series.map((one) => one.values[index])));
  const { top, step: apart } = scale(Math.max(...totals));
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const slot = (width - LEFT) / dates.length;
  const lines = Array.from({ length: Math.round(top / apart) + 1 }, (_, index) => index * apart);
  // Every date has room for its name only when there are few.
  const every = Math.ceil(dates.length / Math.max(1, Math.floor((width - LEFT) / 36)));
  return h('svg', {
    class: 'chart', viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'group', tabindex: '0', 'data-testid': 'chart', 'aria-label': 'Costs over time, as stacked bars. Arrow keys go from bar to bar; the table below has all numbers.',
    onkeydown: (/** @type {KeyboardEvent} */ event) => step(event, dates.length, column),
    onfocus: () => column < 0 && amend('costs', { column: dates.length - 1 }),
    onpointerleave: (/** @type {any} */ event) => { if (document.activeElement !== event.currentTarget) amend('costs', { column: -1 }); },
  },
  h('defs', null, series.map((_, index) => hatch(index))),
  lines.map((value) => h('g', { class: 'axis', 'aria-hidden': 'true' },
    h('line', { x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
    h('text', { x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, money(value, currency, true)))),
  dates.map((date, index) => h('g', { class: index === column ? 'bar-group chosen' : 'bar-group', 'aria-hidden': 'true', key: date, onpointerenter: () => amend('costs', { column: index }) },
    h('rect', { class: 'hit', x: LEFT + index * slot, y: TOP, width: slot, height: HEIGHT - TOP }),
    stack(series, index, { x: LEFT + index * slot + slot * 0.15, width: Math.min(64, slot * 0.7), slot, y }),
    index % every === 0 && h('text', { x: LEFT + (index + 0.5) * slot, y: HEIGHT - 8, 'text-anchor': 'middle' }, dateName(date, true)))));
}

/** @param {Series[]} series @param {number} index @param {{ x: number, width: number, slot: number, y: (value: number) => number }} at */
function stack(series, index, { x, width, slot, y }) {
  const left = x + Math.max(0, (slot * 0.7 - width) / 2);
  let below = 0;
  return series.map((one, rank) => {
    const from = y(below);
    below += Math.max(0, one.values[index]);
    const to = y(below);
    const height = Math.max(0, from - to - 1);
    return [
      h('rect', { class: `fill series-${rank}`, x: left, y: to, width, height }),
      rank > 0 && h('rect', { fill: `url(#hatch-${rank})`, x: left, y: to, width, height }),
    ];
  });
}

/** Lines over a series, at an angle and a distance of its own.
 * @param {number} rank */
function hatch(rank) {
  const size = 5 + (rank % 4) * 2;
  return h('pattern', { id: `hatch-${rank}`, width: size, height: size, patternUnits: 'userSpaceOnUse', patternTransform: `rotate(${rank * 45})`, key: rank },
    h('line', { class: 'hatch', x1: 0, y1: 0, x2: 0, y2: size }));
}

/** @param {KeyboardEvent} event @param {number} columns @param {number} column */
function step(event, columns, column) {
  const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: column - 1, ArrowRight: column + 1, Home: 0, End: columns - 1 });
  if (!(event.key in steps)) return;
  event.preventDefault();
  amend('costs', { column: Math.min(columns - 1, Math.max(0, steps[event.key])) });
}

/** Names of the series, with what each cost on the chosen date, or in all.
 * @param {Chart} chart @param {(name: string) => string} nameOf */
export function legend({ dates, series, column, currency }, nameOf) {
  const value = (/** @type {Series} */ one) => (column < 0 ? one.total : one.values[column]);
  const all = sum(series.map(value));
  return h('div', { class: 'legend', role: 'status', 'aria-live': 'polite', 'data-testid': 'legend' },
    h('p', null, h('strong', null, column < 0 ? 'All together' : dateName(dates[column])), ' ', h('span', { class: 'number' }, money(all, currency))),
    h('ol', null, series.map((one, rank) => h('li', { key: one.name },
      h('svg', { class: 'swatch', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, h('rect', { class: `fill series-${rank}`, width: 16, height: 16, rx: 3 }), rank > 0 && h('rect', { fill: `url(#hatch-${rank})`, width: 16, height: 16, rx: 3 })),
      h('span', { class: 'grow cut' }, nameOf(one.name)),
      h('span', { class: 'number' }, money(value(one), currency)),
      h('span', { class: 'muted number share' }, all > 0 ? `${Math.round((100 * value(one)) / all)} %` : '')))));
}

/** The same in numbers.
 * @param {Chart} chart @param {(name: string) => string} nameOf */
export function costTable({ dates, series, currency }, nameOf) {
  return h('div', { class: 'wide-table', tabindex: '0', role: 'region', 'aria-label': 'Costs in numbers' },
    h('table', { class: 'numbers', 'data-testid': 'cost-table' },
      h('caption', { class: 'unseen' }, 'Costs in numbers'),
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Name'), h('th', { scope: 'col', class: 'number' }, 'Total'), dates.map((date) => h('th', { scope: 'col', class: 'number', key: date }, dateName(date))))),
      h('tbody', null, series.map((one) => h('tr', { key: one.name }, h('th', { scope: 'row' }, nameOf(one.name)),
        h('td', { class: 'number' }, h('strong', null, money(one.total, currency))), one.values.map((value, index) => h('td', { class: 'number', key: dates[index] }, money(value, currency)))))),
      h('tfoot', null, h('tr', null, h('th', { scope: 'row' }, 'All'), h('td', { class: 'number' }, money(sum(series.map((one) => one.total)), currency)),
        dates.map((date, index) => h('td', { class: 'number', key: date }, money(sum(series.map((one) => one.values[index])), currency)))))));
}
