//! Copies a connection to another one, both ways, until both sides have ended.
//!
//! A message costs one read and one write through a buffer of the thread; where much flows in one
//! go, Linux moves it through a pipe and this process never sees it (`splice`). An idle connection
//! holds neither, so ten thousand idle channels cost their sockets and one small future each.
//!
//! Invariant: whoever finds nothing to do returns `Pending`. The runtime says "nothing" of a socket
//! with bytes too, to a task that has had its turn; asking again at once would never end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::late::Late;
#[cfg(target_os = "linux")]
use super::splice::Piping;

/// Read at once; two of loopback's usual segments fit nearly.
const READ: usize = 64 * 1024;

/// From here on the three system calls of a pipe are cheaper than copying in and out.
pub(super) const MUCH: usize = 32 * 1024;

thread_local! {
    static SCRATCH: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ]);
}

/// Bytes that went through, readable while they do.
#[derive(Debug, Default)]
pub struct Traffic {
    /// From the side that dialled.
    pub up: AtomicU64,
    /// From the side that was dialled.
    pub down: AtomicU64,
}

/// Copies a connection both ways. What it holds outlives a run that was given up, so that the next
/// run goes on where it was.
#[derive(Debug, Default)]
pub struct Copier {
    up: Direction,
    down: Direction,
    delay: Duration,
}

impl Copier {
    /// From now on bytes of the side that dialled arrive this much later.
    pub fn delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// Copies until each side has closed its half, or one of them broke. The end of one direction is
    /// passed on as such (half-close) and leaves the other direction open; a reset is passed on as a
    /// reset.
    pub async fn run(
        &mut self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        traffic: &Traffic,
    ) -> io::Result<()> {
        let Self { up, down, delay } = self;
        let delay = *delay;
        let copied = poll_fn(|context| {
            let _ = up.poll(context, client, server, &traffic.up, delay)?;
            let _ = down.poll(context, server, client, &traffic.down, Duration::ZERO)?;
            // The close that follows says the end of the second direction.
            if up.ended && down.ended {
                return Poll::Ready(Ok(()));
            }
            ready!(up.tell(context, server))?;
            ready!(down.tell(context, client))?;
            Poll::Pending
        })
        .await;
        if copied.is_err() {
            reset(client);
            reset(server);
        }
        copied
    }
}

/// Makes the close that follows a reset, which is what the other side would have seen without a
/// proxy in between.
pub fn reset(stream: &TcpStream) {
    // It fails only for a socket that is gone already.
    let _ = stream.set_zero_linger();
}

/// What one step moved.
#[derive(Debug)]
pub(super) enum Moved {
    /// The source has said its last byte, and everything before it was taken.
    End,
    /// The next bytes had better be copied.
    Little,
    /// So many bytes in one go.
    Much(usize),
}

/// One of the two ways.
#[derive(Debug, Default)]
struct Direction {
    /// Read and not yet taken by the other side.
    rest: BytesMut,
    way: Way,
    /// The source has said its last byte, and all of it was taken.
    ended: bool,
    /// The other side knows.
    told: bool,
}

/// How bytes get across.
#[derive(Debug, Default)]
enum Way {
    /// Through the thread's buffer.
    #[default]
    Copy,
    /// Through a pipe.
    #[cfg(target_os = "linux")]
    Pipe(Piping),
    /// Later than they came.
    Late(Box<Late>),
}

