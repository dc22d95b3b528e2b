//! What a connection's task and its streams share, and everything that changes it.
//!
//! One thread owns it all, so it lies in a `RefCell`; no borrow is held across an await.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::task::Waker;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::time::Instant;

use super::error::{ConnectionError, StreamError};
use super::frame::{self, FRAME, Reason, WINDOW, kind, setting};

/// So much may wait to be written before senders of bodies wait: a few frames, which one write
/// takes.
const OUT: usize = 64 * 1024;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// What the other side may do.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Streams at a time.
    pub(crate) streams: u32,
    /// Bytes of a body that may be under way or unread, for each stream.
    pub(crate) stream_window: u32,
    /// The same for all streams together.
    pub(crate) connection_window: u32,
    /// Bytes of a header list, as RFC 9113 counts them.
    pub(crate) header_list: usize,
    /// Lines of a header list.
    pub(crate) headers: usize,
    /// How long a connection without streams is kept.
    pub(crate) idle: Duration,
    /// How long the other side may read nothing while something waits for it, and how long a header
    /// block may take.
    pub(crate) stalled: Duration,
}

/// Numbers of streams are hash enough.
#[derive(Debug, Default)]
pub(super) struct StreamHasher(u64);

impl Hasher for StreamHasher {
    fn finish(&self) -> u64 {
        // Spreads the low bits, which are all that differ, over those that the table looks at.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = number.into();
    }
}

type Streams = HashMap<u32, Entry, BuildHasherDefault<StreamHasher>>;

/// One stream, from its first frame until both sides have ended it and its handle is gone.
#[derive(Debug)]
pub(super) struct Entry {
    /// What arrived and was not read.
    pub(super) received: VecDeque<Bytes>,
    /// The head of the response, and interim ones before it (client only).
    pub(super) heads: VecDeque<http::response::Parts>,
    pub(super) trailers: Option<HeaderMap>,
    /// The other side sends no more.
    pub(super) received_end: bool,
    /// This side sends no more.
    pub(super) sent_end: bool,
    pub(super) failed: Option<StreamError>,
    /// How much more the other side may send.
    pub(super) receive_window: i64,
    /// Read, and not told to the other side yet.
    pub(super) unacknowledged: u32,
    /// How much more this side may send.
    pub(super) send_window: i64,
    /// What `content-length` still lets come.
    pub(super) remaining: Option<u64>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Who only wants to know when the stream fails; another task than the reader's, maybe.
    pub(super) watcher: Option<Waker>,
    /// Since when the other side gives no window although something is to be sent.
    pub(super) blocked: Option<Instant>,
    /// Whether a final head was received (client only).
    pub(super) answered: bool,
}

impl Entry {
    fn new(send_window: i64, limits: &Limits) -> Self {
        Self {
            received: VecDeque::new(),
            heads: VecDeque::new(),
            trailers: None,
            received_end: false,
            sent_end: false,
            failed: None,
            receive_window: limits.stream_window.into(),
            unacknowledged: 0,
            send_window,
            remaining: None,
            reader: None,
            writer: None,
            watcher: None,
            blocked: None,
            answered: false,
        }
    }

    /// Lets whoever waits for this stream look again.
    pub(super) fn wake(&mut self) {
        let waiting = [&mut self.reader, &mut self.writer, &mut self.watcher];
        for waker in waiting.into_iter().filter_map(Option::take) {
            waker.wake();
        }
    }

    pub(super) fn fail(&mut self, error: StreamError) {
        self.failed.get_or_insert(error);
        self.wake();
    }
}

