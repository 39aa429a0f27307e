//! A host of its own for one test: network and mount namespaces, a file system for pins, and a wire
//! to a peer.
//!
//! [`run`] moves the calling test into them by a thread of its own; what is started there, threads
//! and processes, is born there. Nothing has a name outside, so all of it is gone with the last
//! process, also when a test fails. Hosts exist one at a time: their tests measure.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread::JoinHandle;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::Medulla;
use crate::medulla::Rights;

/// The host's end of the wire.
pub const WIRE: &str = "m0";
/// The host's address on the wire.
pub const IPV4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The same for IPv6.
pub const IPV6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);

static TURN: Mutex<()> = Mutex::new(());

/// The host under test; the thread that holds it is in it.
pub struct Host {
    peer: Namespace,
    runtime: tokio::runtime::Runtime,
    folder: TempDir,
}

/// A network namespace, kept alive by this.
pub struct Namespace(File);

/// Runs a test on a host of its own, or says why it cannot.
///
/// # Panics
/// When the test does.
pub fn run(test: impl FnOnce(&Host) + Send + 'static) {
    if !geteuid().is_root() {
        println!("skipped: namespaces and kernel programs need root");
        return;
    }
    let doctor = Medulla::command("medulla-agent", "", &["doctor"]);
    if String::from_utf8_lossy(&doctor.stdout).contains("carries no kernel programs") {
        println!("skipped: the agent was built without kernel programs");
        return;
    }
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ended = std::thread::spawn(move || inside(test)).join();
    drop(turn);
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

fn inside(test: impl FnOnce(&Host)) {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("root may unshare");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("mounts are ours");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let options = Some("mode=0755");
    mount(Some("bpffs"), folder.path(), Some("bpf"), MsFlags::empty(), options)
        .expect("the kernel has bpffs");
    ip("link set lo up");
    // Its threads are born in our namespaces.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be started");
    let host = Host { peer: Namespace::new(), runtime, folder };
    host.connect();
    test(&host);
}

impl Host {
    /// The host at the other end of the wire.
    pub fn peer(&self) -> &Namespace {
        &self.peer
    }

    /// Makes the wire.
    pub fn connect(&self) {
        let peer = self.peer.path();
        ip(&format!("link add {WIRE} type veth peer name m1 netns {peer}"));
        ip(&format!("address add {IPV4}/24 dev {WIRE}"));
        ip(&format!("address add {IPV6}/64 dev {WIRE} nodad"));
        ip(&format!("link set {WIRE} up"));
        self.peer.enter(|| {
            ip("link set lo up");
            ip("address add 10.77.0.2/24 dev m1");
            ip("address add fd77::2/64 dev m1 nodad");
            ip("link set m1 up");
        });
    }

    /// Takes the wire away.
    pub fn disconnect(&self) {
        ip(&format!("link del {WIRE}"));
    }

    /// Where an agent of this host pins.
    pub fn bpf_dir(&self) -> PathBuf {
        self.folder.path().join("medulla")
    }

    /// Starts an agent with a keeper, both processes born as root.
    pub fn agent(&self, config: &str) -> Medulla {
        Medulla::start_with("medulla-agent", config, Rights::Kept(self.bpf_dir()))
    }

    /// Runs to its end what needs a runtime.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Pins of a test that failed may be in use still; they end with the namespace.
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
    }
}

impl Namespace {
    fn new() -> Self {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may unshare");
            File::open("/proc/thread-self/ns/net").expect("a thread can open its namespace")
        });
        Self(made.join().expect("the thread did not panic"))
    }

    /// A path that any process of this host can open.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Runs something there and waits for it.
    ///
    /// # Panics
    /// When it does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).expect("root may enter");
                work()
            });
            entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts something there.
    ///
    /// # Panics
    /// When the namespace's file cannot be shared.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = self.0.try_clone().expect("a descriptor can be copied");
        std::thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).expect("root may enter");
            work()
        })
    }
}

/// An address of the host on the wire.
pub fn on_wire(ip: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into(), port)
}

/// Whether anything lies in a folder.
pub fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// Runs `ip` with these arguments.
pub fn ip(arguments: &str) {
    run_tool("ip", arguments);
}

/// Runs a tool of the system.
///
/// # Panics
/// When it fails.
pub fn run_tool(tool: &str, arguments: &str) {
    let output = Command::new(tool).args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("{tool} cannot be run: {error}"));
    assert!(output.status.success(), "{tool} {arguments}: {output:?}");
}
