//! The fixed-size messages between keeper and agent, and their socketpair.
//!
//! Everything either side can say fits in [`BYTES`]; the keeper reads nothing else from anywhere,
//! and a message it does not know ends the connection. Map descriptors travel as ancillary data of
//! [`Report::Ready`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::{descriptors, protected};

/// Size of every message.
pub const BYTES: usize = 256;
/// Longest name of an interface, without the final zero (IFNAMSIZ - 1).
pub const NAME_BYTES: usize = 15;
/// Longest name of what is to be restarted.
pub const TEXT_BYTES: usize = 200;
/// Longest path of a socket (sun_path, unix(7)).
pub const SOCKET_BYTES: usize = 107;
/// Longest path and label of a container together.
pub const CONTAINER_BYTES: usize = 240;
/// Longest label selector.
pub const SELECTOR_BYTES: usize = 170;
/// How long an investigation lasts that nobody prolongs.
pub const INVESTIGATION: std::time::Duration = std::time::Duration::from_secs(15);

/// What the agent asks of the keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Follow the interface of this name; may be said several times before `Attach`.
    Follow(String),
    /// Follow the interfaces that `auto` stands for.
    FollowAuto,
    /// Load the programs and attach them; answered by `Ready` or `Failed`.
    Attach,
    /// Time how long tasks wait for a CPU, for [`INVESTIGATION`].
    Investigate,
    /// Leave this alone in the next restart: an entry of `reflex.protected`; may be said several times before it.
    Protect(String),
    /// Restart a systemd unit; answered by `Answered`.
    RestartUnit {
        /// Which answer is meant.
        id: u16,
        /// The unit.
        unit: String,
    },
    /// Restart the one container with this label; answered by `Answered`.
    RestartContainer {
        /// Which answer is meant.
        id: u16,
        /// Seconds that it may take to stop.
        grace_s: u8,
        /// The runtime's socket.
        socket: String,
        /// Labels: `key=value`, several with commas.
        label: String,
    },
    /// Restart the one pod of this node that a selector finds; answered by `Answered`.
    RestartPod {
        /// Which answer is meant.
        id: u16,
        /// Seconds that it may take to stop.
        grace_s: u8,
        /// Its namespace.
        namespace: String,
        /// A label selector, as Kubernetes reads it.
        selector: String,
    },
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
    /// What became of the order with this id.
    Answered(u16, Answer),
    /// A socket of the agent before, which comes along, and whose it was.
    Inherited(String),
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Something runs anew, and what.
    Done(String),
    /// It does not, and why.
    Failed(String),
    /// It was not tried, and why.
    Refused(String),
}

const FOLLOW: u8 = 1;
const FOLLOW_AUTO: u8 = 2;
const ATTACH: u8 = 3;
const INVESTIGATE: u8 = 4;
const PROTECT: u8 = 31;
const READY: u8 = 17;
const FAILED: u8 = 18;
const ATTACHED: u8 = 19;
const DETACHED: u8 = 20;
const RESTART_UNIT: u8 = 32;
const RESTART_CONTAINER: u8 = 33;
const RESTART_POD: u8 = 34;
const INHERITED: u8 = 21;
const DONE: u8 = 48;
const NOT_DONE: u8 = 49;
const REFUSED: u8 = 50;