/// The whole connection.
#[derive(Debug)]
pub(super) struct State {
    pub(super) role: Role,
    pub(super) limits: Limits,
    /// Frames to be written.
    pub(super) out: BytesMut,
    /// Where header blocks are made.
    scratch: BytesMut,
    pub(super) streams: Streams,
    /// The highest number that the other side has opened.
    pub(super) last_opened: u32,
    /// The number of the next stream of this side.
    next: u32,
    /// The other side's settings.
    pub(super) peer_window: i64,
    pub(super) peer_frame: usize,
    pub(super) peer_streams: u32,
    /// The next block must say that our table is empty.
    pub(super) announce_table: bool,
    pub(super) send_window: i64,
    pub(super) receive_window: i64,
    unacknowledged: u32,
    /// Streams above this number are not taken any more.
    pub(super) going_away: Option<u32>,
    /// The other side takes no new streams.
    pub(super) leaving: bool,
    pub(super) ended: Option<ConnectionError>,
    /// The connection's task.
    pub(super) task: Option<Waker>,
    /// Who waits for the connection's window, for room in `out`, or for a stream that may be opened.
    waiting: Vec<Waker>,
}

impl State {
    /// A connection whose SETTINGS wait to be written.
    pub(super) fn new(role: Role, limits: Limits) -> Self {
        let mut out = BytesMut::with_capacity(4096);
        if role == Role::Client {
            out.extend_from_slice(frame::PREFACE);
        }
        let list = u32::try_from(limits.header_list).unwrap_or(u32::MAX);
        let mut settings = vec![
            (setting::INITIAL_WINDOW_SIZE, limits.stream_window),
            (setting::MAX_HEADER_LIST_SIZE, list),
        ];
        settings.push(match role {
            Role::Server => (setting::MAX_CONCURRENT_STREAMS, limits.streams),
            Role::Client => (setting::ENABLE_PUSH, 0),
        });
        frame::settings(&mut out, &settings);
        let more = i64::from(limits.connection_window) - WINDOW;
        if let Ok(more @ 1..) = u32::try_from(more) {
            frame::number(&mut out, kind::WINDOW_UPDATE, 0, more);
        }
        Self {
            role,
            out,
            scratch: BytesMut::new(),
            streams: Streams::default(),
            last_opened: 0,
            next: 1,
            peer_window: WINDOW,
            peer_frame: FRAME,
            peer_streams: u32::MAX,
            announce_table: false,
            send_window: WINDOW,
            receive_window: WINDOW.max(limits.connection_window.into()),
            unacknowledged: 0,
            going_away: None,
            leaving: false,
            ended: None,
            task: None,
            waiting: Vec::new(),
            limits,
        }
    }

    /// Lets the connection's task write what was added.
    pub(super) fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// A new stream that the other side has opened.
    pub(super) fn accept(&mut self, id: u32) -> &mut Entry {
        let entry = Entry::new(self.peer_window, &self.limits);
        self.streams.entry(id).or_insert(entry)
    }

    /// A new stream of this side, if one may be opened now.
    pub(super) fn open(&mut self) -> Result<Option<u32>, StreamError> {
        /// There are no numbers behind it.
        const LAST: u32 = (1 << 31) - 1;
        if let Some(error) = &self.ended {
            return Err(error.clone().into());
        }
        if self.leaving || self.next >= LAST {
            return Err(StreamError::Unprocessed);
        }
        if self.streams.len() >= self.peer_streams as usize {
            return Ok(None);
        }
        let id = self.next;
        self.next += 2;
        self.streams
            .insert(id, Entry::new(self.peer_window, &self.limits));
        Ok(Some(id))
    }

    /// Whether this side has opened a stream of that number.
    pub(super) fn has_opened(&self, id: u32) -> bool {
        id < self.next && id % 2 == 1
    }

