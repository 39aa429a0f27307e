//! The emulator, busybox and Debian's kernels, fetched where they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tree;

/// Where the package busybox-static puts it.
pub(super) const BUSYBOX: &str = "/usr/bin/busybox";

const EMULATOR: &str = "qemu-system-x86_64";
const PACKAGES: [&str; 2] = ["qemu-system-x86", "busybox-static"];

/// An unpacked kernel package.
pub(super) struct Kernel {
    folder: PathBuf,
    pub(super) image: PathBuf,
}

impl Kernel {
    /// The file of a module.
    pub(super) fn module(&self, name: &str) -> Result<PathBuf, String> {
        let names = [format!("{name}.ko"), format!("{name}.ko.xz")];
        let is_it = |path: &Path| names.iter().any(|name| path.file_name() == Some(name.as_ref()));
        find(&self.folder.join("lib"), &is_it)
            .ok_or_else(|| format!("no module {name} in {}", self.folder.display()))
    }
}

/// Makes sure of the emulator and of busybox.
pub(super) fn programs() -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the kernels are for x86-64, and the agent was built for another".to_owned());
    }
    if are_there() {
        return Ok(());
    }
    let names = PACKAGES.join(" ");
    if !nix::unistd::geteuid().is_root() || !tree::on_path("apt-get") {
        return Err(format!("needs the packages {names}"));
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(PACKAGES);
    succeed(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    if are_there() { Ok(()) } else { Err(format!("{names} carry no {EMULATOR} and {BUSYBOX}")) }
}

fn are_there() -> bool {
    tree::on_path(EMULATOR) && Path::new(BUSYBOX).is_file()
}

/// The newest kernel of a series: the one that was fetched before, else Debian's.
pub(super) fn kernel(folder: &Path, series: &str) -> Result<Kernel, String> {
    if let Some(kernel) = unpacked(&folder.join(series)) {
        return Ok(kernel);
    }
    let package = newest(series)?;
    let fresh = folder.join(format!("{series}.new"));
    // Left over by a run that was interrupted.
    let _ = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir_all(&fresh).map_err(|error| super::at(&fresh, &error))?;
    succeed(Command::new("apt-get").args(["download", "--quiet", &package]).current_dir(&fresh))?;
    let is_package = |path: &Path| path.extension().is_some_and(|end| end == "deb");
    let file = find(&fresh, &is_package).ok_or_else(|| format!("apt-get brought no {package}"))?;
    succeed(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&fresh))?;
    // The file is of no more use.
    let _ = std::fs::remove_file(&file);
    let place = folder.join(series);
    std::fs::rename(&fresh, &place).map_err(|error| super::at(&place, &error))?;
    unpacked(&place).ok_or_else(|| format!("{package} has no kernel"))
}

fn unpacked(folder: &Path) -> Option<Kernel> {
    let is_image = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    };
    let image = find(&folder.join("boot"), &is_image)?;
    Some(Kernel { folder: folder.to_owned(), image })
}

/// Debian names a kernel's package by its version, so the newest has to be found.
fn newest(series: &str) -> Result<String, String> {
    let escaped = series.replace('.', "\\.");
    let pattern = format!("^linux-image-{escaped}\\.[0-9].*-cloud-amd64$");
    let output = Command::new("apt-cache").args(["search", "--names-only", &pattern]).output();
    let output = output.map_err(|error| format!("cannot run apt-cache: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let newest = names.max_by_key(|name| numbers(name));
    newest.map(str::to_owned).ok_or_else(|| format!("apt knows no cloud kernel {series}"))
}

/// The numbers in a name, which order versions.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The first file under a folder that is meant.
fn find(folder: &Path, is_it: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let here = paths.iter().find(|path| path.is_file() && is_it(path)).cloned();
    let folders = || paths.iter().filter(|path| path.is_dir() && !path.is_symlink());
    here.or_else(|| folders().find_map(|folder| find(folder, is_it)))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_order_by_their_numbers() {
        let older = "linux-image-6.1.0-9-cloud-amd64";
        assert!(numbers("linux-image-6.1.0-56-cloud-amd64") > numbers(older));
    }
}
