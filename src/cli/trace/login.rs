//! A token for the console APIs, got as the console itself gets one.
//!
//! These requests say that they do not want to be traced, so the film shows one request only.

use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::call::{Connected, Dialled};
use super::request::Plan;
use super::{LabAddress, TraceArgs, TraceError};

/// Any trace id will do: `00` at the end says that nobody is to keep it.
const UNTRACED: &str = "traceparent: 00-000000000000000000000000006c6162-00000000006c6162-00";

/// The access token of the lab's own user; of its first workspace, if it has one.
pub(super) async fn log_in(
    lab: &LabAddress,
    client: &Arc<ClientConfig>,
) -> Result<String, TraceError> {
    let base = lab
        .console_api_v2
        .clone()
        .ok_or(TraceError::Status("urls.console_api_v2"))?;
    let dialled = Dialled::new(&base, lab)?;
    let mut session = Session {
        connected: Connected::open(&dialled, client).await?,
        base,
    };
    let domain = session
        .post(
            "/identity/domain/get-auth-info",
            None,
            &json!({"name": lab.login.domain}),
        )
        .await?;
    let tokens = session
        .post(
            "/identity/token/issue",
            None,
            &json!({
                "domain_id": domain["domain_id"],
                "auth_type": "LOCAL",
                "credentials": {"user_id": lab.login.user, "password": lab.login.password},
            }),
        )
        .await?;
    let access = token(&tokens, "access_token")?;
    let workspaces = session
        .post(
            "/identity/user-profile/get-workspaces",
            Some(&access),
            &json!({}),
        )
        .await?;
    let Some(workspace) = workspaces.pointer("/results/0/workspace_id") else {
        return Ok(access);
    };
    let granted = session
        .post(
            "/identity/token/grant",
            Some(&access),
            &json!({
                "grant_type": "REFRESH_TOKEN",
                "token": token(&tokens, "refresh_token")?,
                "scope": "WORKSPACE",
                "workspace_id": workspace,
                "domain_id": domain["domain_id"],
            }),
        )
        .await?;
    token(&granted, "access_token")
}

struct Session {
    connected: Connected,
    base: Uri,
}

impl Session {
    async fn post(
        &mut self,
        path: &'static str,
        token: Option<&str>,
        message: &Value,
    ) -> Result<Value, TraceError> {
        let failed = |reason: String| TraceError::Login { step: path, reason };
        let scheme = self.base.scheme_str().unwrap_or("https");
        let authority = self.base.authority().map_or("", |it| it.as_str());
        let mut plan = Plan::new(&TraceArgs {
            url: format!("{scheme}://{authority}{path}"),
            method: Some("POST".into()),
            headers: vec!["content-type: application/json".into(), UNTRACED.into()],
            // Serialised JSON begins with a brace, never with the `@` of a file.
            data: Some(message.to_string()),
            ..TraceArgs::default()
        })?;
        if let Some(token) = token {
            plan.authorize(token)?;
        }
        let mut body = Vec::new();
        let answer = self
            .connected
            .send(plan.request(None), Some(&mut body))
            .await?;
        if !answer.status.is_success() {
            let text = String::from_utf8_lossy(&body);
            let shown: String = text.chars().take(200).collect();
            return Err(failed(format!(
                "{} {}",
                answer.status,
                super::words::clean(&shown)
            )));
        }
        serde_json::from_slice(&body).map_err(|error| failed(format!("no JSON: {error}")))
    }
}

fn token(answer: &Value, name: &'static str) -> Result<String, TraceError> {
    let text = answer.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or(TraceError::Login {
        step: name,
        reason: "there is none in the answer".into(),
    })
}
