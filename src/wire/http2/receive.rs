//! What the other side's frames do (RFC 9113 sections 5 and 6).
//!
//! Everything that costs this side more than the other one has a budget: resets, empty frames,
//! pings and settings, continuations. A connection that uses it up is ended.

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::Instant;

use super::control::goaway;
use super::error::{ConnectionError, StreamError, protocol};
use super::frame::{self, FRAME, Head, Reason, flag, kind};
use super::head::{BadHead, Collector, declared_length};
use super::hpack::Decoder;
use super::state::{Role, State};

/// Resets by the other side, or caused by its mistakes, beyond those of streams that were answered:
/// more is an attack (CVE-2023-44487, CVE-2025-8671).
const RESETS: u32 = 100;
/// Frames that carry nothing, in the time of [`QUIET`].
const NOISE: u32 = 1000;
const QUIET: std::time::Duration = std::time::Duration::from_secs(10);
/// Frames of one header block; 64 KiB need four.
const CONTINUATIONS: u32 = 16;

/// A stream that the other side has opened, and its request.
pub(super) struct Opened {
    pub(super) id: u32,
    pub(super) head: Result<http::request::Parts, BadHead>,
}

/// What the input begins with.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box for each request would cost more"
)]
pub(super) enum Next {
    /// A part of a frame.
    Wait,
    /// A frame that has been dealt with.
    Frame,
    /// A request.
    Opened(Opened),
}

/// What must be remembered between frames.
#[derive(Debug)]
pub(super) struct Receiver {
    decoder: Decoder,
    partial: Option<Partial>,
    /// Resets that have not been made good by streams that were answered.
    resets: u32,
    noise: u32,
    quiet_since: Instant,
    /// Whether the other side's SETTINGS came, which must be first.
    pub(super) greeted: bool,
    /// An acknowledged PING that nobody has asked for yet.
    pub(super) pong: Option<[u8; 8]>,
}

/// A header block that goes on in another frame.
#[derive(Debug)]
struct Partial {
    stream: u32,
    end: bool,
    block: BytesMut,
    frames: u32,
    since: Instant,
}

