//@ts-check
// Rows of the cost API as series for a chart. Pure.

/** @typedef {import('./types').Series} Series */
/** @typedef {import('./types').CostView} CostView */

/** Series with a colour of their own; the rest is one heap. As many as people keep apart. */
const SERIES = 7;

/** First and last date of what is shown, as the API wants them, and all dates between.
 * @param {CostView} view @param {Date} now @returns {{ start: string, end: string, dates: string[] }} */
export function span({ granularity, period }, now) {
  const dates = granularity === 'DAILY' ? daysOf(period) : monthsUntil(now, Number(period));
  return { start: dates[0], end: dates[dates.length - 1], dates };
}

/** @param {string} month */
function daysOf(month) {
  const [year, number] = month.split('-').map(Number);
  const days = new Date(Date.UTC(year, number, 0)).getUTCDate();
  return Array.from({ length: days }, (_, day) => `${month}-${String(day + 1).padStart(2, '0')}`);
}

/** @param {Date} now @param {number} months */
function monthsUntil(now, months) {
  const first = now.getUTCFullYear() * 12 + now.getUTCMonth() - months + 1;
  return Array.from({ length: months }, (_, index) => monthName(first + index));
}

/** @param {number} month Months since the year 0. */
const monthName = (month) => `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`;

/** The month before or after.
 * @param {string} month @param {number} by */
export function monthFrom(month, by) {
  const [year, number] = month.split('-').map(Number);
  return monthName(year * 12 + number - 1 + by);
}

/** One series for each group, the dearest first, and one for all that are left.
 * @param {any[]} rows @param {string} by @param {string[]} dates @returns {Series[]} */
export function toSeries(rows, by, dates) {
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (const { name, date, cost } of rows.flatMap((row) => flat(row, by))) {
    const index = dates.indexOf(date);
    if (index < 0) continue;
    const values = groups.get(name) ?? dates.map(() => 0);
    values[index] += cost;
    groups.set(name, values);
  }
  const all = [...groups].map(([name, values]) => ({ name, values, total: sum(values) })).sort((one, other) => other.total - one.total);
  if (all.length <= SERIES + 1) return all;
  const rest = all.slice(SERIES);
  const values = dates.map((_, index) => sum(rest.map((one) => one.values[index])));
  return [...all.slice(0, SERIES), { name: `${rest.length} others`, values, total: sum(values) }];
}

/** A row has one date, or a list of them with their costs.
 * @param {any} row @param {string} by @returns {{ name: string, date: string, cost: number }[]} */
function flat(row, by) {
  const name = row[by] || 'unknown';
  if (Array.isArray(row.cost)) return row.cost.map((/** @type {any} */ one) => ({ name, date: one.date, cost: Number(one.value) || 0 }));
  return [{ name, date: row.date, cost: Number(row.cost) || 0 }];
}

/** @param {number[]} values */
export const sum = (values) => values.reduce((total, value) => total + value, 0);

/** A round number at or above the greatest, for the top of the axis, and the step between lines.
 * @param {number} greatest @returns {{ top: number, step: number }} */
export function scale(greatest) {
  if (!(greatest > 0)) return { top: 1, step: 0.25 };
  const rough = greatest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10);
  return { top: Math.ceil(greatest / step) * step, step };
}
