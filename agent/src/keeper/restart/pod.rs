//! A pod, by a process of our own binary that speaks to the API server ([`crate::kubernetes`]).

use std::process::Command;
use std::time::Duration;

use super::super::orders::Answer;
use super::helper;
use crate::kubernetes;
use crate::protected::Protected;

/// Restarts it.
pub(super) fn restart(
    namespace: &str,
    selector: &str,
    grace_s: u8,
    protected: &Protected,
) -> Answer {
    let mut command = Command::new("/proc/self/exe");
    command.args(["restart-pod".to_owned(), format!("--namespace={namespace}")]);
    command.args([format!("--selector={selector}"), format!("--grace-s={grace_s}")]);
    command.args(protected.entries().map(|entry| format!("--protect={entry}")));
    command.env_clear();
    for name in kubernetes::VARIABLES {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    helper::ask(&mut command, kubernetes::limit(Duration::from_secs(grace_s.into())))
}
