//@ts-check
// A film as rows: every hop with its place in time and its depth, and of many that are alike the first
// few.

/** @typedef {import('../../types').Film} Film */
/** @typedef {import('../../types').Hop} Hop */
/** @typedef {{ key: string, depth: number, hop: Hop, kind: string, more: Hop[], like: string }} Row */

/** So many that are alike are all shown; of more, two. As src/cli/trace/fold.rs has it. */
const FEW = 4;
const SHOWN = 2;
/** Microseconds between a connection and its first request that belong to the picture of the request. */
const EARLY = 5000;
const REPEATED = ['mongo-client', 'redis-client', 'worker'];

/** What a status means, whatever the protocol calls it.
 * @param {string} status @returns {'good' | 'warn' | 'bad' | ''} */
export function tone(status) {
  if (!status) return '';
  if (/^[12]\d\d$/.test(status) || /^ok$/i.test(status) || status === 'accepted') return 'good';
  if (/^[34]\d\d$/.test(status)) return 'warn';
  return 'bad';
}

/** @param {Hop} hop */
export const kindOf = (hop) => (hop.event === 'connection' ? 'connection' : hop.kind);

/** When it began, in microseconds. @param {Hop} hop */
export const startOf = (hop) => (hop.event === 'connection' ? hop.drawn_at : hop.start);

/** The rows of a film, a parent before its children. @param {Film} film @returns {Row[]} */
export function rows(film) {
  /** @type {Row[]} */
  const all = [];
  descend(film.hops, 0, '', all);
  return all;
}

/** @param {Hop[]} hops @param {number} depth @param {string} above @param {Row[]} all */
function descend(hops, depth, above, all) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (const [hop, more] of fold(hops)) {
    // The way in, connections among it, is one line; calls stand below who made them.
    const like = `${above}/${kindOf(hop)} ${hop.event === 'connection' ? hop.service : plain(hop)}`;
    const count = seen.get(like) ?? 0;
    seen.set(like, count + 1);
    const key = `${like}#${count}${more.length ? '+' : ''}`;
    all.push({ key, depth, hop, kind: kindOf(hop), more, like });
    if (more.length) continue;
    const flat = hop.event !== 'connection' && (hop.kind === 'load-balancer' || hop.kind === 'ingress');
    descend(hop.children ?? [], flat ? depth : depth + 1, key, all);
  }
}

/** A name that is the same in another film: without the port that was taken.
 * @param {import('../../types').Span} span */
const plain = (span) => (span.kind === 'load-balancer' ? 'accept' : span.name);

/** @param {Hop[]} hops @returns {[Hop, Hop[]][]} */
function fold(hops) {
  /** @type {Map<string, Hop[]>} */
  const alike = new Map();
  for (const hop of hops) {
    if (hop.event === 'connection' || !REPEATED.includes(hop.kind)) continue;
    alike.set(hop.name, [...(alike.get(hop.name) ?? []), hop]);
  }
  /** @type {[Hop, Hop[]][]} */
  const shown = [];
  /** @type {Map<string, number>} */
  const told = new Map();
  /** @type {Map<string, Hop[]>} */
  const hidden = new Map();
  for (const hop of hops) {
    if (hop.event === 'connection' || (alike.get(hop.name)?.length ?? 0) <= FEW) {
      shown.push([hop, []]);
      continue;
    }
    // What failed is never hidden behind what did not.
    const mark = `${hop.name} ${tone(hop.status) === 'good'}`;
    const count = (told.get(mark) ?? 0) + 1;
    told.set(mark, count);
    if (count <= SHOWN) shown.push([hop, []]);
    else hidden.set(hop.name, [...(hidden.get(hop.name) ?? []), hop]);
  }
  for (const more of hidden.values()) shown.push([more[0], more]);
  return shown;
}

/** From the first to the last moment that the film is about, in microseconds. Connections may be much
 * older than the request. @param {Film} film */
export function extent(film) {
  let [from, to] = [Infinity, 0];
  /** @param {Hop[]} hops */
  const look = (hops) => {
    for (const hop of hops) {
      // A connection may have been accepted long before the request that came over it.
      if (hop.event !== 'connection' && !(hop.kind === 'load-balancer' && hop.start + hop.duration < film.started - EARLY)) {
        from = Math.min(from, hop.start);
        to = Math.max(to, hop.start + hop.duration);
      }
      look(hop.children ?? []);
    }
  };
  look(film.hops);
  if (from > to) [from, to] = [film.started, film.started + film.duration];
  return { from, to: Math.max(to, from + 1) };
}

/** The ingress' hop. @param {Film} film @returns {import('../../types').Span | undefined} */
export function ingressOf(film) {
  const found = rows(film).find((row) => row.kind === 'ingress')?.hop;
  return found && found.event !== 'connection' ? found : undefined;
}
