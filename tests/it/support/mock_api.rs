//! The console's page, and an API behind it that answers what a test wants: two workspaces, some
//! resources, collectors whose jobs move on each time somebody looks, and costs.
//!
//! What the page asked for is kept, so that a test can say what a click became.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use lab::cloudforet::console;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::stack::emitter;

/// Runs until it is dropped.
pub(crate) struct MockApi {
    pub(crate) address: SocketAddr,
    world: Arc<World>,
    serving: JoinHandle<()>,
}

struct World {
    page: Router,
    state: Mutex<Things>,
}

struct Things {
    /// Paths that reflection does not list, by their beginning.
    hidden: Vec<&'static str>,
    calls: Vec<(String, Value)>,
    workspaces: Vec<Value>,
    collectors: Vec<Value>,
    jobs: Vec<MockJob>,
}

struct MockJob {
    id: String,
    collector: String,
    looks: u64,
}

/// Tasks of each job; one ends at each look, and the last one fails.
const TASKS: u64 = 3;

const PATHS: &[&str] = &[
    "/inventory/cloud-service/list",
    "/inventory/cloud-service/get",
    "/inventory/cloud-service/analyze",
    "/inventory/cloud-service/create",
    "/inventory/collector/list",
    "/inventory/collector/create",
    "/inventory/collector/update",
    "/inventory/collector/update-plugin",
    "/inventory/collector/delete",
    "/inventory/collector/collect",
    "/inventory/job/list",
    "/inventory/job/get",
    "/inventory/job-task/list",
    "/repository/plugin/list",
    "/cost-analysis/data-source/list",
    "/cost-analysis/data-source/sync",
    "/cost-analysis/cost/analyze",
    "/cost-analysis/job/get",
    "/identity/workspace/list",
    "/identity/workspace/create",
];

impl MockApi {
    /// An API without the methods whose paths begin so.
    pub(crate) async fn without(hidden: &[&'static str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = console::Settings {
            console_api: format!("http://{address}"),
            console_api_v2: format!("http://{address}"),
            ..console::Settings::default()
        };
        let workspace =
            |id: &str, name: &str| json!({"workspace_id": id, "name": name, "state": "ENABLED"});
        let world = Arc::new(World {
            page: console::app(settings, emitter()),
            state: Mutex::new(Things {
                hidden: hidden.to_vec(),
                calls: Vec::new(),
                workspaces: vec![
                    workspace("workspace-1", "First"),
                    workspace("workspace-2", "Second"),
                ],
                collectors: vec![json!({
                    "collector_id": "collector-1", "name": "sample", "schedule": {"state": "DISABLED"},
                    "plugin_info": {"plugin_id": "plugin-sample", "version": "1.0", "options": {"count": 5.0}, "upgrade_mode": "AUTO"},
                })],
                jobs: Vec::new(),
            }),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&world));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            world,
            serving,
        }
    }

    /// Where the page is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The bodies of all requests to this path, the newest last.
    pub(crate) fn asked(&self, path: &str) -> Vec<Value> {
        let things = self.world.state.lock().unwrap();
        let calls = things.calls.iter().filter(|(called, _)| called == path);
        calls.map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for MockApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(world): State<Arc<World>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/console-api/api/reflection" {
        let hidden = world.state.lock().unwrap().hidden.clone();
        let offered = PATHS
            .iter()
            .filter(|path| !hidden.iter().any(|gone| path.starts_with(gone)));
        let apis: Vec<_> = offered.map(|path| json!({"path": path})).collect();
        return axum::Json(json!({ "apis": apis })).into_response();
    }
    if request.method() != Method::POST {
        return world.page.clone().oneshot(request).await.unwrap();
    }
    let workspace = workspace_of(request.headers());
    let body: Body = request.into_body();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut things = world.state.lock().unwrap();
    things.calls.push((path.clone(), body.clone()));
    if let Some(answer) = things.reply(&path, &body, &workspace) {
        return axum::Json(answer).into_response();
    }
    let detail = json!({"code": "ERROR_UNSUPPORTED_API", "message": path});
    (
        StatusCode::NOT_FOUND,
        axum::Json(json!({ "detail": detail })),
    )
        .into_response()
}

