//@ts-check
// All workspaces of the domain, and the dialog that creates one.

import { h } from '../dom.js';
import { ago, moment, tone, words } from '../format.js';
import { icon } from '../icons.js';
import { switchWorkspace } from '../session.js';
import { amend, offers } from '../store.js';
import { cancelWorkspace, createWorkspace, loadWorkspaces, startWorkspace } from '../workspaces.js';
import { dialog } from './dialog.js';
import { bones, failed, nothing } from './states.js';

/** @typedef {import('../types').State} State */

/** @param {State} state */
export function workspacesPage(state) {
  const { workspaces } = state;
  return h('main', { class: 'content', id: 'content', tabindex: '-1', key: 'workspaces', 'aria-busy': workspaces.status === 'loading' },
    h('div', { class: 'title' },
      h('h1', { tabindex: '-1' }, 'Workspaces'),
      h('span', { class: 'count', 'data-testid': 'workspaces-total' }, workspaces.status === 'ready' ? workspaces.rows.length : ''),
      h('span', { class: 'space' }),
      offers('/identity/workspace/create') && h('button', { class: 'primary', onclick: startWorkspace, 'data-testid': 'workspace-create' }, icon('plus'), 'Create')),
    body(state));
}

/** @param {State} state */
function body({ workspaces: { status, rows, error }, session }) {
  if (status === 'failed') return failed('Workspaces', error, loadWorkspaces);
  if (status === 'loading') return bones(4);
  if (rows.length === 0) return nothing('rooms', 'No workspace yet');
  return h('div', { class: 'table plain', key: 'table' },
    h('table', null,
      h('caption', { class: 'unseen' }, 'Workspaces'),
      h('thead', null, h('tr', null, ['Name', 'State', 'ID', 'Created by', 'Created'].map((name) => h('th', { scope: 'col' }, name)), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Actions')))),
      h('tbody', null, rows.map((one) => {
        const here = one.workspace_id === session?.workspace?.workspace_id;
        return h('tr', { key: one.workspace_id, 'data-testid': 'workspace-row', class: here ? 'current' : '' },
          h('th', { scope: 'row', 'data-key': 'name' }, one.name),
          h('td', { 'data-key': 'state' }, one.state && h('span', { class: `state ${tone(one.state)}` }, words(one.state))),
          h('td', { 'data-key': 'id', class: 'mono' }, one.workspace_id),
          h('td', { 'data-key': 'by' }, one.created_by || h('span', { class: 'muted' }, '–')),
          h('td', { 'data-key': 'last' }, one.created_at && h('time', { datetime: one.created_at, title: moment(one.created_at) }, ago(one.created_at))),
          h('td', { 'data-key': 'do' }, here ? h('span', { class: 'muted' }, 'You are here') : h('button', {
            'aria-label': `Work in ${one.name}`, disabled: one.state === 'DISABLED', onclick: () => switchWorkspace(one), 'data-testid': `enter-${one.name}`,
          }, 'Work here')));
      }))));
}

/** @param {State} state */
export function workspaceDialog({ workspaces: { name, busy, complaint } }) {
  return dialog({
    title: 'Create a workspace', testid: 'workspace-dialog', cancel: cancelWorkspace, submit: createWorkspace,
    buttons: [
      h('button', { type: 'button', onclick: cancelWorkspace, disabled: busy }, 'Cancel'),
      h('button', { class: 'primary', type: 'submit', disabled: busy, 'data-testid': 'workspace-save' }, busy ? 'Creating …' : 'Create'),
    ],
  },
  h('label', { class: 'field' }, h('span', null, 'Name'),
    h('input', {
      value: name ?? '', autocomplete: 'off', 'data-testid': 'workspace-name', ...(complaint ? { 'aria-invalid': 'true', 'aria-describedby': 'workspace-complaint' } : {}),
      oninput: (/** @type {any} */ event) => amend('workspaces', { name: event.target.value, complaint: '' }),
    }),
    complaint && h('span', { class: 'complaint', role: 'alert', id: 'workspace-complaint' }, complaint)));
}
