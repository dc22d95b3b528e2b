//! The console API of a running lab, as its user.

use serde_json::Value;

use super::https::Https;
use super::lab::Lab;

/// A session in the lab's first workspace.
pub(crate) struct Api {
    https: Https,
    base: String,
    token: String,
}

impl Api {
    /// Logs in.
    pub(crate) async fn of(lab: &Lab) -> Self {
        let status = lab.status();
        let base = status["urls"]["console_api_v2"].as_str().unwrap();
        Self {
            https: lab.https(),
            base: base.trim_end_matches('/').to_owned(),
            token: lab.token().await,
        }
    }

    /// Calls a method that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.base);
        let answer = self.https.post(&url, Some(&self.token), &body).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
        answer.json()
    }

    /// The rows of a list method, page after page.
    pub(crate) async fn all(&self, path: &str, query: Value) -> Vec<Value> {
        const PAGE: usize = 1000;
        let mut rows = Vec::new();
        loop {
            let mut query = query.clone();
            query["page"] = serde_json::json!({ "start": rows.len() + 1, "limit": PAGE });
            let page = self.post(path, serde_json::json!({ "query": query })).await;
            let results = page["results"].as_array().cloned().unwrap_or_default();
            let last = results.len() < PAGE;
            rows.extend(results);
            if last {
                return rows;
            }
        }
    }
}
