//! Requests of the dashboard's own, through the load balancer, and the access token of the lab's own user.
//!
//! Whatever host a URL names, only the lab's own host ports are dialled. Certificates are not
//! checked: a wrong one is something to be seen in the film.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Facts;
use super::door::{dialled, host_ports};
use crate::model::Login;
use crate::net::takes_any_server;
use crate::registry::Cluster;

/// For a login, which is four calls.
const PATIENCE: Duration = Duration::from_secs(10);
/// Says that nobody is to keep a film.
const UNTRACED: &str = "00-000000000000000000000000006c6162-00000000006c6162-00";

/// An access token of the lab's own user, from its own console API.
pub(super) async fn token(facts: &Facts, cluster: &Cluster) -> Result<String, String> {
    let (Some(base), Some(login)) = (&facts.urls.console_api_v2, &facts.login) else {
        return Err("the lab has no console API to log in at".to_owned());
    };
    let session = async {
        let uri = address(base, "")?;
        Line::open(&uri, cluster).await?.log_in(base, login).await
    };
    let in_time = tokio::time::timeout(PATIENCE, session).await;
    in_time.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
}

/// The URL of a path below another.
pub(super) fn address(base: &str, path: &str) -> Result<Uri, String> {
    let text = format!("{}/{path}", base.trim_end_matches('/'));
    text.parse().map_err(|_| format!("`{text}` is no URL"))
}

/// One connection to the load balancer.
pub(super) struct Line(http1::SendRequest<Full<Bytes>>);

impl Line {
    pub(super) async fn open(uri: &Uri, cluster: &Cluster) -> Result<Self, String> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{uri}` is neither http:// nor https://")),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let to = host_ports(cluster).get(usize::from(tls));
        let to = dialled(*to.ok_or("the load balancer has no host port")?);
        let told = |error: std::io::Error| format!("cannot connect to {to}: {error}");
        let stream = TcpStream::connect(to).await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        if !tls {
            return Self::speak(stream).await;
        }
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("`{host}` is no host name"))?;
        let config = takes_any_server().map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        Self::speak(connector.connect(name, stream).await.map_err(told)?).await
    }

    async fn speak(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, String> {
        let opened = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = opened.map_err(|error| error.to_string())?;
        // Ends with the sender; its errors arrive there.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// A POST if there is a message. Status, and the answer's body.
    pub(super) async fn send(
        &mut self,
        uri: &Uri,
        message: Option<&Value>,
        token: Option<&str>,
        traceparent: &str,
    ) -> Result<(u16, Bytes), String> {
        let path = uri.path_and_query().map_or("/", |both| both.as_str());
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(if message.is_some() { "POST" } else { "GET" })
            .uri(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "*/*")
            .header(header::USER_AGENT, "lab dashboard")
            .header("traceparent", traceparent);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if message.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = message.map_or_else(Bytes::new, |message| message.to_string().into());
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.0.send_request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }

    /// An access token of the lab's own user, for its first workspace if it has one.
    async fn log_in(&mut self, base: &str, login: &Login) -> Result<String, String> {
        let name = json!({ "name": login.domain });
        let domain = self.call(base, "identity/domain/get-auth-info", &name, None);
        let domain = domain.await?["domain_id"].clone();
        let credentials = json!({
            "domain_id": domain,
            "auth_type": "LOCAL",
            "credentials": { "user_id": login.user, "password": login.password },
        });
        let tokens = self.call(base, "identity/token/issue", &credentials, None);
        let tokens = tokens.await?;
        let access = tokens["access_token"].as_str().unwrap_or_default();
        let path = "identity/user-profile/get-workspaces";
        let workspaces = self.call(base, path, &json!({}), Some(access)).await?;
        let Some(workspace) = workspaces.pointer("/results/0/workspace_id") else {
            return Ok(access.to_owned());
        };
        let wish = json!({
            "grant_type": "REFRESH_TOKEN",
            "token": tokens["refresh_token"],
            "scope": "WORKSPACE",
            "workspace_id": workspace,
            "domain_id": domain,
        });
        let granted = self.call(base, "identity/token/grant", &wish, Some(access));
        let granted = granted.await?;
        Ok(granted["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// A call of which no film is kept.
    async fn call(
        &mut self,
        base: &str,
        path: &str,
        message: &Value,
        token: Option<&str>,
    ) -> Result<Value, String> {
        let uri = address(base, path)?;
        let (status, body) = self.send(&uri, Some(message), token, UNTRACED).await?;
        if status != 200 {
            let text = String::from_utf8_lossy(&body);
            let shown: String = text.chars().take(200).collect();
            return Err(format!("/{path} answered {status}: {}", shown.trim()));
        }
        serde_json::from_slice(&body).map_err(|error| format!("/{path}: {error}"))
    }
}
