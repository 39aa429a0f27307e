//! The entries of `then`.

use std::time::Duration;

use components::config::{Code, Field, Section};
use kernel_abi::layout::{Protocol, Unit};
use kernel_abi::limit::RATE_PER_HOUR_MAX;

use crate::keeper::orders;
use crate::kernel::Target;
use crate::limits::parse;
use crate::reflex::policy::{
    ACTIONS_MAX, Action, Alert, Degrade, LEASE_MAX, LEASE_MIN, RateLimit, Restart, Restartable,
    Severity,
};

/// The floor of a limit that does not say one.
const FLOOR_PER_HOUR: u64 = 50 * 3600;
/// How long what is restarted may take to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Where containerd listens.
const CRI_SOCKET: &str = "/run/containerd/containerd.sock";
/// Longest text that people are sent.
const MESSAGE_MAX_BYTES: usize = 1024;
const KINDS: &str = "one of alert, degrade, rate_limit, restart";
const SEVERITIES: &[(&str, Severity)] =
    &[("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

/// Reads `then`.
pub(super) fn read(rule: &Section<'_>, name: &str) -> Vec<Action> {
    let list = rule.list("then");
    if list.is_empty() {
        rule.missing("then", "a list of actions");
    }
    if list.len() > ACTIONS_MAX {
        let message = format!("{} actions, expected at most {ACTIONS_MAX}", list.len());
        rule.error("then", Code::TooLarge, message);
        return Vec::new();
    }
    let actions: Vec<Action> = list.iter().filter_map(|field| action(field, name)).collect();
    let mut targets: Vec<String> =
        actions.iter().filter(|action| action.acts()).map(Action::target).collect();
    targets.sort();
    if let Some(twice) = targets.windows(2).find(|pair| pair[0] == pair[1]) {
        rule.error("then", Code::BadValue, format!("two actions on {}", twice[0]));
    }
    actions
}

fn action(field: &Field<'_>, rule: &str) -> Option<Action> {
    let section = field.section();
    let kinds = ["rate_limit", "restart", "alert", "degrade"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| section.has(kind)).collect();
    let [kind] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        field.error(Code::BadValue, format!("{found}, expected {KINDS}"));
        return None;
    };
    match *kind {
        "rate_limit" => rate_limit(&section.sub("rate_limit")).map(Action::RateLimit),
        "restart" => restart(&section.sub("restart")).map(Action::Restart),
        "alert" => Some(Action::Alert(alert(&section.sub("alert"), rule))),
        _ => degrade(&section.sub("degrade")).map(Action::Degrade),
    }
}

fn rate_limit(section: &Section<'_>) -> Option<RateLimit> {
    let port = section.field("port").and_then(|field| field.u64_in(1..=65_535));
    if port.is_none() {
        section.missing("port", "a port");
    }
    let units = parse::UNITS.map(|unit| (parse::unit_name(unit), unit));
    let unit = section.one_of("unit", Unit::Connections, &units);
    let rate = per_hour(section, "rate", unit);
    if rate.is_none() {
        section.missing("rate", "a rate such as 200/s, in bytes 10MiB/s");
    }
    let floor = per_hour(section, "floor", unit);
    if let (Some(rate), Some(floor)) = (rate, floor)
        && floor > rate
    {
        section.error("floor", Code::OutOfRange, "above the rate, expected at most the rate");
    }
    let lease = section.duration_in("lease", Duration::from_secs(30), LEASE_MIN..=LEASE_MAX);
    let immediate = section.bool("immediate", false);
    let per_source = section.bool("per_source", false);
    let target = Target { protocol: Protocol::Tcp, port: u16::try_from(port?).ok()? };
    let rate_per_hour = rate?;
    let floor_per_hour = floor.unwrap_or(FLOOR_PER_HOUR).min(rate_per_hour);
    Some(RateLimit { target, unit, rate_per_hour, floor_per_hour, lease, immediate, per_source })
}

/// A rate that a kernel limit can have.
fn per_hour(section: &Section<'_>, key: &'static str, unit: Unit) -> Option<u64> {
    let text = section.field(key)?.string()?;
    let rate = match parse::rate(&text) {
        Ok(rate) => rate,
        Err(error) => {
            section.error(key, Code::BadValue, error);
            return None;
        }
    };
    if unit != Unit::Bytes && rate.in_bytes {
        section.error(key, Code::BadValue, "KiB and MiB count bytes, expected unit: bytes");
        return None;
    }
    if unit != Unit::Bytes && rate.per_hour > RATE_PER_HOUR_MAX {
        section.error(key, Code::OutOfRange, format!("{text}, expected 1/s to 10000000/s"));
        return None;
    }
    Some(rate.per_hour)
}

fn restart(section: &Section<'_>) -> Option<Restart> {
    let kinds = ["cri", "systemd", "kubernetes"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| section.has(kind)).collect();
    match given.as_slice() {
        ["cri"] => container(&section.sub("cri")),
        ["kubernetes"] => pod(&section.sub("kubernetes")),
        ["systemd"] => {
            let unit = section.sub("systemd").required_string("unit")?;
            let what = Restartable::Unit(unit_name(section, unit)?);
            Some(Restart { what, grace: GRACE })
        }
        _ => {
            section.missing("cri", "one of cri, systemd, kubernetes");
            None
        }
    }
}

fn grace(section: &Section<'_>) -> Duration {
    section.duration_in("grace", GRACE, Duration::ZERO..=Duration::from_secs(30))
}

fn pod(section: &Section<'_>) -> Option<Restart> {
    let (namespace, selector) =
        (section.required_string("namespace"), section.required_string("selector"));
    // Other nodes have agents of their own.
    section.one_of("node", (), &[("self", ())]);
    let grace = grace(section);
    let (namespace, selector) = (namespace?, selector?);
    if !orders::is_namespace(&namespace) {
        let text = format!("{namespace:?}, expected a namespace's name");
        section.error("namespace", Code::BadValue, text);
        return None;
    }
    if !orders::is_selector(&selector) {
        let most = orders::SELECTOR_BYTES;
        let text = format!(
            "{selector:?}, expected a label selector such as app=checkout of at most {most} bytes"
        );
        section.error("selector", Code::BadValue, text);
        return None;
    }
    Some(Restart { what: Restartable::Pod { namespace, selector }, grace })
}

fn container(section: &Section<'_>) -> Option<Restart> {
    let label = section.required_string("label");
    let grace = grace(section);
    let socket = section.string("socket", CRI_SOCKET);
    let label = label?;
    if !orders::is_label(&label) {
        let text = format!("{label:?}, expected key=value, several with commas");
        section.error("label", Code::BadValue, text);
        return None;
    }
    if !orders::is_socket(&socket) {
        let most = orders::SOCKET_BYTES;
        let text = format!(
            "{socket:?}, expected a path from / on, without spaces, of at most {most} bytes"
        );
        section.error("socket", Code::BadValue, text);
        return None;
    }
    if label.len() + socket.len() > orders::CONTAINER_BYTES {
        let most = orders::CONTAINER_BYTES - socket.len();
        section.error("label", Code::TooLarge, format!("a label of more than {most} bytes"));
        return None;
    }
    Some(Restart { what: Restartable::Container { socket, label }, grace })
}

/// A unit's name with its type; `.service` if none is written.
fn unit_name(section: &Section<'_>, unit: String) -> Option<String> {
    let unit = if unit.contains('.') { unit } else { format!("{unit}.service") };
    if orders::is_unit(&unit) {
        return Some(unit);
    }
    section.error("systemd", Code::BadValue, format!("{unit:?}, expected a unit's name"));
    None
}

fn alert(section: &Section<'_>, rule: &str) -> Alert {
    let severity = section.one_of("severity", Severity::Warning, SEVERITIES);
    let message = section.string("message", &format!("rule {rule} fires"));
    if message.len() > MESSAGE_MAX_BYTES {
        let text = format!("{} bytes, expected at most {MESSAGE_MAX_BYTES}", message.len());
        section.error("message", Code::TooLarge, text);
    }
    Alert { severity, message }
}

fn degrade(section: &Section<'_>) -> Option<Degrade> {
    let feature = section.required_string("feature");
    let variant = section.string("variant", "off");
    let longest = Duration::from_secs(300);
    let lease = section.duration_in("for", longest, LEASE_MIN..=longest);
    Some(Degrade { feature: feature?, variant, lease })
}
