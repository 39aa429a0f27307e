//! Puts the rules for user agents where `include_str!` finds them: the published crate `ua-parser` carries those of the
//! project uap-core as a file, and Cargo tells where that crate's files are. Rules for devices are left out, since
//! nothing here asks for them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const CARRIER: &str = "ua-parser";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let folder = package_folder(CARRIER)?.join("uap-core");
    let rules = fs::read_to_string(folder.join("regexes.yaml"))?;
    let (kept, _) = rules.split_once("\ndevice_parsers:").ok_or("the rules have other sections")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("user_agents.yaml"), format!("{kept}\n"))?;
    // For the tests, which read that project's own cases.
    println!("cargo::rustc-env=UAP_CORE={}", folder.display());
    Ok(())
}

/// Where the files of a dependency are: in the registry's folder, or where a vendored copy is.
fn package_folder(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
        .arg(env::var("TARGET")?)
        .current_dir(env::var("CARGO_MANIFEST_DIR")?)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| format!("no package {name} among the dependencies"))?;
    Ok(Path::new(manifest).parent().ok_or("a manifest is in a folder")?.to_owned())
}
