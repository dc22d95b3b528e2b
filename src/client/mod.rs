//! The admin API's client, and the folder in which a running lab is found.
//!
//! One connection for each call: calls are rare, and a stream keeps its own.

mod call;
mod folder;
mod lines;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{
    ConnectionStatus, DownRequest, ForwardTarget, KillRequest, LoadLine, LoadRequest, LogLine,
    Refusal, ReloadAnswer, RuleAnswer, RuleQuestion, ScaleAnswer, ScaleRequest, Status, TraceId,
};

pub use folder::{AdminFile, LabFolder, Lock};
pub use lines::Lines;

/// Talks to one running lab.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    token: String,
}

/// Which lines of which pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogQuery {
    /// Those of the pods of this Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Those of this pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// So many of the last lines of each pod.
    pub tail: usize,
    /// Whether later lines are wanted as they come.
    pub follow: bool,
}

/// Why a call had no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no lab of this name.
    #[error("lab {name:?} is not running")]
    NotRunning {
        /// The lab.
        name: String,
    },
    /// The lab ended without cleaning up.
    #[error("lab {name:?} is not running; its process {pid} ended without cleaning up")]
    Dead {
        /// The lab.
        name: String,
        /// Its process.
        pid: u32,
    },
    /// The lab's process runs, but its admin API is not there yet, or not any more.
    #[error("lab {name:?} is just starting or stopping")]
    Busy {
        /// The lab.
        name: String,
    },
    /// A file of the lab's folder cannot be used.
    #[error("cannot use {path}")]
    Folder {
        /// The file or folder.
        path: std::path::PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The lab does not answer.
    #[error("the lab's admin API at {address} does not answer")]
    Unreachable {
        /// Where it should be.
        address: SocketAddr,
        /// What the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lab answered with a refusal.
    #[error("{}", refusal.error)]
    Refused {
        /// HTTP's status.
        status: u16,
        /// In the lab's words.
        refusal: Refusal,
    },
    /// The answer is not what this version of the client understands.
    #[error("the lab's answer cannot be read; is it of another version?")]
    Answer(#[source] serde_json::Error),
}

impl ClientError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning { .. } => Some("start it with: lab up".to_owned()),
            Self::Dead { .. } => Some(
                "remove what it left with: lab down, or start it again with: lab up".to_owned(),
            ),
            Self::Refused { refusal, .. } => refusal.hint.clone(),
            Self::Busy { .. } | Self::Unreachable { .. } => {
                Some("try again in a moment, or see lab.log in its state folder".to_owned())
            }
            Self::Folder { .. } => {
                Some("is it yours to write, and is there room on the disk?".to_owned())
            }
            Self::Answer(_) => None,
        }
    }
}

impl Client {
    /// A client of the lab whose admin API is told by this file.
    pub fn new(admin: &AdminFile) -> Self {
        Self {
            address: admin.address,
            token: admin.token.clone(),
        }
    }

    /// A client of the lab of this folder, if one runs.
    pub fn find(folder: &LabFolder) -> Result<Self, ClientError> {
        let name = folder.name().to_owned();
        match folder.read_admin()? {
            None if folder.is_locked()? => Err(ClientError::Busy { name }),
            None => Err(ClientError::NotRunning { name }),
            Some(admin) if !folder.is_locked()? => Err(ClientError::Dead {
                name,
                pid: admin.pid,
            }),
            Some(admin) => Ok(Self::new(&admin)),
        }
    }

