//! Where state, sockets and pins lie (contract.md section 3).

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};

/// Version of what lies in the state folder.
const FORMAT: u32 = 1;

/// The folders of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folders {
    /// `limits.json` and what later has to survive a restart.
    pub(crate) state: PathBuf,
    /// The control socket.
    pub(crate) run: PathBuf,
    /// Pinned programs and maps, on a bpffs.
    pub(crate) bpf: PathBuf,
}

impl Folders {
    /// Those of the system, or the ones the environment names instead.
    pub(crate) fn of_system() -> Self {
        let or = |variable: &str, default: &str| {
            std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from)
        };
        Self {
            state: or("MEDULLA_STATE_DIR", "/var/lib/medulla"),
            run: or("MEDULLA_RUN_DIR", "/run/medulla"),
            bpf: or("MEDULLA_BPF_DIR", "/sys/fs/bpf/medulla"),
        }
    }

    /// Those of an account without rights to the system's; folders that the environment names are
    /// kept.
    fn of_account() -> Self {
        let system = Self::of_system();
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let or = |variable: &str, default: PathBuf| {
            let folder = std::env::var_os(variable).map_or(default, PathBuf::from);
            folder.join("medulla")
        };
        let named = |variable: &str| std::env::var_os(variable).is_some();
        let temporary = PathBuf::from(format!("/tmp/medulla-{}", Uid::current()));
        Self {
            state: match named("MEDULLA_STATE_DIR") {
                true => system.state,
                false => or("XDG_STATE_HOME", home.join(".local/state")),
            },
            run: match named("MEDULLA_RUN_DIR") {
                true => system.run,
                false => or("XDG_RUNTIME_DIR", temporary),
            },
            bpf: system.bpf,
        }
    }

    /// Where a running agent may be asked, the likelier place first.
    pub(crate) fn sockets() -> Vec<PathBuf> {
        let mut sockets = vec![Self::of_system().socket(), Self::of_account().socket()];
        sockets.dedup();
        sockets
    }

    /// The folders of this process, made where they are missing: the system's if it has rights to
    /// them, else the account's.
    pub(crate) fn make_own() -> Result<Self, String> {
        let system = Self::of_system();
        match system.make() {
            Ok(()) => Ok(system),
            Err(_) => {
                let own = Self::of_account();
                own.make()?;
                Ok(own)
            }
        }
    }

    /// Makes the state and run folders.
    fn make(&self) -> Result<(), String> {
        for folder in [&self.state, &self.run] {
            make(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(())
    }

    /// Makes the state and run folders for an account, with all that lies in them.
    pub(crate) fn hand_over(&self, user: Uid, group: Gid) -> Result<(), String> {
        self.make_unchecked()?;
        for folder in [&self.state, &self.run] {
            give(folder, user, group).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(())
    }

    fn make_unchecked(&self) -> Result<(), String> {
        for folder in [&self.state, &self.run] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
            made.map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(())
    }

    /// This node's id: made once, kept in the state folder.
    pub(crate) fn node_id(&self) -> std::sync::Arc<str> {
        let path = self.state.join("node-id");
        let kept = fs::read_to_string(&path).ok();
        let is_id = |text: &str| text.len() == 36 && text.bytes().all(|b| b.is_ascii_graphic());
        if let Some(id) = kept.as_deref().map(str::trim).filter(|id| is_id(id)) {
            return id.into();
        }
        let made = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
        if let Err(error) = fs::write(&path, &made) {
            tracing::warn!("{}: {error}; this node has another id after a restart", path.display());
        }
        made.trim().into()
    }

    /// Refuses state of a newer version; marks new state with ours.
    pub(crate) fn check_format(&self) -> Result<(), String> {
        let path = self.state.join("FORMAT");
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let written = fs::write(&path, format!("{FORMAT}\n"));
                return written.map_err(|error| format!("{shown}: {error}"));
            }
            Err(error) => return Err(format!("{shown}: {error}")),
        };
        match text.trim().parse::<u32>() {
            Ok(version) if version <= FORMAT => Ok(()),
            Ok(version) => Err(format!(
                "{shown}: the state has format {version}, this version knows up to {FORMAT}"
            )),
            Err(_) => Err(format!("{shown}: not a number")),
        }
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run.join("agent.sock")
    }

    /// What limits survive a restart in.
    pub(crate) fn limits_file(&self) -> PathBuf {
        self.state.join("limits.json")
    }
}

/// Makes a folder that this process can write to.
fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).map_err(io::Error::from)
}

/// Gives a folder and the files in it away; links are not followed, folders in it are left alone.
fn give(folder: &Path, user: Uid, group: Gid) -> io::Result<()> {
    chown(folder, Some(user.as_raw()), Some(group.as_raw()))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            let (user, group) = (Some(user.as_raw()), Some(group.as_raw()));
            std::os::unix::fs::lchown(entry.path(), user, group)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().to_path_buf();
        let folders = Folders { state: path.clone(), run: path.clone(), bpf: path };
        assert_eq!(folders.check_format(), Ok(()));
        assert_eq!(folders.check_format(), Ok(()), "our own");
        for (text, part) in [("2\n", "format 2"), ("x", "not a number")] {
            fs::write(folder.path().join("FORMAT"), text).expect("writable");
            let error = folders.check_format().expect_err("refused");
            assert!(error.contains(part), "{error}");
        }
    }
}
