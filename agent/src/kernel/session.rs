//! The keeper's hold on the kernel: programs loaded, maps and links pinned, hooks followed.
//!
//! Everything that must outlive the process is pinned under `<folder>/v<abi>/`: maps by name, links
//! as `links/<interface index>_in` and `_out` (bpffs keeps dots in names for itself). A session that starts on old pins reuses the maps,
//! and with them every limit, and swaps the program of a pinned link in place, so that no packet
//! slips by. Where the kernel has no tcx links, found by trying, the classic hook (`clsact`) is used, and folders stand
//! in place of the links. Dropping a session leaves all pins; [`Session::unpin`] takes them away.
//! Mounts nothing: the folder must be on bpffs.

use super::interfaces::{Header, Interface};
use super::{Error, clsact, object};
use aya::maps::{Map, MapData};
use aya::programs::links::{FdLink, LinkError, PinnedLink};
use aya::programs::tc::{SchedClassifierLink, SchedClassifierLinkId, TcAttachOptions};
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{
    BtfTracePoint, LinkOrder, ProgramError, SchedClassifier, TcAttachType, TestRun, TestRunOptions,
};
use aya::{Btf, Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use kernel_abi::{ABI, names};
use nix::errno::Errno;
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait for the kernel to let go of what was unpinned; it takes milliseconds.
const DETACHED_WITHIN: Duration = Duration::from_secs(1);

/// An Ethernet header and nothing else, for programs that only have to run.
const FRAME: [u8; 14] = [0; 14];

/// Loaded programs and pinned maps.
pub struct Session {
    folder: PathBuf,
    ebpf: Ebpf,
    /// Use the classic hook without trying the other.
    classic: bool,
}

/// Links of tracepoints, which end with it and with the process.
pub type Investigation = Vec<BtfTracePointLink>;

/// A program's place: its direction and the name of its pin.
#[derive(Clone, Copy)]
pub(super) enum Hook {
    Ingress,
    Egress,
}

impl Hook {
    const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    fn suffix(self) -> &'static str {
        match self {
            Self::Ingress => "in",
            Self::Egress => "out",
        }
    }

    fn program(self, header: Header) -> &'static str {
        match (self, header) {
            (Self::Ingress, Header::Ethernet) => names::INGRESS,
            (Self::Ingress, Header::Bare) => names::INGRESS_BARE,
            (Self::Egress, Header::Ethernet) => names::EGRESS,
            (Self::Egress, Header::Bare) => names::EGRESS_BARE,
        }
    }

    pub(super) fn attach_type(self) -> TcAttachType {
        match self {
            Self::Ingress => TcAttachType::Ingress,
            Self::Egress => TcAttachType::Egress,
        }
    }
}

impl Session {
    /// Loads the embedded programs with the maps pinned under `bpf_dir`, which are made when they
    /// are not there. Attaches nothing.
    pub fn open(bpf_dir: &Path) -> Result<Self, Error> {
        let folder = bpf_dir.join(format!("v{ABI}"));
        let links = folder.join("links");
        fs::create_dir_all(&links).map_err(in_folder(&links))?;
        let system = statfs(&links).map_err(|error| in_folder(&links)(error.into()))?;
        if system.filesystem_type() != BPF_FS_MAGIC {
            return Err(Error::NotBpffs(bpf_dir.to_owned()));
        }
        let mut session = Self { ebpf: load(Some(&folder))?, folder, classic: false };
        for name in names::PROGRAMS {
            load_program(&mut session.ebpf, name)?;
        }
        read_clock(&mut session.ebpf)?;
        Ok(session)
    }

    /// Attaches as on a kernel without tcx links, whether or not this one has them.
    #[must_use]
    pub fn classic(self) -> Self {
        Self { classic: true, ..self }
    }

    /// Descriptors of all maps in the order of `names::MAPS`, to be handed to the agent.
    pub fn map_fds(&self) -> Result<Vec<OwnedFd>, Error> {
        map_fds(&self.ebpf)
    }

    /// Attaches both directions to an interface, or swaps the programs where links are pinned.
    pub fn attach(&mut self, interface: &Interface) -> Result<(), Error> {
        Hook::BOTH.into_iter().try_for_each(|hook| self.attach_hook(interface, hook))
    }

    fn attach_hook(&mut self, interface: &Interface, hook: Hook) -> Result<(), Error> {
        let path = self.link_path(interface.index, hook);
        if self.classic || path.is_dir() {
            return self.attach_classic(interface, hook);
        }
        let name = hook.program(interface.header);
        let program = program(&mut self.ebpf, name)?;
        if replace(program, name, &path)? {
            return Ok(());
        }
        // First, so that a flood is dropped before others spend time on it.
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        let id = match program.attach_with_options(&interface.name, hook.attach_type(), order) {
            Err(error) if is_unknown(&error) => return self.attach_classic(interface, hook),
            attached => attached.map_err(in_program(name))?,
        };
        let link = take(program, name, id)?;
        link.pin(&path).map(drop).map_err(|error| in_link(&path)(&error))
    }

