//! Which interfaces to attach to, and the news that this may have changed.
//!
//! `auto` means loopback and the interfaces of the default routes, IPv4 and IPv6, of every routing
//! table; without any default route, every interface that is up and has an address. Interfaces
//! whose packets begin with something other than an Ethernet or IP header are left out.

use super::netlink;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, SockFlag, recv};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The name that stands for the rule above.
pub const AUTO: &str = "auto";

/// What a packet begins with at the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// An Ethernet header; loopback has one too.
    Ethernet,
    /// The IP header.
    Bare,
}

impl Header {
    /// By the kernel's hardware type.
    fn of(hardware: u16) -> Option<Self> {
        match hardware {
            // Ethernet, loopback.
            1 | 772 => Some(Self::Ethernet),
            // PPP, raw IP, IPIP, IP6IP6, SIT, none (tun, wireguard).
            512 | 519 | 768 | 769 | 776 | 0xfffe => Some(Self::Bare),
            _ => None,
        }
    }
}

/// An interface to attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What its packets begin with.
    pub header: Header,
}

/// An interface as the system lists it.
#[derive(Clone, Debug)]
struct Listed {
    index: u32,
    hardware: u16,
    up: bool,
    loopback: bool,
    addressed: bool,
}

/// The interfaces that exist and that `wanted` selects: names, or [`AUTO`].
pub fn select(wanted: &[String]) -> io::Result<Vec<Interface>> {
    Ok(choose(&list()?, &default_routes()?, wanted))
}

/// Names of the interfaces that are up and have an address but are not among these: those whose
/// packets no limit sees.
pub fn uncovered(covered: &[String]) -> io::Result<Vec<String>> {
    let is_covered = |name: &String| covered.contains(name);
    let listed = list()?.into_iter();
    let open = listed.filter(|(name, listed)| listed.up && listed.addressed && !is_covered(name));
    Ok(open.map(|(name, _)| name).collect())
}

/// Names of all interfaces.
pub fn names() -> io::Result<Vec<String>> {
    Ok(list()?.into_keys().collect())
}

/// The name of the interface with this number.
pub(super) fn name_of(index: u32) -> Option<String> {
    let listed = list().ok()?;
    listed.into_iter().find(|(_, one)| one.index == index).map(|(name, _)| name)
}

fn choose(
    listed: &BTreeMap<String, Listed>,
    default_routes: &BTreeSet<u32>,
    wanted: &[String],
) -> Vec<Interface> {
    let auto = wanted.iter().any(|name| name == AUTO);
    let has_default = listed.values().any(|one| default_routes.contains(&one.index));
    let is_auto = |one: &Listed| match has_default {
        true => one.up && (one.loopback || default_routes.contains(&one.index)),
        false => one.up && one.addressed,
    };
    let selected =
        listed.iter().filter(|(name, one)| wanted.contains(name) || auto && is_auto(one));
    let interface = |(name, one): (&String, &Listed)| {
        let header = Header::of(one.hardware)?;
        Some(Interface { index: one.index, name: name.clone(), header })
    };
    selected.filter_map(interface).collect()
}

const GET_LINK: u16 = 18;
const LINK_HEADER: usize = 16;
const NAME: u16 = 3;
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const GET_ADDRESS: u16 = 22;
const ADDRESS_HEADER: usize = 8;

/// All interfaces by name. Not by `getifaddrs`, which leaves out the links that have no hardware
/// address, such as tun and wireguard.
fn list() -> io::Result<BTreeMap<String, Listed>> {
    let mut listed = BTreeMap::new();
    netlink::dump(GET_LINK, &[0; LINK_HEADER], |body| listed.extend(link(body)))?;
    let mut addressed = BTreeSet::new();
    netlink::dump(GET_ADDRESS, &[0; ADDRESS_HEADER], |body| {
        addressed.extend(netlink::word(body, 4));
    })?;
    for one in listed.values_mut() {
        one.addressed = addressed.contains(&one.index);
    }
    Ok(listed)
}

fn link(body: &[u8]) -> Option<(String, Listed)> {
    let flags = netlink::word(body, 8)?;
    let name = netlink::attribute(body.get(LINK_HEADER..)?, NAME)?;
    let name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name));
    let listed = Listed {
        index: netlink::word(body, 4)?,
        hardware: netlink::half(body, 2)?,
        up: flags & UP != 0,
        loopback: flags & LOOPBACK != 0,
        addressed: false,
    };
    Some((name.into_owned(), listed))
}

