//! The proxies, each started from its file in `conf/`.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::net::Authority;

use super::Failed;

pub(crate) const HOST: &str = "bench.lab.localhost";

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    Lab,
    Nginx,
    Haproxy,
}

pub(crate) const ALL: [Contestant; 3] = [Contestant::Lab, Contestant::Nginx, Contestant::Haproxy];

/// Where a proxy listens.
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) tls: u16,
    pub(crate) l4: u16,
    /// Where a client finds the body that it sends.
    pub(crate) folder: PathBuf,
}

/// A proxy that runs.
pub(crate) struct Running {
    pub(crate) contestant: Contestant,
    pub(crate) ports: Ports,
    process: Child,
}

/// What all of them share: pods, a certificate, a folder.
pub(crate) struct Surroundings {
    pods: [SocketAddr; 2],
    folder: tempfile::TempDir,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Lab => include_str!("conf/lab.toml"),
            Self::Nginx => include_str!("conf/nginx.conf"),
            Self::Haproxy => include_str!("conf/haproxy.cfg"),
        }
    }
}

impl Surroundings {
    pub(crate) fn new(pods: [SocketAddr; 2]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::load_or_create(folder.path())?;
        let secret = authority.issue("bench", &[HOST.to_owned()])?;
        let part = |key: &str| secret.data.get(key).cloned().unwrap_or_default();
        let (certificate, key) = (part("tls.crt"), part("tls.key"));
        fs::write(
            folder.path().join("both.pem"),
            [&certificate[..], &key[..]].concat(),
        )?;
        fs::write(folder.path().join("tls.crt"), certificate)?;
        fs::write(folder.path().join("tls.key"), key)?;
        // An empty gRPC message of five bytes: not compressed, length 0.
        fs::write(folder.path().join("message"), [0; 5])?;
        Ok(Self { pods, folder })
    }

    /// Starts a proxy and waits until all of its ports are open.
    pub(crate) fn start(&self, contestant: Contestant) -> Result<Running, Failed> {
        let [http, tls, l4] = free_ports()?;
        let folder = self.folder.path();
        let places = [
            ("{dir}", folder.display().to_string()),
            ("{host}", HOST.to_owned()),
            ("{modules}", stream_module()),
            ("{http}", http.to_string()),
            ("{tls}", tls.to_string()),
            ("{l4}", l4.to_string()),
            ("{pod1}", self.pods[0].to_string()),
            ("{pod2}", self.pods[1].to_string()),
        ];
        let mut text = contestant.template().to_owned();
        for (place, value) in places {
            text = text.replace(place, &value);
        }
        let config = folder.join(contestant.name());
        fs::write(&config, text)?;
        let mut command = match contestant {
            Contestant::Lab => {
                let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
                lab.arg("--state-dir")
                    .arg(folder.join("state"))
                    .arg("--config")
                    .arg(config);
                lab.args(["up", "--foreground"]);
                lab
            }
            Contestant::Nginx => {
                let mut nginx = Command::new("nginx");
                nginx.arg("-p").arg(folder).arg("-c").arg(config);
                nginx
            }
            Contestant::Haproxy => {
                let mut haproxy = Command::new("haproxy");
                haproxy.arg("-db").arg("-f").arg(config);
                haproxy
            }
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("errors"))?)
            .spawn()?;
        let mut running = Running {
            contestant,
            ports: Ports {
                http,
                tls,
                l4,
                folder: folder.to_owned(),
            },
            process,
        };
        running.wait().map_err(|reason| {
            let told = fs::read_to_string(folder.join("errors")).unwrap_or_default();
            format!("{reason}: {}", told.trim())
        })?;
        Ok(running)
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn wait(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        for port in [self.ports.http, self.ports.tls, self.ports.l4] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                if let Ok(Some(status)) = self.process.try_wait() {
                    return Err(format!("it ended with {status}"));
                }
                if begun.elapsed() > Duration::from_secs(20) {
                    return Err(format!("nothing listens on port {port}"));
                }
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM: nginx' master takes its worker with it.
        let pid = i32::try_from(self.process.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// nginx' `stream` is a module of its own in most packages, and part of the program in others.
fn stream_module() -> String {
    let folders = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"];
    let files = folders.map(|folder| format!("{folder}/ngx_stream_module.so"));
    let found = files
        .into_iter()
        .find(|file| fs::exists(file).unwrap_or(false));
    found.map_or_else(String::new, |file| format!("load_module {file};"))
}

/// Three that were free a moment ago.
fn free_ports() -> Result<[u16; 3], Failed> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let held = [bind()?, bind()?, bind()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
