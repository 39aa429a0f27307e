//! An image of one file, in the archive format that `docker save` writes and every runtime loads.

use std::fs::File;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

/// The one program of the image; statically linked, so that it runs alone.
pub(super) const BUSYBOX: &str = "/bin/busybox";
/// What the image is called.
pub(super) const NAME: &str = "medulla.test/box:1";

/// Writes the archive.
///
/// # Panics
/// When the disk is full.
pub(super) fn write(path: &Path) {
    let busybox = std::fs::read(BUSYBOX).expect("busybox can be read");
    let layer = archive(Vec::new(), &[("busybox", 0o755, &busybox)]);
    let diff_id: String = Sha256::digest(&layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Cmd": ["/busybox", "sleep", "1000000"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
    });
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"] }]);
    let (config, manifest) = (config.to_string(), manifest.to_string());
    let files = [
        ("layer.tar", 0o644, layer.as_slice()),
        ("config.json", 0o644, config.as_bytes()),
        ("manifest.json", 0o644, manifest.as_bytes()),
    ];
    archive(File::create(path).expect("the folder is writable"), &files);
}

fn archive<W: std::io::Write>(out: W, files: &[(&str, u32, &[u8])]) -> W {
    let mut archive = tar::Builder::new(out);
    for (name, mode, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).expect("an archive can be written");
    }
    archive.into_inner().expect("an archive can be ended")
}
