//! Compares `cargo metadata` with the table: dependency edges, licences, crate roots.
//!
//! All kinds of dependencies between our own crates count, since a test that reaches upwards ties
//! the crates together as well. Outside crates are judged only where they are linked.

use super::Finding;
use super::table::{self, Row};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

const PREFIX: &str = "medulla-";

/// The part of a package's metadata that the rules read.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    name: String,
    license: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Asks Cargo for the workspace's packages, without resolving, so no network is needed.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new(crate::tree::cargo())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    parse(&output.stdout)
}

fn parse(json: &[u8]) -> Result<Vec<Package>, String> {
    serde_json::from_slice::<Metadata>(json)
        .map(|metadata| metadata.packages)
        .map_err(|error| format!("cargo metadata is not what was expected: {error}"))
}

/// Edges, banned outside crates and licences of all packages.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let Some(row) = table::row(&package.name) else {
        let message = format!("{} has no row in xtask/src/tidy/table.rs", package.name);
        return vec![Finding::new(Path::new("Cargo.toml"), 0, "edge", message)];
    };
    let manifest = manifest(row);
    let mut findings: Vec<Finding> = package
        .dependencies
        .iter()
        .filter_map(|dependency| judge(row, dependency))
        .map(|message| Finding::new(&manifest, 0, "edge", message))
        .collect();
    if package.license.as_deref() != Some(row.license) {
        let found = package.license.as_deref().unwrap_or("none");
        let message = format!("found {found}, expected {}", row.license);
        findings.push(Finding::new(&manifest, 0, "license", message));
    }
    findings
}

fn judge(row: &Row, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if name.starts_with(PREFIX) {
        let allowed = row.may_use.contains(&name);
        return (!allowed).then(|| format!("new edge {} -> {name}", row.name));
    }
    let banned = dependency.kind.is_none() && row.must_not_know.contains(&name);
    banned.then(|| format!("{} must not know {name}", row.name))
}

/// Crate roots that lack `#![forbid(unsafe_code)]` although the table asks for it.
pub(crate) fn check_roots(root: &Path, packages: &[Package]) -> Vec<Finding> {
    let strict = packages
        .iter()
        .filter_map(|package| table::row(&package.name))
        .filter(|row| !row.may_be_unsafe);
    strict.filter_map(|row| check_root(root, row)).collect()
}

fn check_root(root: &Path, row: &Row) -> Option<Finding> {
    let names = ["src/lib.rs", "src/main.rs"];
    let path = names.iter().map(|name| PathBuf::from(row.folder).join(name));
    let path = path.into_iter().find(|path| root.join(path).is_file())?;
    let content = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
    let forbids = content.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
    let message = "the crate root does not forbid unsafe code";
    (!forbids).then(|| Finding::new(&path, 0, "unsafe", message))
}

fn manifest(row: &Row) -> PathBuf {
    PathBuf::from(row.folder).join("Cargo.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One package that uses `dependency` in the given kind (JSON).
    fn messages(name: &str, license: &str, dependency: &str, kind: &str) -> Vec<String> {
        let json = format!(
            r#"{{"packages":[{{"name":"{name}","license":{license},
                "dependencies":[{{"name":"{dependency}","kind":{kind}}}]}}]}}"#
        );
        let packages = parse(json.as_bytes()).unwrap();
        check(&packages).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn an_edge_of_the_table_passes_and_a_new_one_is_named() {
        let apache = r#""Apache-2.0""#;
        let none: [String; 0] = [];
        assert_eq!(messages("medulla-pipeline", apache, "medulla-otlp", "null"), none);
        assert_eq!(
            messages("medulla-otlp", apache, "medulla-transport", "null"),
            ["common/otlp/Cargo.toml:0: edge: new edge medulla-otlp -> medulla-transport"]
        );
        assert_eq!(
            messages("medulla-gateway", apache, "medulla-kernel-abi", r#""dev""#),
            ["gateway/Cargo.toml:0: edge: new edge medulla-gateway -> medulla-kernel-abi"]
        );
    }

    #[test]
    fn an_outside_crate_is_banned_where_it_is_linked_and_not_in_tests() {
        let apache = r#""Apache-2.0""#;
        assert_eq!(
            messages("medulla-otlp", apache, "tokio", "null"),
            ["common/otlp/Cargo.toml:0: edge: medulla-otlp must not know tokio"]
        );
        assert!(messages("medulla-otlp", apache, "tokio", r#""dev""#).is_empty());
    }

    #[test]
    fn the_licence_is_the_one_of_the_table() {
        assert_eq!(
            messages("medulla-agent-ebpf", r#""Apache-2.0""#, "medulla-kernel-abi", "null"),
            ["agent-ebpf/Cargo.toml:0: license: found Apache-2.0, expected MIT OR GPL-2.0-only"]
        );
        assert_eq!(messages("medulla-agent", "null", "bytes", "null").len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let found = messages("medulla-new", r#""Apache-2.0""#, "bytes", "null");
        assert_eq!(
            found,
            ["Cargo.toml:0: edge: medulla-new has no row in xtask/src/tidy/table.rs"]
        );
    }
}
