//! The clients that people use: the `redis` crate in both protocols, and `redis-cli`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use redis::AsyncCommands;

use super::server::Store;
use crate::support::redis_server::RedisServer;

async fn workers_share_a_queue(store: &Store, protocol: &str) {
    let url = format!("redis://{}/1?protocol={protocol}", store.address);
    let client = redis::Client::open(url).unwrap();
    let mut producer = client.get_multiplexed_async_connection().await.unwrap();
    let queue = format!("jobs-{protocol}");
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let mut worker = client.get_multiplexed_async_connection().await.unwrap();
        let queue = queue.clone();
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let (_, job): (String, String) = worker.blpop(&queue, 0.0).await.unwrap();
                if job == "end" {
                    return done;
                }
                done.push(job);
            }
        });
    }
    let jobs: Vec<String> = (0..200).map(|number| format!("job {number:03}")).collect();
    for job in &jobs {
        let _: usize = producer.rpush(&queue, job).await.unwrap();
    }
    let _: usize = producer.rpush(&queue, &["end"; 3]).await.unwrap();
    let mut done = workers.join_all().await.concat();
    done.sort();
    assert_eq!(done, jobs, "each job once");

    let (first, second): (String, i64) = redis::pipe()
        .atomic()
        .set_ex("name", "lab", 100)
        .ignore()
        .get("name")
        .incr("count", 2)
        .query_async(&mut producer)
        .await
        .unwrap();
    assert_eq!((first.as_str(), second), ("lab", 2));
    let ttl: i64 = producer.ttl("name").await.unwrap();
    assert_eq!(ttl, 100);
    let fields: std::collections::HashMap<String, i64> = {
        let _: () = producer.hset("h", "a", 1).await.unwrap();
        producer.hgetall("h").await.unwrap()
    };
    assert_eq!(fields["a"], 1);
    let refused: redis::RedisError = producer.lpush::<_, _, i64>("name", 1).await.unwrap_err();
    assert_eq!(refused.code(), Some("WRONGTYPE"));
    let _: () = redis::cmd("FLUSHDB")
        .query_async(&mut producer)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_with_the_redis_crate_share_a_queue() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(Some(folder.path().to_owned())).await;
    workers_share_a_queue(&store, "resp2").await;
    workers_share_a_queue(&store, "resp3").await;
    store.stop().await;
}

/// What `redis-cli` prints for these lines.
async fn redis_cli(address: SocketAddr, options: &[&str], lines: &str) -> String {
    let mut command = Command::new("redis-cli");
    let port = address.port().to_string();
    command.args(["-h", "127.0.0.1", "-p", &port, "--no-raw"]);
    command.args(options).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let lines = lines.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = command
            .spawn()
            .expect("redis-cli on the PATH (hint: apt-get install redis-tools)");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(lines.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    let output = ran.await.unwrap();
    let (printed, complaints) = (output.stdout, output.stderr);
    assert_eq!(String::from_utf8_lossy(&complaints), "");
    String::from_utf8(printed).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_shows_the_same_as_with_a_real_server() {
    let (store, real) = tokio::join!(Store::start(None), RedisServer::start());
    let lines = "PING\nSET name \"a b\"\nGET name\nRPUSH jobs 1 2 3\nLRANGE jobs 0 -1\nTTL name\n\
                 HSET h f v\nHGETALL h\nGET jobs\nNOSUCH x\nBLPOP jobs 1\nMULTI\nINCR n\nEXEC\n";
    for options in [&[][..], &["-3"], &["--scan"], &["--csv"], &["-n", "3"]] {
        let mut shown = Vec::new();
        for address in [store.address, real.address()] {
            let mut printed = redis_cli(address, options, lines).await;
            if options == ["--scan"] {
                // In any order.
                let mut lines: Vec<_> = printed.lines().collect();
                lines.sort_unstable();
                printed = lines.join("\n");
            }
            shown.push(printed);
        }
        let [ours, theirs] = shown.as_slice() else {
            panic!("two servers were asked");
        };
        assert_eq!(ours, theirs, "redis-cli {options:?}");
        assert!(ours.contains("name") || ours.contains("PONG"), "{ours}");
    }
    let help = redis_cli(store.address, &["COMMAND", "DOCS", "blpop"], "").await;
    assert!(help.contains("summary") && help.contains("list"), "{help}");
    store.stop().await;
}
