//! What nothing may restart: processes by name, and control groups with all that lies below them.
//!
//! Who is about to restart something asks here with its process. What cannot be found out is protected:
//! a guard that does not see does not wave through.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most entries, so that they fit into the keeper's mailbox.
pub(crate) const ENTRIES_MAX: usize = 64;
/// Longest entry as a text.
const ENTRY_BYTES: usize = 240;
/// proc(5): longer names of processes are cut.
const NAME_BYTES: usize = 15;
/// Where people see control groups.
const MOUNT: &str = "/sys/fs/cgroup";

/// What the configuration protects.
#[derive(Debug)]
pub(crate) struct Protected {
    processes: Vec<String>,
    cgroups: Vec<String>,
    proc: PathBuf,
}

/// One entry as a text.
pub(crate) fn process(name: &str) -> String {
    format!("process={name}")
}

/// One entry as a text.
pub(crate) fn cgroup(path: &str) -> String {
    format!("cgroup={path}")
}

/// Whether a text is an entry.
pub(crate) fn is_entry(text: &str) -> bool {
    let parts = text.split_once('=');
    parts.is_some_and(|(kind, value)| ["process", "cgroup"].contains(&kind) && !value.is_empty())
        && text.len() <= ENTRY_BYTES
        && !text.contains(char::is_control)
}

impl Protected {
    /// Reads entries; others have no meaning.
    pub(crate) fn parse(texts: &[String]) -> Self {
        let of = |kind: &'static str| {
            let pairs = texts.iter().filter_map(|text| text.split_once('='));
            pairs.filter(move |(found, _)| *found == kind).map(|(_, value)| value)
        };
        let cut = |name: &str| name[..name.floor_char_boundary(NAME_BYTES)].to_owned();
        let path = |path: &str| {
            let path = path.strip_prefix(MOUNT).unwrap_or(path);
            format!("/{}", path.trim_matches('/'))
        };
        Self {
            processes: of("process").map(cut).collect(),
            cgroups: of("cgroup").map(path).collect(),
            proc: PathBuf::from("/proc"),
        }
    }

    /// Its entries as texts.
    pub(crate) fn entries(&self) -> impl Iterator<Item = String> {
        let processes = self.processes.iter().map(|name| process(name));
        processes.chain(self.cgroups.iter().map(|path| cgroup(path)))
    }

    /// Why what this process belongs to is not to be restarted; `None` is an unknown process.
    pub(crate) fn guards(&self, pid: Option<u32>) -> Option<String> {
        if self.processes.is_empty() && self.cgroups.is_empty() {
            return None;
        }
        let groups = pid.and_then(|pid| groups(&self.proc, &pid.to_string()));
        let Some(groups) = groups else {
            return Some("whether it is protected cannot be found out".to_owned());
        };
        let cgroup =
            self.cgroups.iter().find(|path| groups.iter().any(|group| lies_in(group, path)));
        if let Some(path) = cgroup {
            return Some(format!("reflex.protected.cgroups names {path}"));
        }
        let names = self.names(pid, &groups);
        let name = self.processes.iter().find(|name| names.contains(*name))?;
        Some(format!("reflex.protected.processes names {name}"))
    }

    /// The same for all processes in control groups whose paths hold one of these marks.
    pub(crate) fn guards_group(&self, marks: &[String]) -> Option<String> {
        let is_marked = |path: &String| marks.iter().any(|mark| path.contains(mark));
        let entries = std::fs::read_dir(&self.proc).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut inside = ids.filter(|id: &u32| {
            groups(&self.proc, &id.to_string()).is_some_and(|groups| groups.iter().any(is_marked))
        });
        match inside.next() {
            None => self.guards(None),
            Some(first) => {
                std::iter::once(first).chain(inside).find_map(|id| self.guards(Some(id)))
            }
        }
    }

    /// Names of the process and of all that share its control groups.
    fn names(&self, pid: Option<u32>, groups: &[String]) -> BTreeSet<String> {
        if self.processes.is_empty() {
            return BTreeSet::new();
        }
        // The root is shared with everybody.
        let shared: Vec<&String> = groups.iter().filter(|group| *group != "/").collect();
        let belongs = |id: &String| {
            let others = self::groups(&self.proc, id).unwrap_or_default();
            Some(id.as_str()) == pid.map(|pid| pid.to_string()).as_deref()
                || others.iter().any(|other| shared.iter().any(|group| lies_in(other, group)))
        };
        let entries = std::fs::read_dir(&self.proc).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let ids = ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).filter(belongs);
        let name = |id: String| std::fs::read_to_string(self.proc.join(id).join("comm")).ok();
        ids.filter_map(name).map(|name| name.trim_end().to_owned()).collect()
    }
}

