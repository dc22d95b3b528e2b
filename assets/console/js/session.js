//@ts-check
// Who is logged in. The access token lives in memory only; the refresh token in localStorage, under
// the name that Cloudforet's own console uses.

import { ApiError, problem, send } from './http.js';
import { amend, state, toast, update } from './store.js';

const REFRESH_KEY = 'spaceConnector/refreshToken';
const WORKSPACE_KEY = 'console/workspace';

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
    const access = await grant(session.refresh, scopeOf(session.workspace));
    // The workspace may have been switched meanwhile; its token is newer than this one.
    if (state.session?.workspace === session.workspace) amend('session', { access });
  } catch (error) {
    if (problem(error).status === 401) forget('Your session has ended. Please log in again.');
    throw error;
  }
}

/** A token for the domain as a whole, which only its administrator gets.
 * @returns {Promise<string>} */
export async function domainToken() {
  const { session } = state;
  if (!session) throw new ApiError(401, 'ERROR_AUTHENTICATE_FAILURE', 'not logged in');
  return grant(session.refresh, { scope: 'DOMAIN' });
}

/** Works in another workspace from now on.
 * @param {import('./types').Workspace} workspace */
export async function switchWorkspace(workspace) {
  const { session } = state;
  if (!session || session.workspace?.workspace_id === workspace.workspace_id) return;
  try {
    const access = await grant(session.refresh, scopeOf(workspace));
    localStorage.setItem(WORKSPACE_KEY, workspace.workspace_id);
    amend('session', { access, workspace });
  } catch (error) {
    const { code, message } = problem(error);
    toast('bad', `Still in ${session.workspace?.name ?? 'no workspace'}. ${code}: ${message}`);
  }
}

/** Asks again which workspaces the user has. */
export async function loadMyWorkspaces() {
  if (!state.session) return;
  const token = await freshToken();
  const mine = await send(state.config.v2, '/identity/user-profile/get-workspaces', { body: {}, token });
  amend('session', { workspaces: mine.results ?? [] });
}

/** @param {string} refresh @param {string} access A token of this user, or nothing. */
async function enter(refresh, access) {
  const token = access || (await grant(refresh, scopeOf(null)));
  const v2 = state.config.v2;
  const [profile, mine] = await Promise.all([
    send(v2, '/identity/user-profile/get', { body: {}, token }),
    send(v2, '/identity/user-profile/get-workspaces', { body: {}, token }),
  ]);
  /** @type {import('./types').Workspace[]} */
  const workspaces = mine.results ?? [];
  const last = localStorage.getItem(WORKSPACE_KEY);
  const workspace = workspaces.find((one) => one.workspace_id === last) ?? workspaces[0] ?? null;
  const granted = await grant(refresh, scopeOf(workspace));
  localStorage.setItem(REFRESH_KEY, refresh);
  update({
    phase: 'ready',
    session: {
      access: granted, refresh, userId: profile.name || profile.user_id, admin: profile.role_type === 'DOMAIN_ADMIN',
      workspace, workspaces,
    },
    login: { user: '', password: '', visible: false, busy: false, error: '' },
  });
}

/** @param {import('./types').Workspace | null} workspace */
function scopeOf(workspace) {
  return workspace ? { scope: 'WORKSPACE', workspace_id: workspace.workspace_id } : { scope: 'USER' };
}

/** @param {string} token The refresh token. @param {{ scope: string, workspace_id?: string }} scope
 * @returns {Promise<string>} */
async function grant(token, scope) {
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
