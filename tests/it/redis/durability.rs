//! What was acknowledged is there after a new start, whatever commands made it.

use std::path::Path;

use super::client::Client;
use super::server::Store;

/// Everything that the databases hold.
async fn dump(client: &mut Client) -> Vec<String> {
    let mut dump = Vec::new();
    for database in 0..3 {
        client.ask(&format!("SELECT {database}")).await;
        for key in ["a", "b", "c", "d"] {
            let kind = client.ask(&format!("TYPE {key}")).await;
            let content = match kind.as_str() {
                "+none" => continue,
                "+string" => client.ask(&format!("GET {key}")).await,
                "+list" => client.ask(&format!("LRANGE {key} 0 -1")).await,
                "+hash" => client.ask(&format!("HGETALL {key}")).await,
                _ => client.ask(&format!("SMEMBERS {key}")).await,
            };
            let expires = client.ask(&format!("PEXPIRETIME {key}")).await;
            dump.push(format!("{database} {key} {kind} {content} {expires}"));
        }
    }
    dump
}

/// A command that changes something, most of the time.
fn command(random: &mut fastrand::Rng) -> String {
    let keys = ["a", "b", "c", "d"];
    let (key, other) = (keys[random.usize(0..4)], keys[random.usize(0..4)]);
    let number = random.i64(-3..4);
    match random.u32(0..26) {
        0..3 => format!("RPUSH {key} {number} x y"),
        3..6 => format!("LPUSH {key} {number} z"),
        6 => format!("LPOP {key}"),
        7 => format!("RPOP {key} 2"),
        8 => format!("LSET {key} {number} new"),
        9 => format!("LREM {key} {number} x"),
        10 => format!("LTRIM {key} 1 {number}"),
        11 => format!("LINSERT {key} BEFORE x in"),
        12 => format!("LMOVE {key} {other} LEFT RIGHT"),
        13 => format!("SET {key} {number} EX 1000"),
        14 => format!("SET {key} {number} KEEPTTL"),
        15 => format!("INCRBY {key} {number}"),
        16 => format!("HSET {key} {number} 1 f 2"),
        17 => format!("HDEL {key} {number}"),
        18 => format!("SADD {key} {number} m"),
        19 => format!("SREM {key} {number}"),
        20 => format!("RENAME {key} {other}"),
        21 => format!("DEL {key}"),
        22 => format!("EXPIRE {key} 5000"),
        23 => format!("PERSIST {key}"),
        24 => format!("SELECT {}", random.u32(0..3)),
        _ if random.u32(0..10) == 0 => "FLUSHDB".to_owned(),
        _ => format!("APPEND {key} more"),
    }
}

async fn start(folder: &Path) -> (Store, Client) {
    let store = Store::start(Some(folder.to_owned())).await;
    let client = Client::connect(store.address).await;
    (store, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_commands_made_is_there_after_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut most = 0;
    for round in 0..12 {
        let (store, mut client) = start(folder.path()).await;
        for _ in 0..40 {
            client.ask(&command(&mut random)).await;
        }
        let before = dump(&mut client).await;
        drop(client);
        store.stop().await;
        let (store, mut client) = start(folder.path()).await;
        assert_eq!(dump(&mut client).await, before, "round {round}");
        most = most.max(before.len());
        drop(client);
        store.stop().await;
    }
    assert!(most >= 6, "at most {most} keys at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_time_came_meanwhile_is_not_there_after_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut client) = start(folder.path()).await;
    assert_eq!(client.ask("SET short x PX 1").await, "+OK");
    assert_eq!(client.ask("SET long x EX 1000").await, "+OK");
    drop(client);
    store.stop().await;
    let (store, mut client) = start(folder.path()).await;
    crate::eventually!(
        "one is left",
        (client.ask("KEYS *").await == r#"["long"]"#).then_some(())
    );
    drop(client);
    store.stop().await;
}

#[tokio::test]
async fn a_second_store_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut client) = start(folder.path()).await;
    assert_eq!(client.ask("PING").await, "+PONG");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_trigger, shutdown) = lab::net::Trigger::new();
    let settings = lab::stores::redis::Settings {
        data: Some(folder.path().to_owned()),
    };
    let served = lab::stores::redis::serve(listener, settings, shutdown).await;
    let error = served.unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    drop(client);
    store.stop().await;
}
