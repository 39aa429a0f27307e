//! Embeds the kernel programs that `cargo xtask build` made; a plain `cargo build` embeds none.

use std::path::{Path, PathBuf};
use std::{env, fs};

const OBJECT: &str = "MEDULLA_EBPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-env-changed={OBJECT}");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo names the output folder"));
    let object = env::var_os(OBJECT).filter(|path| !path.is_empty()).map(PathBuf::from);
    let code = match object {
        Some(object) => embed(&object, &folder),
        None => "None".to_owned(),
    };
    let code = format!(
        "/// The kernel programs, or `None` without them.\npub const OBJECT: Option<&[u8]> = {code};\n"
    );
    fs::write(folder.join("object.rs"), code).expect("the output folder is writable");
}

/// Copies the object beside the code that includes it, so that the build depends on nothing else.
fn embed(object: &Path, folder: &Path) -> String {
    println!("cargo::rerun-if-changed={}", object.display());
    if let Err(error) = fs::copy(object, folder.join("medulla-ebpf.o")) {
        panic!("{OBJECT} names {}: {error}", object.display());
    }
    let bytes = r#"aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/medulla-ebpf.o"))"#;
    format!("Some({bytes})")
}
