//! The corpus of the admin listener, over a socket of its own.

use std::net::SocketAddr;

use lab::dashboard;
use tokio::net::{TcpListener, TcpStream};

use super::{converse_as, folder};
use crate::admin::api;
use crate::ingress_support::localhost;
use crate::support::corpus::{self, Case, bytes};

#[tokio::test(flavor = "multi_thread")]
async fn admin() {
    let mut wrong = Vec::new();
    for case in corpus::read(&folder().join("admin.txt")) {
        let mut api = api();
        let listener = TcpListener::bind(localhost()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = dashboard::serve(listener, api.state.clone(), api.shutdown.clone());
        let serving = tokio::spawn(serving);
        let before = api.state.registry.snapshot();
        wrong.extend(try_case(&case, address).await.err());
        if api.stopped.try_recv().is_ok() {
            wrong.push(format!("{}: the lab is stopped", case.name));
        }
        if api.state.registry.snapshot().deployments != before.deployments {
            wrong.push(format!("{}: something was scaled", case.name));
        }
        serving.abort();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn try_case(case: &Case, address: SocketAddr) -> Result<(), String> {
    let host = address.to_string();
    let stream = TcpStream::connect(address).await.unwrap();
    let answer = converse_as(stream, case, "h1", &host).await;
    let text = answer.text.to_ascii_lowercase();
    let has = |part: &String| {
        let part = String::from_utf8_lossy(&bytes(part, &host)).to_ascii_lowercase();
        text.contains(&part)
    };
    if !case.expect.iter().any(|wish| answer.is(wish, false)) {
        return Err(format!(
            "{}: {:?}, not {:?}: {text:?}",
            case.name, answer.statuses, case.expect
        ));
    }
    match (
        case.answer.iter().find(|part| !has(part)),
        case.silent.iter().find(|part| has(part)),
    ) {
        (None, None) => Ok(()),
        missing => Err(format!("{}: {missing:?} in {text:?}", case.name)),
    }
}
