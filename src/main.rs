//! The `lab` binary.

use std::process::ExitCode;

use lab::pods::child;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// Runs what pods need; the command line takes its place.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let word = arguments.next().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(async {
        match word.to_str() {
            Some("exec") => {
                let command = arguments.skip_while(|word| word == "--").collect();
                child::exec(command).await.unwrap_or(127)
            }
            Some("pod") => pod().await.unwrap_or(1),
            Some("node") => node().await.unwrap_or(1),
            _ => 2,
        }
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

async fn pod() -> Result<i32, Box<dyn std::error::Error>> {
    use tokio::signal::unix::{SignalKind, signal};
    let parent = child::Parent::bind()?;
    let listen = std::env::var("LAB_LISTEN")?;
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    let mut stdout = tokio::io::stdout();
    stdout.write_all(b"listening\n").await?;
    stdout.flush().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(accepted),
            _ = terminate.recv() => return Ok(0),
            () = parent.ended() => return Ok(0),
        }
    }
}

async fn node() -> Result<i32, Box<dyn std::error::Error>> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut stdout = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        stdout.write_all(format!("{line}\n").as_bytes()).await?;
        stdout.flush().await?;
    }
    Ok(0)
}
