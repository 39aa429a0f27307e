//! A container, by a process of our own binary that speaks to the runtime ([`crate::cri`]).

use std::process::Command;
use std::time::Duration;

use super::super::orders::Answer;
use super::helper;
use crate::cri;
use crate::protected::Protected;

/// Restarts it.
pub(super) fn restart(socket: &str, label: &str, grace_s: u8, protected: &Protected) -> Answer {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("restart-container")
        .args([format!("--socket={socket}"), format!("--label={label}")]);
    command.arg(format!("--grace-s={grace_s}"));
    command.args(protected.entries().map(|entry| format!("--protect={entry}")));
    helper::ask(command.env_clear(), cri::limit(Duration::from_secs(grace_s.into())))
}
