//@ts-check
// What runs as cards in columns: the shape of the path, without a place for anything yet.

import { callsOf } from './calls.js';

/** @typedef {import('./types').Group} Group @typedef {import('./types').Picture} Picture */
/** @typedef {import('./types').Stop} Stop @typedef {import('./types').Zone} Zone */

const WEB = new Set(['console', 'console-api', 'console-api-v2']);
const STORE_PORTS = new Set([27017, 6379, 5432, 3306, 9200]);
/** @type {Zone[]} */
const ZONES = ['ingress', 'web', 'backend', 'store', 'start', 'list', 'worker', 'plugin', 'plugged'];

/** @type {{ status: any, seen: any, pairs: string, picture: Picture } | null} */
let last = null;

/** The picture of what runs; the same one as long as nothing has changed.
 * @param {import('../../types').Status} status @param {Record<string, true>} seen calls that were seen
 * @param {import('../../types').Pin[]} pins
 * @returns {Picture} */
export function pictureOf(status, seen, pins) {
  const pairs = dialled(pins, status);
  if (last && last.status === status && last.seen === seen && last.pairs === pairs) return last.picture;
  const zones = /** @type {Record<Zone, Group[]>} */ (Object.fromEntries(ZONES.map((zone) => [zone, []])));
  /** @type {Map<string, import('../../types').Pod[]>} */
  const pods = new Map();
  for (const pod of status.pods) pods.set(pod.deployment, [...(pods.get(pod.deployment) ?? []), pod]);
  for (const service of status.services) {
    const group = ofService(status, service, pods.get(service.name) ?? []);
    zones[group.zone].push(group);
    pods.delete(service.name);
  }
  for (const deployment of status.deployments) {
    const zone = /worker|supervisor/.test(deployment.name) ? 'worker' : 'start';
    zones[zone].push(ofDeployment(deployment.name, zone, pods.get(deployment.name) ?? [], deployment.replicas));
    pods.delete(deployment.name);
  }
  for (const plugin of status.plugins) {
    const group = ofDeployment(plugin.deployment, 'plugged', pods.get(plugin.deployment) ?? [], null);
    zones.plugged.push({ ...group, name: plugin.plugin_id });
  }
  const groups = new Map(ZONES.flatMap((zone) => zones[zone]).map((group) => [group.id, group]));
  const home = new Map([...groups.values()].flatMap((group) => group.stops.map((stop) => [stop.name, group])));
  const calls = callsOf(status, groups, [...Object.keys(seen), ...pairs.split(' ')]);
  const hosts = status.services.filter(isIngress).flatMap((service) => service.external ?? []);
  const shape = [...groups.values()].map((group) => `${group.id} ${group.stops.map((stop) => stop.name).join(' ')}`).join('\n');
  const edges = calls.map(({ from, to }) => `${from}>${to}`).join(' ');
  const picture = { zones, groups, home, hosts, calls, shape: `${shape}\n${edges}` };
  last = { status, seen, pairs, picture };
  return picture;
}

/** Who has connected to whom, by cards: `FROM>TO` with spaces between.
 * @param {import('../../types').Pin[]} pins @param {import('../../types').Status} status */
function dialled(pins, status) {
  const homes = new Map(status.pods.map((pod) => [pod.name, `${pod.service ? 'service' : 'deployment'}:${pod.service ?? pod.deployment}`]));
  const pairs = new Set(pins.filter((pin) => homes.has(pin.client_pod ?? '')).map((pin) => `${homes.get(pin.client_pod ?? '')}>service:${pin.service}`));
  return [...pairs].sort().join(' ');
}

/** The Service at the host ports, behind which the ingress replicas are. @param {import('../../types').Service} service */
export const isIngress = (service) => service.type === 'LoadBalancer' && service.cluster_ip === 'None';

/** @param {import('../../types').Status} status @param {import('../../types').Service} service @param {import('../../types').Pod[]} pods
 * @returns {Group} */
function ofService(status, service, pods) {
  const ending = new Set(service.endpoints.filter((endpoint) => endpoint.terminating).map((endpoint) => endpoint.pod));
  const known = new Set(pods.map((pod) => pod.name));
  const stops = pods.map((pod) => stopOf(pod, ending.has(pod.name)));
  // Something of the user's own, or a pod that another Service has its card for.
  for (const endpoint of service.endpoints) {
    if (endpoint.pod && known.has(endpoint.pod)) continue;
    stops.push({
      name: endpoint.address,
      short: endpoint.pod ?? endpoint.address,
      state: endpoint.ready ? 'ready' : 'unready',
      word: endpoint.ready ? 'ready' : 'not ready',
      restarts: 0,
      reason: null,
      isPod: false,
    });
  }
  const ingress = isIngress(service);
  const port = service.ports[0]?.port ?? '';
  return {
    id: `service:${service.name}`,
    name: service.name,
    zone: ingress ? 'ingress' : zoneOf(status, service),
    gate: ingress || !service.cluster_ip ? null : service.cluster_ip === 'None' ? 'headless' : `${service.cluster_ip}:${port}`,
    note: service.pending ?? '',
    stops,
    ready: stops.filter((stop) => stop.state === 'ready').length,
    wanted: service.replicas ?? null,
  };
}

/** @param {string} name @param {Zone} zone @param {import('../../types').Pod[]} pods @param {number | null} wanted
 * @returns {Group} */
function ofDeployment(name, zone, pods, wanted) {
  const stops = pods.map((pod) => stopOf(pod, false));
  const ready = stops.filter((stop) => stop.state === 'ready').length;
  return { id: `deployment:${name}`, name, zone, gate: null, note: '', stops, ready, wanted };
}

/** @param {import('../../types').Status} status @param {import('../../types').Service} service @returns {Zone} */
function zoneOf(status, { name, ports, type }) {
  const queues = status.deployments.length > 0;
  if (name === 'redis' && queues) return 'list';
  if (name === 'plugin' && queues) return 'plugin';
  if (WEB.has(name)) return 'web';
  if (ports.some(({ port }) => STORE_PORTS.has(port))) return 'store';
  const grpc = ports.every(({ port }) => port === 50051);
  const published = type !== 'ClusterIP' || status.ingresses.some((ingress) => (ingress.services ?? []).includes(name));
  return published && !grpc ? 'web' : 'backend';
}

/** @param {import('../../types').Pod} pod @param {boolean} ending @returns {Stop} */
function stopOf(pod, ending) {
  const [state, word] = stateOf(pod, ending);
  const short = pod.name.startsWith(`${pod.deployment}-`) ? pod.name.slice(pod.deployment.length + 1) : pod.name;
  return { name: pod.name, short, state, word, restarts: pod.restarts, reason: pod.reason, isPod: true };
}

/** @param {import('../../types').Pod} pod @param {boolean} ending @returns {[import('./types').PodState, string]} */
function stateOf(pod, ending) {
  if (ending || pod.phase === 'Terminating') return ['ending', 'terminating'];
  if (pod.phase === 'CrashLoopBackOff') return ['restarting', 'restarting'];
  if (pod.phase === 'CreateContainerError') return ['failed', 'cannot start'];
  if (pod.phase === 'Pending') return ['starting', 'starting'];
  return pod.ready ? ['ready', 'ready'] : ['unready', 'not ready'];
}
