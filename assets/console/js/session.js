//@ts-check
// Who is logged in. The access token lives in memory only; the refresh token in localStorage, under
// the name that Cloudforet's own console uses.

import { ApiError, problem, send } from './http.js';
import { amend, state, update } from './store.js';

const REFRESH_KEY = 'spaceConnector/refreshToken';

/** A token with less than this many seconds left is replaced before use. */
const SECONDS_TO_SPARE = 10;

/** Logs in with what the form holds. */
export async function login() {
  const { user, password } = state.login;
  if (!user || !password) return amend('login', { error: 'Enter both user and password.' });
  amend('login', { busy: true, error: '' });
  try {
    const tokens = await send(state.config.v2, '/identity/token/issue', {
      body: {
        domain_id: state.domain?.domain_id,
        auth_type: 'LOCAL',
        credentials: { user_id: user, password },
      },
    });
    await enter(tokens.refresh_token, tokens.access_token);
  } catch (error) {
    const { code, message, status } = problem(error);
    const wrong = status === 401 || code === 'ERROR_AUTHENTICATE_FAILURE';
    amend('login', { busy: false, error: wrong ? 'User or password is wrong.' : `${code}: ${message}` });
  }
}

/** Continues the session of an earlier visit, if there is one. */
export async function resume() {
  const refresh = localStorage.getItem(REFRESH_KEY);
  if (!refresh) return update({ phase: 'login' });
  try {
    await enter(refresh, '');
  } catch {
    forget('');
  }
}

/** Ends the session. */
export function logout() {
  forget('');
}

/** A token that is good for the next call.
 * @returns {Promise<string>} */
export async function freshToken() {
  if (!state.session) throw new ApiError(401, 'ERROR_AUTHENTICATE_FAILURE', 'not logged in');
  if (secondsLeft(state.session.access) < SECONDS_TO_SPARE) await renew();
  return state.session.access;
}

/** @type {Promise<void> | null} */
let renewing = null;

/** Gets a new access token; calls at the same time share one request. */
export function renew() {
  renewing ??= renewOnce().finally(() => (renewing = null));
  return renewing;
}

async function renewOnce() {
  const session = state.session;
  if (!session) return;
  try {
    const access = await grant(session.refresh, session.workspace?.workspace_id);
    amend('session', { access });
  } catch (error) {
    if (problem(error).status === 401) forget('Your session has ended. Please log in again.');
    throw error;
  }
}

/** @param {string} refresh @param {string} access A token of this user, or nothing. */
async function enter(refresh, access) {
  const token = access || (await grant(refresh, undefined));
  const v2 = state.config.v2;
  const [profile, mine] = await Promise.all([
    send(v2, '/identity/user-profile/get', { body: {}, token }),
    send(v2, '/identity/user-profile/get-workspaces', { body: {}, token }),
  ]);
  const workspace = mine.results?.[0] ?? null;
  const granted = await grant(refresh, workspace?.workspace_id);
  localStorage.setItem(REFRESH_KEY, refresh);
  update({
    phase: 'ready',
    session: { access: granted, refresh, userId: profile.name || profile.user_id, workspace },
    login: { user: '', password: '', visible: false, busy: false, error: '' },
  });
}

/** @param {string} token The refresh token. @param {string | undefined} workspace
 * @returns {Promise<string>} */
async function grant(token, workspace) {
  const scope = workspace ? { scope: 'WORKSPACE', workspace_id: workspace } : { scope: 'USER' };
  const body = { grant_type: 'REFRESH_TOKEN', token, ...scope };
  return (await send(state.config.v2, '/identity/token/grant', { body, token })).access_token;
}

/** @param {string} reason Shown on the login page. */
function forget(reason) {
  localStorage.removeItem(REFRESH_KEY);
  update({ phase: 'login', session: null, menu: '' });
  amend('login', { password: '', busy: false, error: reason });
}

/** Seconds until the token expires; the check itself is the server's business.
 * @param {string} token */
function secondsLeft(token) {
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return claims.exp - Date.now() / 1000;
  } catch {
    return 0;
  }
}
