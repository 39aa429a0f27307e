//! Which fuzz crates and targets there are: by the files, so that a new target needs no list.

use std::fmt;
use std::path::{Path, PathBuf};

/// The folders that hold crates.
const FOLDERS: [&str; 3] = ["common", "agent", "gateway"];

/// A fuzz crate.
pub(crate) struct FuzzCrate {
    pub(crate) manifest: PathBuf,
    /// The name of the crate it feeds, as its folder is called: `otlp`.
    of: String,
    /// Names of its targets, sorted.
    names: Vec<String>,
}

/// One target of a fuzz crate.
pub(crate) struct Target {
    pub(crate) manifest: PathBuf,
    pub(crate) of: String,
    pub(crate) name: String,
}

/// Every fuzz crate under `root`, sorted by folder.
pub(crate) fn find(root: &Path) -> Result<Vec<FuzzCrate>, String> {
    let mut hosts: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    hosts.extend(entries(&root.join("common"))?);
    let manifests = hosts.into_iter().map(|host| host.join("fuzz").join("Cargo.toml"));
    let mut manifests: Vec<PathBuf> = manifests.filter(|manifest| manifest.is_file()).collect();
    manifests.sort();
    manifests.into_iter().map(read).collect()
}

fn read(manifest: PathBuf) -> Result<FuzzCrate, String> {
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let of = folder.parent().and_then(Path::file_name).unwrap_or_default();
    let of = of.to_string_lossy().into_owned();
    let sources = entries(&folder.join("fuzz_targets"))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = sources.into_iter().filter_map(stem).collect();
    names.sort();
    Ok(FuzzCrate { manifest, of, names })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let said = |error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(said)?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// Gives a fuzz crate the workspace's versions, so that what is fuzzed is what ships; Cargo adds
/// what only fuzzing needs.
pub(crate) fn lock(manifest: &Path, root: &Path) -> Result<(), String> {
    let lock = manifest.with_file_name("Cargo.lock");
    if lock.is_file() {
        return Ok(());
    }
    let copied = std::fs::copy(root.join("Cargo.lock"), &lock);
    copied.map(drop).map_err(|error| format!("{}: {error}", lock.display()))
}

impl FuzzCrate {
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        self.names.iter().map(|name| Target {
            manifest: self.manifest.clone(),
            of: self.of.clone(),
            name: name.clone(),
        })
    }
}

impl Target {
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.to_string() == name
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_this_tree_is_built_by_its_manifest() {
        let crates = find(&crate::tree::root()).unwrap();
        assert!(!crates.is_empty());
        for found in crates {
            let manifest = std::fs::read_to_string(&found.manifest).unwrap();
            for target in found.targets() {
                let path = format!("path = \"fuzz_targets/{}.rs\"", target.name);
                assert!(manifest.contains(&path), "{target}");
            }
        }
    }
}