/// A process's control groups; cgroups(7): the third field of each line.
fn groups(proc: &Path, pid: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(proc.join(pid).join("cgroup")).ok()?;
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    Some(paths.map(str::to_owned).collect())
}

/// Whether a control group is this one or lies below it.
fn lies_in(group: &str, path: &str) -> bool {
    group
        .strip_prefix(path.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes as (id, name, control groups).
    fn host(processes: &[(u32, &str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for (id, name, groups) in processes {
            let process = folder.path().join(id.to_string());
            std::fs::create_dir(&process).expect("the folder is new");
            std::fs::write(process.join("comm"), format!("{name}\n")).expect("writable");
            std::fs::write(process.join("cgroup"), groups).expect("writable");
        }
        folder
    }

    #[test]
    fn processes_and_groups_are_guarded() {
        let folder = host(&[
            (1, "init", "4:memory:/\n0::/init.scope\n"),
            (7, "web", "4:memory:/k8s/pod/a\n0::/\n"),
            (8, "backup-of-the-d", "4:memory:/k8s/pod/a/inner\n0::/\n"),
            (9, "db", "4:memory:/k8s/podless\n0::/\n"),
        ]);
        let check = |entries: &[String], pid: Option<u32>, expect: Option<&str>| {
            let mut protected = Protected::parse(entries);
            protected.proc = folder.path().to_owned();
            assert_eq!(protected.guards(pid).as_deref(), expect, "{entries:?} {pid:?}");
        };
        check(&[], None, None);
        check(&[cgroup("/k8s/pod")], Some(7), Some("reflex.protected.cgroups names /k8s/pod"));
        check(&[cgroup("/sys/fs/cgroup/k8s/pod/")], Some(9), None);
        check(&[cgroup("/")], Some(9), Some("reflex.protected.cgroups names /"));
        let backup = || process("backup-of-the-database");
        let named = "reflex.protected.processes names backup-of-the-d";
        check(&[backup()], Some(7), Some(named));
        check(&[backup(), process("init")], Some(9), None);
        check(&[process("db")], Some(9), Some("reflex.protected.processes names db"));
        let mut protected = Protected::parse(&[process("web")]);
        protected.proc = folder.path().to_owned();
        let group = |mark: &str| protected.guards_group(&[mark.to_owned()]);
        assert_eq!(group("pod/a").as_deref(), Some("reflex.protected.processes names web"));
        assert_eq!(group("podless"), None);
        assert!(group("elsewhere").is_some(), "what is not seen is protected");
        let unseen = "whether it is protected cannot be found out";
        check(&[process("db")], Some(10), Some(unseen));
        check(&[process("db")], None, Some(unseen));
    }

    #[test]
    fn entries_are_texts() {
        assert!(is_entry(&process("a=b")) && is_entry(&cgroup("/a b")));
        let long = cgroup(&"/a".repeat(ENTRY_BYTES));
        for text in ["", "process", "process=", "unit=a", "cgroup=/a\n", &long] {
            assert!(!is_entry(text), "{text:?}");
        }
    }
}
