//@ts-check
// How even calls are spread: Pearson's chi-square against equal shares, in words.

/** Calls a pod below which dice may do anything. */
const ENOUGH = 5;

/** @param {number[]} counts by pod */
export function chiSquare(counts) {
  const calls = counts.reduce((sum, count) => sum + count, 0);
  const freedom = counts.length - 1;
  const expected = calls / counts.length;
  const value = calls > 0 ? counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) : 0;
  return { value, freedom, calls, chance: freedom > 0 && calls > 0 ? upperGamma(freedom / 2, value / 2) : 1 };
}

/** What the counts say. @param {number[]} counts by pod
 * @returns {{ tone: 'good' | 'warn' | 'bad' | '', verdict: string, figures: string }} */
export function evenness(counts) {
  const { value, freedom, calls, chance } = chiSquare(counts);
  if (counts.length === 0) return { tone: 'warn', verdict: 'No pod is ready', figures: '' };
  if (counts.length === 1) return { tone: '', verdict: 'One pod takes everything', figures: 'There is nothing to spread over. Scale it.' };
  if (calls < ENOUGH * counts.length) return { tone: '', verdict: 'Too few calls to tell', figures: `${calls} of the ${ENOUGH * counts.length} that it takes` };
  const written = chance < 0.001 ? 'p < 0.001' : `p = ${chance.toFixed(chance < 0.01 ? 3 : 2)}`;
  const figures = `χ² = ${value.toFixed(1)} over ${counts.length} pods (${freedom} degrees of freedom) of ${calls} calls: ${meaning(chance)}`;
  if (chance < 0.001) return { tone: 'bad', verdict: `Uneven: ${written}`, figures };
  if (chance < 0.05) return { tone: 'warn', verdict: `Less even than dice: ${written}`, figures };
  if (chance > 0.999) return { tone: 'good', verdict: `More even than dice: ${written}`, figures };
  return { tone: 'good', verdict: `As even as dice: ${written}`, figures };
}

/** @param {number} chance */
function meaning(chance) {
  if (chance < 0.001) return 'dice would do this less than once in a thousand tries';
  if (chance > 0.999) return 'dice are hardly ever so even, so turns are taken';
  const tries = Math.round(1 / chance);
  return tries <= 1 ? 'dice do this nearly every time' : `dice do this, or worse, about once in ${tries} tries`;
}

/** The regularised upper incomplete gamma function Q(a, x): the chance of a chi-square above 2x with 2a
 * degrees of freedom. @param {number} a @param {number} x */
export function upperGamma(a, x) {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    // The series of the lower function converges fast here.
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 500 && term > sum * 1e-12; n += 1) {
      term *= x / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  // And the continued fraction there, by Lentz' method.
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 500; n += 1) {
    const part = -n * (n - a);
    b += 2;
    d = 1 / (Math.abs(part * d + b) < tiny ? tiny : part * d + b);
    c = Math.abs(b + part / c) < tiny ? tiny : b + part / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-12) break;
  }
  return Math.min(1, scale * fraction);
}

/** By Stirling's series, after moving the argument to where it is good. @param {number} z above 0 */
function logGamma(z) {
  let shift = 0;
  let at = z;
  for (; at < 9; at += 1) shift -= Math.log(at);
  const square = at * at;
  return shift + (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / at;
}
