//! The lab's end of the node: snapshots in, events and acknowledgements out.

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};

use crate::model::{Applied, NodeLine, OutputStream};
use crate::net::Shutdown;
use crate::pods::{NodeHandle, PodLine, Source};
use crate::registry::Reader;
use crate::trace::Theatre;

/// The node's source of events and lines.
const NODE: &str = "node";

/// Feeds the node until the signal or its end. `Ok` after the signal, `Err` says what happened.
pub(super) async fn feed(
    node: NodeHandle,
    mut reader: Reader,
    theatre: Theatre,
    applied: watch::Sender<Applied>,
    mut shutdown: Shutdown,
) -> Result<(), String> {
    let NodeHandle { mut input, lines } = node;
    let told = async {
        let mut sent = None;
        loop {
            let network = reader.latest().network();
            let mut line = serde_json::to_vec(&network).map_err(|error| error.to_string())?;
            // Pods and routes change more often than what concerns the node.
            let generation = network.generation;
            let content = (network.proxy_mode, network.services, network.slices);
            if sent.as_ref() != Some(&content) {
                line.push(b'\n');
                let written = async {
                    input.write_all(&line).await?;
                    input.flush().await
                };
                written
                    .await
                    .map_err(|error| format!("the node does not listen: {error}"))?;
                sent = Some(content);
                tracing::debug!(generation, "told the node");
            }
            if reader.changed().await.is_none() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = told => ended,
        () = listen(lines, &theatre, &applied) => Err("the node has ended".to_owned()),
        () = shutdown.recv() => Ok(()),
    }
}

/// Reads what the node writes until it ends.
async fn listen(
    mut lines: mpsc::Receiver<PodLine>,
    theatre: &Theatre,
    applied: &watch::Sender<Applied>,
) {
    while let Some(line) = lines.recv().await {
        let acknowledgement = line.text.starts_with(r#"{"event":"applied""#);
        if acknowledgement && let Ok(NodeLine::Applied(done)) = serde_json::from_str(&line.text) {
            applied.send_replace(done);
            continue;
        }
        theatre.ingest_line(NODE, stream_of(line.source), &line.text);
    }
    theatre.source_ended(NODE);
}

/// The two words for the same thing, on either side of the runtime.
pub(super) fn stream_of(source: Source) -> OutputStream {
    match source {
        Source::Stdout => OutputStream::Stdout,
        Source::Stderr => OutputStream::Stderr,
    }
}
