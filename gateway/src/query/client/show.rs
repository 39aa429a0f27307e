//! Text for people: a line per trace, or a trace as a tree.
//!
//! Names and values come from applications; control characters in them are escaped, so that they
//! cannot do anything to a terminal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::spans::Span;
use crate::store::span_kind;
use components::time;

/// A service per line.
pub(super) fn services(answer: &Value) -> String {
    let names = answer["services"].as_array().map_or(&[][..], Vec::as_slice);
    if names.is_empty() {
        return "no services found\n".to_owned();
    }
    names
        .iter()
        .filter_map(Value::as_str)
        .fold(String::new(), |out, name| out + &clean(name) + "\n")
}

/// A limit per line: host, port, rate, who asks for it, what it decided.
pub(super) fn limits(answer: &Value) -> String {
    let limits = answer["limits"].as_array().map_or(&[][..], Vec::as_slice);
    if limits.is_empty() {
        return "no limits found\n".to_owned();
    }
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    limits.iter().fold(String::new(), |mut out, limit| {
        let state = if limit["enforced"] == true { "enforced" } else { "over" };
        let (target, unit) = (&limit["target"], text(&limit["unit"]));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}  {}  {}/{}  {} {unit}/s  {}  {state}  passed {} dropped {}",
            text(&limit["seen"]),
            text(&limit["host"]),
            text(&target["proto"]),
            target["port"],
            limit["rate_per_s"],
            text(&limit["source"]),
            limit["passed"],
            limit["dropped"],
        );
        out
    })
}

/// A trace per line, newest first: id, start, duration, spans, root.
pub(super) fn list(spans: &[Span]) -> String {
    let mut traces: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_values().collect();
    traces.sort_by_key(|spans| std::cmp::Reverse(start_ns(spans)));
    traces.iter().fold(String::new(), |out, spans| out + &line(spans) + "\n")
}

/// The spans of one trace, children under their parents, in the order of their start.
pub(super) fn tree(spans: &[Span]) -> String {
    let all: Vec<&Span> = spans.iter().collect();
    let Some(first) = all.first() else { return String::new() };
    let begin = start_ns(&all);
    let mut out = format!("trace {}  {}\n", clean(&first.trace), summary(&all));
    for (depth, span) in in_tree_order(&all) {
        write_span(&mut out, depth, span, begin);
    }
    out
}

fn line(spans: &[&Span]) -> String {
    let root = in_tree_order(spans).first().map_or_else(String::new, |(_, span)| title(span));
    format!("{}  {}  {root}", clean(&spans[0].trace), summary(spans))
}

/// Start, duration and number of spans.
fn summary(spans: &[&Span]) -> String {
    let begin = start_ns(spans);
    let end = spans.iter().map(|span| span.end_ns).max().unwrap_or(begin);
    let noun = if spans.len() == 1 { "span" } else { "spans" };
    let duration = duration(end.saturating_sub(begin));
    format!("{}  {duration}  {} {noun}", time::format(begin), spans.len())
}

fn start_ns(spans: &[&Span]) -> u64 {
    spans.iter().map(|span| span.start_ns).min().unwrap_or_default()
}

fn title(span: &Span) -> String {
    format!("{}: {}", clean(&span.service), clean(&span.name))
}

/// How deep each span is, parents before their children. A span whose parent is not there is a
/// root; spans whose parents go in a circle come last, as roots.
fn in_tree_order<'a>(spans: &[&'a Span]) -> Vec<(usize, &'a Span)> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| span.start_ns);
    let ids: HashSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        match ids.contains(span.parent.as_str()) && !span.parent.is_empty() {
            true => children.entry(&span.parent).or_default().push(index),
            false => roots.push(index),
        }
    }
    let mut ordered = Vec::with_capacity(spans.len());
    let mut shown = vec![false; spans.len()];
    for root in roots.into_iter().chain(0..spans.len()) {
        let mut open = vec![(0, root)];
        while let Some((depth, index)) = open.pop() {
            if std::mem::replace(&mut shown[index], true) {
                continue;
            }
            ordered.push((depth, spans[index]));
            let below = children.get(spans[index].id.as_str()).map_or(&[][..], Vec::as_slice);
            open.extend(below.iter().rev().map(|child| (depth + 1, *child)));
        }
    }
    ordered
}

/// Deepest indentation; what lies deeper is not moved further to the right.
const MAX_INDENT: usize = 40;

fn write_span(out: &mut String, depth: usize, span: &Span, begin_ns: u64) {
    let indent = "  ".repeat(depth.min(MAX_INDENT));
    let took = duration(span.end_ns.saturating_sub(span.start_ns));
    let after = duration(span.start_ns.saturating_sub(begin_ns));
    let kind = i32::try_from(span.kind).ok().and_then(span_kind);
    let kind = kind.map_or(String::new(), |kind| format!("  {kind}"));
    let failed = if span.status == 2 { "  ERROR" } else { "" };
    let message = match span.status_message.as_str() {
        "" => String::new(),
        message => format!(" {}", clean(message)),
    };
    let title = title(span);
    writeln!(out, "{indent}{title}  {took}  +{after}{kind}{failed}{message}  {}", clean(&span.id))
        .expect("writing to memory cannot fail");
    write_attributes(out, &indent, &span.attributes);
    for event in &span.events {
        let after = duration(event.time_ns.saturating_sub(begin_ns));
        writeln!(out, "{indent}    * {}  +{after}", clean(&event.name))
            .expect("writing to memory cannot fail");
        write_attributes(out, &format!("{indent}    "), &event.attributes);
    }
}

fn write_attributes(out: &mut String, indent: &str, attributes: &[(String, String)]) {
    for (key, value) in attributes {
        writeln!(out, "{indent}    {} = {}", clean(key), clean(value))
            .expect("writing to memory cannot fail");
    }
}

/// Three digits or so: `1.23ms`.
fn duration(ns: u64) -> String {
    format!("{:.2?}", Duration::from_nanos(ns))
}

/// The text without anything a terminal would act upon.
pub(super) fn clean(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter.is_control() {
            true => out.extend(letter.escape_default()),
            false => out.push(letter),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_empty_is_a_sentence() {
        assert_eq!(services(&json!({"services": []})), "no services found\n");
        assert_eq!(services(&json!({"services": ["shop", "a\nb"]})), "shop\na\\nb\n");
        assert_eq!(limits(&json!({"limits": []})), "no limits found\n");
    }
}
