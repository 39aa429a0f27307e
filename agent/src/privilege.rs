//! What this process may do, and giving it up.
//!
//! The agent proper has empty effective, permitted, inheritable and ambient capability sets and
//! `no_new_privs` in every thread, so all of it is dropped before the first thread starts. Below
//! Linux 5.19 bpf(2) is closed to processes without CAP_BPF even on descriptors they hold; there
//! that one capability stays.

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};

/// The account the agent runs as.
const ACCOUNT: &str = "medulla";
/// The account that everybody has.
const NOBODY: u32 = 65534;
/// What the keeper needs besides being root.
pub(crate) const NEEDED: [Capability; 3] =
    [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON];

/// Whether this process can be a keeper; else what it lacks.
pub(crate) fn check() -> Result<(), String> {
    if Uid::effective().is_root() && has(Capability::CAP_SYS_ADMIN) {
        return Ok(());
    }
    let lacks: Vec<String> =
        NEEDED.into_iter().filter(|cap| !has(*cap)).map(|cap| cap.to_string()).collect();
    match lacks.is_empty() {
        true => Ok(()),
        false => Err(format!("not privileged: lacks {}", lacks.join(", "))),
    }
}

fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// The account that the agent of a root keeper runs as.
pub(crate) fn account() -> (Uid, Gid) {
    match User::from_name(ACCOUNT) {
        Ok(Some(user)) => (user.uid, user.gid),
        _ => (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY)),
    }
}

/// Gives up everything, for good. Called before any thread is started.
pub(crate) fn drop_all() -> Result<(), String> {
    let keeps = capabilities_kept();
    let said = |what: &str, error: &dyn std::fmt::Display| format!("cannot {what}: {error}");
    if Uid::effective().is_root() {
        let (user, group) = account();
        caps::clear(None, CapSet::Bounding)
            .map_err(|error| said("empty the bounding set", &error))?;
        nix::sys::prctl::set_keepcaps(!keeps.is_empty())
            .map_err(|error| said("keep capabilities", &error))?;
        setgroups(&[]).map_err(|error| said("leave groups", &error))?;
        setgid(group).map_err(|error| said("change the group", &error))?;
        setuid(user).map_err(|error| said("change the account", &error))?;
    }
    let kept = |error: caps::errors::CapsError| said("drop capabilities", &error);
    caps::clear(None, CapSet::Ambient).map_err(kept)?;
    caps::set(None, CapSet::Effective, &keeps).map_err(kept)?;
    caps::set(None, CapSet::Permitted, &keeps).map_err(kept)?;
    caps::clear(None, CapSet::Inheritable).map_err(kept)?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| said("forbid new privileges", &error))
}

/// What the agent keeps on this kernel.
fn capabilities_kept() -> CapsHashSet {
    match kernel_version() {
        Some(version) if version < (5, 19) => [Capability::CAP_BPF].into_iter().collect(),
        _ => CapsHashSet::new(),
    }
}

fn kernel_version() -> Option<(u32, u32)> {
    let name = nix::sys::utsname::uname().ok()?;
    let mut parts = name.release().to_str()?.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
