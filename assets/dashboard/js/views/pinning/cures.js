//@ts-check
// What makes calls spread, each with what it changes and how it is had. The files are the user's: the page
// tells the lines, and does not write them.

import { h } from '../../dom.js';
import { toast } from '../../store.js';
import { act, command } from '../parts.js';

/** @param {import('../../types').Status} status @param {string} service */
export function cures(status, service) {
  const port = (status.urls.console_api_v2 ?? status.urls.console ?? '').match(/:(\d+)\/?$/)?.[1] ?? '8443';
  const wanted = `${service}.grpc.lab.localhost`;
  const host = status.ingresses.flatMap((ingress) => ingress.hosts).find((one) => one === wanted);
  return h(
    'section',
    { class: 'cures', 'aria-label': 'Cures' },
    h('h2', null, 'Four cures'),
    h('p', { class: 'muted' }, 'Each gives calls a reason to be drawn anew. Write the lines into lab.toml; settings of [grpc] are read when the pods start.'),
    h('div', { class: 'row' }, h('button', { type: 'button', class: 'reload', onclick: reload }, 'Read the files again'), command('lab reload')),
    h(
      'div',
      { class: 'cure-list' },
      cure('Let connections end', 'A server asks each connection to end after this time, calls under way go on, and the next connection is drawn among the pods of then.', '[grpc]\nmax_connection_age = "10s"', AGAIN),
      cure('No ClusterIP at all', 'A headless Service: DNS answers with every pod, the client connects to each and takes turns. No proxy draws anything, so there are no lanes here.', `[services.${service}]\nheadless = true\n\n[grpc]\nload_balancing = "round_robin"\nresolve_again = "5s"`, AGAIN),
      host
        ? cure('Through the ingress', 'The ingress reads HTTP/2: it balances each call, whatever connection it came on. This works now, for clients that dial it.', `${host}:${port}`, [`lab cert ${host}`])
        : cure('Through the ingress', 'The ingress reads HTTP/2: it balances each call, whatever connection it came on.', `[[ingresses]]\nname = "${service}-grpc"\nrules = [{ host = "${wanted}", paths = [{ path = "/", service = "${service}", port = 50051 }] }]\ntls = [{ hosts = ["${wanted}"], secret = "${service}-grpc-tls" }]`, ['lab check', 'lab reload']),
      cure('More channels', 'Each client has so many connections instead of one, each drawn on its own: more dice, still dice, and none thrown after a scale.', '[grpc]\nchannels = 8', AGAIN),
    ),
  );
}

/** Reads the files as `lab reload` does, and tells what came of it. */
async function reload() {
  const answer = await act('/api/reload', {});
  if (!answer) return;
  const changed = answer.changes.map((/** @type {{ kind: string, name: string }} */ one) => `${one.kind} ${one.name}`).join(', ');
  if (answer.needs_restart.length > 0) toast('bad', `${answer.needs_restart.join(', ')} cannot change while the lab runs`, 'lab down, then lab up: data stays');
  else toast('good', changed ? `changed: ${changed}` : 'nothing has changed');
}

/** A running lab keeps its [grpc]. Data stays. */
const AGAIN = ['lab check', 'lab down', 'lab up'];

/** @param {string} title @param {string} what @param {string} lines @param {string[]} commands */
const cure = (title, what, lines, commands) =>
  h(
    'article',
    { class: 'cure card', key: title },
    h('h3', null, title),
    h('p', { class: 'small' }, what),
    h('pre', { tabindex: '0', 'aria-label': `Lines of ${title}` }, lines),
    h('div', { class: 'row' }, h('button', { type: 'button', class: 'quiet', onclick: () => navigator.clipboard?.writeText(lines) }, 'Copy the lines'), commands.map((line) => command(line))),
  );
