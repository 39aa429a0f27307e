//! The one road: sources -> trees -> merged -> expanded -> checked.
//!
//! Start-up, reload, `validate`, `print-config` and a fleet push all call [`load`]. It is a
//! function of its arguments; [`System`] gives it the real files and environment. A source is a path or
//! one of `file:PATH`, `env:NAME` and `yaml:TEXT`, where `yaml:a::b: 1` nests keys by `::`, as in the Collector.

use std::io::Read;

use super::catalog::Catalog;
use super::error::{Code, Error, Report, quote};
use super::expand::{Sources, expand, split_scheme};
use super::merge::merge;
use super::model::{self, Config};
use super::value::{self, MAX_TEXT_BYTES, Map, Node, Origin, Value};

/// A configuration that may run.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What the operator should know, one per line.
    pub warnings: Vec<Error>,
}

/// The process's environment and file system.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Sources for System {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let mut text = String::new();
        // One byte more than allowed, so that the parser sees that it is too long.
        let limit = MAX_TEXT_BYTES as u64 + 1;
        file.take(limit).read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

/// Loads and checks a configuration. Without `files`, `builtin_default` is read.
pub fn load(
    files: &[String],
    builtin_default: &str,
    sources: &dyn Sources,
    catalog: &Catalog,
) -> Result<Loaded, Vec<Error>> {
    let report = Report::default();
    let tree = tree(files, builtin_default, sources, &report);
    let config = tree.map(|tree| model::read(&tree, catalog, &report));
    let (errors, warnings) = report.into_parts();
    match config {
        Some(config) if errors.is_empty() => Ok(Loaded { config, warnings }),
        _ => Err(errors),
    }
}

// `None` when a source is unreadable or not YAML: what follows would be noise.
fn tree(
    files: &[String],
    builtin_default: &str,
    sources: &dyn Sources,
    report: &Report,
) -> Option<Value> {
    let trees: Vec<Option<Value>> = match files {
        [] => vec![value::parse(builtin_default, report.add_file("(built-in default)"), report)],
        files => files.iter().map(|file| source(file, sources, report)).collect(),
    };
    let merged = trees.into_iter().collect::<Option<Vec<Value>>>()?.into_iter().reduce(merge)?;
    Some(expand(merged, sources, report))
}

fn source(uri: &str, sources: &dyn Sources, report: &Report) -> Option<Value> {
    let origin = Origin { file: report.add_file(name_of(uri)), line: 1 };
    let text = match split_scheme(uri) {
        Some(("yaml", text)) => Ok(text.to_owned()),
        Some(("env", name)) => {
            sources.variable(name).ok_or_else(|| format!("variable {} is not set", quote(name)))
        }
        Some(("file", path)) => sources.file(path),
        Some((scheme @ ("http" | "https"), _)) => {
            let message =
                format!("scheme {scheme} is not built in yet, expected env, file or yaml");
            report.error(origin, "", Code::NotBuiltIn, message);
            return None;
        }
        _ => sources.file(uri),
    };
    let text = text.map_err(|why| report.error(origin, "", Code::Unreadable, why)).ok()?;
    let tree = value::parse(&text, origin.file, report)?;
    let tree = if uri.starts_with("yaml:") { nested(tree) } else { tree };
    if tree.is_null() {
        return Some(Value::empty_map(origin));
    }
    if tree.as_map().is_none() {
        let message = format!("{}, expected a mapping", tree.describe());
        report.error(tree.origin, "", Code::WrongType, message);
        return None;
    }
    Some(tree)
}

// A text given on the command line is not repeated in front of each of its errors.
fn name_of(uri: &str) -> &str {
    if uri.starts_with("yaml:") { "(yaml)" } else { uri }
}

// `{a::b: 1}` is `{a: {b: 1}}`, on the first level, where the command line needs it.
fn nested(tree: Value) -> Value {
    let origin = tree.origin;
    let Node::Map(map) = tree.node else {
        return tree;
    };
    let entries = map.into_entries().into_iter();
    entries.map(|(key, value)| nest(&key, value)).fold(Value::empty_map(origin), merge)
}

fn nest(key: &str, value: Value) -> Value {
    let parts = key.split("::").take(value::MAX_DEPTH).collect::<Vec<_>>();
    let wrap = |value: Value, key: &&str| {
        let origin = value.origin;
        let map: Map = std::iter::once(((*key).to_owned(), value)).collect();
        Value { node: Node::Map(map), origin }
    };
    parts.iter().rev().fold(value, wrap)
}

#[cfg(test)]
mod collector_tests;
#[cfg(test)]
mod connection_tests;
#[cfg(test)]
mod documented_tests;
#[cfg(test)]
mod exporter_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