type Result<T, E = ConnectionError> = std::result::Result<T, E>;

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::new(4096),
            partial: None,
            resets: 0,
            noise: 0,
            quiet_since: Instant::now(),
            greeted: false,
            pong: None,
        }
    }

    /// Since when a header block is not complete.
    pub(super) fn unfinished(&self) -> Option<Instant> {
        self.partial.as_ref().map(|partial| partial.since)
    }

    /// Whether this PING was acknowledged since the last look.
    pub(super) fn take_pong(&mut self, payload: [u8; 8]) -> bool {
        self.pong.take() == Some(payload)
    }

    /// Takes the next frame off the input.
    pub(super) fn next(&mut self, input: &mut BytesMut, state: &mut State) -> Result<Next> {
        let Some(head) = Head::read(input) else {
            return Ok(Next::Wait);
        };
        if head.length > FRAME {
            return Err(protocol(Reason::FRAME_SIZE_ERROR, "a frame is too long"));
        }
        if input.len() < frame::HEAD + head.length {
            return Ok(Next::Wait);
        }
        input.advance(frame::HEAD);
        let payload = input.split_to(head.length).freeze();
        let opened = self.frame(head, payload, state)?;
        Ok(opened.map_or(Next::Frame, Next::Opened))
    }

    fn frame(&mut self, head: Head, payload: Bytes, state: &mut State) -> Result<Option<Opened>> {
        let error = |what| Err(protocol(Reason::PROTOCOL_ERROR, what));
        if self.partial.is_some() && head.kind != kind::CONTINUATION {
            return error("a header block is interrupted");
        }
        if !self.greeted && head.kind != kind::SETTINGS {
            return error("SETTINGS do not come first");
        }
        let on_stream = head.stream != 0;
        match head.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::CONTINUATION
                if !on_stream =>
            {
                return error("a stream's frame names no stream");
            }
            kind::SETTINGS | kind::PING | kind::GOAWAY if on_stream => {
                return error("a connection's frame names a stream");
            }
            kind::DATA => self.data(head, payload, state)?,
            kind::HEADERS => return self.headers(head, payload, state),
            kind::CONTINUATION => return self.continuation(head, &payload, state),
            kind::PRIORITY => {
                if head.length != 5 {
                    self.mistake(
                        head.stream,
                        Reason::FRAME_SIZE_ERROR,
                        "a bad PRIORITY",
                        state,
                    )?;
                }
                self.noise()?;
            }
            kind::RST_STREAM => self.reset(head, payload, state)?,
            kind::SETTINGS => self.settings(head, payload, state)?,
            kind::PUSH_PROMISE => return error("nobody may push"),
            kind::PING => self.ping(head, &payload, state)?,
            kind::GOAWAY => goaway(payload, state)?,
            kind::WINDOW_UPDATE => self.window_update(head, payload, state)?,
            _ => self.noise()?,
        }
        Ok(None)
    }

    /// Counts something that does nothing for anybody.
    pub(super) fn noise(&mut self) -> Result<()> {
        self.noise += 1;
        if self.noise > NOISE {
            if self.quiet_since.elapsed() < QUIET {
                return Err(protocol(Reason::ENHANCE_YOUR_CALM, "too many empty frames"));
            }
            self.noise = 0;
            self.quiet_since = Instant::now();
        }
        Ok(())
    }

    /// Counts something that is of use. Many programs send a PING or a window with every piece of a
    /// body (gRPC's flow control does), or one for a stream that has just ended.
    fn sense(&mut self) {
        self.noise = self.noise.saturating_sub(2);
    }

    pub(super) fn count_reset(&mut self) -> Result<()> {
        self.resets += 1;
        if self.resets > RESETS {
            return Err(protocol(Reason::ENHANCE_YOUR_CALM, "too many resets"));
        }
        Ok(())
    }

    /// Ends a stream that broke a rule.
    pub(super) fn mistake(
        &mut self,
        id: u32,
        reason: Reason,
        what: &'static str,
        state: &mut State,
    ) -> Result<()> {
        self.count_reset()?;
        state.reset(id, reason);
        if let Some(entry) = state.streams.get_mut(&id) {
            entry.fail(StreamError::Broken(what));
        }
        Ok(())
    }

    fn data(&mut self, head: Head, payload: Bytes, state: &mut State) -> Result<()> {
        if is_idle(head.stream, state) {
            return Err(protocol(Reason::PROTOCOL_ERROR, "DATA before HEADERS"));
        }
        let size = i64::try_from(head.length).unwrap_or(0);
        state.receive_window -= size;
        if state.receive_window < 0 {
            let what = "more than the connection's window";
            return Err(protocol(Reason::FLOW_CONTROL_ERROR, what));
        }
        let bytes = unpad(head, payload)?;
        let padding = head.length - bytes.len();
        let end = head.has(flag::END_STREAM);
        if bytes.is_empty() && !end {
            self.noise()?;
        }
        let gone = |entry: &super::state::Entry| entry.failed.is_some();
        let Some(entry) = state
            .streams
            .get_mut(&head.stream)
            .filter(|entry| !gone(entry))
        else {
            // Sent before the other side knew that the stream was over.
            state.release_connection(u32::try_from(head.length).unwrap_or(0));
            return Ok(());
        };
        let broken = if entry.received_end {
            Some((Reason::STREAM_CLOSED, "DATA behind the end"))
        } else if size > entry.receive_window {
            Some((Reason::FLOW_CONTROL_ERROR, "more than the stream's window"))
        } else {
            let left = entry
                .remaining
                .map(|left| left.checked_sub(bytes.len() as u64));
            match left {
                Some(None) => Some((Reason::PROTOCOL_ERROR, "more than content-length")),
                Some(Some(1..)) if end => {
                    Some((Reason::PROTOCOL_ERROR, "less than content-length"))
                }
                left => {
                    entry.remaining = left.flatten();
                    None
                }
            }
        };
        if let Some((reason, what)) = broken {
            self.mistake(head.stream, reason, what, state)?;
            state.release_connection(u32::try_from(head.length).unwrap_or(0));
            return Ok(());
        }
        entry.receive_window -= size;
        entry.received_end = end;
        if !bytes.is_empty() {
            entry.received.push_back(bytes);
            self.sense();
        }
        if let Some(reader) = entry.reader.take() {
            reader.wake();
        }
        if padding > 0 {
            state.release(head.stream, padding);
        }
        Ok(())
    }

    fn headers(&mut self, head: Head, payload: Bytes, state: &mut State) -> Result<Option<Opened>> {
        let mut block = unpad(head, payload)?;
        if head.has(flag::PRIORITY) {
            if block.len() < 5 {
                return Err(protocol(Reason::FRAME_SIZE_ERROR, "HEADERS are too short"));
            }
            block.advance(5);
        }
        let end = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.block(head.stream, end, &block, state);
        }
        self.partial = Some(Partial {
            stream: head.stream,
            end,
            block: BytesMut::from(block),
            frames: 1,
            since: Instant::now(),
        });
        Ok(None)
    }

    fn continuation(
        &mut self,
        head: Head,
        payload: &[u8],
        state: &mut State,
    ) -> Result<Option<Opened>> {
        let error = |what| Err(protocol(Reason::PROTOCOL_ERROR, what));
        let Some(mut partial) = self.partial.take() else {
            return error("CONTINUATION of nothing");
        };
        if partial.stream != head.stream {
            return error("CONTINUATION of another stream");
        }
        partial.frames += 1;
        partial.block.extend_from_slice(payload);
        if partial.frames > CONTINUATIONS || partial.block.len() > state.limits.header_list {
            return Err(protocol(
                Reason::ENHANCE_YOUR_CALM,
                "a header block never ends",
            ));
        }
        if head.has(flag::END_HEADERS) {
            return self.block(partial.stream, partial.end, &partial.block, state);
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// A whole header block: a request, a response, or trailers.
    fn block(
        &mut self,
        id: u32,
        end: bool,
        block: &[u8],
        state: &mut State,
    ) -> Result<Option<Opened>> {
        let mut collector = Collector::new(state.limits.header_list, state.limits.headers);
        self.decoder
            .block(block, |field| collector.take(field))
            .map_err(ConnectionError::Headers)?;
        let known = state.streams.contains_key(&id);
        let server = state.role == Role::Server;
        if server && !known && id > state.last_opened {
            return self.opened(id, end, collector, state);
        }
        if !known {
            if is_idle(id, state) {
                return Err(protocol(Reason::PROTOCOL_ERROR, "HEADERS of no request"));
            }
            // RFC 9113 section 5.1.1: a new stream has a higher number than all before it.
            if server && collector.is_request() {
                let what = "a request on a stream that is over";
                return Err(protocol(Reason::PROTOCOL_ERROR, what));
            }
            // Trailers, sent before the other side knew that the stream was over.
            self.noise()?;
            return Ok(None);
        }
        self.known(id, end, collector, state)?;
        Ok(None)
    }

    fn opened(
        &mut self,
        id: u32,
        end: bool,
        collector: Collector,
        state: &mut State,
    ) -> Result<Option<Opened>> {
        if id.is_multiple_of(2) {
            let what = "a client's streams have odd numbers";
            return Err(protocol(Reason::PROTOCOL_ERROR, what));
        }
        state.last_opened = id;
        if state.going_away.is_some_and(|last| id > last) {
            return Ok(None);
        }
        if state.streams.len() >= state.limits.streams as usize {
            self.count_reset()?;
            state.reset(id, Reason::REFUSED_STREAM);
            return Ok(None);
        }
        let head = collector.request();
        let length = match &head {
            Ok(head) => declared_length(&head.headers),
            Err(_) => Ok(None),
        };
        let broken = match (&head, &length) {
            (Err(BadHead::Malformed(what)), _) | (_, Err(BadHead::Malformed(what))) => Some(*what),
            (_, Ok(Some(1..))) if end => Some("less than content-length"),
            _ => None,
        };
        if let Some(what) = broken {
            self.mistake(id, Reason::PROTOCOL_ERROR, what, state)?;
            return Ok(None);
        }
        self.resets = self.resets.saturating_sub(1);
        self.sense();
        let entry = state.accept(id);
        entry.received_end = end;
        entry.remaining = length.ok().flatten();
        Ok(Some(Opened { id, head }))
    }

    /// Trailers of a request, or what a server answers.
    fn known(&mut self, id: u32, end: bool, collector: Collector, state: &mut State) -> Result<()> {
        let server = state.role == Role::Server;
        let Some(entry) = state.streams.get_mut(&id) else {
            return Ok(());
        };
        if entry.failed.is_some() {
            return self.noise();
        }
        let broken = if entry.received_end {
            Some((Reason::STREAM_CLOSED, "HEADERS behind the end"))
        } else if server || entry.answered {
            match collector.trailers() {
                Ok(_) if !end => Some((Reason::PROTOCOL_ERROR, "trailers that are not the end")),
                Ok(_) if entry.remaining.is_some_and(|left| left > 0) => {
                    Some((Reason::PROTOCOL_ERROR, "less than content-length"))
                }
                Ok(trailers) => {
                    entry.trailers = Some(trailers);
                    None
                }
                Err(_) => Some((Reason::PROTOCOL_ERROR, "bad trailers")),
            }
        } else {
            match collector.response() {
                Ok(head) if head.status.is_informational() && !end => {
                    entry.heads.push_back(head);
                    None
                }
                Ok(head) if !head.status.is_informational() => {
                    entry.answered = true;
                    entry.heads.push_back(head);
                    None
                }
                _ => Some((Reason::PROTOCOL_ERROR, "a bad response head")),
            }
        };
        if let Some((reason, what)) = broken {
            return self.mistake(id, reason, what, state);
        }
        entry.received_end = end;
        if let Some(reader) = entry.reader.take() {
            reader.wake();
        }
        Ok(())
    }
}

/// Whether a number was not used yet.
pub(super) fn is_idle(id: u32, state: &State) -> bool {
    match state.role {
        Role::Server => id > state.last_opened,
        Role::Client => !state.has_opened(id),
    }
}

/// Takes padding off.
fn unpad(head: Head, mut payload: Bytes) -> Result<Bytes> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let error = protocol(Reason::PROTOCOL_ERROR, "more padding than frame");
    if payload.is_empty() {
        return Err(error);
    }
    let padding = usize::from(payload.get_u8());
    let length = payload.len().checked_sub(padding).ok_or(error)?;
    payload.truncate(length);
    Ok(payload)
}
