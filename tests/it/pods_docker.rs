//! Pods as real containers, of an image made from the real binary.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::model::{PodTemplate, Probe, ProbeAction, Volume, Workload};
use lab::pods::docker::DockerSettings;
use lab::pods::{
    Choice, PodError, PodLine, PodRuntime, PodSpec, RuntimeSettings, Wanted, choose, clean,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(30);

fn settings(lab: &str) -> (RuntimeSettings, mpsc::Receiver<PodLine>) {
    let (sender, lines) = mpsc::channel(1000);
    let settings = RuntimeSettings {
        lab: lab.into(),
        state: std::env::temp_dir().join(lab),
        lines: sender,
    };
    (settings, lines)
}

async fn runtime(settings: RuntimeSettings, subnet: Option<&str>) -> Arc<dyn PodRuntime> {
    let choice = Choice {
        wanted: Wanted::Docker,
        program: PathBuf::from(env!("CARGO_BIN_EXE_lab")),
        docker: DockerSettings {
            subnet: subnet.map(str::to_owned),
            image: None,
        },
    };
    let made = choose(choice, settings).await;
    made.expect("Docker is needed here: start it, or leave these tests out with --skip pods_docker")
}

/// Runs a test in a lab of its own, and removes that whatever happens.
async fn in_lab<F, R>(name: &str, test: F)
where
    F: FnOnce(Arc<dyn PodRuntime>, mpsc::Receiver<PodLine>, String) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let lab = format!("{name}-{}", std::process::id());
    let (settings, lines) = settings(&lab);
    let runtime = runtime(settings.clone(), None).await;
    runtime.prepare(&|_| {}).await.unwrap();
    let result = tokio::spawn(test(Arc::clone(&runtime), lines, lab.clone())).await;
    runtime.shut_down(true).await.unwrap();
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
    for kind in [
        &["ps", "-aq"][..],
        &["network", "ls", "-q"],
        &["volume", "ls", "-q"],
    ] {
        assert_eq!(docker(kind, &lab), "", "left behind: {kind:?}");
    }
}

/// What `docker` lists with the label of a lab.
fn docker(words: &[&str], lab: &str) -> String {
    let filter = format!("label=lab.name={lab}");
    let output = Command::new("docker")
        .args(words)
        .args(["--filter", &filter])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn store(name: &str) -> PodSpec {
    PodSpec {
        name: name.into(),
        deployment: "mongodb".into(),
        template: PodTemplate {
            workload: Workload::BuiltIn {
                program: "mongodb".into(),
            },
            ports: vec![27017],
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            readiness: Probe {
                action: ProbeAction::Tcp { port: 27017 },
                period: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                failure_threshold: 3,
            },
            grace: Duration::from_secs(10),
            volume: Some(Volume {
                name: name.into(),
                mount: "/data/db".into(),
            }),
            wait_for: Vec::new(),
            attached: false,
        },
        env: BTreeMap::new(),
        settings: serde_json::json!({}),
        dns: None,
    }
}

async fn connects(address: std::net::SocketAddr) {
    let dial = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, dial).await.is_ok(), "{address}");
}

/// The image is the lab's own, as nothing can be pulled here; its program says what the file says.
#[tokio::test]
async fn an_image_finds_its_config_file_filled_in() {
    in_lab("docker-files", |runtime, mut lines, lab| async move {
        runtime.start(store("mongodb-1")).await.unwrap();
        let image = docker(&["ps", "--format", "{{.Image}}"], &lab);
        let mut spec = store("reader");
        spec.template.volume = None;
        spec.template.workload = Workload::Image {
            image,
            command: ["/lab", "check", "--config", "/etc/app/lab.toml"]
                .map(str::to_owned)
                .to_vec(),
        };
        let text = "name = \"from-${LAB_POD}\"\n".to_owned();
        let files = [("/etc/app/lab.toml".to_owned(), text)];
        spec.template.files = files.into();
        runtime.start(spec).await.unwrap();
        let told = async {
            while let Some(line) = lines.recv().await {
                if line.text.contains("lab from-reader") {
                    return true;
                }
            }
            false
        };
        let told = tokio::time::timeout(LIMIT, told).await;
        assert_eq!(told, Ok(true), "the program says the name in its file");
    })
    .await;
}

