//! Both sides of the engine against each other, and raw frames against the server.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request as Message, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local};

use super::connection::{Caller, Request, call as connect, serve};
use super::error::{ConnectionError, StreamError};
use super::frame::{self, Head, flag, kind};
use super::frame::{PREFACE, Reason};
use super::state::Limits;
use super::stream::Stream;

fn limits() -> Limits {
    Limits {
        streams: 8,
        stream_window: 100_000,
        connection_window: 150_000,
        header_list: 16_000,
        headers: 50,
        idle: Duration::from_secs(60),
        stalled: Duration::from_secs(20),
    }
}

async fn data(stream: &Stream) -> Option<Result<Bytes, StreamError>> {
    poll_fn(|context| stream.poll_data(context)).await
}

/// Answers with what it gets, trailers too.
async fn echo(request: Request) {
    let Ok(_) = request.head else {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return request.stream.respond(&head, true);
    };
    let stream = request.stream;
    let (head, ()) = Response::new(()).into_parts();
    stream.respond(&head, false);
    while let Some(piece) = data(&stream).await {
        let Ok(piece) = piece else { return };
        if stream.send(piece, false).await.is_err() {
            return;
        }
    }
    match stream.trailers() {
        Some(trailers) => stream.send_trailers(&trailers),
        None => {
            // A client that is gone does not need it.
            let _ = stream.send(Bytes::new(), true).await;
        }
    }
}

/// A server that echoes, and the other end of its connection.
fn server(drain: impl Future<Output = ()> + 'static) -> (DuplexStream, Served) {
    server_with(limits(), drain)
}

fn server_with(
    limits: Limits,
    drain: impl Future<Output = ()> + 'static,
) -> (DuplexStream, Served) {
    let (here, there) = duplex(10_000);
    let result = Rc::new(RefCell::new(None));
    let served = Rc::clone(&result);
    spawn_local(async move {
        let take = |request| {
            spawn_local(echo(request));
        };
        let ended = serve(there, BytesMut::new(), limits, take, drain).await;
        *served.borrow_mut() = Some(ended);
    });
    (here, result)
}

type Served = Rc<RefCell<Option<Result<(), ConnectionError>>>>;

fn call(io: DuplexStream) -> Caller {
    let (client, connection) = connect(io, BytesMut::new(), limits());
    spawn_local(connection);
    client
}

fn post() -> http::request::Parts {
    let request = Message::post("http://a/b").header("x-long", "y".repeat(300));
    request.body(()).unwrap().into_parts().0
}

