// The page's state: what store.js holds.

import type {
  Call, CloudService, CloudServiceType, Collector, Column, DataSource, Job, JobTask, OverviewRow, Plugin, Problem,
  Region, RegionRow, Route, Series, Session, Workspace,
} from './types';

type Status = 'loading' | 'ready' | 'failed';

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

/** The collector dialog's fields. */
export interface CollectorDraft {
  /** Of the collector that is edited; empty for a new one. */
  id: string;
  plugin: string;
  name: string;
  /** Whose credentials are used; empty: those of any provider. */
  provider: string;
  /** Empty: the newest, upgraded by itself. */
  version: string;
  versions: string[];
  enabled: boolean;
  /** Of the day, in UTC. */
  hours: number[];
  /** JSON Schema of the options, if the plugin has told it. */
  schema: Record<string, any> | null;
  asking: boolean;
  /** Options as a form or as text. */
  mode: 'form' | 'json';
  values: Record<string, string | boolean>;
  json: string;
  busy: boolean;
  errors: Record<string, string>;
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
  overview: { status: Status; rows: OverviewRow[]; regions: RegionRow[] };
  folded: Set<string>;
  list: { status: Status; busy: boolean; rows: CloudService[]; total: number; error: Problem | null; selected: Set<string> };
  search: string;
  searchError: string;
  choices: { key: string; status: Status; values: string[]; search: string };
  detail: {
    status: Status;
    item: CloudService | null;
    error: Problem | null;
    tab: 'fields' | 'data' | 'json';
    name: string | null;
    busy: boolean;
  };
  draft: Draft | null;
  draftErrors: Partial<Record<keyof Draft | 'form', string>>;
  draftBusy: boolean;
  removal: { what: 'resource' | 'collector'; ids: string[]; names: string[]; busy: boolean } | null;
  workspaces: { status: Status; rows: Workspace[]; error: Problem | null; name: string | null; busy: boolean; complaint: string };
  collectors: { status: Status; rows: Collector[]; jobs: Job[]; error: Problem | null; starting: string };
  plugins: Plugin[];
  collectorDraft: CollectorDraft | null;
  job: { status: Status; item: Job | null; tasks: JobTask[]; history: Job[]; error: Problem | null; said: string };
  costs: {
    status: Status;
    sources: DataSource[];
    dates: string[];
    series: Series[];
    error: Problem | null;
    /** Words about the synchronisation that runs or ran; empty if none was asked for. */
    sync: string;
    syncing: boolean;
    /** The date under the pointer or the focus. */
    column: number;
  };
  menu: '' | 'user' | 'filter' | 'sidebar' | 'workspace' | 'help';
  toasts: { id: number; tone: 'good' | 'bad'; text: string }[];
  footer: { shown: boolean; open: boolean; calls: Call[] };
}