impl Order {
    /// The message as bytes.
    pub fn encode(&self) -> [u8; BYTES] {
        match self {
            Self::Follow(name) => message(FOLLOW, name),
            Self::FollowAuto => message(FOLLOW_AUTO, ""),
            Self::Attach => message(ATTACH, ""),
            Self::Investigate => message(INVESTIGATE, ""),
            Self::Protect(entry) => message(PROTECT, entry),
            Self::RestartUnit { id, unit } => numbered(RESTART_UNIT, *id, unit),
            Self::RestartContainer { id, grace_s, socket, label } => {
                numbered(RESTART_CONTAINER, *id, &format!("{grace_s} {socket} {label}"))
            }
            Self::RestartPod { id, grace_s, namespace, selector } => {
                numbered(RESTART_POD, *id, &format!("{grace_s} {namespace} {selector}"))
            }
        }
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (FOLLOW, name) if is_name(&name) => Some(Self::Follow(name)),
            (FOLLOW_AUTO, _) => Some(Self::FollowAuto),
            (ATTACH, _) => Some(Self::Attach),
            (INVESTIGATE, _) => Some(Self::Investigate),
            (PROTECT, entry) if protected::is_entry(&entry) => Some(Self::Protect(entry)),
            (RESTART_UNIT, text) => {
                let (id, unit) = number(&text)?;
                is_unit(unit).then(|| Self::RestartUnit { id, unit: unit.to_owned() })
            }
            (RESTART_CONTAINER, text) => container(&text),
            (RESTART_POD, text) => pod(&text),
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
            Self::Inherited(owner) => message(INHERITED, owner),
            Self::Answered(id, Answer::Done(text)) => numbered(DONE, *id, text),
            Self::Answered(id, Answer::Failed(text)) => numbered(NOT_DONE, *id, text),
            Self::Answered(id, Answer::Refused(text)) => numbered(REFUSED, *id, text),
        }
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (READY, _) => Some(Self::Ready),
            (FAILED, text) => Some(Self::Failed(text)),
            (ATTACHED, name) => Some(Self::Attached(name)),
            (DETACHED, name) => Some(Self::Detached(name)),
            (INHERITED, owner) => Some(Self::Inherited(owner)),
            (DONE, text) => answered(&text, Answer::Done),
            (NOT_DONE, text) => answered(&text, Answer::Failed),
            (REFUSED, text) => answered(&text, Answer::Refused),
            _ => None,
        }
    }
}

fn answered(text: &str, answer: impl Fn(String) -> Answer) -> Option<Report> {
    let (id, text) = number(text)?;
    Some(Report::Answered(id, answer(text.to_owned())))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(['/', ' ', '\0'])
}

/// Whether a text is the full name of a systemd unit.
pub fn is_unit(name: &str) -> bool {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte);
    let kinds = [".service", ".socket", ".scope", ".target", ".timer", ".path", ".mount"];
    name.len() <= TEXT_BYTES
        && !name.starts_with(['-', '.'])
        && name.bytes().all(usable)
        && kinds.iter().any(|kind| name.ends_with(kind))
}

/// Whether a text is one label, `key=value`, or several with commas.
pub fn is_label(text: &str) -> bool {
    let is_pair = |pair: &str| {
        let parts = pair.split_once('=');
        parts.is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
    };
    text.split(',').all(is_pair) && !text.contains(char::is_control)
}

/// Whether a text is the path of a socket.
pub fn is_socket(path: &str) -> bool {
    path.starts_with('/') && path.len() <= SOCKET_BYTES && !path.contains([' ', '\0'])
}

