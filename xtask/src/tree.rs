//! Where the workspace lies, so that every command works from any folder below it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The workspace's root. Cargo names this crate's folder when it runs the command; a binary that
/// was started by hand uses the folder it was built from.
pub(crate) fn root() -> PathBuf {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    crate_folder.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder builds go to: `CARGO_TARGET_DIR` when set, else `target` under the root.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The Cargo that runs us, so that a toolchain override reaches what we start.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// Whether a program of that name lies in a folder of `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
