//! Adds addresses to a network interface, as `ip address add ADDRESS/32 dev eth0` does.
//!
//! Three kinds of message of rtnetlink(7) are all that is needed, so they are made here by hand
//! rather than by a package. A message is a header (netlink(7), `nlmsghdr`), a body (`ifaddrmsg`),
//! and attributes (`rtattr`), each padded to four bytes, all in the machine's byte order.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

// linux/rtnetlink.h
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
// linux/netlink.h
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_EXCL: u16 = 0x200;
// linux/if_addr.h: IFA_LOCAL is the address itself, IFA_ADDRESS the other end of a point-to-point
// link, and the same on any other link. IPv6 knows only the latter.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
// socket.h
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Lengths of `nlmsghdr`, `ifaddrmsg` and `rtattr`.
const HEADER: usize = 16;
const BODY: usize = 8;
const ATTRIBUTE: usize = 4;
/// The kernel fills dumps in portions of at most this.
const LARGEST: usize = 32 * 1024;

/// An interface of this network namespace.
#[derive(Debug)]
pub(super) struct Interface {
    socket: OwnedFd,
    index: u32,
}

impl Interface {
    /// The one with this name.
    pub(super) fn named(name: &str) -> io::Result<Self> {
        let socket = open()?;
        // Any socket will do for the question after the index, but not every family on each kernel.
        let any = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        let index = rustix::net::netdevice::name_to_index(&any, name)?;
        Ok(Self { socket, index })
    }

    /// The one that has this address.
    pub(super) fn holding(address: IpAddr) -> io::Result<Self> {
        let socket = open()?;
        send(
            &socket,
            &request(RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 0, 0, &[]),
        )?;
        let mut found = None;
        // The dump is read to its end, or the rest would be taken for the answer to what comes next.
        loop {
            let answer = receive(&socket)?;
            for message in messages(&answer) {
                match message.kind {
                    NLMSG_DONE => {
                        let missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
                        return found.map(|index| Self { socket, index }).ok_or(missing);
                    }
                    NLMSG_ERROR => error_of(message.payload)?,
                    RTM_NEWADDR if address_of(message.payload) == Some(address) => {
                        found = index_of(message.payload);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Adds an address; that it is there already is no error.
    pub(super) fn add(&self, address: IpAddr) -> io::Result<()> {
        match self.change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Removes an address; that it is not there is no error.
    pub(super) fn remove(&self, address: IpAddr) -> io::Result<()> {
        match self.change(RTM_DELADDR, 0, address) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(()),
            result => result,
        }
    }

    /// The kernel answers before `send` returns, so waiting for the answer waits for nothing.
    fn change(&self, kind: u16, flags: u16, address: IpAddr) -> io::Result<()> {
        let (family, bytes) = match address {
            IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
            IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
        };
        let whole = u8::try_from(bytes.len() * 8).unwrap_or(u8::MAX);
        let attributes = [(IFA_LOCAL, &bytes[..]), (IFA_ADDRESS, &bytes[..])];
        let flags = flags | NLM_F_ACK;
        let request = request(kind, flags, family, whole, self.index, &attributes);
        send(&self.socket, &request)?;
        let answer = receive(&self.socket)?;
        let error = messages(&answer).find(|message| message.kind == NLMSG_ERROR);
        error_of(error.ok_or(io::ErrorKind::InvalidData)?.payload)
    }
}

fn open() -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE, which is number 0.
        None,
    )?;
    Ok(socket)
}

fn send(socket: &OwnedFd, message: &[u8]) -> io::Result<()> {
    // Port 0 is the kernel.
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(socket, message, SendFlags::empty(), &kernel)?;
    Ok(())
}

fn receive(socket: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; LARGEST];
    let (length, _) = rustix::net::recv(socket, &mut answer[..], RecvFlags::empty())?;
    answer.truncate(length);
    Ok(answer)
}

/// A message about an address.
fn request(
    kind: u16,
    flags: u16,
    family: u8,
    prefix: u8,
    interface: u32,
    attributes: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend(0u32.to_ne_bytes()); // the length, below
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    message.extend(1u32.to_ne_bytes()); // sequence: one request at a time
    message.extend(0u32.to_ne_bytes()); // port: the kernel knows the sender
    message.extend([family, prefix, 0, 0]); // no flags; scope 0 is the whole network
    message.extend(interface.to_ne_bytes());
    for (kind, data) in attributes {
        // An address is 4 or 16 bytes, so there is nothing to pad.
        let length = u16::try_from(ATTRIBUTE + data.len()).unwrap_or(u16::MAX);
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(*data);
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

/// One message out of what a `recv` gave.
#[derive(Debug, PartialEq, Eq)]
struct Received<'a> {
    kind: u16,
    payload: &'a [u8],
}

fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let payload = bytes.get(HEADER..length)?;
        let kind = u16_at(bytes, 4)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Received { kind, payload })
    })
}

/// The payload of `NLMSG_ERROR` begins with a negative errno, or zero where there was none.
fn error_of(payload: &[u8]) -> io::Result<()> {
    let code = u32_at(payload, 0).ok_or(io::ErrorKind::InvalidData)?;
    match code.cast_signed() {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
    }
}

fn index_of(payload: &[u8]) -> Option<u32> {
    u32_at(payload, 4)
}

fn address_of(payload: &[u8]) -> Option<IpAddr> {
    let mut rest = payload.get(BODY..)?;
    let mut found = None;
    while let Some(length) = u16_at(rest, 0).map(usize::from) {
        let Some(data) = rest.get(ATTRIBUTE..length) else {
            break;
        };
        let kind = u16_at(rest, 2)?;
        if kind == IFA_LOCAL || (kind == IFA_ADDRESS && found.is_none()) {
            found = match data.len() {
                4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            };
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: [u8; 4] = [10, 43, 0, 10];

    fn add_address() -> Vec<u8> {
        let attributes = [(IFA_LOCAL, &ADDRESS[..]), (IFA_ADDRESS, &ADDRESS[..])];
        request(RTM_NEWADDR, NLM_F_ACK, AF_INET, 32, 7, &attributes)
    }

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let message = add_address();
        assert_eq!(message.len(), HEADER + BODY + 2 * (ATTRIBUTE + 4));
        let read: Vec<_> = messages(&message).collect();
        let [Received { kind, payload }] = read[..] else {
            panic!("{read:?}");
        };
        assert_eq!(kind, RTM_NEWADDR);
        assert_eq!(index_of(payload), Some(7));
        assert_eq!(address_of(payload), Some(IpAddr::from(ADDRESS)));
    }

    #[test]
    fn cut_off_messages_are_no_messages() {
        let message = add_address();
        for length in 0..message.len() {
            assert_eq!(messages(&message[..length]).count(), 0, "{length}");
        }
        for length in 0..message.len() - HEADER {
            address_of(&message[HEADER..HEADER + length]);
        }
        // A length of zero must not be read for ever.
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(address_of(&[0; 64]), None);
    }

    #[test]
    fn the_interface_of_loopback_is_found_by_its_address() {
        let by_address = Interface::holding(IpAddr::from([127, 0, 0, 1])).unwrap();
        let by_name = Interface::named("lo").unwrap();
        assert_eq!(by_address.index, by_name.index);
        let nowhere = Interface::holding(IpAddr::from([192, 0, 2, 1])).unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
