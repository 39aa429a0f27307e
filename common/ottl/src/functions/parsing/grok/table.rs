//! The named patterns of the reference's complete set, a family a file, under the names and with the fields it gives them.
//!
//! The names and what they stand for are those of Logstash's patterns in the reference's form (attributes of the semantic
//! conventions, no lookaround). A definition is written in a shorter form than grok has, which [`find`] writes out:
//! `%{-NAME:field}` is the reference or a dash, and `%(piece)` is the text of that name in [`PIECES`]. Names that only the
//! crate `grok` has (Bacula, older forms) are looked for there after these.

mod base;
mod firewall;
mod nagios;
mod program;
mod web;
mod zeek;

/// A name and its definition.
type Pattern = (&'static str, &'static str);

const FAMILIES: &[&[Pattern]] =
    &[base::PATTERNS, program::PATTERNS, web::PATTERNS, zeek::PATTERNS, firewall::PATTERNS];

/// What definitions have in common.
const PIECES: &[Pattern] = &[
    ("hex", "[0-9A-Fa-f]"),
    ("group", "%(hex){1,4}"),
    ("octet", r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"),
    ("quad", r"%(octet)(?:\.%(octet)){3}"),
    ("source", "%{IP:source.address}"),
    ("destination", "%{IP:destination.address}"),
    ("from", "%(source)/%{INT:source.port:int}"),
    ("to", "%(destination)/%{INT:destination.port:int}"),
    ("ports", "%{INT:source.port:int}->%(destination)/%{INT:destination.port:int}"),
    ("source-user", r"(?:\(%{DATA:source.user.name}\))?"),
    ("destination-user", r"(?:\(%{DATA:destination.user.name}\))?"),
    ("in", "%{NOTSPACE:observer.ingress.interface.name}"),
    ("out", "%{NOTSPACE:observer.egress.interface.name}"),
    ("in-part", "%{DATA:observer.ingress.interface.name}"),
    ("out-part", "%{DATA:observer.egress.interface.name}"),
    ("zones", "%{DATA:observer.ingress.zone} %{DATA:observer.egress.zone}"),
    ("action", "%{CISCO_ACTION:cisco.asa.outcome}"),
    ("direction", "%{CISCO_DIRECTION:cisco.asa.network.direction}"),
    ("transport", "%{WORD:cisco.asa.network.transport}"),
    ("reason", "%{CISCO_REASON:event.reason}"),
    ("icmp", r"\(type %{INT:cisco.asa.icmp_type:int}, code %{INT:cisco.asa.icmp_code:int}\)"),
    ("hash", r"\[%{DATA:metadata.cisco.asa.hashcode1}, %{DATA:metadata.cisco.asa.hashcode2}\]"),
    ("mate", r"\((?:Primary|Secondary)\)"),
    ("interface", "[Ii]nterface %{NOTSPACE:network.interface.name}"),
    ("agent", r#""%{-DATA:http.request.referrer}" "%{-DATA:user_agent.original}""#),
    (
        "request",
        "%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?",
    ),
    ("stamp", "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})"),
];

/// The definition of a name, written out.
pub(super) fn find(name: &str) -> Option<String> {
    if let Some(definition) = nagios::find(name) {
        return Some(definition);
    }
    let mut patterns = FAMILIES.iter().flat_map(|family| family.iter());
    let (_, source) = patterns.find(|(known, _)| *known == name)?;
    Some(written_out(source))
}

/// All names, for the tests.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = String> {
    let plain = FAMILIES.iter().flat_map(|family| family.iter());
    plain.map(|(name, _)| (*name).to_owned()).chain(nagios::names())
}

fn written_out(source: &str) -> String {
    let mut out = source.to_owned();
    while let Some(at) = out.find("%(") {
        let end = at + out[at..].find(')').expect("a piece's name ends, as the tests show");
        let piece = PIECES.iter().find(|(name, _)| *name == &out[at + 2..end]);
        let (_, text) = piece.expect("the pieces of the table are there, as the tests show");
        out.replace_range(at..=end, text);
    }
    while let Some(at) = out.find("%{-") {
        let end = at + out[at..].find('}').expect("a reference ends, as the tests show");
        out.insert(end + 1, ')');
        out.replace_range(at..at + 3, "(?:-|%{");
    }
    out
}