/// A token that says which workspace it is for; no page checks its signature.
fn token(workspace: &str) -> String {
    let claims = json!({"exp": 4_000_000_000_u64, "wid": workspace}).to_string();
    format!("e.{}.s", URL_SAFE_NO_PAD.encode(claims))
}

fn workspace_of(headers: &http::HeaderMap) -> String {
    let claims = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.split('.').nth(1).map(str::to_owned))
        .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok())
        .and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    claims
        .and_then(|claims| claims["wid"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Things {
    fn reply(&mut self, path: &str, body: &Value, workspace: &str) -> Option<Value> {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        Some(match path {
            "/api/reflection" => json!({"apis": []}),
            "/identity/domain/get-auth-info" => {
                json!({"domain_id": "domain-1", "name": "spaceone"})
            }
            "/identity/token/issue" => {
                json!({"access_token": token(""), "refresh_token": token("")})
            }
            "/identity/token/grant" => json!({"access_token": token(&text("workspace_id"))}),
            "/identity/user-profile/get" => {
                json!({"user_id": "admin", "role_type": "DOMAIN_ADMIN"})
            }
            "/identity/user-profile/get-workspaces" | "/identity/workspace/list" => {
                json!({"results": self.workspaces, "total_count": self.workspaces.len()})
            }
            "/identity/workspace/create" => {
                let workspace = json!({"workspace_id": "workspace-3", "name": text("name"), "state": "ENABLED"});
                self.workspaces.push(workspace.clone());
                workspace
            }
            "/inventory/cloud-service-type/list" | "/inventory/region/list" => json!({}),
            "/inventory/cloud-service/list" => {
                let results = resources(workspace);
                json!({"total_count": results.len(), "results": results})
            }
            "/inventory/cloud-service/get" => {
                let mut all = resources("workspace-1").into_iter();
                all.find(|one| one["cloud_service_id"] == body["cloud_service_id"])?
            }
            "/inventory/cloud-service/analyze" => json!({"results": counts(workspace, body)}),
            "/repository/plugin/list" => json!({"results": [plugin()]}),
            "/cost-analysis/data-source/list" => {
                json!({"results": [{"data_source_id": "ds-1", "name": "sample-cost", "plugin_info": {"metadata": {"currency": "USD"}}}]})
            }
            "/cost-analysis/data-source/sync" => {
                json!({"job_id": "job-c", "status": "IN_PROGRESS", "total_tasks": 1, "remained_tasks": 1})
            }
            "/cost-analysis/job/get" => {
                json!({"job_id": "job-c", "status": "SUCCESS", "total_tasks": 1})
            }
            "/cost-analysis/cost/analyze" => json!({"results": costs(body)}),
            _ => return self.collecting(path, body),
        })
    }

    fn collecting(&mut self, path: &str, body: &Value) -> Option<Value> {
        let id = body["collector_id"].as_str().unwrap_or_default().to_owned();
        let job = body["job_id"].as_str().unwrap_or_default().to_owned();
        Some(match path {
            "/inventory/collector/list" => json!({"results": self.collectors}),
            "/inventory/collector/create" => {
                let mut collector = body.clone();
                collector["collector_id"] =
                    json!(format!("collector-{}", self.collectors.len() + 1));
                self.collectors.push(collector.clone());
                collector
            }
            "/inventory/collector/update" | "/inventory/collector/update-plugin" => {
                let mut all = self.collectors.iter_mut();
                let collector = all.find(|one| one["collector_id"] == json!(id))?;
                for key in ["name", "schedule"] {
                    if body.get(key).is_some() {
                        collector[key] = body[key].clone();
                    }
                }
                if body.get("options").is_some() {
                    collector["plugin_info"]["options"] = body["options"].clone();
                }
                collector.clone()
            }
            "/inventory/collector/delete" => {
                self.collectors
                    .retain(|one| one["collector_id"] != json!(id));
                json!({})
            }
            "/inventory/collector/collect" => {
                let number = self.jobs.len() + 1;
                self.jobs.insert(
                    0,
                    MockJob {
                        id: format!("job-{number}"),
                        collector: id,
                        looks: 0,
                    },
                );
                self.jobs[0].told()
            }
            "/inventory/job/list" => {
                let all = self
                    .jobs
                    .iter()
                    .filter(|job| id.is_empty() || job.collector == id);
                json!({"results": all.map(MockJob::told).collect::<Vec<_>>()})
            }
            "/inventory/job/get" => {
                let job = self.jobs.iter_mut().find(|one| one.id == job)?;
                job.looks = (job.looks + 1).min(TASKS);
                job.told()
            }
            "/inventory/job-task/list" => {
                let job = self.jobs.iter().find(|one| one.id == job)?;
                json!({"results": job.tasks(), "total_count": TASKS})
            }
            _ => return None,
        })
    }
}

impl MockJob {
    fn told(&self) -> Value {
        let over = self.looks >= TASKS;
        json!({
            "job_id": self.id, "collector_id": self.collector, "created_at": "2026-01-31T00:00:00Z",
            "status": if over { "FAILURE" } else { "IN_PROGRESS" },
            "total_tasks": TASKS, "remained_tasks": TASKS - self.looks, "failure_tasks": u64::from(over),
        })
    }

    fn tasks(&self) -> Vec<Value> {
        let task = |index: u64| {
            let status = match index {
                _ if index >= self.looks => "PENDING",
                _ if index + 1 == TASKS => "FAILURE",
                _ => "SUCCESS",
            };
            let error = json!({"error_code": "ERROR_PLUGIN", "message": "the cloud said no"});
            let errors = if status == "FAILURE" {
                vec![error; 2]
            } else {
                Vec::new()
            };
            json!({
                "job_task_id": format!("{}-{index}", self.id), "provider": "aws", "status": status,
                "created_count": if status == "SUCCESS" { 7 } else { 0 }, "errors": errors,
            })
        };
        (0..TASKS).map(task).collect()
    }
}

fn resources(workspace: &str) -> Vec<Value> {
    let resource = |index: usize| {
        json!({
            "cloud_service_id": format!("cloud-svc-{index}"), "name": format!("{workspace}-{index}"), "state": "ACTIVE",
            "provider": "aws", "cloud_service_group": "EC2", "cloud_service_type": "Instance", "region_code": "us-east-1",
            "data": {"compute": {"core": 4.0, "tags": [{"name": "deep"}]}}, "created_at": "2026-01-31T00:00:00Z",
            "collection_info": {"collector_id": "collector-1", "secret_id": "secret-1", "last_collected_at": "2026-01-31T00:00:00Z"},
        })
    };
    let number = if workspace == "workspace-1" { 5 } else { 2 };
    (0..number).map(resource).collect()
}

fn counts(workspace: &str, body: &Value) -> Vec<Value> {
    let number = resources(workspace).len();
    if body["query"]["group_by"][1] == "region_code" {
        return vec![json!({"provider": "aws", "region_code": "us-east-1", "resources": number})];
    }
    vec![
        json!({"provider": "aws", "cloud_service_group": "EC2", "cloud_service_type": "Instance", "resources": number}),
    ]
}

fn plugin() -> Value {
    json!({
        "plugin_id": "plugin-sample", "name": "sample-cloud", "provider": "aws",
        "capability": {"options_schema": {"properties": {
            "count": {"type": "integer", "title": "Resources", "default": 10, "minimum": 1},
            "fail": {"type": "boolean", "title": "Fail"},
        }}},
    })
}

/// Ten products, on the first and the last date.
fn costs(body: &Value) -> Vec<Value> {
    let (query, by) = (&body["query"], &body["query"]["group_by"][0]);
    let row = |index: u32, date: &Value| json!({by.as_str().unwrap(): format!("group-{index}"), "date": date, "cost": f64::from(100 - index * 10)});
    (0..10)
        .flat_map(|index| [row(index, &query["start"]), row(index, &query["end"])])
        .collect()
}
