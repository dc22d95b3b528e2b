//@ts-check
// What has just changed, in words: one status compared with the one before.

import { keep, state, subscribe } from '../../store.js';

/** @typedef {{ id: number, at: number, tone: 'good' | 'warn' | 'bad', text: string }} News */

/** Lines that are kept. */
const LINES = 5;
/** More changes at once than these are told in one line. */
const SINGLE = 4;
let numbered = 0;

/** @param {import('../../types').Status} now @param {import('../../types').Status} before @returns {[News['tone'], string][]} */
export function changes(now, before) {
  /** @type {[News['tone'], string][]} */
  const told = [];
  const old = new Map(before.pods.map((pod) => [pod.name, pod]));
  const added = now.pods.filter((pod) => !old.has(pod.name));
  if (added.length > SINGLE) told.push(['good', `${added.length} new pods`]);
  else for (const pod of added) told.push(['good', `${pod.name} is new`]);
  const names = new Set(now.pods.map((pod) => pod.name));
  const gone = before.pods.filter((pod) => !names.has(pod.name));
  if (gone.length > SINGLE) told.push(['warn', `${gone.length} pods are gone`]);
  else for (const pod of gone) told.push(['warn', `${pod.name} is gone`]);
  const others = now.pods.flatMap((pod) => change(pod, old.get(pod.name)));
  const ready = others.filter(([tone]) => tone === 'good');
  if (ready.length > SINGLE) told.push(['good', `${ready.length} pods are ready`]);
  else told.push(...ready);
  return [...told, ...others.filter(([tone]) => tone !== 'good').slice(0, SINGLE)];
}

/** @param {import('../../types').Pod} pod @param {import('../../types').Pod | undefined} before @returns {[News['tone'], string][]} */
function change(pod, before) {
  if (!before) return [];
  const why = pod.reason ? `: ${pod.reason}` : '';
  if (pod.phase !== before.phase) {
    if (pod.phase === 'Terminating') return [['warn', `${pod.name} is terminating`]];
    if (pod.phase === 'CrashLoopBackOff') return [['bad', `${pod.name} has ended and is started again${why}`]];
    if (pod.phase === 'CreateContainerError') return [['bad', `${pod.name} cannot start${why}`]];
  }
  if (pod.restarts > before.restarts) return [['bad', `${pod.name} was started again (${pod.restarts})${why}`]];
  if (pod.ready && !before.ready) return [['good', `${pod.name} is ready`]];
  if (!pod.ready && before.ready && pod.phase === 'Running') return [['bad', `${pod.name} is not ready${why}`]];
  return [];
}

subscribe((now, before) => {
  if (!now.status || !before.status || now.status === before.status || now.status.name !== before.status.name) return;
  const told = changes(now.status, before.status).map(([tone, text]) => ({ id: ++numbered, at: Date.now() * 1000, tone, text }));
  if (told.length === 0) return;
  keep('path', { news: [...told.reverse(), ...(state.kept.path?.news ?? [])].slice(0, LINES) });
});
