//@ts-check
// Numbers and times as people read them.

/** @param {number} micros microseconds */
export function duration(micros) {
  if (micros < 1000) return `${Math.round(micros)} µs`;
  const ms = micros / 1000;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** @param {number} value a second's */
export const rate = (value) => (value < 0.05 ? '0' : value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** @param {number} share 0 to 1 */
export const percent = (share) => `${share > 0 && share < 0.01 ? '<1' : Math.round(share * 100)} %`;

/** @param {number} micros since the epoch */
export const clock = (micros) => new Date(micros / 1000).toLocaleTimeString([], { hour12: false });

/** How long ago. @param {number} micros since the epoch */
export function age(micros) {
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - micros / 1e6));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
