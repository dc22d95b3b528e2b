//! Frames that are none: the connection ends, everybody else is served on.

use bson::doc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Store;

fn frame(opcode: i32, payload: &[u8]) -> Vec<u8> {
    let length = i32::try_from(payload.len() + 16).unwrap();
    let mut frame = Vec::new();
    for field in [length, 1, 0, opcode] {
        frame.extend(field.to_le_bytes());
    }
    frame.extend(payload);
    frame
}

fn message(flags: u32, sections: &[u8]) -> Vec<u8> {
    frame(2013, &[&flags.to_le_bytes(), sections].concat())
}

fn nested(depth: usize) -> Vec<u8> {
    let mut document = vec![5, 0, 0, 0, 0];
    for _ in 0..depth {
        let length = i32::try_from(document.len() + 8).unwrap();
        document = [&length.to_le_bytes(), &b"\x03a\0"[..], &document, &[0]].concat();
    }
    document
}

fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let ping = doc! { "ping": 1, "$db": "admin" }.to_vec().unwrap();
    let body = [&[0], ping.as_slice()].concat();
    let mut wrong_length = body.clone();
    wrong_length[1] = 0xff;
    let mut no_end = body.clone();
    *no_end.last_mut().unwrap() = 1;
    let bad_text = b"\x0e\0\0\0\x02a\0\xff\xff\xff\x7f\0\0\0".to_vec();
    let not_utf8 = [&[0][..], b"\x0e\0\0\0\x02a\0\x02\0\0\0\xff\0\0"].concat();
    vec![
        ("negative length", (-1_i32).to_le_bytes().repeat(4)),
        ("length below the header", 15_i32.to_le_bytes().repeat(4)),
        ("length above the limit", i32::MAX.to_le_bytes().repeat(4)),
        ("unknown opcode", frame(1, &body)),
        ("compressed", frame(2012, &body)),
        ("no flags", frame(2013, &[])),
        ("no section", message(0, &[])),
        ("unknown section", message(0, &[9, 0, 0])),
        ("checksum", message(1, &[body.as_slice(), &[0; 4]].concat())),
        ("unknown required flag", message(4, &body)),
        ("two bodies", message(0, &body.repeat(2))),
        ("wrong document length", message(0, &wrong_length)),
        ("document without an end", message(0, &no_end)),
        (
            "string without an end",
            message(0, &[&[0], bad_text.as_slice()].concat()),
        ),
        ("text that is not UTF-8", message(0, &not_utf8)),
        ("sequence too short", message(0, &[1, 2, 0, 0, 0])),
        (
            "sequence without a name",
            message(0, &[1, 6, 0, 0, 0, b'a', b'b']),
        ),
        (
            "nested without end",
            message(0, &[&[0], nested(100_000).as_slice()].concat()),
        ),
        (
            "query without a collection",
            frame(2004, &[0, 0, 0, 0, b'a']),
        ),
        (
            "query without a document",
            frame(2004, b"\0\0\0\0a.$cmd\0\0\0\0\0\0\0\0\0"),
        ),
        ("cut off", frame(2013, &[0; 64])[..40].to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_frames_end_only_their_own_connection() {
    let store = Store::start(None).await;
    let client = store.client().await;
    let mut random = fastrand::Rng::with_seed(3);
    let mut frames = malformed();
    for _ in 0..300 {
        let find = doc! { "find": "c", "filter": { "a": [1, "x", { "b": 2.5 }] }, "$db": "d" };
        let mut bytes = message(0, &[&[0], find.to_vec().unwrap().as_slice()].concat());
        for _ in 0..random.usize(1..4) {
            let at = random.usize(20..bytes.len());
            bytes[at] = random.u8(..);
        }
        frames.push(("one with flipped bytes", bytes));
    }
    for (name, bytes) in frames {
        let mut stream = TcpStream::connect(store.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // An answer or an end; a reset is an end too.
        let _ = stream.read_to_end(&mut answer).await;
        let pong = client
            .database("admin")
            .run_command(doc! { "ping": 1 })
            .await;
        assert!(pong.is_ok(), "after {name}: {pong:?}");
    }
    store.stop().await;
}

#[tokio::test]
async fn an_old_handshake_is_answered() {
    let store = Store::start(None).await;
    let mut stream = TcpStream::connect(store.address).await.unwrap();
    let hello = doc! { "isMaster": 1, "helloOk": true }.to_vec().unwrap();
    let query = [&b"\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff"[..], &hello].concat();
    stream.write_all(&frame(2004, &query)).await.unwrap();
    let mut header = [0; 36];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header[12], 1, "answered as OP_REPLY");
    let answer = bson::Document::from_reader(document(&mut stream).await.as_slice()).unwrap();
    assert_eq!(answer.get_bool("ismaster").ok(), Some(true));
    store.stop().await;
}

/// Reads one document.
async fn document(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    stream.read_exact(&mut bytes).await.unwrap();
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    bytes.resize(usize::try_from(length).unwrap(), 0);
    stream.read_exact(&mut bytes[4..]).await.unwrap();
    bytes
}