#[tokio::test]
async fn containers_are_labelled_reached_stopped_and_removed() {
    in_lab("docker-life", |runtime, mut lines, lab| async move {
        let begun = Instant::now();
        let started = runtime.start(store("mongodb-1")).await.unwrap();
        println!("started a container in {:?}", begun.elapsed());
        let place = started.ports[0];
        assert_eq!((place.port, place.pod.port()), (27017, 27017));
        assert_eq!(started.ip, place.pod.ip());
        connects(place.host).await;
        let names = docker(
            &["ps", "--format", "{{.Names}} {{.Label \"lab.role\"}}"],
            &lab,
        );
        assert_eq!(names, format!("{lab}-mongodb-1 pod"));
        let line = tokio::time::timeout(LIMIT, lines.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(line.pod, "mongodb-1");
        runtime
            .stop("mongodb-1", Duration::from_secs(10))
            .await
            .unwrap();
        let exit = started.exited.await.unwrap();
        assert_ne!(exit.code, Some(1), "{exit:?}");
        assert_eq!(docker(&["ps", "-aq"], &lab), "");
        // The data outlives the pod.
        assert_ne!(docker(&["volume", "ls", "-q"], &lab), "");
        let again = runtime.start(store("mongodb-1")).await.unwrap();
        connects(again.ports[0].host).await;
        runtime.kill("mongodb-1").await.unwrap();
        assert_eq!(again.exited.await.unwrap().signal, Some(9));
        let gone = runtime.kill("mongodb-1").await;
        assert!(matches!(gone, Err(PodError::Unknown { .. })), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_container_removed_by_hand_is_noticed() {
    in_lab("docker-removed", |runtime, _lines, lab| async move {
        let started = runtime.start(store("mongodb-1")).await.unwrap();
        let removed = Command::new("docker")
            .args(["rm", "-f", &format!("{lab}-mongodb-1")])
            .output();
        assert!(removed.unwrap().status.success());
        let exit = tokio::time::timeout(LIMIT, started.exited)
            .await
            .unwrap()
            .unwrap();
        assert!(exit.lost.is_some() || exit.signal == Some(9), "{exit:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_goes_while_somebody_else_removes_containers() {
    in_lab("removals", async |runtime, _lines, lab| {
        let mut removals = Command::new("docker");
        removals.args(["rm", "-f"]);
        for number in 0..3 {
            let name = format!("store-{number}");
            runtime.start(store(&name)).await.unwrap();
            removals.arg(format!("{lab}-{name}"));
        }
        let mut removals = removals
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        runtime.shut_down(true).await.unwrap();
        removals.wait().unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_node_ends_when_its_input_is_closed() {
    in_lab("docker-node", |runtime, _lines, lab| async move {
        let mut node = runtime
            .start_node(BTreeMap::new())
            .await
            .unwrap()
            .expect("a node");
        let role = docker(
            &["ps", "--format", "{{.Names}} {{.Label \"lab.role\"}}"],
            &lab,
        );
        assert_eq!(role, format!("{lab}-node node"));
        node.input.shutdown().await.unwrap();
        let end = async { while node.lines.recv().await.is_some() {} };
        tokio::time::timeout(LIMIT, end)
            .await
            .expect("the node ends");
        // And can be started again.
        assert!(runtime.start_node(BTreeMap::new()).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_program_that_fails_tells_its_code_and_last_lines() {
    in_lab("docker-fails", |runtime, _lines, _lab| async move {
        let mut spec = store("web-1");
        spec.template.volume = None;
        spec.template
            .env
            .insert("LAB_LISTEN".into(), "no address".into());
        spec.template
            .env
            .insert("LAB_PROGRAM".into(), "no-such-program".into());
        let started = runtime.start(spec).await.unwrap();
        let exit = tokio::time::timeout(LIMIT, started.exited)
            .await
            .unwrap()
            .unwrap();
        assert!(exit.code.is_some_and(|code| code != 0), "{exit:?}");
    })
    .await;
}

#[tokio::test]
async fn commands_run_on_the_host_beside_the_containers() {
    in_lab("docker-command", |runtime, mut lines, _lab| async move {
        let mut spec = store("web-1");
        spec.template.volume = None;
        spec.template.workload = Workload::Command {
            command: ["sh", "-c", "echo port $PORT; exec sleep 1000"]
                .map(str::to_owned)
                .to_vec(),
            working_directory: None,
        };
        let started = runtime.start(spec).await.unwrap();
        let place = started.ports[0];
        assert!(place.host.ip().is_loopback());
        assert!(
            !place.pod.ip().is_loopback(),
            "containers reach it at the gateway"
        );
        let line = tokio::time::timeout(LIMIT, lines.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(line.text, format!("port {}", place.host.port()));
        runtime.stop("web-1", Duration::from_secs(5)).await.unwrap();
        started.exited.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_image_that_is_not_there_says_so() {
    in_lab("docker-image", |runtime, _lines, _lab| async move {
        let mut spec = store("web-1");
        spec.template.workload = Workload::Image {
            image: "localhost:1/no-such-image:v1".into(),
            command: Vec::new(),
        };
        let error = runtime.start(spec).await.unwrap_err();
        assert!(matches!(error, PodError::ImageMissing { .. }), "{error}");
        assert!(error.to_string().contains("docker load"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn leftovers_of_a_crash_are_removed_and_a_living_lab_is_not_disturbed() {
    let lab = format!("docker-crash-{}", std::process::id());
    in_lab("docker-crash", |first, _lines, _lab| async move {
        let _lost = first.start(store("mongodb-1")).await.unwrap();
        // The same process counts as the same lab: what it finds is its own from before.
        let (settings, _lines) = settings(&lab);
        let second = runtime(settings.clone(), None).await;
        let told = std::sync::Mutex::new(Vec::new());
        second
            .prepare(&|text| told.lock().unwrap().push(text.to_owned()))
            .await
            .unwrap();
        let told = told.into_inner().unwrap().join("\n");
        assert!(told.contains("removed 1 containers"), "{told}");
        // Another process that lives is another lab.
        let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = other.id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let begun = stat
            .rsplit_once(") ")
            .unwrap()
            .1
            .split(' ')
            .nth(19)
            .unwrap()
            .to_owned();
        let image = Command::new("docker")
            .args(["images", "-q", "cloudforet-lab"])
            .output()
            .unwrap();
        let image = String::from_utf8(image.stdout)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned();
        let owner = format!("lab.owner={pid}:{begun}");
        let name = format!("lab.name={lab}");
        let made = Command::new("docker")
            .args([
                "create", "--label", &name, "--label", &owner, &image, "/lab",
            ])
            .output()
            .unwrap();
        let third = runtime(settings.clone(), None).await;
        let refused = third.prepare(&|_| {}).await;
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(made.status.success(), "{made:?}");
        let error = refused.unwrap_err();
        assert!(matches!(error, PodError::NameInUse { .. }), "{error}");
        assert!(error.to_string().contains("lab down"), "{error}");
        clean(&settings, true).await.unwrap();
        assert_eq!(docker(&["ps", "-aq"], &lab), "");
    })
    .await;
}

#[tokio::test]
async fn a_subnet_in_use_is_an_error_that_names_its_key_unless_it_was_free_to_choose() {
    in_lab("docker-subnet", |first, _lines, _lab| async move {
        let taken = first.network().dns;
        let [one, two, ..] = taken.octets();
        let lab = format!("docker-subnet-two-{}", std::process::id());
        let (settings, _lines) = settings(&lab);
        let same = format!("{one}.{}.0.0/15", two - 1);
        let fixed = runtime(settings.clone(), Some(&same)).await;
        let error = fixed.prepare(&|_| {}).await.unwrap_err();
        assert!(matches!(error, PodError::SubnetInUse { .. }), "{error}");
        assert!(error.to_string().contains("`[docker]`"), "{error}");
        let free = runtime(settings, None).await;
        free.prepare(&|_| {}).await.unwrap();
        let other = free.network().dns;
        free.shut_down(true).await.unwrap();
        assert_ne!(other, taken);
    })
    .await;
}

#[tokio::test]
async fn an_attached_container_hears_the_lab_and_ends_with_it() {
    in_lab("docker-attached", |runtime, mut lines, _| async move {
        let mut spec = store("talker-1");
        spec.template.attached = true;
        let mut started = runtime.start(spec).await.unwrap();
        let mut input = started.input.take().expect("it is attached");
        let mut until = async |words: &str| {
            let said = async {
                while let Some(line) = lines.recv().await {
                    if line.text.contains(words) {
                        return true;
                    }
                }
                false
            };
            let said = tokio::time::timeout(LIMIT, said).await;
            assert_eq!(said, Ok(true), "{words}");
        };
        until("starting").await;
        input.write_all(b"what is this\n").await.unwrap();
        input.flush().await.unwrap();
        until("is not understood").await;
        input.shutdown().await.unwrap();
        let exit = tokio::time::timeout(LIMIT, started.exited).await.unwrap();
        assert_eq!(exit.unwrap().code, Some(0));
    })
    .await;
}