    /// Where the admin API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET /api/status`
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/api/status").await
    }

    /// The status now and after each change. Ends when the lab is ready or failed, or, with
    /// `follow`, when it stops.
    pub async fn progress(&self, follow: bool) -> Result<Lines<Status>, ClientError> {
        self.stream(&format!("/api/progress?follow={follow}")).await
    }

    /// `GET /api/connections`
    pub async fn connections(&self) -> Result<Vec<ConnectionStatus>, ClientError> {
        self.get("/api/connections").await
    }

    /// `POST /api/scale`
    pub async fn scale(&self, service: &str, replicas: u32) -> Result<ScaleAnswer, ClientError> {
        let request = ScaleRequest {
            service: service.to_owned(),
            replicas,
        };
        self.post("/api/scale", &request).await
    }

    /// `GET /api/route`
    pub async fn route(&self, question: &RuleQuestion) -> Result<RuleAnswer, ClientError> {
        let RuleQuestion {
            url,
            method,
            header,
        } = question;
        let [url, method, header] = [url, method, header].map(|text| encoded(text));
        self.get(&format!(
            "/api/route?url={url}&method={method}&header={header}"
        ))
        .await
    }

    /// `POST /api/reload`
    pub async fn reload(&self) -> Result<ReloadAnswer, ClientError> {
        self.post("/api/reload", &serde_json::json!({})).await
    }

    /// `POST /api/kill`
    pub async fn kill(&self, pod: &str) -> Result<KillRequest, ClientError> {
        let pod = pod.to_owned();
        self.post("/api/kill", &KillRequest { pod }).await
    }

    /// `POST /api/down`; returns once the lab has begun to stop.
    pub async fn down(&self, data: bool) -> Result<(), ClientError> {
        let _: serde_json::Value = self.post("/api/down", &DownRequest { data }).await?;
        Ok(())
    }

    /// `POST /api/load`: a line each second, then the result.
    pub async fn load(&self, request: &LoadRequest) -> Result<Lines<LoadLine>, ClientError> {
        let json = serde_json::to_vec(request).map_err(ClientError::Answer)?;
        let body = self.call(Method::POST, "/api/load", json).await?;
        Ok(Lines::new(self.address, body))
    }

    /// `GET /api/logs`
    pub async fn logs(&self, query: &LogQuery) -> Result<Lines<LogLine>, ClientError> {
        let mut target = format!("/api/logs?tail={}&follow={}", query.tail, query.follow);
        for (key, value) in [("service", &query.service), ("pod", &query.pod)] {
            if let Some(value) = value {
                target.extend(["&", key, "=", &encoded(value)]);
            }
        }
        self.stream(&target).await
    }

    /// `GET /api/films`: what each film is about, the newest first.
    pub async fn films(&self) -> Result<Vec<serde_json::Value>, ClientError> {
        self.get("/api/films").await
    }

    /// `GET /api/films/{trace}`: one film as soon as it is complete, after `wait` as far as it is
    /// known, if anything is.
    pub async fn film<T: DeserializeOwned>(
        &self,
        trace: TraceId,
        wait: Duration,
    ) -> Result<Option<T>, ClientError> {
        let wait = wait.as_millis();
        match self.get(&format!("/api/films/{trace}?wait={wait}")).await {
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// `GET /api/record`: the head of a recording, and requests as they come.
    pub async fn recording(&self, secrets: bool) -> Result<Lines<serde_json::Value>, ClientError> {
        self.stream(&format!("/api/record?secrets={secrets}")).await
    }

    /// `GET /api/forward`: the one pod that stands for a Service or is named, and where its port is.
    pub async fn forward(&self, target: &str, port: &str) -> Result<ForwardTarget, ClientError> {
        let (target, port) = (encoded(target), encoded(port));
        self.get(&format!("/api/forward?target={target}&port={port}"))
            .await
    }

    /// A GET of anything that the API has.
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        let body = self.call(Method::GET, target, Vec::new()).await?;
        call::whole(self.address, body).await
    }

    /// A POST of anything that the API has.
    pub async fn post<T: DeserializeOwned>(
        &self,
        target: &str,
        request: &impl Serialize,
    ) -> Result<T, ClientError> {
        let json = serde_json::to_vec(request).map_err(ClientError::Answer)?;
        let body = self.call(Method::POST, target, json).await?;
        call::whole(self.address, body).await
    }

    async fn stream<T: DeserializeOwned>(&self, target: &str) -> Result<Lines<T>, ClientError> {
        let body = self.call(Method::GET, target, Vec::new()).await?;
        Ok(Lines::new(self.address, body))
    }

    async fn call(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
    ) -> Result<hyper::body::Incoming, ClientError> {
        call::call(self.address, &self.token, method, target, body).await
    }
}

/// Percent-encodes what may not stand in a query.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut done, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            done.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(done, "%{byte:02X}");
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place_in_a_query() {
        assert_eq!(encoded("console-api-v2"), "console-api-v2");
        assert_eq!(encoded("a&tail=9#ü"), "a%26tail%3D9%23%C3%BC");
    }
}
