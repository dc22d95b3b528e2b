//@ts-check
// What each hop decided, and why, in plain words. The same facts as `lab trace` tells on a terminal.

import { duration } from '../../format.js';
import { h } from '../../dom.js';

/** @typedef {import('../../types').Film} Film */
/** @typedef {import('../../types').Span} Span */
/** @typedef {import('../../types').DrawnConnection} DrawnConnection */

/** Names that are shown of many. */
const LISTED = 12;

/** @param {string} name */
const strong = (name) => h('strong', null, name);
/** @param {string} text */
const code = (text) => h('code', null, text);

/** A number of bytes. @param {number} count */
const bytes = (count) => (count < 1000 ? `${count} B` : count < 1e6 ? `${(count / 1000).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`);

/** How long something is, for people: `4 min`. @param {number} micros */
export function long(micros) {
  const seconds = micros / 1e6;
  if (seconds < 1) return duration(micros);
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** A moment beside the request, which is what matters about a connection. @param {Film} film @param {number} moment */
export const when = (film, moment) =>
  moment < film.started ? `${long(film.started - moment)} before this request` : `for this request, ${duration(moment - film.started)} into it`;

/** Who could be chosen, and who was. The choice is marked by a sign, not by its colour alone.
 * @param {string[]} names @param {string | undefined} chosen */
export function candidates(names, chosen) {
  const shown = names.slice(0, LISTED);
  if (chosen && names.includes(chosen) && !shown.includes(chosen)) shown[LISTED - 1] = chosen;
  return h(
    'span',
    { class: 'candidates' },
    shown.map((name) =>
      h('span', { class: name === chosen ? 'candidate chosen' : 'candidate', key: name }, name === chosen ? '✓ ' : null, name, name === chosen ? h('span', { class: 'unseen' }, ' (chosen)') : null),
    ),
    names.length > shown.length ? h('span', { class: 'muted small' }, ` and ${names.length - shown.length} more`) : null,
  );
}

/** @param {number} count @param {string} word */
const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

/** How a connection through a ClusterIP was drawn. @param {DrawnConnection} connection */
export function draw(connection) {
  const { selection, candidates: among } = connection;
  const which = among.length > 1 && selection.index !== undefined ? ` (number ${selection.index + 1})` : '';
  if (selection.algorithm === 'random') return `uniform random among ${counted(among.length, 'endpoint')}${which}`;
  if (selection.algorithm === 'round-robin') return `round robin among ${counted(among.length, 'endpoint')}${which}`;
  return `ClientIP affinity: the endpoint that ${selection.client} had before`;
}

/** The sentences of a hop. @param {Film} film @param {import('../../types').Hop} hop @returns {any[]} */
export function story(film, hop) {
  const lines = hop.event === 'connection' ? crossing(film, hop) : (TELL[hop.kind] ?? served)(film, hop);
  if (hop.event !== 'connection') {
    for (const fault of hop.attributes?.faults ?? []) lines.push(h('span', { class: 'warned-text' }, `A fault acts here: ${typeof fault === 'string' ? fault : JSON.stringify(fault)}.`));
  }
  if (hop.note) lines.push(h('em', null, hop.note));
  else if (!hop.joined) lines.push(h('em', null, 'Placed here by the id of its parent; no address proves it.'));
  return lines;
}

/** @param {Film} film @param {DrawnConnection} connection */
function crossing(film, connection) {
  const chosen = connection.pod ?? connection.endpoint;
  const before = connection.drawn_at < film.started;
  const now = film.endpoints_now?.[connection.service] ?? [];
  const fresh = now.filter((name) => !connection.candidates.includes(name));
  return [
    ['Dialled ', code(connection.cluster_ip), ', the ClusterIP of ', strong(connection.service), '. kube_proxy knows nothing of requests: it drew once, when the connection was opened.'],
    [`Connection #${connection.id} was drawn ${when(film, connection.drawn_at)}, by ${draw(connection)}.`, candidates(connection.candidates, chosen)],
    ['It goes on to ', code(connection.endpoint), ', and the pod sees ', code(connection.outgoing), ' as its client, not ', code(connection.client), '.'],
    before ? ['So everything that rides on this connection lands on ', strong(chosen), ', whoever else is ready.'] : null,
    fresh.length
      ? h('span', { class: 'warned-text' }, `${counted(fresh.length, 'endpoint')} ${fresh.length === 1 ? 'is' : 'are'} ready now and ${fresh.length === 1 ? 'was' : 'were'} not there then; this connection never reaches ${fresh.length === 1 ? 'it' : 'them'}: ${fresh.slice(0, LISTED).join(', ')}`)
      : null,
  ].filter(Boolean);
}

/** @param {Film} film @param {Span} span */
function balancer(film, span) {
  const it = span.attributes ?? {};
  const among = it.candidates ?? [];
  const kept = it.connection === 'reused';
  const seen = it.seen_as
    ? it.by_header
      ? ['The ingress takes the client to be ', code(it.seen_as), `, because a ${it.by_header} header says so.`]
      : it.policy === 'Local'
        ? ['externalTrafficPolicy is Local: the ingress sees the real client, ', code(it.seen_as), '.']
        : ['externalTrafficPolicy is Cluster: the ingress sees ', code(it.seen_as), ', the load balancer’s address, and the real one is lost.']
    : null;
  return [
    ['The client ', code(it.client ?? span.inbound?.remote ?? '?'), kept ? ' used a connection' : ' opened a connection', ' to the host port ', code(span.inbound?.local ?? '?'),
      it.accepted_at ? ` (accepted ${when(film, it.accepted_at)}).` : '.'],
    it.replica
      ? [kept ? 'Connections are balanced, not requests, so it stays with ' : 'It was given to ', strong(it.replica), among.length > 1 ? ', one of' : ', the only one that is ready.', among.length > 1 ? candidates(among, it.replica) : null]
      : null,
    seen,
  ].filter(Boolean);
}

/** @param {Film} film @param {Span} span */
function ingress(film, span) {
  const it = span.attributes ?? {};
  const among = it.candidates ?? [];
  const losers = it.losers ?? [];
  const algorithm = String(it.selection?.algorithm ?? it.selection ?? '').replaceAll('-', ' ');
  return [
    it.filmed === 'afterwards' ? h('em', null, 'Filmed only because it failed: more requests came than are filmed. What a pod did with it is not known.') : null,
    it.tls_version
      ? [`${it.tls_version}`, it.sni ? [', asked for ', code(it.sni), ' (SNI)'] : ', without a server name', it.certificate ? [', served the certificate ', strong(it.certificate)] : null, `, speaks ${it.alpn ?? it.http_version}.`]
      : [`Clear text, ${it.http_version ?? 'and no request that could be read'}.`],
    it.client_certificate ? ['The client showed ', strong(it.client_certificate), '.'] : null,
    it.route ? ['Rule ', code(it.route), it.ingress ? ` of ${it.ingress}` : '', ' won', it.route_why ? `: ${it.route_why}.` : '.'] : it.route_why ? `No rule won: ${it.route_why}.` : null,
    losers.length
      ? h('details', null, h('summary', null, `${counted(losers.length, 'rule')} lost`),
          h('ul', { class: 'losing-rules' }, losers.map((/** @type {any} */ loser) => h('li', null, code(loser.route), ` — ${loser.reason}`))))
      : null,
    ...(it.filters ?? []).map((/** @type {string} */ done) => `Filter: ${done}.`),
    it.service
      ? ['Service ', strong(it.service), it.pod ? `: ${algorithm || 'the only one'} took ` : among.length ? ': among ' : ' has no endpoint that is ready.', it.pod ? strong(it.pod) : null, it.endpoint ? [' at ', code(it.endpoint)] : null, among.length ? [`, among ${counted(among.length, 'endpoint')}.`, candidates(among, it.pod)] : null]
      : null,
    it.retries ? h('span', { class: 'warned-text' }, `It was tried again: ${counted(it.retries, 'endpoint')} before this one did not do.`) : null,
    it.upstream_connection
      ? [it.upstream_connection === 'reused' ? 'It rode on a connection that was open already' : 'It opened a connection for it', ` (${it.upstream_protocol}); `, 'the pod sees ', code(span.outbound?.local ?? '?'), ' as its client.']
      : null,
    it.error ? h('span', { class: 'warned-text' }, `The ingress answered itself: ${it.error}.`) : null,
    [`Answered ${span.status} after ${duration(span.duration)}`, it.first_byte !== undefined ? `, the head after ${duration(it.first_byte)}` : '', it.response_bytes !== undefined ? `; ${bytes(it.request_bytes ?? 0)} came in, ${bytes(it.response_bytes)} went out.` : '.'],
  ].filter(Boolean);
}

/** @param {Film} _film @param {Span} span */
function served(_film, span) {
  const it = span.attributes ?? {};
  return [
    [strong(span.source), ' served ', code(span.name), `: ${span.status} in ${duration(span.duration)}.`],
    span.inbound ? ['It sees its client as ', code(span.inbound.remote), '.'] : null,
    it.plan ? ['The store’s plan: ', code(String(it.plan)), it.examined !== undefined ? `; it looked at ${it.examined} for ${it.documents ?? 0}.` : '.'] : null,
  ].filter(Boolean);
}

/** @param {Film} film @param {Span} span */
function grpc(film, span) {
  const it = span.attributes ?? {};
  return [
    [strong(span.source), ' called ', code(span.name), ` by gRPC: ${span.status} after ${duration(span.duration)}.`],
    it.dialled === 'address' ? 'It dialled the pod by its own address, which somebody told it: no ClusterIP, never balanced.' : null,
    it.connected_at ? `Its channel, one TCP connection, was opened ${when(film, it.connected_at)}${it.channel ? ` (${it.channel})` : ''}.` : null,
    it.messages !== undefined ? `${counted(Number(it.messages), 'message')} came back on the stream.` : null,
  ].filter(Boolean);
}

/** @param {Film} _film @param {Span} span */
function mongo(_film, span) {
  const it = span.attributes ?? {};
  const returned = it.documents ?? it.n;
  return [
    [strong(span.source), ' asked MongoDB: ', code(span.name), `, ${span.status} after ${duration(span.duration)}`, returned !== undefined ? `, ${counted(Number(returned), 'document')}.` : '.'],
    it.command ? h('pre', { class: 'sent-text' }, typeof it.command === 'string' ? it.command : JSON.stringify(it.command)) : null,
  ].filter(Boolean);
}

/** @param {Film} _film @param {Span} span */
const redis = (_film, span) => [[strong(span.source), ' asked Redis: ', code(span.name), `, ${span.status} after ${duration(span.duration)}.`]];

/** @param {Film} film @param {Span} span */
function worker(film, span) {
  const it = span.attributes ?? {};
  const about = [['collector', it.collector_id], ['job task', it.job_task_id], ['part', it.sub_task]].filter(([, value]) => value !== undefined);
  return [
    [strong(span.source), ` took the task from the queue ${duration(Math.max(0, span.start - film.started))} after the request came, and was done in ${duration(span.duration)}: ${span.status}.`],
    about.length ? about.map(([name, value]) => `${name} ${value}`).join(', ') : null,
  ].filter(Boolean);
}

/** @type {Record<string, (film: Film, span: Span) => any[]>} */
const TELL = { 'load-balancer': balancer, ingress, 'grpc-client': grpc, 'mongo-client': mongo, 'redis-client': redis, worker };
