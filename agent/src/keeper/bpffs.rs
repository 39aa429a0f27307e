//! A BPF file system under the pin folder.
//!
//! Systemd mounts one at /sys/fs/bpf; in containers and namespaces there may be none. Then it is
//! mounted there, or, for a folder elsewhere, on that folder, and taken away again at the end.

use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount as mount_at, umount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

/// Where the kernel expects it.
const USUAL: &str = "/sys/fs/bpf";

/// A mount of ours, undone when dropped.
pub(super) struct Mounted(PathBuf);

/// Makes the pin folder on a BPF file system; what was mounted for it.
pub(super) fn mount(folder: &Path) -> Result<Option<Mounted>, String> {
    if is_bpffs(nearest(folder)) {
        make(folder)?;
        return Ok(None);
    }
    let usual = Path::new(USUAL);
    let place = if folder.starts_with(usual) && usual.is_dir() { usual } else { folder };
    if place == folder {
        make(folder)?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount_at(Some("bpf"), place, Some("bpf"), flags, None::<&str>)
        .map_err(|error| format!("cannot mount a BPF file system on {}: {error}", place.display()))?;
    make(folder)?;
    Ok((place == folder).then(|| Mounted(place.to_path_buf())))
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Somebody may be looking at it; then it stays, empty.
        let _ = umount(&self.0);
    }
}

fn make(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The folder itself or the part of its path that exists.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|part| part.exists()).unwrap_or(folder)
}

fn is_bpffs(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC)
}
