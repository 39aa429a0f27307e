//! Where the binaries under test are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of a built binary, for example `medulla-gateway`.
///
/// # Panics
/// When it cannot be built or is not there.
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let path = FOLDER.get_or_init(folder).join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build` first", path.display());
    path
}

fn folder() -> PathBuf {
    match std::env::var_os("MEDULLA_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => build(),
    }
}

/// Builds both binaries in the profile of the test that asks, and returns their folder: tests lie
/// in `PROFILE/deps`, binaries in `PROFILE`.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("tests lie two folders deep").to_path_buf();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "-p", "medulla-agent", "-p", "medulla-gateway"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate has a parent");
    let status = cargo.current_dir(root).status().expect("cargo can be run");
    assert!(status.success(), "the binaries do not build");
    profile
}