const GET_ROUTE: u16 = 26;
const ROUTE_HEADER: usize = 12;
const UNICAST: u8 = 1;
const OUTPUT: u16 = 4;
const MULTIPATH: u16 = 9;

/// Indices of the interfaces that default routes lead to.
fn default_routes() -> io::Result<BTreeSet<u32>> {
    let mut indices = BTreeSet::new();
    netlink::dump(GET_ROUTE, &[0; ROUTE_HEADER], |body| {
        let Some((header, attributes)) = body.split_at_checked(ROUTE_HEADER) else { return };
        // The length of the destination prefix, and the kind of route.
        if header[1] == 0 && header[7] == UNICAST {
            indices.extend(outputs(attributes));
        }
    })?;
    Ok(indices)
}

/// The interfaces of one route: one, or one for each of its hops.
fn outputs(attributes: &[u8]) -> Vec<u32> {
    let single = netlink::attribute(attributes, OUTPUT).and_then(|body| netlink::word(body, 0));
    let mut hops = netlink::attribute(attributes, MULTIPATH).unwrap_or_default();
    let hops = std::iter::from_fn(|| {
        let length = usize::from(netlink::half(hops, 0)?).max(8);
        let index = netlink::word(hops, 4)?;
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(index)
    });
    single.into_iter().chain(hops).collect()
}

/// RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// Tells that interfaces, addresses or routes have changed, and not what: the caller selects anew.
#[derive(Debug)]
pub struct Watcher {
    socket: OwnedFd,
}

impl Watcher {
    /// Begins to listen, in the network namespace of the calling thread.
    pub fn new() -> io::Result<Self> {
        Ok(Self { socket: netlink::open(GROUPS, SockFlag::SOCK_NONBLOCK)? })
    }

    /// Waits for a change; false when the time is over before one.
    pub fn wait(&self, timeout: PollTimeout) -> io::Result<bool> {
        let mut descriptors = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, timeout)?;
        self.drain()
    }

    /// Reads all news that are there without waiting; whether there were any.
    pub fn drain(&self) -> io::Result<bool> {
        let mut buffer = [0; 8192];
        let mut changed = false;
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(nix::errno::Errno::EAGAIN) => return Ok(changed),
                // Too much news to keep is news.
                Ok(_) | Err(nix::errno::Errno::ENOBUFS) => changed = true,
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(rows: &[(&str, u32, u16, bool)]) -> BTreeMap<String, Listed> {
        let one = |&(name, index, hardware, addressed): &(&str, u32, u16, bool)| {
            let loopback = hardware == 772;
            (name.to_owned(), Listed { index, hardware, up: true, loopback, addressed })
        };
        rows.iter().map(one).collect()
    }

    fn check(defaults: &[u32], wanted: &[&str], expect: &[&str]) {
        let rows = [
            ("lo", 1, 772, true),
            ("eth0", 2, 1, true),
            ("eth1", 3, 1, true),
            ("wg0", 4, 0xfffe, true),
            ("idle", 5, 1, false),
            ("ib0", 6, 32, true),
        ];
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let chosen = choose(&listed(&rows), &defaults.iter().copied().collect(), &wanted);
        let names: Vec<&str> = chosen.iter().map(|interface| interface.name.as_str()).collect();
        assert_eq!(names, expect);
    }

    #[test]
    fn auto_and_names() {
        check(&[2], &["auto"], &["eth0", "lo"]);
        check(&[2, 4], &["auto"], &["eth0", "lo", "wg0"]);
        check(&[], &["auto"], &["eth0", "eth1", "lo", "wg0"]);
        check(&[6], &["auto"], &["lo"]);
        check(&[2], &["eth1", "gone"], &["eth1"]);
        check(&[2], &["auto", "idle"], &["eth0", "idle", "lo"]);
    }

    #[test]
    fn routes_with_one_hop_and_many() {
        let attribute = |kind: u16, body: &[u8]| {
            let length = u16::try_from(4 + body.len()).unwrap();
            [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), body].concat()
        };
        let hop = |index: u32| [&8u16.to_ne_bytes()[..], &[0, 0], &index.to_ne_bytes()].concat();
        assert_eq!(outputs(&attribute(OUTPUT, &7u32.to_ne_bytes())), [7]);
        assert_eq!(outputs(&attribute(MULTIPATH, &[hop(3), hop(9)].concat())), [3, 9]);
        assert!(outputs(&[]).is_empty());
    }

    #[test]
    fn this_host_has_loopback() {
        let names = names().unwrap();
        assert!(names.iter().any(|name| name == "lo"), "{names:?}");
    }
}
