//@ts-check
// Open connections: who holds one to which pod, how it was drawn, and how long ago.

import { h } from '../../dom.js';
import { age } from '../../format.js';
import { link } from '../../route.js';
import { room } from '../../stateroom.js';
import { badge } from '../parts.js';
import { draw } from '../film/words.js';
import { code, heading, table } from './parts.js';

/** @param {import('../../types').State} state @param {import('../../types').Status} status */
export function connections(state, status) {
  const all = room().connections;
  const { service } = state.route.query;
  const known = new Map(state.pins.map((pin) => [`${pin.client} ${pin.drawn_at}`, pin]));
  const byAddress = new Map(status.pods.map((pod) => [pod.address ?? '', pod.name]));
  const shown = (all ?? []).filter((one) => !service || one.service === service).sort((one, other) => one.service.localeCompare(other.service) || one.drawn_at - other.drawn_at);
  const services = [...new Set((all ?? []).map((one) => one.service))].sort();
  return [
    heading('Open connections', `lab connections${service ? ` ${service}` : ''}`),
    h('p', { class: 'muted' }, 'A ClusterIP is asked once for each connection. Who has one keeps its pod, however many pods there are by now.'),
    h('nav', { class: 'state-chips', 'aria-label': 'Services' }, [undefined, ...services].map((name) =>
      h('a', { key: name ?? '*', href: link('state', ['connections'], name ? { service: name } : {}), 'aria-current': service === name ? 'true' : null }, name ?? 'All', h('span', { class: 'number' }, (all ?? []).filter((one) => !name || one.service === name).length)))),
    table('Connections', [['Service'], ['Client'], ['Pod'], ['How it was drawn'], ['Ago', 'number'], ['Filmed calls', 'number']], shown.map((one) => {
      const pin = known.get(`${one.client} ${one.drawn_at}`);
      const host = one.client.replace(/:\d+$/, '');
      const client = pin?.client_pod ?? byAddress.get(host);
      return h(
        'tr',
        { key: `${one.service} ${one.client} ${one.drawn_at}` },
        h('th', { scope: 'row' }, one.service),
        h('td', null, client ? h('div', null, client) : null, h('div', { class: 'muted small' }, one.client)),
        h('td', null, one.pod ?? code(one.endpoint), one.endpoint_gone ? [' ', badge('warn', 'no endpoint any more')] : null),
        h('td', { class: 'small' }, draw({ ...one, event: 'connection', joined: true })),
        h('td', { class: 'number' }, age(one.drawn_at)),
        h('td', { class: 'number' }, pin?.calls ?? ''),
      );
    })),
    all === null ? h('p', { class: 'muted' }, 'One moment') : shown.length ? null : h('p', { class: 'muted' }, 'No connection is open.'),
  ];
}