async fn run(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn bodies_larger_than_all_windows_go_both_ways_at_once() {
    run(async {
        let (io, _) = server(std::future::pending());
        let client = call(io);
        let tasks: Vec<_> = (0..12u8)
            .map(|number| {
                let client = client.clone();
                spawn_local(async move {
                    let stream = Rc::new(client.send(&post(), false).await.unwrap());
                    let sender = Rc::clone(&stream);
                    spawn_local(async move {
                        for _ in 0..20 {
                            let piece = Bytes::from(vec![number; 20_000]);
                            sender.send(piece, false).await.unwrap();
                        }
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", HeaderValue::from(0));
                        sender.send_trailers(&trailers);
                    });
                    let head = stream.head().await.unwrap();
                    assert_eq!(head.status, StatusCode::OK);
                    let mut received = 0;
                    while let Some(piece) = data(&stream).await {
                        let piece = piece.unwrap();
                        assert!(piece.iter().all(|byte| *byte == number));
                        received += piece.len();
                    }
                    assert_eq!(received, 400_000);
                    assert_eq!(stream.trailers().unwrap()["grpc-status"], "0");
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_drained_server_finishes_what_it_has() {
    run(async {
        let drain = Rc::new(tokio::sync::Notify::new());
        let signal = Rc::clone(&drain);
        let (io, served) = server(async move { signal.notified().await });
        let client = call(io);
        let stream = client.send(&post(), false).await.unwrap();
        stream.head().await.unwrap();
        drain.notify_one();
        while client.is_open() {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            client.send(&post(), true).await.err(),
            Some(StreamError::Unprocessed)
        );
        stream
            .send(Bytes::from_static(b"late"), true)
            .await
            .unwrap();
        assert_eq!(data(&stream).await.unwrap().unwrap(), "late");
        assert!(data(&stream).await.is_none());
        drop(stream);
        while served.borrow().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(served.take(), Some(Ok(())));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_stream_is_cancelled() {
    run(async {
        let (here, there) = duplex(10_000);
        let failed = Rc::new(Cell::new(false));
        let seen = Rc::clone(&failed);
        spawn_local(async move {
            let take = |request: Request| {
                let seen = Rc::clone(&seen);
                spawn_local(async move {
                    let error = poll_fn(|context| request.stream.poll_failed(context)).await;
                    assert_eq!(error, StreamError::Reset(Reason::CANCEL));
                    seen.set(true);
                });
            };
            serve(
                there,
                BytesMut::new(),
                limits(),
                take,
                std::future::pending(),
            )
            .await
        });
        let client = call(here);
        drop(client.send(&post(), false).await.unwrap());
        while !failed.get() {
            tokio::task::yield_now().await;
        }
        drop(client);
    })
    .await;
}

/// What the server does with these bytes behind a good beginning: why it sends such a frame,
/// `RST_STREAM` or `GOAWAY`.
async fn after(bytes: BytesMut, wanted: u8) -> Reason {
    let (mut io, _) = server(std::future::pending());
    let mut all = BytesMut::from(&PREFACE[..]);
    frame::settings(&mut all, &[]);
    all.extend_from_slice(&bytes);
    let (mut reading, mut writing) = tokio::io::split(&mut io);
    let write = async {
        // It may end the connection before everything was read.
        let _ = writing.write_all(&all).await;
        std::future::pending::<()>().await;
    };
    let read = async {
        loop {
            let mut head = [0; frame::HEAD];
            reading.read_exact(&mut head).await.unwrap();
            let head = Head::read(&head).unwrap();
            let mut payload = vec![0; head.length];
            reading.read_exact(&mut payload).await.unwrap();
            let code =
                |at: usize| Reason(u32::from_be_bytes(payload[at..at + 4].try_into().unwrap()));
            match head.kind {
                kind::RST_STREAM if wanted == head.kind => return code(0),
                kind::GOAWAY if wanted == head.kind => return code(4),
                _ => {}
            }
        }
    };
    tokio::select! {
        found = read => found,
        () = write => unreachable!(),
    }
}

/// GET / of host a.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

fn get(out: &mut BytesMut, stream: u32, more: &[u8]) {
    let block = [GET, more].concat();
    frame::block(out, stream, &block, false, 16_384);
}

type Write = fn(&mut BytesMut);

/// What is sent, and the frame that answers it.
const BROKEN: [(&str, Write, u8, Reason); 16] = [
    (
        "DATA without stream",
        |out| frame::head(out, 0, kind::DATA, 0, 0),
        7,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "DATA before HEADERS",
        |out| frame::head(out, 0, kind::DATA, 0, 1),
        7,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "even number",
        |out| get(out, 2, &[]),
        7,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "frame too long",
        |out| frame::head(out, 16_385, kind::DATA, 0, 1),
        7,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "bad index",
        |out| frame::block(out, 1, &[0xff, 0x70], true, 100),
        7,
        Reason::COMPRESSION_ERROR,
    ),
    (
        "upper case",
        |out| get(out, 1, b"\0\x01A\x01b"),
        3,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "line feed in a value",
        |out| get(out, 1, b"\0\x01a\x03b\r\n"),
        3,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "connection header",
        |out| get(out, 1, b"\0\nconnection\x05close"),
        3,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "chunked",
        |out| get(out, 1, b"\0\x11transfer-encoding\x07chunked"),
        3,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "body longer than declared",
        |out| {
            get(out, 1, b"\0\x0econtent-length\x010");
            frame::head(out, 1, kind::DATA, flag::END_STREAM, 1);
            out.extend_from_slice(b"x");
        },
        3,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "interrupted block",
        |out| {
            frame::head(out, GET.len(), kind::HEADERS, 0, 1);
            out.extend_from_slice(GET);
            frame::ping(out, 0, [0; 8]);
        },
        7,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "endless block",
        |out| {
            frame::head(out, GET.len(), kind::HEADERS, 0, 1);
            out.extend_from_slice(GET);
            for _ in 0..100 {
                frame::head(out, 0, kind::CONTINUATION, 0, 1);
            }
        },
        7,
        Reason::ENHANCE_YOUR_CALM,
    ),
    (
        "rapid reset",
        |out| {
            for id in (1..1001).step_by(2) {
                get(out, id, &[]);
                frame::number(out, kind::RST_STREAM, id, 8);
            }
        },
        7,
        Reason::ENHANCE_YOUR_CALM,
    ),
    (
        "resets by mistakes",
        |out| {
            for id in (1..1001).step_by(2) {
                get(out, id, &[]);
                frame::number(out, kind::WINDOW_UPDATE, id, 0);
            }
        },
        7,
        Reason::ENHANCE_YOUR_CALM,
    ),
    (
        "pings",
        |out| (0..2000).for_each(|_| frame::ping(out, 0, [0; 8])),
        7,
        Reason::ENHANCE_YOUR_CALM,
    ),
    (
        "window too large",
        |out| frame::number(out, kind::WINDOW_UPDATE, 0, 0x7fff_ffff),
        7,
        Reason::FLOW_CONTROL_ERROR,
    ),
];

#[tokio::test]
async fn rules_that_are_broken_have_their_answer() {
    run(async move {
        for (name, write, kind, reason) in BROKEN {
            let mut bytes = BytesMut::new();
            write(&mut bytes);
            assert_eq!(after(bytes, kind).await, reason, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_comes_late_opens_the_window_at_once() {
    run(async {
        // So large that the connection's own window needs no word.
        let limits = Limits {
            connection_window: 1_000_000,
            ..limits()
        };
        let (here, there) = duplex(10_000);
        let take = |request: Request| {
            spawn_local(async move {
                // On this one thread, whatever can happen has happened by then: the whole window is
                // there, and nothing else will come.
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
                while data(&request.stream).await.is_some() {}
                let (head, ()) = Response::new(()).into_parts();
                request.stream.respond(&head, true);
            });
        };
        spawn_local(serve(
            there,
            BytesMut::new(),
            limits,
            take,
            std::future::pending(),
        ));
        let client = call(here);
        let stream = client.send(&post(), false).await.unwrap();
        let asked = async {
            stream.send(vec![1; 150_000].into(), true).await?;
            stream.head().await
        };
        // The connection's clock, which would find what was forgotten, ticks every 5 s.
        let answer = tokio::time::timeout(Duration::from_secs(3), asked).await;
        assert_eq!(answer.unwrap().unwrap().status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_ping_for_every_piece_is_no_noise() {
    run(async {
        let (mut io, _) = server(std::future::pending());
        let mut hello = BytesMut::from(&PREFACE[..]);
        frame::settings(&mut hello, &[]);
        frame::number(&mut hello, kind::WINDOW_UPDATE, 0, 1_000_000);
        get(&mut hello, 1, &[]);
        io.write_all(&hello).await.unwrap();
        for _ in 0..3_000 {
            let mut bytes = BytesMut::new();
            frame::head(&mut bytes, 1, kind::DATA, 0, 1);
            bytes.extend_from_slice(b"x");
            frame::ping(&mut bytes, 0, [0; 8]);
            io.write_all(&bytes).await.unwrap();
            let mut input = [0; 1_000];
            assert!(io.read(&mut input).await.unwrap() > 0);
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_may_stand_still_for_ever() {
    run(async {
        let limits = Limits {
            idle: Duration::from_millis(80),
            stalled: Duration::from_millis(80),
            ..limits()
        };
        // A client that gives no window.
        let (mut io, _) = server_with(limits.clone(), std::future::pending());
        let mut bytes = BytesMut::from(&PREFACE[..]);
        frame::settings(&mut bytes, &[(frame::setting::INITIAL_WINDOW_SIZE, 0)]);
        get(&mut bytes, 1, &[]);
        frame::head(&mut bytes, 1, kind::DATA, 0, 1);
        bytes.extend_from_slice(b"x");
        io.write_all(&bytes).await.unwrap();
        let mut input = Vec::new();
        while !input
            .windows(13)
            .any(|bytes| bytes[3] == kind::RST_STREAM && bytes[8] == 1 && bytes[12] == 8)
        {
            assert!(io.read_buf(&mut input).await.unwrap() > 0);
        }
        // A connection without requests.
        let (mut io, served) = server_with(limits, std::future::pending());
        let mut hello = BytesMut::from(&PREFACE[..]);
        frame::settings(&mut hello, &[]);
        io.write_all(&hello).await.unwrap();
        let mut rest = Vec::new();
        io.read_to_end(&mut rest).await.unwrap();
        assert_eq!(served.take(), Some(Ok(())));
    })
    .await;
}

#[tokio::test]
async fn no_input_makes_the_server_panic() {
    run(async {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..300 {
            let (mut io, _) = server(std::future::pending());
            let mut bytes = BytesMut::from(&PREFACE[..]);
            frame::settings(&mut bytes, &[]);
            for _ in 0..random.usize(0..30) {
                let length = random.usize(0..20);
                frame::head(
                    &mut bytes,
                    length,
                    random.u8(0..11),
                    random.u8(..),
                    random.u32(0..8),
                );
                bytes.extend((0..length).map(|_| random.u8(..)));
            }
            io.write_all(&bytes).await.ok();
            io.shutdown().await.unwrap();
            let mut rest = Vec::new();
            io.read_to_end(&mut rest).await.unwrap();
        }
    })
    .await;
}