    /// A filter instead of a link, and folders instead of pins.
    fn attach_classic(&mut self, interface: &Interface, hook: Hook) -> Result<(), Error> {
        if clsact::prepare(&interface.name)? {
            make(&self.qdisc_path(interface.index))?;
        }
        let name = hook.program(interface.header);
        let program = program(&mut self.ebpf, name)?;
        clsact::attach(program, name, &interface.name, hook)?;
        make(&self.link_path(interface.index, hook))
    }

    /// Detaches from an interface by its index, whether or not it still exists.
    pub fn detach(&mut self, index: u32) -> Result<(), Error> {
        for hook in Hook::BOTH {
            let path = self.link_path(index, hook);
            if path.is_dir() {
                clsact::detach(index, hook)?;
            }
            remove(&path)?;
        }
        let qdisc = self.qdisc_path(index);
        if qdisc.is_dir() {
            clsact::clean(index)?;
        }
        remove(&qdisc)
    }

    /// Indices of the interfaces that have a pinned link.
    pub fn attached(&self) -> BTreeSet<u32> {
        let entries = fs::read_dir(self.folder.join("links")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.split('_').next()?.parse().ok()).collect()
    }

    /// Attaches to these interfaces and detaches from all others. What fails is returned with its
    /// interface's index and stands in nobody's way.
    pub fn follow(&mut self, wanted: &[Interface]) -> Vec<(u32, Error)> {
        let indices: BTreeSet<u32> = wanted.iter().map(|interface| interface.index).collect();
        let mut failed = Vec::new();
        for index in self.attached().difference(&indices) {
            failed.extend(self.detach(*index).err().map(|error| (*index, error)));
        }
        for interface in wanted {
            failed.extend(self.attach(interface).err().map(|error| (interface.index, error)));
        }
        failed
    }

    /// Times how long tasks wait for a CPU, until what is returned is dropped.
    pub fn investigate(&mut self) -> Result<Investigation, Error> {
        let btf = Btf::from_sys_fs().map_err(|error| Error::Load(error.into()))?;
        let names = names::TRACEPOINTS.into_iter();
        names.map(|(name, tracepoint)| trace(&mut self.ebpf, name, tracepoint, &btf)).collect()
    }

    /// Takes links, maps and folders away, and waits until the hooks are free.
    pub fn unpin(mut self) -> Result<(), Error> {
        let ours = self.program_ids()?;
        for index in self.attached() {
            self.detach(index)?;
        }
        for name in names::MAPS {
            remove(&self.folder.join(name))?;
        }
        for folder in [self.folder.join("links"), self.folder.clone()] {
            fs::remove_dir(&folder).map_err(in_folder(&folder))?;
        }
        // Other versions may still have their folder here; then this one stays.
        let _ = self.folder.parent().map(fs::remove_dir);
        wait_until_detached(&ours);
        Ok(())
    }

    fn program_ids(&mut self) -> Result<BTreeSet<u32>, Error> {
        let id = |name| {
            let info = program(&mut self.ebpf, name)?.info();
            info.map(|info| info.id()).map_err(in_program(name))
        };
        names::PROGRAMS.into_iter().map(id).collect()
    }

    fn link_path(&self, index: u32, hook: Hook) -> PathBuf {
        self.folder.join("links").join(format!("{index}_{}", hook.suffix()))
    }

    /// Stands where we made the qdisc.
    fn qdisc_path(&self, index: u32) -> PathBuf {
        self.folder.join("links").join(format!("{index}_qdisc"))
    }
}

fn trace(
    ebpf: &mut Ebpf,
    name: &'static str,
    tracepoint: &str,
    btf: &Btf,
) -> Result<BtfTracePointLink, Error> {
    let program = ebpf.program_mut(name).ok_or(Error::NoProgram(name))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(in_program(name))?;
    // An earlier investigation has loaded it.
    if program.fd().is_err() {
        program.load(tracepoint, btf).map_err(in_program(name))?;
    }
    let id = program.attach().map_err(in_program(name))?;
    program.take_link(id).map_err(in_program(name))
}

/// Runs the clock program once; what it logs goes to our own log.
pub(super) fn read_clock(ebpf: &mut Ebpf) -> Result<(), Error> {
    let logger = EbpfLogger::init_with_logger(ebpf, Lines);
    let program = program(ebpf, names::CLOCK_PROGRAM)?;
    let options = TestRunOptions { data_in: Some(&FRAME), ..TestRunOptions::new() };
    program.test_run(options).map_err(in_program(names::CLOCK_PROGRAM))?;
    match logger {
        Ok(mut logger) => logger.flush(),
        Err(error) => tracing::debug!(%error, "the kernel programs' log is not readable"),
    }
    Ok(())
}

