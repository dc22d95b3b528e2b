//! The real `spacectl`, from `PyPI`, with a home of its own.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A client with its own settings.
pub(crate) struct Spacectl {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
    /// From the first command on.
    process: OnceLock<Mutex<Process>>,
}

/// What runs the commands (`tests/spacectl/commands.py`); it ends with this value.
struct Process {
    child: Child,
    asked: ChildStdin,
    said: std::io::BufReader<ChildStdout>,
}

/// A program of Cloudforet's own that `tests/run` has installed.
pub(crate) fn program(variable: &str) -> PathBuf {
    let hint = format!("{variable} names no program: run the tests with tests/run");
    std::env::var(variable).expect(&hint).into()
}

impl Spacectl {
    /// Calls the services at these endpoints with this token.
    pub(crate) fn new(token: &str, endpoints: &[(&str, String)]) -> Self {
        let client = Self {
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            process: OnceLock::new(),
        };
        client.configure(token, endpoints);
        client
    }

    /// Through this proxy and with this CA.
    pub(crate) fn over_tls(mut self, ca: &Path, proxy: &str) -> Self {
        let ca = ca.display().to_string();
        self.variables
            .push(("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", ca));
        self.variables.push(("grpc_proxy", proxy.to_owned()));
        self
    }

    /// Other settings from here on.
    pub(crate) fn configure(&self, token: &str, endpoints: &[(&str, String)]) {
        let folder = self.home.path().join(".spaceone");
        std::fs::create_dir_all(folder.join("environments")).unwrap();
        std::fs::write(folder.join("environment.yml"), "environment: lab\n").unwrap();
        let endpoints = endpoints
            .iter()
            .map(|(service, endpoint)| format!("  {service}: {endpoint}\n"));
        let endpoints: String = endpoints.collect();
        let text = format!("token: {token}\nendpoints:\n{endpoints}");
        std::fs::write(folder.join("environments/lab.yml"), text).unwrap();
    }

    /// What it prints. Its exit code says nothing: it is 0 after errors as well.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let process = self.process.get_or_init(|| Mutex::new(self.begin()));
        process.lock().unwrap().run(arguments)
    }

    fn begin(&self) -> Process {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spacectl/commands.py");
        let mut child = Command::new(interpreter(&program("LAB_SPACECTL")))
            .arg(script)
            .env("HOME", self.home.path())
            .env("PYTHONWARNINGS", "ignore")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Process {
            asked: child.stdin.take().unwrap(),
            said: std::io::BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }
}

/// The Python that a script is for, by its first line.
fn interpreter(script: &Path) -> PathBuf {
    let text = std::fs::read_to_string(script).unwrap();
    let first = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    first.expect("spacectl is a script").trim().into()
}

impl Process {
    fn run(&mut self, arguments: &[&str]) -> String {
        let asked = serde_json::to_string(arguments).unwrap();
        writeln!(self.asked, "{asked}").unwrap();
        let mut said = String::new();
        self.said.read_line(&mut said).unwrap();
        serde_json::from_str(&said).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error would be that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy (CONNECT) for which every name is this machine: not every resolver knows that names
/// under `localhost` are.
pub(crate) async fn proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that goes away ends its own tunnel only.
            tokio::spawn(async move { tunnel(stream).await.ok() });
        }
    });
    format!("http://{address}")
}

async fn tunnel(stream: TcpStream) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut line = String::new();
    client.read_line(&mut line).await?;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let port: u16 = target.rsplit(':').next().unwrap().parse().unwrap();
    while line != "\r\n" {
        line.clear();
        client.read_line(&mut line).await?;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
