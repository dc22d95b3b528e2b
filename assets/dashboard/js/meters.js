//@ts-check
// From differences to what a person reads: rates, failures and latencies of the last seconds.

/** Seconds that are looked back on: long enough to be steady, short enough to follow a change. */
const WINDOW = 5;
/** Buckets of latencies grow by a sixth of a decade from 100 µs; see src/model/live.rs. */
const bound = (/** @type {number} */ bucket) => 0.1 * 10 ** (bucket / 6);

/** @type {import('./types').Traffic[]} */
let recent = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let quiet;
/** By pod, since the page was opened. @type {Record<string, number>} */
let served = {};
/** When the oldest of `recent` began, in milliseconds of this page. */
const begun = performance.now();

/** Takes one difference in, and gives what the state is to be.
 * @param {import('./types').Traffic} traffic
 * @returns {Partial<import('./types').State>} */
export function measure(traffic) {
  recent.push(traffic);
  const since = traffic.at - WINDOW * 1e6;
  recent = recent.filter((one) => one.at > since);
  served = { ...served };
  for (const [name, pod] of Object.entries(traffic.pods)) served[name] = (served[name] ?? 0) + pod.served;
  return { ...read(), served };
}

/** What the last seconds were. When nothing is told any more, it decays to nothing.
 * @param {number} [now] microseconds since the epoch
 * @returns {Partial<import('./types').State>} */
export function read(now = Date.now() * 1000) {
  recent = recent.filter((one) => one.at > now - (WINDOW + 1) * 1e6);
  const seconds = Math.max(0.25, Math.min(WINDOW, (performance.now() - begun) / 1000));
  /** @type {Record<string, { served: number, failed: number, latency: Map<number, number> }>} */
  const sums = {};
  let requests = 0;
  let filmed = 0;
  for (const one of recent) {
    requests += one.requests;
    filmed += one.filmed;
    for (const [name, pod] of Object.entries(one.pods)) {
      const sum = (sums[name] ??= { served: 0, failed: 0, latency: new Map() });
      sum.served += pod.served;
      sum.failed += pod.failed;
      for (const [bucket, count] of pod.latency) sum.latency.set(bucket, (sum.latency.get(bucket) ?? 0) + count);
    }
  }
  // What is not filmed is taken to be like what is.
  const scale = filmed > 0 ? Math.max(1, requests / filmed) : 1;
  /** @type {Record<string, import('./types').Meter>} */
  const meters = {};
  for (const [name, sum] of Object.entries(sums)) {
    meters[name] = {
      rate: (sum.served * scale) / seconds,
      failed: sum.served > 0 ? sum.failed / sum.served : 0,
      p50: quantile(sum.latency, sum.served, 0.5),
      p95: quantile(sum.latency, sum.served, 0.95),
    };
  }
  return { meters, rate: requests / seconds, scale };
}

/** @param {Map<number, number>} latency @param {number} count @param {number} share @returns {number} milliseconds */
function quantile(latency, count, share) {
  let left = count * share;
  for (const bucket of [...latency.keys()].sort((one, other) => one - other)) {
    const here = latency.get(bucket) ?? 0;
    if (left <= here) {
      const low = bucket === 0 ? 0 : bound(bucket - 1);
      return low + (bound(bucket) - low) * (left / here);
    }
    left -= here;
  }
  return 0;
}

/** Calls `tell` with fresh readings while there is something to decay.
 * @param {(readings: Partial<import('./types').State>) => void} tell */
export function decay(tell) {
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    if (recent.length > 0) tell(read());
    decay(tell);
  }, 1000);
}
