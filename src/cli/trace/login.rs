//! A session with the console API: logged in as the console itself logs in, and calls after that.
//!
//! Unless somebody gives a `traceparent`, requests say that they do not want to be traced, so that a
//! film shows the one request that it is about.

use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::call::{Connected, Dialled};
use super::request::Plan;
use super::words::clean;
use super::{LabAddress, Login, TraceArgs, TraceError};
use crate::model::Traceparent;

/// Any trace id will do: `00` at the end says that nobody is to keep it.
const UNTRACED: &str = "traceparent: 00-000000000000000000000000006c6162-00000000006c6162-00";
/// How much of an answer that makes no sense is shown.
const SHOWN: usize = 200;

/// One connection to the console API.
#[derive(Debug)]
pub(in crate::cli) struct Session {
    connected: Connected,
    base: Uri,
    token: Option<String>,
}

impl Session {
    /// Connects.
    pub(in crate::cli) async fn open(
        lab: &LabAddress,
        client: &Arc<ClientConfig>,
    ) -> Result<Self, TraceError> {
        let base = lab
            .console_api_v2
            .clone()
            .ok_or(TraceError::Status("urls.console_api_v2"))?;
        let dialled = Dialled::new(&base, lab)?;
        Ok(Self {
            connected: Connected::open(&dialled, client).await?,
            base,
            token: None,
        })
    }

    /// Gets the access token of the lab's own user; of its first workspace, if it has one. Calls from
    /// here on carry it.
    pub(in crate::cli) async fn log_in(&mut self, login: &Login) -> Result<&str, TraceError> {
        let token = self.token(login).await.map_err(|error| match error {
            TraceError::Api { path, reason } => TraceError::Login { step: path, reason },
            other => other,
        })?;
        Ok(self.token.insert(token))
    }

    async fn token(&mut self, login: &Login) -> Result<String, TraceError> {
        let name = json!({"name": login.domain});
        let domain = self
            .call("/identity/domain/get-auth-info", &name, None)
            .await?;
        let credentials = json!({
            "domain_id": domain["domain_id"],
            "auth_type": "LOCAL",
            "credentials": {"user_id": login.user, "password": login.password},
        });
        let tokens = self
            .call("/identity/token/issue", &credentials, None)
            .await?;
        let access = token(&tokens, "access_token")?;
        self.token = Some(access.clone());
        let workspaces = self
            .call("/identity/user-profile/get-workspaces", &json!({}), None)
            .await?;
        let Some(workspace) = workspaces.pointer("/results/0/workspace_id") else {
            return Ok(access);
        };
        let wish = json!({
            "grant_type": "REFRESH_TOKEN",
            "token": token(&tokens, "refresh_token")?,
            "scope": "WORKSPACE",
            "workspace_id": workspace,
            "domain_id": domain["domain_id"],
        });
        let granted = self.call("/identity/token/grant", &wish, None).await?;
        token(&granted, "access_token")
    }

    /// Calls a method, in the film of `traceparent` if that is given.
    pub(in crate::cli) async fn call(
        &mut self,
        path: &'static str,
        message: &Value,
        traceparent: Option<Traceparent>,
    ) -> Result<Value, TraceError> {
        let failed = |reason: String| TraceError::Api { path, reason };
        let scheme = self.base.scheme_str().unwrap_or("https");
        let authority = self.base.authority().map_or("", |it| it.as_str());
        let mut headers = vec!["content-type: application/json".to_owned()];
        if traceparent.is_none() {
            headers.push(UNTRACED.to_owned());
        }
        let mut plan = Plan::new(&TraceArgs {
            url: format!("{scheme}://{authority}{path}"),
            method: Some("POST".into()),
            headers,
            // Serialised JSON begins with a brace, never with the `@` of a file.
            data: Some(message.to_string()),
            ..TraceArgs::default()
        })?;
        if let Some(token) = &self.token {
            plan.authorize(token)?;
        }
        let mut body = Vec::new();
        let answer = self
            .connected
            .send(plan.request(traceparent), Some(&mut body))
            .await?;
        if !answer.status.is_success() {
            return Err(failed(format!("{} {}", answer.status, refusal(&body))));
        }
        serde_json::from_slice(&body).map_err(|error| failed(format!("no JSON: {error}")))
    }
}

/// What a refusal says: Cloudforet's code and words, or the answer as it is.
fn refusal(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer| json.pointer(pointer).and_then(Value::as_str);
    if let (Some(code), Some(message)) = (text("/detail/code"), text("/detail/message")) {
        return clean(&format!("{code}: {message}"));
    }
    let text = String::from_utf8_lossy(body);
    // The ingress says what it is about in its first line.
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    clean(&shown)
}

fn token(answer: &Value, name: &'static str) -> Result<String, TraceError> {
    let text = answer.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or(TraceError::Login {
        step: name,
        reason: "there is none in the answer".into(),
    })
}
