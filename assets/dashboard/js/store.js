//@ts-check
// The one place that holds state. Everything else reads `state` and calls `update`.

/** @typedef {import('./types').State} State */

/** @type {State} */
export let state = {
  connection: 'connecting',
  route: { view: 'path', rest: [], query: {} },
  status: null,
  films: [],
  pins: [],
  meters: {},
  served: {},
  rate: 0,
  scale: 1,
  toasts: [],
  kept: {},
};

/** @type {((now: State, before: State) => void)[]} */
const listeners = [];

/** Replaces the named parts of the state and tells everybody.
 * @param {Partial<State>} patch */
export function update(patch) {
  const before = state;
  state = { ...state, ...patch };
  for (const listener of listeners) listener(state, before);
}

/** Calls `listener` after every change.
 * @param {(now: State, before: State) => void} listener */
export function subscribe(listener) {
  listeners.push(listener);
}

/** Changes fields of what a view keeps.
 * @param {string} view @param {Record<string, any>} patch */
export function keep(view, patch) {
  update({ kept: { ...state.kept, [view]: { ...state.kept[view], ...patch } } });
}

let toasts = 0;

/** Shows a short message; good news goes away by itself.
 * @param {'good' | 'bad'} tone @param {string} text @param {string} [hint] */
export function toast(tone, text, hint) {
  const id = ++toasts;
  update({ toasts: [...state.toasts.slice(-3), { id, tone, text, hint }] });
  // Bad news stays long enough to be read aloud.
  setTimeout(() => dismiss(id), tone === 'good' ? 4000 : 12000);
}

/** Shows why a call did not succeed.
 * @param {unknown} error */
export function complain(error) {
  const { message, hint } = /** @type {import('./api.js').ApiError} */ (error);
  toast('bad', message, hint);
}

/** Takes a message away.
 * @param {number} id */
export function dismiss(id) {
  update({ toasts: state.toasts.filter((one) => one.id !== id) });
}
