//@ts-check
// The domain's workspaces, for its administrator.

import { callForDomain } from './api.js';
import { problem } from './http.js';
import { loadMyWorkspaces } from './session.js';
import { amend, state, toast } from './store.js';

/** Loads all workspaces of the domain. */
export async function loadWorkspaces() {
  amend('workspaces', { status: state.workspaces.rows.length > 0 ? 'ready' : 'loading', error: null });
  try {
    const answer = await callForDomain('/identity/workspace/list', { query: { sort: [{ key: 'name', desc: false }] } });
    amend('workspaces', { status: 'ready', rows: answer.results ?? [] });
  } catch (error) {
    amend('workspaces', { status: 'failed', error: problem(error) });
  }
}

/** Opens the dialog. */
export function startWorkspace() {
  amend('workspaces', { name: '', complaint: '', busy: false });
}

/** Closes the dialog. */
export function cancelWorkspace() {
  if (!state.workspaces.busy) amend('workspaces', { name: null });
}

/** Creates the workspace that the dialog names. */
export async function createWorkspace() {
  const { name, busy } = state.workspaces;
  if (name === null || busy) return;
  if (name.trim() === '') return amend('workspaces', { complaint: 'Enter a name.' });
  amend('workspaces', { busy: true, complaint: '' });
  try {
    const created = await callForDomain('/identity/workspace/create', { name: name.trim() });
    amend('workspaces', { busy: false, name: null });
    toast('good', `Created ${created.name}.`);
    await Promise.all([loadWorkspaces(), loadMyWorkspaces()]);
  } catch (error) {
    const { code, message } = problem(error);
    amend('workspaces', { busy: false, complaint: `${code}: ${message}` });
  }
}