impl Direction {
    /// Ready when this direction has ended.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        count: &AtomicU64,
        delay: Duration,
    ) -> Poll<io::Result<()>> {
        while !self.ended {
            let moved = match &mut self.way {
                Way::Copy if !delay.is_zero() && self.rest.is_empty() => {
                    self.way = Way::Late(Box::new(Late::new()));
                    continue;
                }
                Way::Copy => ready!(self.copy(context, from, to, count))?,
                #[cfg(target_os = "linux")]
                Way::Pipe(piping) if !delay.is_zero() => {
                    ready!(piping.poll_dry(context, to, count))?;
                    Moved::Little
                }
                #[cfg(target_os = "linux")]
                Way::Pipe(piping) => ready!(piping.poll(context, from, to, count))?,
                Way::Late(late) => ready!(late.poll(context, from, to, count, delay))?,
            };
            match moved {
                Moved::End => self.ended = true,
                Moved::Little => self.way = Way::Copy,
                #[cfg(target_os = "linux")]
                Moved::Much(bytes) => self.way = Way::Pipe(Piping::after(bytes)),
                #[cfg(not(target_os = "linux"))]
                Moved::Much(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is left, then reads once and writes that.
    fn copy(
        &mut self,
        context: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        count: &AtomicU64,
    ) -> Poll<io::Result<Moved>> {
        if !self.rest.is_empty() {
            while !self.rest.is_empty() {
                let written = ready!(Pin::new(&mut *to).poll_write(context, &self.rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                count.fetch_add(written as u64, Ordering::Relaxed);
                self.rest.advance(written);
            }
            self.rest = BytesMut::new();
        }
        let read = SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(from).poll_read(context, &mut buffer))?;
            let bytes = buffer.filled();
            if !bytes.is_empty() {
                let written = match Pin::new(to).poll_write(context, bytes) {
                    Poll::Ready(written) => written?,
                    Poll::Pending => 0,
                };
                count.fetch_add(written as u64, Ordering::Relaxed);
                self.rest.extend_from_slice(&bytes[written..]);
            }
            Poll::Ready(Ok::<_, io::Error>(bytes.len()))
        });
        Poll::Ready(Ok(match ready!(read)? {
            0 => Moved::End,
            // What is left must go first.
            read @ MUCH.. if self.rest.is_empty() => Moved::Much(read),
            _ => Moved::Little,
        }))
    }

    /// Passes the end on, once: closes the writing half only.
    fn tell(&mut self, context: &mut Context<'_>, to: &mut TcpStream) -> Poll<io::Result<()>> {
        if !self.ended || self.told {
            return Poll::Ready(Ok(()));
        }
        self.told = true;
        match ready!(Pin::new(to).poll_shutdown(context)) {
            // The other side is gone altogether, which the other direction finds out by itself.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            told => Poll::Ready(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::coop;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (dialled, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (dialled.unwrap(), accepted.unwrap().0)
    }

    /// Copies between the inner ends of two pairs; the outer ends, client's and server's.
    async fn copied() -> (
        TcpStream,
        TcpStream,
        tokio::task::JoinHandle<io::Result<Traffic>>,
    ) {
        let (client, mut from_client) = pair().await;
        let (mut to_server, server) = pair().await;
        let copying = tokio::spawn(async move {
            let traffic = Traffic::default();
            Copier::default()
                .run(&mut from_client, &mut to_server, &traffic)
                .await
                .map(|()| traffic)
        });
        (client, server, copying)
    }

    #[tokio::test]
    async fn the_end_of_one_direction_leaves_the_other_open() {
        let (mut client, mut server, copying) = copied().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        let answer = vec![7; 3 * READ + 1];
        server.write_all(&answer).await.unwrap();
        drop(server);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, answer);
        let traffic = copying.await.unwrap().unwrap();
        assert_eq!(traffic.up.into_inner(), 8);
        assert_eq!(traffic.down.into_inner(), answer.len() as u64);
    }

    #[tokio::test]
    async fn much_arrives_in_order_both_ways_at_once_and_with_little_between() {
        const SIZES: [usize; 9] = [1, 9_000_000, 3, READ, 50_000, 1_000, 4_000_000, 2, 100_000];
        let (client, server, copying) = copied().await;
        let side = |stream: TcpStream, seed: u64| async move {
            let (mut reader, mut writer) = stream.into_split();
            let writing = async {
                let mut random = fastrand::Rng::with_seed(seed);
                for size in SIZES {
                    let piece: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
                        .take(size)
                        .collect();
                    writer.write_all(&piece).await.unwrap();
                }
                writer.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let (read, ()) = tokio::join!(reader.read_to_end(&mut received), writing);
            read.unwrap();
            let mut random = fastrand::Rng::with_seed(seed ^ 1);
            assert_eq!(received.len(), SIZES.iter().sum::<usize>());
            assert!(received.into_iter().all(|byte| byte == random.u8(..)));
        };
        tokio::join!(side(client, 2), side(server, 3));
        let traffic = copying.await.unwrap().unwrap();
        assert_eq!(traffic.up.into_inner(), traffic.down.into_inner());
    }

    /// Every byte of three pieces arrives in order: one before the delay, one under it, one after.
    #[tokio::test]
    async fn a_delay_may_come_and_go_on_an_open_connection() {
        const DELAY: Duration = Duration::from_millis(100);
        let (mut client, mut from_client) = pair().await;
        let (mut to_server, mut server) = pair().await;
        let traffic = Traffic::default();
        let mut copier = Copier::default();
        let piece: Vec<u8> = (0..200_000_u32)
            .map(|number| number.to_le_bytes()[0])
            .collect();
        for delay in [Duration::ZERO, DELAY, Duration::ZERO] {
            copier.delay(delay);
            let begun = std::time::Instant::now();
            let crossing = async {
                let mut received = vec![0; piece.len()];
                let (written, read) =
                    tokio::join!(client.write_all(&piece), server.read_exact(&mut received));
                written.unwrap();
                read.unwrap();
                assert!(received == piece);
            };
            tokio::select! {
                ended = copier.run(&mut from_client, &mut to_server, &traffic) => {
                    panic!("nobody has closed: {ended:?}");
                }
                () = crossing => {}
            }
            assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
        }
        // What comes back is not late.
        copier.delay(Duration::from_secs(3600));
        server.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        tokio::select! {
            _ = copier.run(&mut from_client, &mut to_server, &traffic) => panic!("nobody has closed"),
            read = client.read_exact(&mut answer) => drop(read.unwrap()),
        }
        assert_eq!(&answer, b"answer");
    }

    #[tokio::test]
    async fn a_reset_is_passed_on_as_a_reset() {
        let (mut client, server, copying) = copied().await;
        reset(&server);
        drop(server);
        assert!(copying.await.unwrap().is_err());
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    /// Once, a task that had used up its turn asked a socket with bytes again and again, and its
    /// thread did nothing else any more.
    #[test]
    fn a_task_whose_turn_is_over_lets_others_run() {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let (mut client, mut from_client) = pair().await;
                let (mut to_server, mut server) = pair().await;
                client.write_all(b"question").await.unwrap();
                client.shutdown().await.unwrap();
                drop(client);
                from_client.readable().await.unwrap();
                tokio::spawn(async move {
                    let mut question = String::new();
                    server.read_to_string(&mut question).await.unwrap();
                    tell.send(question)
                });
                while coop::has_budget_remaining() {
                    coop::consume_budget().await;
                }
                let traffic = Traffic::default();
                let mut copier = Copier::default();
                copier.run(&mut from_client, &mut to_server, &traffic).await
            })
        });
        let question = told.recv_timeout(Duration::from_secs(20));
        assert_eq!(question.as_deref(), Ok("question"));
    }
}
