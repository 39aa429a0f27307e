//! Prometheus' text format 0.0.4.

use std::fmt::Write as _;

use super::{Kind, Sample};

/// The samples, which are grouped by name, under a header per name.
pub(super) fn write(samples: &[Sample]) -> String {
    let mut text = String::new();
    let mut previous = "";
    for sample in samples {
        if sample.name != previous {
            write_header(&mut text, sample);
            previous = &sample.name;
        }
        write_sample(&mut text, sample);
    }
    text
}

fn suffix(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
    }
}

fn write_header(text: &mut String, sample: &Sample) {
    let (kind, suffix) = suffix(sample.kind);
    let (name, help) = (&sample.name, sample.help);
    let _ = writeln!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
}

fn write_sample(text: &mut String, sample: &Sample) {
    let (_, suffix) = suffix(sample.kind);
    let _ = write!(text, "{}{suffix}", sample.name);
    for (index, (name, value)) in sample.labels.iter().enumerate() {
        let open = if index == 0 { '{' } else { ',' };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{open}{name}=\"{value}\"");
    }
    let close = if sample.labels.is_empty() { "" } else { "}" };
    let _ = writeln!(text, "{close} {}", sample.value);
}
