//! What only the whole configuration can tell: whether the subjects of rules exist.

use std::collections::BTreeSet;

use components::config::{Code, Config, Report};

use super::Settings;
use crate::config::Kernel;
use crate::reflex::policy::Action;
use crate::reflex::signals::Subject;

/// Reports rules over ports that nobody samples.
pub fn check(config: &Config, report: &Report) {
    if !config.has_section("reflex") {
        return;
    }
    let settings = config.read_section("reflex", Settings::read);
    let known = watched(config, &settings);
    for place in &settings.places {
        for signal in &place.signals {
            if let Subject::Port(port) = signal.subject
                && !known.contains(&port)
            {
                let message = format!(
                    "port {port} is neither limited nor listed, expected it in receivers.kernel.ports"
                );
                report.error(place.origin, &place.when, Code::UndefinedReference, message);
                break;
            }
        }
    }
}

/// Ports that are somebody's: listed, in a pipeline or not, or limited by a rule.
fn watched(config: &Config, settings: &Settings) -> BTreeSet<u16> {
    let kernels = config.receivers.iter().filter(|receiver| receiver.kind.name == "kernel");
    let listed = kernels.flat_map(|receiver| receiver.read(Kernel::read).ports);
    listed.chain(limited(settings)).collect()
}

/// Ports that rules limit.
pub(crate) fn limited(settings: &Settings) -> impl Iterator<Item = u16> {
    let actions = settings.policy.rules.iter().flat_map(|rule| &rule.actions);
    actions.filter_map(|action| match action {
        Action::RateLimit(limit) => Some(limit.target.port),
        _ => None,
    })
}
