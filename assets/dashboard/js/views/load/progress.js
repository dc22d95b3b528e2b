//@ts-check
// A run that is under way: a bar for the time, and a column for each second.

import { h } from '../../dom.js';
import { duration, rate } from '../../format.js';

/** Columns that fit; of a longer run the last ones are shown. */
const COLUMNS = 60;

/** @param {any[]} steps @param {number} seconds */
export function progress(steps, seconds) {
  const last = steps[steps.length - 1];
  const done = last ? Math.min(1, last.elapsed_ms / (seconds * 1000)) : 0;
  return h(
    'section',
    { class: 'card', 'aria-label': 'Under way' },
    h('progress', { value: String(done), max: '1', 'aria-label': 'Time' }),
    last
      ? h(
          'p',
          { role: 'status' },
          `${last.answered} of ${last.sent} answered, ${last.failed} failed, ${rate(last.rate)}/s, p50 ${duration(last.p50)}, p99 ${duration(last.p99)}`,
        )
      : h('p', { class: 'muted' }, 'connecting'),
    columns(steps.slice(-COLUMNS)),
  );
}

/** @param {any[]} steps */
function columns(steps) {
  const most = Math.max(1, ...steps.map((step) => step.p99));
  const width = 100 / COLUMNS;
  return h(
    'svg',
    { class: 'seconds', viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'p99 of each second' },
    steps.map((step, index) => {
      const height = (step.p99 / most) * 23;
      return h('rect', { x: String(index * width), y: String(24 - height), width: String(width * 0.8), height: String(height), class: step.failed > (steps[index - 1]?.failed ?? 0) ? 'failed' : '' });
    }),
  );
}
