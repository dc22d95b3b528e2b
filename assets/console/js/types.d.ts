// Shapes shared by the modules. Nothing here exists when the page runs.

/** An element, or a piece of text, that is to be on the page. */
export interface VNode {
  tag: string;
  props: Record<string, any>;
  children: VNode[];
  text?: string;
}

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

/** What the address bar says. */
export interface Route {
  view: 'resources' | 'servers';
  filters: Record<string, string[]>;
  keyword: string;
  sort: string;
  page: number;
  size: number;
  id: string;
}

export interface Session {
  access: string;
  refresh: string;
  userId: string;
  workspace: { workspace_id: string; name: string } | null;
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

/** The create dialog's fields, all as typed. */
export interface Draft {
  provider: string;
  type: string;
  name: string;
  region: string;
  account: string;
  ip: string;
  data: string;
}

export interface State {
  phase: 'loading' | 'failed' | 'login' | 'ready';
  fatal: Problem | null;
  config: { v1: string; v2: string; domainName: string };
  apis: Set<string>;
  domain: { domain_id: string; name: string } | null;
  session: Session | null;
  login: { user: string; password: string; visible: boolean; busy: boolean; error: string };
  route: Route;
  types: CloudServiceType[];
  regions: Region[];
  columns: Column[];
  overview: { status: 'loading' | 'ready' | 'failed'; rows: OverviewRow[] };
  folded: Set<string>;
  list: {
    status: 'loading' | 'ready' | 'failed';
    busy: boolean;
    rows: CloudService[];
    total: number;
    error: Problem | null;
    selected: Set<string>;
  };
  search: string;
  choices: { key: string; status: 'loading' | 'ready' | 'failed'; values: string[]; search: string };
  detail: {
    status: 'loading' | 'ready' | 'failed';
    item: CloudService | null;
    error: Problem | null;
    tab: 'fields' | 'data';
    name: string | null;
    busy: boolean;
  };
  draft: Draft | null;
  draftErrors: Partial<Record<keyof Draft | 'form', string>>;
  draftBusy: boolean;
  removal: { ids: string[]; names: string[]; busy: boolean } | null;
  menu: '' | 'user' | 'filter' | 'sidebar';
  toasts: { id: number; tone: 'good' | 'bad'; text: string }[];
  footer: { shown: boolean; open: boolean; calls: Call[] };
}
