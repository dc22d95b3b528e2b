//@ts-check
// What can be broken, and at which kinds of places; as FaultKind in src/model/fault.rs has it.

/** @typedef {'ingress' | 'replica' | 'load-balancer' | 'service' | 'deployment' | 'pod' | 'host'} Is */
/** @typedef {{ label: string, first: string, field: (value: number) => Record<string, number>, option: (value: string) => string }} Parameter */
/** @typedef {{ id: string, title: string, about: string, at: Is[], parameter?: Parameter }} Kind */

/** @type {Is[]} */
const TRAFFIC = ['pod', 'service', 'ingress', 'replica', 'load-balancer'];

/** @type {Parameter} */
const rate = { label: 'Percent', first: '100', field: (value) => ({ rate: value / 100 }), option: (value) => `--rate ${Number(value) / 100}` };

/** @type {Kind[]} */
export const kinds = [
  {
    id: 'delay',
    title: 'Delay',
    about: 'Everything on this way takes longer, also on connections that are open.',
    at: TRAFFIC,
    parameter: { label: 'Milliseconds', first: '200', field: (value) => ({ by_ms: Math.round(value) }), option: (value) => `--by ${value}ms` },
  },
  { id: 'errors', title: 'Errors', about: 'The ingress answers 503 itself.', at: ['pod', 'service', 'ingress', 'replica'], parameter: { ...rate, first: '30' } },
  { id: 'reset', title: 'Reset', about: 'Connections are reset, the open ones too.', at: TRAFFIC, parameter: rate },
  { id: 'drop', title: 'Drop', about: 'Bytes vanish. Nobody says so; only a timeout ends it.', at: TRAFFIC, parameter: rate },
  { id: 'full', title: 'Full queue', about: 'No new connection is accepted. Open ones go on.', at: ['pod', 'service', 'load-balancer'] },
  { id: 'freeze', title: 'Freeze', about: 'The program stands still (SIGSTOP). Its sockets stay open.', at: ['pod', 'deployment'] },
  { id: 'not-ready', title: 'Readiness off', about: 'The pod leaves the endpoints. Connections that are open stay.', at: ['pod', 'deployment'] },
  {
    id: 'slow-start',
    title: 'Slow start',
    about: 'Pods that start from now on are ready only after so long.',
    at: ['deployment'],
    parameter: { label: 'Seconds', first: '5', field: (value) => ({ by_ms: Math.round(value * 1000) }), option: (value) => `--by ${value}s` },
  },
  { id: 'down', title: 'Down', about: 'No pods at all, however many are wanted. For mongodb: the store is down.', at: ['deployment'] },
  {
    id: 'clock',
    title: 'Certificate of another time',
    about: 'The certificate is over (negative days) or still to come.',
    at: ['host'],
    parameter: { label: 'Days', first: '-400', field: (value) => ({ by_s: Math.round(value * 86_400) }), option: (value) => `--by ${value}d` },
  },
];

/** A fault in few words. @param {any} fault */
export function phrase(fault) {
  const title = kinds.find((kind) => kind.id === fault.kind)?.title ?? fault.kind;
  if (fault.by_ms !== undefined) return `${title} ${fault.by_ms < 1000 ? `${fault.by_ms} ms` : `${fault.by_ms / 1000} s`}`;
  if (fault.by_s !== undefined) return `${title} ${Math.round(fault.by_s / 86_400)} d`;
  if (fault.rate !== undefined && fault.rate < 1) return `${title} ${Math.round(fault.rate * 100)} %`;
  return title;
}
