//@ts-check
// Two films side by side: hops that mean the same in one row, and what differs between them marked.

import { h } from '../../dom.js';
import { clock, duration } from '../../format.js';
import { link } from '../../route.js';
import { rows } from './hops.js';
import { CALLED } from './timeline.js';

/** @typedef {import('../../types').Film} Film */
/** @typedef {import('./hops.js').Row} Row */

/** A difference in time that is worth a word: a millisecond, and half as long again. */
const SLOWER = 1000;

/** Rows of both, in the order of the first; `[left, right]`, of which one may be missing.
 * @param {Film} left @param {Film} right @returns {[Row | undefined, Row | undefined][]} */
export function align(left, right) {
  const [ours, theirs] = [rows(left), rows(right)];
  const byKey = new Map(theirs.map((row) => [row.key, row]));
  const known = new Set(ours.map((row) => row.key));
  /** @type {[Row | undefined, Row | undefined][]} */
  const pairs = ours.map((row) => [row, byKey.get(row.key)]);
  for (const [index, row] of theirs.entries()) {
    if (known.has(row.key)) continue;
    // Behind what comes before it in its own film.
    const before = theirs[index - 1]?.key;
    const at = pairs.findIndex(([one, other]) => (one ?? other)?.key === before);
    pairs.splice(at + 1, 0, [undefined, row]);
  }
  return pairs;
}

/** In what two hops differ, in words. @param {Row | undefined} left @param {Row | undefined} right @returns {string[]} */
export function differences(left, right) {
  if (!left || !right) return [left ? 'only on the left' : 'only on the right'];
  const [one, other] = [left.hop, right.hop];
  const found = [];
  if (left.more.length !== right.more.length) found.push(`${left.more.length} and ${right.more.length} more`);
  if (one.event === 'connection' || other.event === 'connection') {
    if (one.event !== 'connection' || other.event !== 'connection') return ['another kind of hop'];
    if (one.drawn_at !== other.drawn_at || one.id !== other.id) found.push('another connection, with a draw of its own');
    if (one.endpoint !== other.endpoint) found.push('another pod');
    if (one.candidates.join() !== other.candidates.join()) found.push('drawn among others');
    return found;
  }
  if (one.source !== other.source) found.push('another pod');
  if (one.status !== other.status) found.push(`${one.status} and ${other.status}`);
  const [mine, its] = [one.attributes ?? {}, other.attributes ?? {}];
  if (mine.route !== its.route) found.push('another rule');
  if (mine.replica !== its.replica) found.push('another replica');
  if (String(mine.candidates ?? '') !== String(its.candidates ?? '')) found.push('other endpoints');
  if (mine.upstream_connection !== its.upstream_connection) found.push(`${mine.upstream_connection ?? 'no'} and ${its.upstream_connection ?? 'no'} connection`);
  const [longer, shorter] = [Math.max(one.duration, other.duration), Math.min(one.duration, other.duration)];
  if (longer - shorter > SLOWER && longer > shorter * 1.5) found.push(`${(longer / Math.max(1, shorter)).toFixed(1)} × as long ${one.duration > other.duration ? 'on the left' : 'on the right'}`);
  return found;
}

/** @param {Film} left @param {Film} right */
export function compare(left, right) {
  const pairs = align(left, right);
  const differing = pairs.filter(([one, other]) => differences(one, other).length > 0).length;
  const head = (/** @type {Film} */ film) =>
    h('th', { scope: 'col' }, h('a', { href: link('film', [film.trace]) }, film.name), h('div', { class: 'muted small' }, `${film.status} in ${duration(film.duration)}, at ${clock(film.started)}`));
  return h(
    'section',
    { class: 'film-compare', 'aria-label': 'Comparison' },
    h('p', null, differing ? `${differing} of ${pairs.length} hops differ; they are marked with ≠.` : `All ${pairs.length} hops went the same way.`),
    h('div', { class: 'wide-scroller' },
      h('table', null,
        h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Hop'), head(left), head(right), h('th', { scope: 'col' }, 'Differs in'))),
        h('tbody', null, pairs.map(([one, other]) => pair(one, other))))),
  );
}

/** @param {Row | undefined} left @param {Row | undefined} right */
function pair(left, right) {
  const row = /** @type {Row} */ (left ?? right);
  const found = differences(left, right);
  return h(
    'tr',
    { key: row.key, class: found.length ? 'differs' : null },
    h('th', { scope: 'row', style: { 'padding-left': `${10 + Math.min(row.depth, 8) * 10}px` } }, `${found.length ? '≠ ' : ''}${CALLED[row.kind] ?? row.kind}`),
    cell(left),
    cell(right),
    h('td', null, found.join('; ')),
  );
}

/** @param {Row | undefined} row */
function cell(row) {
  if (!row) return h('td', { class: 'muted' }, '—');
  const { hop, more } = row;
  if (more.length) return h('td', null, `${more.length} more ${hop.event === 'connection' ? '' : hop.name}`);
  if (hop.event === 'connection') return h('td', null, h('strong', null, hop.pod ?? hop.endpoint), h('div', { class: 'muted small' }, `connection #${hop.id} of ${hop.service}, among ${hop.candidates.length}`));
  return h('td', null, h('strong', null, hop.kind === 'load-balancer' ? `to ${hop.attributes?.replica ?? '?'}` : hop.source), h('div', { class: 'muted small' }, `${hop.kind === 'load-balancer' ? '' : `${hop.name} · `}${hop.status} · ${duration(hop.duration)}`));
}
