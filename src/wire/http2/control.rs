//! Frames about a connection, and about streams as a whole: resets, settings, pings, windows, and
//! the end.

use bytes::{Buf, Bytes};

use super::error::{ConnectionError, StreamError, protocol};
use super::frame::{self, FRAME, Head, LARGEST_WINDOW, Reason, flag, kind, setting};
use super::receive::{Receiver, is_idle};
use super::state::{Role, State};

type Result<T, E = ConnectionError> = std::result::Result<T, E>;

impl Receiver {
    pub(super) fn reset(
        &mut self,
        head: Head,
        mut payload: Bytes,
        state: &mut State,
    ) -> Result<()> {
        if payload.len() != 4 {
            return Err(protocol(Reason::FRAME_SIZE_ERROR, "a bad RST_STREAM"));
        }
        if is_idle(head.stream, state) {
            return Err(protocol(Reason::PROTOCOL_ERROR, "RST_STREAM of no stream"));
        }
        let reason = Reason(payload.get_u32());
        let role = state.role;
        let Some(entry) = state.streams.get_mut(&head.stream) else {
            return self.noise();
        };
        let complete = entry.received_end && entry.sent_end;
        if reason == Reason::NO_ERROR && entry.received_end {
            // A server that has answered does not want the rest of the request.
            entry.sent_end = true;
        } else if reason == Reason::REFUSED_STREAM && role == Role::Client {
            entry.fail(StreamError::Unprocessed);
        } else {
            entry.fail(StreamError::Reset(reason));
        }
        if role == Role::Server && !complete {
            self.count_reset()?;
        }
        Ok(())
    }

    pub(super) fn settings(
        &mut self,
        head: Head,
        mut payload: Bytes,
        state: &mut State,
    ) -> Result<()> {
        let size = |what| Err(protocol(Reason::FRAME_SIZE_ERROR, what));
        self.greeted = true;
        self.noise()?;
        if head.has(flag::ACK) {
            return if payload.is_empty() {
                Ok(())
            } else {
                size("an acknowledgement with settings")
            };
        }
        if !payload.len().is_multiple_of(6) {
            return size("SETTINGS are cut off");
        }
        while payload.has_remaining() {
            let (id, value) = (payload.get_u16(), payload.get_u32());
            match id {
                setting::HEADER_TABLE_SIZE => state.announce_table = true,
                setting::ENABLE_PUSH if value > 1 => {
                    return Err(protocol(Reason::PROTOCOL_ERROR, "a bad ENABLE_PUSH"));
                }
                setting::MAX_CONCURRENT_STREAMS => state.peer_streams = value,
                setting::INITIAL_WINDOW_SIZE => first_window(value, state)?,
                setting::MAX_FRAME_SIZE => {
                    if !(16_384..1 << 24).contains(&value) {
                        return Err(protocol(Reason::PROTOCOL_ERROR, "a bad MAX_FRAME_SIZE"));
                    }
                    // Larger frames would only make others wait longer.
                    state.peer_frame = FRAME;
                }
                _ => {}
            }
        }
        frame::head(&mut state.out, 0, kind::SETTINGS, flag::ACK, 0);
        state.wake_waiting();
        Ok(())
    }

    pub(super) fn ping(&mut self, head: Head, payload: &[u8], state: &mut State) -> Result<()> {
        let Ok(payload) = <[u8; 8]>::try_from(payload) else {
            return Err(protocol(Reason::FRAME_SIZE_ERROR, "a bad PING"));
        };
        self.noise()?;
        if head.has(flag::ACK) {
            self.pong = Some(payload);
        } else {
            frame::ping(&mut state.out, flag::ACK, payload);
        }
        Ok(())
    }

    pub(super) fn window_update(
        &mut self,
        head: Head,
        mut payload: Bytes,
        state: &mut State,
    ) -> Result<()> {
        if payload.len() != 4 {
            return Err(protocol(Reason::FRAME_SIZE_ERROR, "a bad WINDOW_UPDATE"));
        }
        let more = i64::from(payload.get_u32() & !(1 << 31));
        if head.stream == 0 {
            if more == 0 {
                return Err(protocol(
                    Reason::PROTOCOL_ERROR,
                    "a window grows by nothing",
                ));
            }
            state.send_window += more;
            if state.send_window > LARGEST_WINDOW {
                return Err(protocol(
                    Reason::FLOW_CONTROL_ERROR,
                    "a window is too large",
                ));
            }
            state.wake_waiting();
            return Ok(());
        }
        if is_idle(head.stream, state) {
            return Err(protocol(
                Reason::PROTOCOL_ERROR,
                "WINDOW_UPDATE of no stream",
            ));
        }
        let Some(entry) = state.streams.get_mut(&head.stream) else {
            return self.noise();
        };
        if more == 0 {
            let what = "a window grows by nothing";
            return self.mistake(head.stream, Reason::PROTOCOL_ERROR, what, state);
        }
        entry.send_window += more;
        if entry.send_window > LARGEST_WINDOW {
            let what = "a window is too large";
            return self.mistake(head.stream, Reason::FLOW_CONTROL_ERROR, what, state);
        }
        if let Some(writer) = entry.writer.take() {
            writer.wake();
        }
        Ok(())
    }
}

/// The window of new streams; open ones change with it.
fn first_window(value: u32, state: &mut State) -> Result<()> {
    let value = i64::from(value);
    let too_large = || protocol(Reason::FLOW_CONTROL_ERROR, "a window is too large");
    if value > LARGEST_WINDOW {
        return Err(too_large());
    }
    let change = value - state.peer_window;
    state.peer_window = value;
    for entry in state.streams.values_mut() {
        entry.send_window += change;
        if entry.send_window > LARGEST_WINDOW {
            return Err(too_large());
        }
        if let Some(writer) = entry.writer.take() {
            writer.wake();
        }
    }
    Ok(())
}

/// The other side takes no new streams, and says which it has looked at.
pub(super) fn goaway(mut payload: Bytes, state: &mut State) -> Result<()> {
    if payload.len() < 8 {
        return Err(protocol(Reason::FRAME_SIZE_ERROR, "a bad GOAWAY"));
    }
    let last = payload.get_u32() & !(1 << 31);
    let reason = Reason(payload.get_u32());
    state.leaving = true;
    if state.role == Role::Client {
        for (id, entry) in &mut state.streams {
            if *id > last {
                entry.fail(StreamError::Unprocessed);
            }
        }
    }
    state.wake_waiting();
    if reason == Reason::NO_ERROR {
        Ok(())
    } else {
        Err(ConnectionError::GoAway(reason))
    }
}
