//@ts-check
// Who may call whom: what is known of Cloudforet's services, where Ingresses lead, and what was seen.

/** @typedef {import('./types').Call} Call @typedef {import('./types').Group} Group */

const BACKENDS = ['identity', 'inventory', 'repository', 'secret', 'plugin', 'cost-analysis'];
/** By names of Services and Deployments. @type {Record<string, string[]>} */
const KNOWN = {
  'console-api': BACKENDS,
  'console-api-v2': BACKENDS,
  identity: ['mongodb'],
  inventory: ['mongodb'],
  repository: ['mongodb'],
  secret: ['mongodb'],
  plugin: ['mongodb'],
  'cost-analysis': ['mongodb'],
  'inventory-scheduler': ['redis'],
  'inventory-worker': ['plugin'],
  supervisor: ['plugin'],
};

/** @param {import('../../types').Status} status @param {Map<string, Group>} groups @param {string[]} seen `FROM>TO`
 * @returns {Call[]} */
export function callsOf(status, groups, seen) {
  /** @type {Map<string, Call>} */
  const calls = new Map();
  /** @param {string} from @param {string} to @param {boolean} direct */
  const add = (from, to, direct) => {
    if (from !== to && (groups.has(from) || !from.includes(':')) && (groups.has(to) || to === 'lb')) {
      calls.set(`${from}>${to}`, { from, to, direct: direct || groups.get(to)?.gate === 'headless' });
    }
  };
  const named = (/** @type {string} */ name) => (groups.has(`service:${name}`) ? `service:${name}` : `deployment:${name}`);
  add('browser', 'lb', true);
  const controllers = [...groups.values()].filter((group) => group.zone === 'ingress');
  for (const controller of controllers) {
    add('lb', controller.id, true);
    for (const { class: served, services } of status.ingresses) {
      // What the ingress leads to beside the consoles is drawn once it is used: it crosses the whole picture.
      for (const service of served ? (services ?? []) : []) {
        if (groups.get(`service:${service}`)?.zone === 'web') add(controller.id, `service:${service}`, true);
      }
    }
  }
  for (const { name, external } of status.services) if (external?.length && !controllers.some((one) => one.name === name)) add('lb', `service:${name}`, false);
  for (const [from, callees] of Object.entries(KNOWN)) for (const to of callees) add(named(from), named(to), false);
  // The list that workers take tasks from, drawn as the way of the task.
  for (const group of groups.values()) {
    if (!/worker/.test(group.name) || group.zone !== 'worker') continue;
    add('service:redis', group.id, true);
    for (const plugin of groups.values()) if (plugin.zone === 'plugged') add(group.id, plugin.id, true);
  }
  for (const pair of seen) {
    const [from, to] = pair.split('>');
    // Workers ask the list for their tasks: drawn already, the way that the tasks go.
    if (calls.has(`${to}>${from}`)) continue;
    const past = groups.get(from)?.zone === 'ingress' || groups.get(to)?.zone === 'plugged';
    if (!calls.has(pair)) add(from, to, past);
  }
  return [...calls.values()];
}

/** The card that a name in a flow belongs to.
 * @param {import('./types').Picture} picture @param {string | undefined} name */
export function cardOf(picture, name) {
  if (!name) return undefined;
  if (name === 'lb' || picture.groups.has(name)) return name;
  return picture.home.get(name)?.id;
}

/** Open connections by card pair, by pod, and the pairs that the picture does not know yet.
 * @param {import('./types').Picture} picture @param {import('../../types').Pin[]} pins */
export function openOf(picture, pins) {
  /** @type {Set<string>} */
  const pairs = new Set();
  /** @type {Map<string, number>} */
  const into = new Map();
  for (const pin of pins) {
    if (pin.pod) into.set(pin.pod, (into.get(pin.pod) ?? 0) + 1);
    const from = cardOf(picture, pin.client_pod);
    const to = cardOf(picture, `service:${pin.service}`);
    if (from && to && from !== to) pairs.add(`${from}>${to}`);
  }
  return { pairs, into };
}
