//! Two hosts on one wire: the calling thread's namespace and a peer's.

use medulla_agent::kernel::interfaces::{self, Interface};
use medulla_agent::kernel::maps::Maps;
use medulla_agent::kernel::session::Session;
use medulla_agent::kernel::{Limit, Protocol, Target, Unit, object};
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{geteuid, gettid};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// The host under test, as its peer sees it.
pub(crate) const HOST: &str = "10.77.0.1";
const WIRE: &str = "m0";

/// Nothing below takes longer, so that a test that fails ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One at a time: they measure.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) struct Lab {
    pub(crate) bpf_dir: PathBuf,
}

/// Runs a test in namespaces of its own, if this machine can.
pub(crate) fn run(test: impl FnOnce(&Lab) + Send + 'static) {
    if !geteuid().is_root() {
        println!("skipped: kernel tests need root");
        return;
    }
    if object::OBJECT.is_none() {
        println!("skipped: built without kernel programs (MEDULLA_EBPF_OBJECT)");
        return;
    }
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let ended = std::thread::spawn(move || inside(test)).join();
    drop(turn);
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

fn inside(test: impl FnOnce(&Lab)) {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let folder = tempfile::tempdir().unwrap();
    mount(Some("bpffs"), folder.path(), Some("bpf"), MsFlags::empty(), none).unwrap();
    ip("link set lo up");
    test(&Lab { bpf_dir: folder.path().join("medulla") });
    nix::mount::umount(folder.path()).unwrap();
}

pub(crate) fn ip(arguments: &str) {
    command("ip", arguments);
}

pub(crate) fn command(program: &str, arguments: &str) {
    let status = Command::new(program).args(arguments.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments}");
}

/// Accepts a connection that comes in time.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let mut descriptors = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut descriptors, patience), Ok(1), "nobody connects");
    listener.accept().unwrap().0
}

impl Lab {
    /// Starts another host at the other end of a wire; `work` runs there once both are up.
    pub(crate) fn peer<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (tell, told) = mpsc::channel();
        let (start, started) = mpsc::channel::<()>();
        let peer = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(gettid()).unwrap();
            started.recv().unwrap();
            ip("address add 10.77.0.2/24 dev m1");
            ip("link set m1 up");
            work()
        });
        let namespace = told.recv().unwrap();
        ip(&format!("link add {WIRE} type veth peer name m1 netns {namespace}"));
        ip(&format!("address add {HOST}/24 dev {WIRE}"));
        ip(&format!("link set {WIRE} up"));
        start.send(()).unwrap();
        peer
    }

    /// Loads the programs and takes the maps as the agent would.
    pub(crate) fn open(&self) -> (Session, Maps) {
        let session = Session::open(&self.bpf_dir).unwrap();
        let maps = Maps::from_fds(session.map_fds().unwrap()).unwrap();
        (session, maps)
    }

    pub(crate) fn links(&self) -> PathBuf {
        self.bpf_dir.join(format!("v{}", kernel_abi::ABI)).join("links")
    }
}

/// The wire's end here.
pub(crate) fn wire() -> Interface {
    interface(WIRE)
}

pub(crate) fn interface(name: &str) -> Interface {
    interfaces::select(&[name.to_owned()]).unwrap().pop().unwrap()
}

pub(crate) fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

pub(crate) fn limit(protocol: Protocol, port: u16, per_second: u64, burst: u32) -> Limit {
    let unit = match protocol {
        Protocol::Tcp => Unit::Connections,
        Protocol::Udp => Unit::Packets,
    };
    let target = Target { protocol, port };
    let rate_per_hour = per_second * 3600;
    Limit { target, unit, rate_per_hour, burst, dry_run: false, per_source: false, generation: 7 }
}
