// Shapes of collectors, their jobs, and costs.

export interface Plugin {
  plugin_id: string;
  name: string;
  provider?: string;
  resource_type?: string;
  capability?: Record<string, any>;
  docs?: Record<string, any>;
  [field: string]: any;
}

export interface Collector {
  collector_id: string;
  name: string;
  provider?: string;
  plugin_info?: {
    plugin_id?: string;
    version?: string;
    options?: Record<string, any>;
    metadata?: Record<string, any>;
    upgrade_mode?: string;
  };
  schedule?: { state?: string; hours?: number[] };
  created_at?: string;
  last_collected_at?: string;
}

export interface Job {
  job_id: string;
  status?: string;
  total_tasks?: number;
  remained_tasks?: number;
  success_tasks?: number;
  failure_tasks?: number;
  collector_id?: string;
  created_at?: string;
  finished_at?: string;
}

export interface JobTask {
  job_task_id: string;
  status?: string;
  provider?: string;
  created_count?: number;
  updated_count?: number;
  failure_count?: number;
  deleted_count?: number;
  disconnected_count?: number;
  errors?: { error_code?: string; message?: string; additional?: any }[];
  service_account_id?: string;
  secret_id?: string;
  created_at?: string;
  started_at?: string;
  finished_at?: string;
}

export interface DataSource {
  data_source_id: string;
  name: string;
  provider?: string;
  last_synchronized_at?: string;
  plugin_info?: { metadata?: Record<string, any> };
}

/** Costs of one group over time; `values` has one number for each date. */
export interface Series {
  name: string;
  values: number[];
  total: number;
}
