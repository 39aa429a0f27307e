//! Peers of other languages: what PyPI and npm have, installed below the target folder and kept there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether such peers are wanted and these programs are there; says why not.
pub fn are_wanted(programs: &[&str]) -> bool {
    if std::env::var_os("MEDULLA_PEERS").is_none() {
        println!("skipped: peers from pip and npm run with --peers");
        return false;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &&&str| std::env::split_paths(&path).any(|f| f.join(program).is_file());
    if let Some(missing) = programs.iter().find(|program| !there(program)) {
        println!("skipped: {missing} is not installed");
        return false;
    }
    true
}

/// A folder below the target folder that outlives the test.
///
/// # Panics
/// When it cannot be made.
pub fn kept_folder(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("tests lie three folders deep");
    let folder = target.join("peers").join(name);
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// The folder of a Python with these packages; its programs are in `bin`.
///
/// # Panics
/// When they cannot be installed.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let folder = kept_folder(name);
    let python = folder.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages));
    folder
}

/// Runs a program to its good end; what it printed.
///
/// # Panics
/// When it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program can be run");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A peer's source in `tests/peers`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}
