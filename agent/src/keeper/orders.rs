//! The fixed-size messages between keeper and agent, and their socketpair.
//!
//! Everything either side can say fits in [`BYTES`]; the keeper reads nothing else from anywhere,
//! and a message it does not know ends the connection. Map descriptors travel as ancillary data of
//! [`Report::Ready`].

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

/// Size of every message.
pub const BYTES: usize = 256;
/// Longest name of an interface, without the final zero (IFNAMSIZ - 1).
pub const NAME_BYTES: usize = 15;
/// Most descriptors that come with one message.
const MAX_DESCRIPTORS: usize = 16;

/// What the agent asks of the keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Follow the interface of this name; may be said several times before `Attach`.
    Follow(String),
    /// Follow the interfaces that `auto` stands for.
    FollowAuto,
    /// Load the programs and attach them; answered by `Ready` or `Failed`.
    Attach,
}

/// What the keeper tells the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The programs stand; the maps' descriptors come along.
    Ready,
    /// They do not, and why, in at most `BYTES - 2` bytes.
    Failed(String),
    /// An interface is covered.
    Attached(String),
    /// An interface is gone.
    Detached(String),
}

const FOLLOW: u8 = 1;
const FOLLOW_AUTO: u8 = 2;
const ATTACH: u8 = 3;
const READY: u8 = 17;
const FAILED: u8 = 18;
const ATTACHED: u8 = 19;
const DETACHED: u8 = 20;

impl Order {
    /// The message as bytes.
    pub fn encode(&self) -> [u8; BYTES] {
        match self {
            Self::Follow(name) => message(FOLLOW, name),
            Self::FollowAuto => message(FOLLOW_AUTO, ""),
            Self::Attach => message(ATTACH, ""),
        }
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (FOLLOW, name) if is_name(&name) => Some(Self::Follow(name)),
            (FOLLOW_AUTO, _) => Some(Self::FollowAuto),
            (ATTACH, _) => Some(Self::Attach),
            _ => None,
        }
    }
}

impl Report {
    /// The message as bytes.
    pub fn encode(&self) -> [u8; BYTES] {
        match self {
            Self::Ready => message(READY, ""),
            Self::Failed(text) => message(FAILED, text),
            Self::Attached(name) => message(ATTACHED, name),
            Self::Detached(name) => message(DETACHED, name),
        }
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (READY, _) => Some(Self::Ready),
            (FAILED, text) => Some(Self::Failed(text)),
            (ATTACHED, name) => Some(Self::Attached(name)),
            (DETACHED, name) => Some(Self::Detached(name)),
            _ => None,
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(['/', ' ', '\0'])
}

/// Tag, length, text; a longer text is cut at a character.
fn message(tag: u8, text: &str) -> [u8; BYTES] {
    let mut end = text.len().min(BYTES - 2);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = [0; BYTES];
    bytes[0] = tag;
    bytes[1] = u8::try_from(end).expect("a text has less than 255 bytes");
    bytes[2..2 + end].copy_from_slice(&text.as_bytes()[..end]);
    bytes
}

fn parts(bytes: &[u8]) -> Option<(u8, String)> {
    let [tag, length, text @ ..] = bytes else { return None };
    let text = text.get(..usize::from(*length))?;
    (bytes.len() == BYTES).then(|| (*tag, String::from_utf8_lossy(text).into_owned()))
}

/// The two ends: keeper's and agent's. Neither survives an exec unless handed on on purpose.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?)
}

/// Sends a message with descriptors.
pub fn send(socket: &impl AsFd, bytes: &[u8; BYTES], descriptors: &[RawFd]) -> io::Result<()> {
    let slices = [IoSlice::new(bytes)];
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &slices, rights, flags, None)?;
    Ok(())
}

/// Receives a message and what came with it; zero bytes mean that the other side is gone.
pub fn receive(socket: &impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = [0; BYTES];
    let mut space = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let fd = socket.as_fd().as_raw_fd();
    let received = recvmsg::<()>(fd, &mut slices, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = message {
            // SAFETY: the kernel made these descriptors for this call and nobody else knows them.
            descriptors.extend(numbers.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let length = received.bytes;
    Ok((bytes[..length].to_vec(), descriptors))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_and_names_are_checked() {
        for order in [Order::Follow("eth0".into()), Order::FollowAuto, Order::Attach] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        for name in ["", "a/b", "sixteen-bytes-xx", "a b"] {
            assert_eq!(Order::decode(&Order::Follow(name.into()).encode()), None, "{name}");
        }
        let long = "\u{e4}".repeat(200);
        let Some(Report::Failed(text)) = Report::decode(&Report::Failed(long).encode()) else {
            panic!("a long text is cut, not lost");
        };
        assert_eq!(text, "\u{e4}".repeat(127));
    }

    #[test]
    fn descriptors_travel() {
        let (ours, theirs) = pair().expect("a socketpair");
        let (carried, other) = pair().expect("a socketpair");
        send(&ours, &Report::Ready.encode(), &[carried.as_raw_fd()]).expect("sent");
        drop(carried);
        let (bytes, descriptors) = receive(&theirs).expect("received");
        assert_eq!(Report::decode(&bytes), Some(Report::Ready));
        send(&descriptors[0], &Order::Attach.encode(), &[]).expect("the descriptor works");
        let (bytes, none) = receive(&other).expect("received");
        assert_eq!((Order::decode(&bytes), none.len()), (Some(Order::Attach), 0));
        drop(ours);
        assert!(receive(&theirs).expect("an end is no error").0.is_empty());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Order::decode(&bytes);
            let _ = Report::decode(&bytes);
        }
    }
}
