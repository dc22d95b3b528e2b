//@ts-check
// The one place that holds state. Everything else reads `state` and calls `update`.

/** @typedef {import('./types').State} State */

const FOOTER_KEY = 'console/footer';

/** How many requests the footer remembers: a screenful. */
const CALLS_KEPT = 20;

/** @type {State} */
export let state = {
  phase: 'loading',
  fatal: null,
  config: { v1: '', v2: '', domainName: '' },
  apis: new Set(),
  domain: null,
  session: null,
  login: { user: '', password: '', visible: false, busy: false, error: '' },
  route: {
    view: 'resources', filters: {}, keyword: '', sort: '-created_at', page: 1, size: 25, id: '', job: '',
    cost: { source: '', by: 'product', granularity: 'MONTHLY', period: '6' },
  },
  types: [],
  regions: [],
  columns: [],
  overview: { status: 'loading', rows: [], regions: [] },
  folded: new Set(),
  list: { status: 'loading', busy: false, rows: [], total: 0, error: null, selected: new Set() },
  search: '',
  searchError: '',
  choices: { key: '', status: 'loading', values: [], search: '' },
  detail: { status: 'loading', item: null, error: null, tab: 'fields', name: null, busy: false },
  draft: null,
  draftErrors: {},
  draftBusy: false,
  removal: null,
  workspaces: { status: 'loading', rows: [], error: null, name: null, busy: false, complaint: '' },
  collectors: { status: 'loading', rows: [], jobs: [], error: null, starting: '' },
  plugins: [],
  collectorDraft: null,
  job: { status: 'loading', item: null, tasks: [], history: [], error: null, said: '' },
  costs: { status: 'loading', sources: [], dates: [], series: [], error: null, sync: '', syncing: false, column: -1 },
  menu: '',
  toasts: [],
  footer: { shown: localStorage.getItem(FOOTER_KEY) !== 'off', open: false, calls: [] },
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

/** Whether the APIs have this method; what needs a missing one is not shown.
 * @param {string} path */
export const offers = (path) => state.apis.has(path);

/** Changes fields of one part of the state.
 * @template {keyof State} K @param {K} part @param {Partial<State[K]>} patch */
export function amend(part, patch) {
  update(/** @type {any} */ ({ [part]: { .../** @type {any} */ (state[part]), ...patch } }));
}

let toasts = 0;

/** Shows a short message; good news goes away by itself.
 * @param {'good' | 'bad'} tone @param {string} text */
export function toast(tone, text) {
  const id = ++toasts;
  update({ toasts: [...state.toasts.slice(-3), { id, tone, text }] });
  // Bad news stays long enough to be read aloud.
  setTimeout(() => dismiss(id), tone === 'good' ? 4000 : 12000);
}

/** Takes a message away.
 * @param {number} id */
export function dismiss(id) {
  update({ toasts: state.toasts.filter((one) => one.id !== id) });
}

/** Remembers a request for the footer.
 * @param {import('./types').Call} call */
export function record(call) {
  amend('footer', { calls: [call, ...state.footer.calls].slice(0, CALLS_KEPT) });
}

/** Switches the footer on or off, for this browser, until it is changed again.
 * @param {boolean} shown */
export function showFooter(shown) {
  localStorage.setItem(FOOTER_KEY, shown ? 'on' : 'off');
  amend('footer', { shown, open: false });
}