/// Descriptors of all maps in the order of `names::MAPS`.
pub(super) fn map_fds(ebpf: &Ebpf) -> Result<Vec<OwnedFd>, Error> {
    names::MAPS.into_iter().map(|name| map_fd(ebpf, name)).collect()
}

fn map_fd(ebpf: &Ebpf, name: &'static str) -> Result<OwnedFd, Error> {
    let map = ebpf.map(name).and_then(data).ok_or(Error::Mismatch(name))?;
    let copy = map.fd().as_fd().try_clone_to_owned();
    copy.map_err(|error| Error::Map(name, error.into()))
}

/// Loads the object, its maps pinned under a folder or private to the caller.
pub(super) fn load(pins: Option<&Path>) -> Result<Ebpf, Error> {
    let mut loader = EbpfLoader::new();
    if let Some(folder) = pins {
        for name in names::MAPS {
            loader.map_pin_path(name, folder.join(name));
        }
    }
    loader.load(object::embedded()?).map_err(Error::Load)
}

pub(super) fn load_program(ebpf: &mut Ebpf, name: &'static str) -> Result<(), Error> {
    program(ebpf, name)?.load().map_err(in_program(name))
}

pub(super) fn program<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, Error> {
    let program = ebpf.program_mut(name).ok_or(Error::NoProgram(name))?;
    program.try_into().map_err(in_program(name))
}

pub(super) fn in_program(name: &'static str) -> impl Fn(ProgramError) -> Error {
    move |error| Error::Program(name, error)
}

/// Swaps the program of a pinned link; false when there is no live link.
fn replace(program: &mut SchedClassifier, name: &'static str, path: &Path) -> Result<bool, Error> {
    let link = match PinnedLink::from_pin(path) {
        Ok(link) => SchedClassifierLink::try_from(FdLink::from(link)),
        Err(LinkError::SyscallError(error)) if error.io_error.kind() == NOT_FOUND => {
            return Ok(false);
        }
        Err(error) => Err(error),
    };
    match program.attach_to_link(link.map_err(|error| in_link(path)(&error))?) {
        Ok(id) => take(program, name, id).map(|_| true),
        // The interface it belonged to is gone, and its number was given to another.
        Err(ProgramError::SyscallError(error)) if is(&error.io_error, Errno::ENOLINK) => {
            remove(path).map(|()| false)
        }
        Err(error) => Err(Error::Program(name, error)),
    }
}

const NOT_FOUND: std::io::ErrorKind = std::io::ErrorKind::NotFound;

fn is(error: &std::io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// Takes a link out of the program's hands, which would detach it when dropped.
fn take(
    program: &mut SchedClassifier,
    name: &'static str,
    id: SchedClassifierLinkId,
) -> Result<FdLink, Error> {
    let link = program.take_link(id).map_err(in_program(name))?;
    FdLink::try_from(link).map_err(|error| in_link(Path::new(name))(&error))
}

fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data) | Map::PerCpuArray(data) | Map::LruHashMap(data) | Map::RingBuf(data) => {
            Some(data)
        }
        _ => None,
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != NOT_FOUND => Err(in_folder(path)(error)),
        _ => Ok(()),
    }
}

fn make(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(in_folder(path))
}

/// What a kernel answers that does not know tcx links: it takes the type for none of this program's,
/// or the request for too long.
pub(super) fn is_unknown(error: &ProgramError) -> bool {
    let ProgramError::SyscallError(error) = error else { return false };
    is(&error.io_error, Errno::EINVAL) || is(&error.io_error, Errno::E2BIG)
}

fn in_folder(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::Folder(path.to_owned(), error)
}

fn in_link(path: &Path) -> impl Fn(&dyn std::error::Error) -> Error {
    move |error| Error::Link(path.to_owned(), super::Chain(error).to_string())
}

/// The kernel detaches an unpinned link when the last reader of the file system is done.
fn wait_until_detached(ours: &BTreeSet<u32>) {
    let deadline = Instant::now() + DETACHED_WITHIN;
    let interfaces = super::interfaces::names().unwrap_or_default();
    while interfaces.iter().any(|name| holds(name, ours)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn holds(interface: &str, ours: &BTreeSet<u32>) -> bool {
    Hook::BOTH.into_iter().any(|hook| {
        let attached = SchedClassifier::query_tcx(interface, hook.attach_type());
        attached.is_ok_and(|(_, programs)| programs.iter().any(|info| ours.contains(&info.id())))
    })
}

/// The programs' log lines, into ours.
struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        tracing::debug!("kernel: {}", record.args());
    }

    fn flush(&self) {}
}