/// Whether a text is the name of a namespace: a label of DNS.
pub fn is_namespace(name: &str) -> bool {
    let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(usable)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Whether a text can be a label selector; the API server says what it makes of it.
pub fn is_selector(text: &str) -> bool {
    let usable = |c: char| c.is_ascii_alphanumeric() || "=!,-_./() ".contains(c);
    !text.trim().is_empty() && text.len() <= SELECTOR_BYTES && text.chars().all(usable)
}

fn pod(text: &str) -> Option<Order> {
    let (id, text) = number(text)?;
    let (grace_s, text) = text.split_once(' ')?;
    let (namespace, selector) = text.split_once(' ')?;
    let grace_s = grace_s.parse().ok()?;
    let usable = is_namespace(namespace) && is_selector(selector);
    let (namespace, selector) = (namespace.to_owned(), selector.to_owned());
    usable.then_some(Order::RestartPod { id, grace_s, namespace, selector })
}

fn container(text: &str) -> Option<Order> {
    let (id, text) = number(text)?;
    let (grace_s, text) = text.split_once(' ')?;
    let (socket, label) = text.split_once(' ')?;
    let grace_s = grace_s.parse().ok()?;
    let fits = socket.len() + label.len() <= CONTAINER_BYTES;
    let usable = fits && is_socket(socket) && is_label(label);
    let (socket, label) = (socket.to_owned(), label.to_owned());
    usable.then_some(Order::RestartContainer { id, grace_s, socket, label })
}

/// A message that begins with a number.
fn numbered(tag: u8, id: u16, text: &str) -> [u8; BYTES] {
    message(tag, &format!("{id:05} {text}"))
}

fn number(text: &str) -> Option<(u16, &str)> {
    let (id, text) = text.split_once(' ')?;
    Some((id.parse().ok()?, text))
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
pub fn send(
    socket: &impl AsFd,
    bytes: &[u8; BYTES],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    // A message of a sequenced socket goes whole or not at all.
    descriptors::send(socket, bytes, descriptors).map(drop)
}

/// Receives a message and what came with it; zero bytes mean that the other side is gone.
pub fn receive(socket: &impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = [0; BYTES];
    let (length, descriptors) = descriptors::receive(socket, &mut bytes)?;
    Ok((bytes[..length].to_vec(), descriptors))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_and_names_are_checked() {
        for order in
            [Order::Follow("eth0".into()), Order::FollowAuto, Order::Attach, Order::Investigate]
        {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        for name in ["", "a/b", "sixteen-bytes-xx", "a b"] {
            assert_eq!(Order::decode(&Order::Follow(name.into()).encode()), None, "{name}");
        }
        let at = |socket: &str, label: &str| {
            let (socket, label) = (socket.to_owned(), label.to_owned());
            Order::RestartContainer { id: 65_535, grace_s: 255, socket, label }
        };
        let label = |label: &str| at("/run/c.sock", label);
        let (far, long) = ("/".repeat(SOCKET_BYTES), "=".repeat(CONTAINER_BYTES - SOCKET_BYTES));
        let unit = |unit: &str| Order::RestartUnit { id: 65_535, unit: unit.to_owned() };
        for order in [label("app=checkout"), label("app=b c=d,e=f"), unit("shop@1.service")] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        for entry in ["cgroup=/shop", "process=db"] {
            let order = Order::Protect(entry.to_owned());
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        assert_eq!(Order::decode(&Order::Protect("all".to_owned()).encode()), None);
        let longest = at(&far, &long.replacen("==", "a=", 1));
        assert_eq!(Order::decode(&longest.encode()), Some(longest));
        for order in [label("app="), label("app"), label("a=b,"), at("c.sock", "a=b")] {
            assert_eq!(Order::decode(&order.encode()), None, "{order:?}");
        }
        for order in [unit("shop"), unit("--force.service"), unit("a b.service")] {
            assert_eq!(Order::decode(&order.encode()), None, "{order:?}");
        }
        for answer in [Answer::Done, Answer::Failed, Answer::Refused] {
            let report = Report::Answered(3, answer("container 12ab".to_owned()));
            assert_eq!(Report::decode(&report.encode()), Some(report));
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
        send(&ours, &Report::Ready.encode(), &[carried.as_fd()]).expect("sent");
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
        fn what_is_read_survives_writing(
            tag in 0u8..64,
            length in any::<u8>(),
            start in "[a-z=]{0,8}[0-9]{0,5} ?[0-9]{0,3} ?/?",
            end in proptest::collection::vec(any::<u8>(), 0..250),
        ) {
            let mut bytes = [0; BYTES];
            let text = [start.as_bytes(), &end].concat();
            let count = text.len().min(BYTES - 2);
            (bytes[0], bytes[1]) = (tag, length);
            bytes[2..2 + count].copy_from_slice(&text[..count]);
            if let Some(order) = Order::decode(&bytes) {
                prop_assert_eq!(Order::decode(&order.encode()), Some(order));
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(order) = Order::decode(&bytes) {
                prop_assert_eq!(Order::decode(&order.encode()), Some(order));
            }
            let _ = Report::decode(&bytes);
        }
    }
}
