//! Which files are ours: what git tracks or would track, else the tree itself.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Deeper folders than this are not ours; the walk stops there.
const DEPTH_MAX: usize = 16;

/// Paths relative to `root`, sorted. Files that are new and not ignored count as tracked, so that
/// a mistake shows before the commit.
pub(crate) fn tracked(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => walk(root)?,
    };
    paths.retain(|path| root.join(path).is_file());
    paths.sort();
    Ok(paths)
}

fn listed_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let listed = output.status.success() && !names.is_empty();
    listed.then(|| names.split_terminator('\0').map(PathBuf::from).collect())
}

fn walk(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder))
            .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_file() => found.push(path),
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX && !is_foreign(&path) => {
                    folders.push((path, depth + 1));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Build output and the history are not sources.
fn is_foreign(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "target" || name == ".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_checkout_the_tree_is_walked_without_build_output() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a.rs", "src/b.rs", "target/debug/c", ".git/config"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x\n").unwrap();
        }
        let mut found = walk(folder.path()).unwrap();
        found.sort();
        assert_eq!(found, [PathBuf::from("a.rs"), PathBuf::from("src/b.rs")]);
    }
}
