//@ts-check
// Services with their endpoints, and pods.

import { h } from '../../dom.js';
import { link } from '../../route.js';
import { badge } from '../parts.js';
import { code, heading, table } from './parts.js';

/** @typedef {import('../../types').State} State */
/** @typedef {import('../../types').Status} Status */

/** @param {State} _state @param {Status} status */
export function services(_state, status) {
  return [
    heading('Services and endpoints', 'lab status', 'lab scale SERVICE N'),
    table('Services', [['Service'], ['Type'], ['ClusterIP'], ['Ports'], ['Endpoints: a new connection is drawn among those that are ready'], ['Connections', 'number']], status.services.map(service)),
    status.deployments.length ? h('h2', null, 'Deployments without a Service') : null,
    status.deployments.length
      ? table('Deployments', [['Deployment'], ['Ready']], status.deployments.map((one) => h('tr', { key: one.name }, h('th', { scope: 'row' }, one.name), h('td', null, `${one.ready} of ${one.replicas}`))))
      : null,
  ];
}

/** @param {import('../../types').Service} service */
function service(service) {
  const ports = service.ports.map((port) => `${port.port}${port.name ? ` ${port.name}` : ''}${port.node_port ? ` at ${port.node_port}` : ''}`);
  return h(
    'tr',
    { key: service.name },
    h('th', { scope: 'row' }, service.name),
    h('td', null, service.type, service.external?.length ? h('div', { class: 'small muted' }, service.external.join(', ')) : null, service.pending ? h('div', { class: 'warned-text small' }, `pending: ${service.pending}`) : null),
    h('td', null, code(service.cluster_ip)),
    h('td', null, ports.join(', ')),
    h('td', null, service.endpoints.length
      ? h('div', { class: 'state-endpoints' }, service.endpoints.map((endpoint) =>
          h('span', { class: `state-endpoint${endpoint.ready ? '' : ' away'}`, key: endpoint.pod ?? endpoint.address, title: endpoint.address }, endpoint.ready ? '● ' : endpoint.terminating ? '◌ ' : '○ ', endpoint.pod ?? endpoint.address, endpoint.ready ? null : h('em', null, endpoint.terminating ? ' terminating' : ' not ready'))))
      : service.replicas === 0 ? h('span', { class: 'muted' }, 'scaled to 0') : h('span', { class: 'muted' }, 'none')),
    h('td', { class: 'number' }, service.endpoints.map((endpoint) => h('div', { key: endpoint.pod ?? endpoint.address }, endpoint.connections))),
  );
}

/** @param {State} state @param {Status} status */
export function pods(state, status) {
  return [
    heading('Pods', 'lab status', 'lab kill POD', 'lab logs POD'),
    table('Pods', [['Pod'], ['Service or Deployment'], ['Phase'], ['Restarts', 'number'], ['Address'], ['Logs']], status.pods.map((pod) =>
      h(
        'tr',
        { key: pod.name },
        h('th', { scope: 'row' }, pod.name),
        h('td', null, pod.plugin ? `plugin ${pod.plugin}` : (pod.service ?? pod.deployment)),
        h('td', null, badge(pod.ready ? 'good' : 'warn', pod.ready ? 'ready' : pod.phase || 'not ready'), pod.reason ? h('div', { class: 'warned-text small' }, pod.reason) : null, pod.last_lines?.length && !pod.ready ? h('pre', { class: 'sent-text' }, pod.last_lines.join('\n')) : null),
        h('td', { class: 'number' }, pod.restarts),
        h('td', null, code(pod.address ?? '–')),
        h('td', null, h('a', { href: link('state', ['logs'], { pod: pod.name }), 'aria-label': `Logs of ${pod.name}` }, 'Logs')),
      ),
    )),
  ];
}
