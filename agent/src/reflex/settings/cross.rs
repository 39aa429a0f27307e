//! What only the whole configuration can tell: whether the subjects of rules exist.

use std::collections::BTreeSet;

use components::config::{Code, Config, Report};
use components::red::services::SERVICES_MAX;

use super::Settings;
use crate::config::Kernel;
use crate::host::Host;
use crate::reflex::absent;
use crate::reflex::policy::Action;
use crate::reflex::signals::{Signal, Subject};

/// Reports rules over ports that nobody samples, and over too many services.
pub fn check(config: &Config, report: &Report) {
    if !config.has_section("reflex") {
        return;
    }
    let settings = config.read_section("reflex", Settings::read);
    check_services(&settings, report);
    warn_of_absent(&settings, report);
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

/// Most warnings of that kind.
const ABSENT_MAX: usize = 20;

/// Warns of what rules count on and this host does not have.
fn warn_of_absent(settings: &Settings, report: &Report) {
    let host = Host::of_system();
    let mut left = ABSENT_MAX;
    for (place, rule) in settings.places.iter().zip(&settings.policy.rules) {
        let mut warn = |path: &str, why: String| {
            left = left.saturating_sub(1);
            match left {
                0 => {}
                1 => report.warn(
                    place.origin,
                    path,
                    Code::UndefinedReference,
                    why + "; more is missing, see doctor",
                ),
                _ => report.warn(place.origin, path, Code::UndefinedReference, why),
            }
        };
        let mut signals = place.signals.iter();
        if let Some(why) = signals.find_map(|signal| absent::of_signal(signal, &host)) {
            warn(&place.when, why);
        }
        let then = place.when.replace(".when", ".then");
        let actions = rule.actions.iter().enumerate();
        for (index, why) in actions.filter_map(|(i, action)| Some((i, absent::of_action(action)?)))
        {
            warn(&format!("{then}[{index}].restart"), why);
        }
    }
}

/// Reports the rule with which the services become too many.
fn check_services(settings: &Settings, report: &Report) {
    let mut names = BTreeSet::new();
    for place in &settings.places {
        names.extend(place.signals.iter().filter_map(Signal::service));
        if names.len() > SERVICES_MAX {
            let message =
                format!("{} services in all rules, expected at most {SERVICES_MAX}", names.len());
            return report.error(place.origin, &place.when, Code::TooLarge, message);
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
