//! Restarts, verified: done means that something new runs.
//!
//! Only what an order can name is touched, and never what would take the host or us down. What has to be
//! asked of others is asked by processes of their own, each within a time of its own: `systemctl`, or ours that
//! speaks to a container runtime ([`crate::cri`]) or to Kubernetes ([`crate::kubernetes`]).

mod child;
mod container;
pub(crate) mod helper;
mod pod;
mod unit;

use super::orders::{Answer, Order, Report};
use crate::protected::Protected;

/// Carries an order out.
pub(super) fn run(order: &Order, protected: &Protected) -> Report {
    match order {
        Order::RestartUnit { id, unit } => Report::Answered(*id, unit::restart(unit, protected)),
        Order::RestartContainer { id, grace_s, socket, label } => {
            Report::Answered(*id, container::restart(socket, label, *grace_s, protected))
        }
        Order::RestartPod { id, grace_s, namespace, selector } => {
            Report::Answered(*id, pod::restart(namespace, selector, *grace_s, protected))
        }
        _ => Report::Answered(0, Answer::Refused("not a restart".to_owned())),
    }
}
