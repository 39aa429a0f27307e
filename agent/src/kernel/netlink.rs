//! The few questions that only route netlink answers, and its news. Kernel to us only: the bytes are
//! the kernel's own, and still every length is checked.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    socket,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const HEADER: usize = 16;
const DUMP: u16 = 0x1 | 0x300;
const ACKNOWLEDGED: u16 = 0x1 | 0x4;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// What the kernel puts into one message of a dump, at most.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Messages of one dump that we look at; a router's full table has more, but not on its hosts.
const MESSAGES_MAX: usize = 1 << 20;

/// A socket that joined these multicast groups (a mask).
pub(super) fn open(groups: u32, flags: SockFlag) -> nix::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags | SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

/// Asks for all objects of a kind and hands each answer's body to `take`.
pub(super) fn dump(kind: u16, body: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let socket = open(0, SockFlag::empty())?;
    let request = message(kind, DUMP, body);
    sendto(socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut buffer = vec![0; RECEIVE_BYTES];
    for _ in 0..MESSAGES_MAX {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        if length == 0 || !messages(&buffer[..length], &mut take)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Asks for a change and waits until it is made.
pub(super) fn request(kind: u16, body: &[u8]) -> io::Result<()> {
    let socket = open(0, SockFlag::empty())?;
    let request = message(kind, ACKNOWLEDGED, body);
    sendto(socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut buffer = vec![0; RECEIVE_BYTES];
    let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    messages(&buffer[..length], &mut |_| {}).map(drop)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).expect("requests are a few bytes");
    let mut request = Vec::with_capacity(HEADER + body.len());
    request.extend(length.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    // Sequence number and sender: one request per socket needs neither.
    request.extend([0; 8]);
    request.extend(body);
    request
}

/// Walks the messages of one datagram; false after the last of the dump.
fn messages(mut bytes: &[u8], take: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while let Some(length) = word(bytes, 0).map(|length| length as usize) {
        if length < HEADER || length > bytes.len() {
            break;
        }
        let body = &bytes[HEADER..length];
        match half(bytes, 4).unwrap_or(DONE) {
            DONE => return Ok(false),
            ERROR => return error(body).map(|()| false),
            _ => take(body),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

fn error(body: &[u8]) -> io::Result<()> {
    match word(body, 0).map_or(0, u32::cast_signed) {
        0 => Ok(()),
        code => Err(Errno::from_raw(code.saturating_neg()).into()),
    }
}

/// The attributes of a message or of another attribute: kinds and bodies.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes, 0)?);
        // The two highest bits say how the body is written.
        let kind = half(bytes, 2)? & 0x3fff;
        let body = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The body of the first attribute of a kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|attribute| attribute.0 == kind).map(|attribute| attribute.1)
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_end_where_bytes_do() {
        let mut bytes = vec![6, 0, 1, 0, 7, 8, 0, 0, 5, 0, 2, 0x80, 9];
        let read: Vec<_> = attributes(&bytes).collect();
        assert_eq!(read, [(1, &[7, 8][..]), (2, &[9][..])]);
        bytes[8] = 200;
        assert_eq!(attributes(&bytes).count(), 1);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
    }

    #[test]
    fn errors_and_ends() {
        let message = |kind: u16, body: &[u8]| {
            let mut bytes = super::message(kind, DUMP, body);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let mut seen = Vec::new();
        let mut bytes = message(16, &[1, 2, 3]);
        bytes.extend(message(16, &[4]));
        assert!(messages(&bytes, &mut |body| seen.push(body.to_vec())).unwrap());
        bytes.extend(message(DONE, &[0; 4]));
        assert!(!messages(&bytes, &mut |_| {}).unwrap());
        let refused = message(ERROR, &(-1i32).to_ne_bytes());
        assert_eq!(messages(&refused, &mut |_| {}).unwrap_err().raw_os_error(), Some(1));
        assert_eq!(seen, [vec![1, 2, 3], vec![4]]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = messages(&bytes, &mut |body| attributes(body).for_each(drop));
            attributes(&bytes).for_each(drop);
        }
    }
}
