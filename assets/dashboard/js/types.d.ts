// Shapes that travel between modules. Nothing here exists when the page runs. What the admin API
// answers has the names of the Rust types in src/model (status.rs, live.rs, film.rs, span.rs).

export type { VNode } from '../../shared/js/vnode';

/** Whether what is shown is true now. */
export type Connection = 'connecting' | 'live' | 'lost' | 'denied';

/** Where the address points: `#/film/4bf9…?with=00aa…`. */
export interface Route {
  view: string;
  /** What comes after the view, decoded. */
  rest: string[];
  query: Record<string, string>;
}

export interface Endpoint { pod: string | null; address: string; ready: boolean; terminating: boolean; connections: number }

export interface Service {
  name: string;
  type: string;
  cluster_ip: string;
  ports: { name: string; port: number; node_port?: number; listen?: string }[];
  external?: string[];
  address?: string;
  pending?: string;
  endpoints: Endpoint[];
  replicas?: number;
}

export interface Pod {
  name: string;
  service: string | null;
  deployment: string;
  plugin?: string;
  address: string | null;
  ready: boolean;
  restarts: number;
  phase: string;
  reason: string | null;
  last_lines: string[];
}

/** `GET /api/status`; see src/model/status.rs for the rest. */
export interface Status {
  name: string;
  runtime: string;
  runtime_reason: string;
  ready: boolean;
  phase: 'starting' | 'running' | 'failed' | 'stopping';
  reason: string | null;
  urls: Record<string, string>;
  login: { domain: string; user: string; password: string } | null;
  stores: { mongodb: string | null; redis: string | null };
  services: Service[];
  deployments: { name: string; replicas: number; ready: number }[];
  plugins: { plugin_id: string; deployment: string; replicas: number; ready: number }[];
  ingresses: { name: string; class: string | null; hosts: string[]; services: string[]; addresses: string[]; reports: string[] }[];
  certificates: any[];
  pods: Pod[];
  warnings: string[];
  reports: { kind: string; name: string; message: string; unusable: boolean }[];
  [more: string]: any;
}

/** One line of a list of films. Times are microseconds. */
export interface FilmSummary {
  trace: string;
  started: number;
  duration: number;
  status: string;
  name: string;
  spans: number;
  /** Pods and ingress replicas that told of it. */
  sources: string[];
  /** Where the ingress answered itself, the code of why. */
  error?: string;
}

/** Both ends of a connection as one side sees it. */
export interface SocketPair { local: string; remote: string }

/** A hop that knows of the request. Times are microseconds. */
export interface Span {
  event: 'span';
  kind: string;
  source: string;
  name: string;
  start: number;
  duration: number;
  status: string;
  inbound?: SocketPair;
  outbound?: SocketPair;
  attributes?: Record<string, any>;
  joined: boolean;
  note?: string;
  children?: Hop[];
}

/** The connection through a ClusterIP that a call rode on. */
export interface DrawnConnection {
  event: 'connection';
  id: number;
  service: string;
  client: string;
  cluster_ip: string;
  endpoint: string;
  pod?: string;
  outgoing: string;
  selection: { algorithm: string; index?: number; client?: string };
  candidates: string[];
  drawn_at: number;
  closed_at?: number;
  joined: boolean;
  note?: string;
  children?: Hop[];
}

export type Hop = Span | DrawnConnection;

/** `GET /api/films/{trace}`; see src/model/film.rs. */
export interface Film {
  trace: string;
  started: number;
  duration: number;
  status: string;
  name: string;
  settled: boolean;
  left_out: number;
  hops: Hop[];
  endpoints_now?: Record<string, string[]>;
}

/** What the view Film keeps. */
export interface FilmRoom {
  /** Kept in this browser, the newest first. */
  pinned: Film[];
  /** Looked at, by trace. */
  seen: Record<string, Film>;
  /** Why a film cannot be shown, by trace. */
  problems: Record<string, string>;
  /** The list while it is held. */
  held?: FilmSummary[] | null;
  filter?: FilmFilter;
  /** The hop that is pointed at, by its key. */
  hop?: string;
}

export interface FilmFilter { text: string; status: string; slower: string; pod: string }

/** The way of one request. */
export interface Flow { trace: string; status: string; duration: number; edges: [string, string][] }

/** The event `traffic`: what happened since the one before. */
export interface Traffic {
  at: number;
  requests: number;
  filmed: number;
  pods: Record<string, { served: number; failed: number; latency: [number, number][] }>;
  flows: Flow[];
}

/** An open connection through a ClusterIP, and the filmed calls that rode on it. */
export interface Pin {
  id: number;
  service: string;
  client: string;
  client_pod?: string;
  cluster_ip: string;
  endpoint: string;
  pod?: string;
  selection: { algorithm: string; index?: number; client?: string };
  candidates: string[];
  drawn_at: number;
  calls: number;
}

/** What a pod did in the last seconds. Rates are a second's, latencies milliseconds. */
export interface Meter { rate: number; failed: number; p50: number; p95: number }

/** A line that a pod wrote; times are microseconds. `number` is the page's own. */
export interface LogLine { time: number; pod: string; stream: 'stdout' | 'stderr'; text: string; number: number }

/** `GET /api/config`; see src/model/applied.rs. */
export interface Setting { key: string; value: any; default?: any; differs: boolean }

interface RuleName { route: string; ingress: string; priority: number }

/** `GET /api/route`; see src/dashboard/route.rs. */
export interface RouteAnswer {
  host: string;
  path: string;
  tls: boolean;
  winner: RuleName | null;
  why: string;
  outcome: string;
  goes_to: { service: string; port: number; share: number; endpoints: string[] }[];
  losers: (RuleName & { reason: string })[];
}

/** What the view State keeps. */
export interface StateRoom {
  connections: (Omit<Pin, 'calls'> & { outgoing: string; endpoint_gone: boolean })[] | null;
  logs: LogLine[] | null;
  config: { file: string | null; summary: string[]; settings: Setting[] } | null;
  /** What the rule tester is asked, and what it said. */
  asked: { url: string; method: string; header: string };
  answer: RouteAnswer | null;
  problem: string | null;
  /** What lines of logs must have. */
  search: string;
  /** The lines that are shown while it is paused. */
  paused: LogLine[] | false;
}

export interface State {
  connection: Connection;
  route: Route;
  status: Status | null;
  films: FilmSummary[];
  pins: Pin[];
  /** By pod or ingress replica. */
  meters: Record<string, Meter>;
  /** Requests that each pod has served since the page was opened, as far as they were filmed. */
  served: Record<string, number>;
  /** Requests a second at the ingress. */
  rate: number;
  /** How many requests one film stands for now: 1 unless there are more than are filmed. */
  scale: number;
  toasts: { id: number; tone: 'good' | 'bad'; text: string; hint?: string }[];
  /** What views keep while another one is shown, by the view's name. */
  kept: Record<string, any>;
}

export interface Point { x: number; y: number }

/** A cubic Bézier curve. */
export interface Curve { a: Point; b: Point; c: Point; d: Point; length: number }

/** A straight or curved part of a way. */
export interface Leg { from: Point; to: Point; curve: Curve | null; length: number }

export interface View {
  /** As in the address. */
  id: string;
  title: string;
  icon: string;
  render: (state: State) => VNode;
  /** Called when the view comes onto the page, and when its address changes. */
  enter?: (route: Route) => void;
  leave?: () => void;
}
import type { VNode } from '../../shared/js/vnode';
