//! The classic hook, for kernels without tcx links (before 6.6): a `clsact` qdisc and one BPF filter
//! for each direction.
//!
//! A filter needs no pin: the qdisc holds it, so that it outlives the process. It always has the same
//! priority and handle, by which a later process finds it, swaps its program in place without a
//! gap, and takes it away. The qdisc goes with our filters if it was us who made it and nobody else
//! uses it.

use super::netlink::{dump, request};
use super::session::{Hook, in_program};
use super::{Error, interfaces};
use aya::programs::tc::{NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle};
use aya::programs::{Link, ProgramError, SchedClassifier, TcAttachType, tc};
use kernel_abi::names;
use nix::errno::Errno;

/// Before others, so that a flood is dropped before they spend time on it.
const PRIORITY: u16 = 1;
/// Tells our filter from others of the same priority.
const HANDLE: TcHandle = TcHandle::new(0, 0x6d64);

const DELETE_QDISC: u16 = 37;
const GET_FILTER: u16 = 46;
/// `struct tcmsg`.
const HEADER: usize = 20;
/// `TC_H_CLSACT`, the parent of the qdisc.
const ROOT: u32 = 0xffff_fff1;
const HANDLE_OF_QDISC: u32 = 0xffff_0000;
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;

/// Makes sure of the qdisc; true if it was not there.
pub(super) fn prepare(interface: &str) -> Result<bool, Error> {
    match tc::qdisc_add_clsact(interface) {
        Ok(()) => Ok(true),
        Err(TcError::NetlinkError(error)) if is(error.raw_os_error(), Errno::EEXIST) => Ok(false),
        Err(error) => Err(Error::Hook(interface.to_owned(), super::Chain(&error).to_string())),
    }
}

/// Puts a program on a hook, in place of the one that we had there.
pub(super) fn attach(
    program: &mut SchedClassifier,
    name: &'static str,
    interface: &str,
    hook: Hook,
) -> Result<(), Error> {
    let attach_type = hook.attach_type();
    let old = filter(interface, attach_type).map_err(in_hook(interface))?;
    let id = match program.attach_to_link(old) {
        Err(error) if is_missing(&error) => {
            let options = NlOptions { priority: PRIORITY, handle: HANDLE, classid: None };
            let options = TcAttachOptions::Netlink(options);
            program.attach_with_options(interface, attach_type, options)
        }
        replaced => replaced,
    };
    let link = program.take_link(id.map_err(in_program(name))?).map_err(in_program(name))?;
    // Dropped it would take the filter away. It holds numbers only.
    std::mem::forget(link);
    Ok(())
}

/// Takes our filter off a hook, if the interface and the filter are still there.
pub(super) fn detach(index: u32, hook: Hook) -> Result<(), Error> {
    let Some(interface) = interfaces::name_of(index) else { return Ok(()) };
    let link = filter(&interface, hook.attach_type()).map_err(in_hook(&interface))?;
    match link.detach() {
        Err(error) if !is_missing(&error) => {
            Err(Error::Hook(interface, super::Chain(&error).to_string()))
        }
        _ => Ok(()),
    }
}

/// Attaches a program to loopback, behind all others, and detaches it.
pub(super) fn trial(program: &mut SchedClassifier) -> Result<(), Error> {
    let in_trial = in_program(names::EMPTY);
    let options = TcAttachOptions::Netlink(NlOptions::default());
    let id = program.attach_with_options("lo", TcAttachType::Ingress, options);
    program.detach(id.map_err(&in_trial)?).map_err(in_trial)
}

/// Takes a qdisc away that has no filter left.
pub(super) fn clean(index: u32) -> Result<(), Error> {
    if interfaces::name_of(index).is_none() || is_used(index) {
        return Ok(());
    }
    let mut body = header(index, ROOT);
    body[8..12].copy_from_slice(&HANDLE_OF_QDISC.to_ne_bytes());
    match request(DELETE_QDISC, &body) {
        Err(error) if error.raw_os_error() != Some(Errno::ENOENT as i32) => {
            Err(Error::Hook(format!("interface {index}"), error.to_string()))
        }
        _ => Ok(()),
    }
}

/// Whether any filter is left; an error counts as one.
fn is_used(index: u32) -> bool {
    [INGRESS, EGRESS].into_iter().any(|parent| {
        let mut filters = 0;
        let asked = dump(GET_FILTER, &header(index, parent), |_| filters += 1);
        asked.is_err() || filters > 0
    })
}

fn header(index: u32, parent: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[12..16].copy_from_slice(&parent.to_ne_bytes());
    header
}

/// Our filter, whether or not it is there.
fn filter(interface: &str, attach_type: TcAttachType) -> std::io::Result<SchedClassifierLink> {
    SchedClassifierLink::attached(interface, attach_type, PRIORITY, HANDLE, None)
}

fn in_hook(interface: &str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::Hook(interface.to_owned(), error.to_string())
}

/// No such filter, or not even the qdisc.
fn is_missing(error: &ProgramError) -> bool {
    let code = match error {
        ProgramError::TcError(TcError::NetlinkError(error)) | ProgramError::NetlinkError(error) => {
            error.raw_os_error()
        }
        _ => None,
    };
    [Errno::ENOENT, Errno::EINVAL].into_iter().any(|errno| is(code, errno))
}

fn is(code: Option<i32>, errno: Errno) -> bool {
    code == Some(errno as i32)
}
