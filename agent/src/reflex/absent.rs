//! What rules count on and this host does not have: runtimes, systemd, a cluster, control groups.
//!
//! Looked at, not tried: `validate`, `top` and `doctor` say it before an action fails of it. It may come
//! later, so it is never an error.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::policy::{Action, Restart, Restartable};
use super::signals::{Signal, Subject};
use crate::host::Host;
use crate::kubernetes;

/// sd_booted(3): there while systemd is the service manager.
const SYSTEMD: &str = "/run/systemd/system";

/// What an action would need.
pub(crate) fn of_action(action: &Action) -> Option<String> {
    let Action::Restart(Restart { what, .. }) = action else { return None };
    match what {
        Restartable::Container { socket, .. } => runtime(socket),
        Restartable::Unit(unit) => (!Path::new(SYSTEMD).exists())
            .then(|| format!("cannot restart {unit}: systemd does not run here ({SYSTEMD})")),
        Restartable::Pod { .. } => {
            kubernetes::missing().map(|why| format!("cannot restart pods: {why}"))
        }
    }
}

/// What a signal would be read from.
pub(crate) fn of_signal(signal: &Signal, host: &Host) -> Option<String> {
    let Subject::Cgroup(path) = &signal.subject else { return None };
    let is_there = host.hierarchies().read(path).is_some();
    (!is_there).then(|| format!("there is no cgroup {path:?} now"))
}

fn runtime(socket: &str) -> Option<String> {
    let cannot = |why: &str| Some(format!("no container runtime: {socket}: {why}"));
    match std::fs::metadata(socket) {
        Err(error) if error.kind() == ErrorKind::NotFound => cannot("no such file"),
        // Whether somebody listens is for those to see who may.
        Err(_) => None,
        Ok(file) if !file.file_type().is_socket() => cannot("no socket"),
        Ok(_) => match UnixStream::connect(socket) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => cannot("nobody listens"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_runtime_is_missed_until_somebody_listens() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("cri.sock");
        let socket = path.to_str().expect("UTF-8");
        let check = |why: Option<&str>| {
            let expect = why.map(|why| format!("no container runtime: {socket}: {why}"));
            assert_eq!(runtime(socket), expect);
        };
        check(Some("no such file"));
        std::fs::write(&path, "").expect("writable");
        check(Some("no socket"));
        std::fs::remove_file(&path).expect("ours");
        let listener = UnixListener::bind(&path).expect("a socket");
        check(None);
        drop(listener);
        check(Some("nobody listens"));
    }
}
