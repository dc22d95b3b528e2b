// Shapes of what the API answers and of what travels between modules. Nothing here exists when the
// page runs. Collectors and costs have theirs in collect.d.ts, the page's own state in state.d.ts.

export type { VNode } from '../../shared/js/vnode';

/** What went wrong with a call, in the words of the API. */
export interface Problem {
  status: number;
  code: string;
  message: string;
}

/** One answered (or failed) request, for the footer. */
export interface Call {
  id: number;
  path: string;
  status: number;
  milliseconds: number;
  /** Pods in the order in which the request met them. */
  pods: string[];
  at: number;
}

export type View = 'overview' | 'resources' | 'servers' | 'collectors' | 'costs' | 'workspaces';

/** What the address bar says. */
export interface Route {
  view: View;
  filters: Record<string, string[]>;
  /** The search, in the query language. */
  keyword: string;
  sort: string;
  page: number;
  size: number;
  /** Resource or collector that is looked at. */
  id: string;
  /** Job of the collector; empty means the newest. */
  job: string;
  cost: CostView;
}

/** What the cost page shows. */
export interface CostView {
  /** Data source; empty means the first. */
  source: string;
  by: string;
  granularity: 'MONTHLY' | 'DAILY';
  /** Number of months, or the month whose days are shown (`2026-11`). */
  period: string;
}

export interface Workspace {
  workspace_id: string;
  name: string;
  state?: string;
  created_by?: string;
  created_at?: string;
  tags?: Record<string, any>;
}

export interface Session {
  access: string;
  refresh: string;
  userId: string;
  /** Whether the user administers the domain. */
  admin: boolean;
  workspace: Workspace | null;
  workspaces: Workspace[];
}

export interface CloudService {
  cloud_service_id: string;
  name?: string;
  state?: string;
  provider?: string;
  cloud_service_group?: string;
  cloud_service_type?: string;
  region_code?: string;
  account?: string;
  ip_addresses?: string[];
  instance_type?: string;
  created_at?: string;
  data?: Record<string, any>;
  tags?: Record<string, any>;
  reference?: { resource_id?: string; external_link?: string };
  [field: string]: any;
}

export interface CloudServiceType {
  name: string;
  provider: string;
  group: string;
  labels?: string[];
  resource_type?: string;
}

export interface Region {
  name: string;
  region_code: string;
  provider: string;
}

/** A column of the table, from the page schema. */
export interface Column {
  key: string;
  name: string;
  type: string;
  sortable?: boolean;
}

export interface OverviewRow {
  provider: string;
  cloud_service_group: string;
  cloud_service_type: string;
  resources: number;
}

export interface RegionRow {
  provider: string;
  region_code: string;
  resources: number;
}

/** A condition as the API takes it. */
export interface Condition {
  k: string;
  v: any;
  o: string;
}

/** A search, taken apart. */
export interface Query {
  filter: Condition[];
  keyword: string;
  /** Each part as it was typed, and in words. */
  terms: { source: string; title: string; text: string }[];
  /** Why it cannot be understood; empty if it can. */
  error: string;
}

export * from './collect';
export * from './state';
