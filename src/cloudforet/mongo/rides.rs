//! Which connection a command rode on.
//!
//! The driver says which of its connections it takes for a command, by number, inside the task that
//! asked; it does not say that connection's address. On Linux the kernel does: of this process's
//! connections to the store, the youngest that has no number yet is the one that has just become
//! ready, for the pool opens them one at a time. Elsewhere spans of commands have no `outbound`.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;

use crate::model::SocketPair;

tokio::task_local! {
    static TAKEN: Cell<Option<u32>>;
}

/// State of an established connection in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// The numbered connections of a pool.
#[derive(Debug)]
pub(super) struct Rides {
    store: SocketAddr,
    // A std mutex: held for a look-up or an insert, never across an await.
    pairs: Mutex<HashMap<u32, SocketPair>>,
}

/// Runs a command and says which connection it took.
pub(super) async fn observe<F: Future>(command: F) -> (F::Output, Option<u32>) {
    TAKEN
        .scope(Cell::new(None), async {
            let output = command.await;
            (output, TAKEN.with(Cell::get))
        })
        .await
}

impl Rides {
    pub(super) fn to(store: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            store,
            pairs: Mutex::default(),
        })
    }

    /// Listens to the driver.
    pub(super) fn handler(self: &Arc<Self>) -> EventHandler<CmapEvent> {
        let rides = Arc::clone(self);
        EventHandler::callback(move |event| match event {
            CmapEvent::ConnectionReady(ready) => rides.ready(ready.connection_id),
            CmapEvent::ConnectionClosed(closed) => rides.closed(closed.connection_id),
            CmapEvent::ConnectionCheckedOut(taken) => {
                // An error means that nobody wants to know.
                let _ = TAKEN.try_with(|number| number.set(Some(taken.connection_id)));
            }
            _ => {}
        })
    }

    pub(super) fn pair(&self, number: Option<u32>) -> Option<SocketPair> {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.get(&number?).copied()
    }

    fn ready(&self, number: u32) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let known: HashSet<_> = pairs.values().map(|pair| pair.local).collect();
        if let Some(local) = youngest(self.store, &known) {
            let remote = self.store;
            pairs.insert(number, SocketPair { local, remote });
        }
    }

    fn closed(&self, number: u32) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.remove(&number);
    }
}

/// The local address of this process's youngest connection to `store` that is not `known`. Inode
/// numbers of sockets count up.
fn youngest(store: SocketAddr, known: &HashSet<SocketAddr>) -> Option<SocketAddr> {
    let ours: HashSet<u64> = fs::read_dir("/proc/self/fd")
        .ok()?
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect();
    fs::read_to_string("/proc/self/net/tcp")
        .ok()?
        .lines()
        .filter_map(parse)
        .filter(|(local, remote, inode)| {
            *remote == store && ours.contains(inode) && !known.contains(local)
        })
        .max_by_key(|(_, _, inode)| *inode)
        .map(|(local, _, _)| local)
}

/// Local and remote address and inode of an established connection.
fn parse(line: &str) -> Option<(SocketAddr, SocketAddr, u64)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    if fields.next()? != ESTABLISHED {
        return None;
    }
    // Queues, timer, retransmits, user and timeout are in between.
    Some((local, remote, fields.nth(5)?.parse().ok()?))
}

/// `0100007F:1F90` → 127.0.0.1:8080: the address is in the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let host = u32::from_str_radix(host, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::from(host.to_ne_bytes()), port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = "   1: 0100007F:9C4A 0100007F:1F90 01 00000000:00000000 02:00000B1E 00000000  1000        0 31337 2 0 20 4 30 10 -1";
        if cfg!(target_endian = "little") {
            assert_eq!(
                parse(line),
                Some((
                    SocketAddr::from(([127, 0, 0, 1], 40010)),
                    SocketAddr::from(([127, 0, 0, 1], 8080)),
                    31337
                ))
            );
        }
        assert_eq!(parse(&line.replace(" 01 ", " 06 ")), None);
        assert_eq!(parse("  sl  local_address rem_address   st"), None);
    }
}
