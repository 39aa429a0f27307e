//! What outlives a keeper, what a new one takes over without a gap, and what is gone in the end.

use super::lab::{HOST, command, exists, interface, ip, limit, run, wire};
use medulla_agent::kernel::interfaces::{AUTO, Header, Watcher, select, uncovered};
use medulla_agent::kernel::maps::{Maps, Sampling};
use medulla_agent::kernel::session::Session;
use medulla_agent::kernel::{LimitTable, Protocol, foreign, probe};
use nix::poll::PollTimeout;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn nothing_slips_by_while_sessions_come_and_go() {
    nothing_slips_by(|session| session);
}

#[test]
fn nothing_slips_by_on_the_classic_hook() {
    nothing_slips_by(Session::classic);
}

fn nothing_slips_by(hook: fn(Session) -> Session) {
    run(move |lab| {
        let open = || {
            let (session, maps) = lab.open();
            (hook(session), maps)
        };
        let (mut session, mut maps) = open();
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let peer = lab.peer(move || {
            let socket = UdpSocket::bind("10.77.0.2:0").unwrap();
            while !told.load(Ordering::Relaxed) {
                let delivered = socket.send_to(&[1], (HOST, PORT)).is_ok();
                count.fetch_add(delivered.into(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        session.attach(&wire()).unwrap();
        let target = limit(Protocol::Udp, PORT, 1, 1);
        maps.write(&target, MINUTE, true).unwrap();
        drop(maps);
        let socket = UdpSocket::bind((HOST, PORT)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let begun = Instant::now();
        for _ in 0..50 {
            drop(session);
            (session, maps) = open();
            session.attach(&wire()).unwrap();
            // Adopted as it was written.
            let written = maps.written().unwrap();
            assert_eq!(written.iter().map(|one| one.limit).collect::<Vec<_>>(), [target]);
        }
        stop.store(true, Ordering::Relaxed);
        peer.join().unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count() as u64;
        let allowed = 2 + begun.elapsed().as_secs();
        let sent = sent.load(Ordering::Relaxed);
        println!("50 sessions, {sent} packets sent, {received} received, {allowed} allowed");
        assert!(sent > 1000 && received <= allowed, "{received} of {allowed}");
        session.unpin().unwrap();
        assert!(!exists(&lab.bpf_dir));
    });
}

#[test]
fn links_follow_interfaces_that_come_and_go() {
    run(|lab| {
        let (mut session, _) = lab.open();
        let auto = [AUTO.to_owned()];
        let watcher = Watcher::new().unwrap();
        assert!(!watcher.drain().unwrap());
        ip("link add d0 index 77 type veth");
        ip("address add 10.9.0.1/24 dev d0");
        ip("link set d0 up");
        assert!(watcher.wait(PollTimeout::from(2000_u16)).unwrap());
        let names = |wanted: &[String]| -> Vec<String> {
            select(wanted).unwrap().into_iter().map(|interface| interface.name).collect()
        };
        // No default route: everything with an address. Then one, over the first.
        ip("link add d1 type veth");
        ip("address add 10.8.0.1/24 dev d1");
        ip("link set d1 up");
        assert_eq!(names(&auto), ["d0", "d1", "lo"]);
        ip("route add default via 10.9.0.7");
        assert_eq!(names(&auto), ["d0", "lo"]);
        ip("-6 address add fd09::1/64 dev d1 nodad");
        ip("-6 route add default via fd09::7 table 99");
        assert_eq!(names(&auto), ["d0", "d1", "lo"]);
        assert!(session.follow(&select(&auto).unwrap()).is_empty());
        assert_eq!(session.attached().len(), 3);
        assert!(exists(&lab.links().join("77_in")));
        // Another interface under the number of one that is gone.
        ip("link del d0");
        ip("link add d2 index 77 type veth");
        ip("address add 10.9.0.1/24 dev d2");
        ip("link set d2 up");
        session.attach(&interface("d2")).unwrap();
        assert!(foreign::programs(&[interface("d2"), interface("lo")]).is_empty());
        ip("link del d2");
        assert!(session.follow(&[interface("lo")]).is_empty());
        assert_eq!(session.attached().into_iter().collect::<Vec<_>>(), [1]);
        session.unpin().unwrap();
    });
}

#[test]
fn the_classic_hook_follows_interfaces_and_leaves_nothing() {
    run(|lab| {
        let mut session = lab.open().0.classic();
        ip("link add d0 index 77 type veth");
        command("tc", "qdisc add dev lo clsact");
        let (lo, d0) = (interface("lo"), interface("d0"));
        assert!(session.follow(&[lo.clone(), d0.clone()]).is_empty());
        let both =
            ["d0 clsact egress", "d0 clsact ingress", "lo clsact egress", "lo clsact ingress"];
        assert_eq!(foreign::hooks_in_use(&[lo.clone(), d0.clone()]), both);
        // A later keeper finds them, and another interface under the number of one that is gone.
        drop(session);
        let mut session = lab.open().0.classic();
        assert_eq!(session.attached().into_iter().collect::<Vec<_>>(), [1, 77]);
        ip("link del d0");
        ip("link add d2 index 77 type veth");
        session.attach(&interface("d2")).unwrap();
        assert!(session.follow(std::slice::from_ref(&lo)).is_empty());
        assert_eq!(session.attached().into_iter().collect::<Vec<_>>(), [1]);
        assert!(!qdiscs("d2").contains("clsact"));
        session.unpin().unwrap();
        assert!(foreign::hooks_in_use(std::slice::from_ref(&lo)).is_empty());
        // It was there before us.
        assert!(qdiscs("lo").contains("clsact"));
    });
}

fn qdiscs(interface: &str) -> String {
    let output = Command::new("tc").args(["qdisc", "show", "dev", interface]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn foreign_programs_and_bare_links_are_seen() {
    run(|_| {
        let lo = interface("lo");
        assert!(foreign::programs(std::slice::from_ref(&lo)).is_empty());
        command("tc", "qdisc add dev lo clsact");
        command("tc", "filter add dev lo ingress u32 match u32 0 0 flowid 1:1");
        let found = foreign::programs(std::slice::from_ref(&lo));
        let shown: Vec<_> = found.iter().map(|one| (one.hook, one.name.as_str())).collect();
        assert_eq!(shown, [("clsact ingress", "u32")]);
        ip("tuntap add dev t0 mode tun");
        assert_eq!(interface("t0").header, Header::Bare);
        assert_eq!(lo.header, Header::Ethernet);
        ip("address add 10.9.0.1/24 dev t0");
        ip("link set t0 up");
        assert_eq!(uncovered(&["lo".to_owned()]).unwrap(), ["t0"]);
    });
}

const HANDED: &str = "MEDULLA_TEST_HANDED";

/// The agent's half of the next test: this program again, as nobody.
#[test]
fn as_nobody() {
    let Ok(handed) = std::env::var(HANDED) else { return };
    // SAFETY: the descriptors were handed to this process for nobody else.
    let own = |number: &str| unsafe { OwnedFd::from_raw_fd(number.parse().unwrap()) };
    let mut maps = Maps::from_fds(handed.split(',').map(own).collect()).unwrap();
    assert_ne!(nix::unistd::geteuid().as_raw(), 0);
    let limit = limit(Protocol::Tcp, PORT, 100, 10);
    maps.write(&limit, MINUTE, true).unwrap();
    maps.watch(PORT, Sampling::default()).unwrap();
    assert_eq!(maps.verdicts(limit.target).unwrap().passed, 0);
    assert_eq!(maps.read_latency(PORT).unwrap().unwrap().requests, 0);
    maps.set_kill(true).unwrap();
}

#[test]
fn maps_need_no_privilege_once_handed_over() {
    run(|lab| {
        let (session, maps) = lab.open();
        drop(maps);
        let handed = session.map_fds().unwrap();
        for descriptor in &handed {
            nix::fcntl::fcntl(descriptor, nix::fcntl::F_SETFD(nix::fcntl::FdFlag::empty()))
                .unwrap();
        }
        let numbers: Vec<_> = handed.iter().map(|one| one.as_raw_fd().to_string()).collect();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["pins::as_nobody", "--exact"]).env(HANDED, numbers.join(","));
        let output = child.uid(65534).gid(65534).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let maps = Maps::from_fds(handed).unwrap();
        let limit = limit(Protocol::Tcp, PORT, 100, 10);
        assert_eq!(maps.read(limit.target).unwrap().unwrap().limit, limit);
        assert!(maps.is_killed().unwrap());
        assert_eq!(maps.watched().collect::<Vec<_>>(), [PORT]);
        session.unpin().unwrap();
    });
}

#[test]
fn every_feature_of_this_kernel_is_found() {
    run(|lab| {
        for feature in probe::features(&lab.bpf_dir) {
            println!("{}: {} ({})", feature.name, feature.available, feature.detail);
            assert!(feature.available, "{feature:?}");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(Session::open(elsewhere.path()).is_err());
        let found = probe::features(elsewhere.path());
        let missing: Vec<_> = found.iter().filter(|feature| !feature.available).collect();
        assert_eq!(missing.iter().map(|feature| feature.name).collect::<Vec<_>>(), ["bpffs"]);
    });
}