    /// Writes a header block that `write` makes.
    pub(super) fn send_block(&mut self, id: u32, end: bool, write: impl FnOnce(&mut BytesMut)) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        if entry.sent_end || entry.failed.is_some() {
            return;
        }
        entry.sent_end = end;
        self.scratch.clear();
        if std::mem::take(&mut self.announce_table) {
            // RFC 7541 section 4.2: a new size, which for a table that is never used is 0.
            self.scratch.extend_from_slice(&[0x20]);
        }
        write(&mut self.scratch);
        frame::block(&mut self.out, id, &self.scratch, end, self.peer_frame);
        self.wake();
    }

    /// Writes as much of a body as windows and room allow, and takes that off `bytes`. Whether all
    /// of it was written; if not, `waker` is woken when more may be.
    pub(super) fn send_data(
        &mut self,
        id: u32,
        bytes: &mut Bytes,
        end: bool,
        waker: &Waker,
    ) -> Result<bool, StreamError> {
        let gone = || StreamError::Connection(ConnectionError::Closed);
        loop {
            let room = self.has_room();
            let entry = self.streams.get_mut(&id).ok_or_else(gone)?;
            if let Some(error) = &entry.failed {
                return Err(error.clone());
            }
            if entry.sent_end {
                return Ok(true);
            }
            if bytes.is_empty() {
                if end {
                    entry.sent_end = true;
                    frame::head(&mut self.out, 0, kind::DATA, frame::flag::END_STREAM, id);
                    self.wake();
                }
                return Ok(true);
            }
            if !room || self.send_window <= 0 {
                if self.send_window <= 0 {
                    entry.blocked.get_or_insert_with(Instant::now);
                }
                self.waiting.push(waker.clone());
                return Ok(false);
            }
            if entry.send_window <= 0 {
                entry.blocked.get_or_insert_with(Instant::now);
                entry.writer = Some(waker.clone());
                return Ok(false);
            }
            entry.blocked = None;
            let window = entry.send_window.min(self.send_window);
            let most = usize::try_from(window).unwrap_or(0).min(self.peer_frame);
            let piece = bytes.split_to(bytes.len().min(most));
            // At most a frame, which has less than 2^24 bytes.
            let size = i64::try_from(piece.len()).unwrap_or(0);
            entry.send_window -= size;
            self.send_window -= size;
            let last = end && bytes.is_empty();
            entry.sent_end = last;
            let flags = if last { frame::flag::END_STREAM } else { 0 };
            frame::head(&mut self.out, piece.len(), kind::DATA, flags, id);
            self.out.extend_from_slice(&piece);
            self.wake();
            if bytes.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Ends a stream with a reason.
    pub(super) fn reset(&mut self, id: u32, reason: Reason) {
        frame::number(&mut self.out, kind::RST_STREAM, id, reason.0);
        self.wake();
    }

    /// So many bytes of a stream's body were read: the other side may send as many more, told when
    /// it is worth a frame.
    pub(super) fn release(&mut self, id: u32, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let half = self.limits.stream_window / 2;
        if let Some(entry) = self.streams.get_mut(&id)
            && !entry.received_end
        {
            entry.unacknowledged = entry.unacknowledged.saturating_add(bytes);
            if entry.unacknowledged >= half {
                let more = std::mem::take(&mut entry.unacknowledged);
                entry.receive_window += i64::from(more);
                frame::number(&mut self.out, kind::WINDOW_UPDATE, id, more);
                self.wake();
            }
        }
        self.release_connection(bytes);
    }

    /// The connection's share of [`Self::release`].
    pub(super) fn release_connection(&mut self, bytes: u32) {
        self.unacknowledged = self.unacknowledged.saturating_add(bytes);
        if self.unacknowledged >= self.limits.connection_window / 2 {
            let more = std::mem::take(&mut self.unacknowledged);
            self.receive_window += i64::from(more);
            frame::number(&mut self.out, kind::WINDOW_UPDATE, 0, more);
            self.wake();
        }
    }

    /// Waits for room, for window, or for a stream to end.
    pub(super) fn wait(&mut self, waker: &Waker) {
        self.waiting.push(waker.clone());
    }

    /// Whoever waits for something that all share may look again.
    pub(super) fn wake_waiting(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }

    /// Whether the other side has read enough for more to be written.
    pub(super) fn has_room(&self) -> bool {
        self.out.len() < OUT
    }

    /// Whether somebody waits and there is room again.
    pub(super) fn has_room_for_waiting(&self) -> bool {
        !self.waiting.is_empty() && self.out.len() < OUT / 2 && self.send_window > 0
    }

    /// The connection is over; so is everything on it.
    pub(super) fn end(&mut self, error: &ConnectionError) {
        self.ended.get_or_insert_with(|| error.clone());
        for entry in self.streams.values_mut() {
            if !(entry.received_end && entry.sent_end) {
                entry.fail(error.clone().into());
            }
        }
        self.wake_waiting();
    }
}
