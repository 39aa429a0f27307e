//! Who a process is: the attributes of its resource.

use std::collections::BTreeMap;
use std::path::PathBuf;

use components::config::Section;

use super::super::super::attribute::Value;
use super::super::reading::Reading;
use super::super::root::Root;
use super::stat::Status;

/// The kernel cuts a name at so many bytes.
const COMM_BYTES: usize = 15;
/// Most bytes of a command line that are told.
const COMMAND_LINE_BYTES_MAX: usize = 4096;
/// Most users whose names are known.
const OWNERS_MAX: usize = 65_536;

/// The attributes in the Collector's order, and whether they are there by default.
const ATTRIBUTES: [(&str, bool); 8] = [
    (PID, true),
    (PARENT, true),
    (NAME, true),
    (PATH, true),
    (COMMAND, true),
    (COMMAND_LINE, true),
    (OWNER, true),
    (CGROUP, false),
];
const PID: &str = "process.pid";
const PARENT: &str = "process.parent_pid";
const NAME: &str = "process.executable.name";
const PATH: &str = "process.executable.path";
const COMMAND: &str = "process.command";
const COMMAND_LINE: &str = "process.command_line";
const OWNER: &str = "process.owner";
const CGROUP: &str = "process.cgroup";

/// Which attributes are told, and which failures are not.
pub(super) struct Identity {
    wanted: Vec<&'static str>,
    muted_name: bool,
    muted_exe: bool,
    muted_user: bool,
    muted_cgroup: bool,
}

/// The value of an attribute.
pub(super) enum Told {
    Text(String),
    Int(i64),
}

impl Told {
    pub(super) fn as_ref(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Int(number) => Value::Int(*number),
        }
    }
}

impl Identity {
    /// Reads the keys; `muted` mutes everything.
    pub(super) fn read(section: &Section<'_>, muted: bool) -> Self {
        let attributes = section.sub("resource_attributes");
        let wanted = ATTRIBUTES.into_iter().filter(|(key, by_default)| {
            let attribute = attributes.sub(key);
            attribute.not_built_yet(&["metrics_include", "metrics_exclude"]);
            attribute.bool("enabled", *by_default)
        });
        let mute = |key| section.bool(key, false) || muted;
        Self {
            wanted: wanted.map(|(key, _)| key).collect(),
            muted_name: mute("mute_process_name_error"),
            muted_exe: mute("mute_process_exe_error"),
            muted_user: mute("mute_process_user_error"),
            muted_cgroup: mute("mute_process_cgroup_error"),
        }
    }

    fn wants(&self, key: &str) -> bool {
        self.wanted.contains(&key)
    }

    /// Whether the owner is told.
    pub(super) fn wants_owner(&self) -> bool {
        self.wants(OWNER)
    }

    /// The command and its arguments; nothing for the kernel's own threads.
    pub(super) fn command(&self, reading: &mut Reading<'_>, pid: u32) -> Vec<String> {
        let text = reading.text_of_process(&format!("proc/{pid}/cmdline"), self.muted_name);
        arguments(&text.unwrap_or_default())
    }

    /// The name of the process's real user.
    pub(super) fn owner(
        &self,
        reading: &mut Reading<'_>,
        owners: &Owners,
        status: &Status,
        pid: u32,
    ) -> Option<String> {
        let uid = status.uid.filter(|_| self.wants_owner())?;
        let owner = owners.0.get(&uid).cloned();
        if owner.is_none() && !self.muted_user {
            reading.fault(format!("cannot name user {uid} of process {pid}"));
        }
        owner
    }

    /// Everything that is told of a process with its and its parent's id, its name and command.
    pub(super) fn attributes(
        &self,
        reading: &mut Reading<'_>,
        (pid, parent): (u32, u32),
        (name, command): (&str, &[String]),
        owner: Option<String>,
    ) -> Vec<(&'static str, Told)> {
        let text = |text: &str| (!text.is_empty()).then(|| Told::Text(text.to_owned()));
        let mut tell = |key: &str| match key {
            PID => Some(Told::Int(pid.into())),
            PARENT => Some(Told::Int(parent.into())),
            NAME => text(name),
            PATH => self.executable(reading, pid).map(Told::Text),
            COMMAND => command.first().and_then(|command| text(command)),
            COMMAND_LINE => text(&line(command)),
            OWNER => owner.clone().map(Told::Text),
            _ => self.cgroup(reading, pid).map(Told::Text),
        };
        self.wanted.iter().filter_map(|key| Some((*key, tell(key)?))).collect()
    }

    fn executable(&self, reading: &mut Reading<'_>, pid: u32) -> Option<String> {
        let path = format!("proc/{pid}/exe");
        let target: std::io::Result<PathBuf> = std::fs::read_link(reading.root.at(&path));
        let target = reading.of_process(&path, target, self.muted_exe)?;
        Some(target.to_string_lossy().into_owned())
    }

    fn cgroup(&self, reading: &mut Reading<'_>, pid: u32) -> Option<String> {
        let text = reading.text_of_process(&format!("proc/{pid}/cgroup"), self.muted_cgroup)?;
        Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
    }
}

/// The name, whole where the kernel has cut it.
pub(super) fn name(comm: &str, command: &[String]) -> String {
    let whole = command.first().and_then(|path| path.rsplit('/').next());
    match whole {
        Some(whole) if comm.len() >= COMM_BYTES && whole.starts_with(comm) => whole.to_owned(),
        _ => comm.to_owned(),
    }
}

/// `/proc/PID/cmdline`: each argument ends with a zero.
fn arguments(text: &str) -> Vec<String> {
    let text = text.trim_end_matches('\0');
    if text.is_empty() {
        return Vec::new();
    }
    text.split('\0').map(str::to_owned).collect()
}

/// The arguments in a line, cut where it gets too long.
fn line(command: &[String]) -> String {
    let mut line = command.join(" ");
    if line.len() > COMMAND_LINE_BYTES_MAX {
        let end = (0..=COMMAND_LINE_BYTES_MAX).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or(0));
    }
    line
}

/// Names of users by their ids.
pub(super) struct Owners(BTreeMap<u32, String>);

impl Owners {
    /// Those of the host's `/etc/passwd`.
    pub(super) fn read(root: &Root) -> Self {
        Self::parse(&root.text("etc/passwd").unwrap_or_default())
    }

    /// `nobody:x:65534:...`; the first of several names of an id counts.
    fn parse(text: &str) -> Self {
        let mut owners = BTreeMap::new();
        for line in text.lines().take(OWNERS_MAX) {
            let mut words = line.split(':');
            let (Some(name), Some(uid)) = (words.next(), words.nth(1)) else { continue };
            if let Ok(uid) = uid.parse() {
                owners.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        Self(owners)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_were_cut_are_made_whole() {
        let check = |comm: &str, command: &str, expect: &str| {
            assert_eq!(name(comm, &arguments(command)), expect, "{comm} {command:?}");
        };
        check("cat", "/bin/cat\0a b\0", "cat");
        check("a-very-long-nam", "/opt/a-very-long-name\0", "a-very-long-name");
        check("a-very-long-nam", "sh\0/opt/a-very-long-name\0", "a-very-long-nam");
        check("kthreadd", "", "kthreadd");
    }

    #[test]
    fn command_lines_are_bounded() {
        assert_eq!(line(&arguments("/bin/cat\0\0a b\0")), "/bin/cat  a b");
        let long = "\u{e4}".repeat(COMMAND_LINE_BYTES_MAX);
        assert_eq!(line(&["x".to_owned(), long]).len(), COMMAND_LINE_BYTES_MAX);
    }

    #[test]
    fn users_are_known_by_their_ids() {
        let owners =
            Owners::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n#\nbad:x:y\nweb:x:33:33\n").0;
        assert_eq!(owners, BTreeMap::from([(0, "root".to_owned()), (33, "web".to_owned())]));
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(root|:|\0|[0-9]{1,12}|\n|.){0,60}") {
            let _ = (name(&text, &arguments(&text)), line(&arguments(&text)), Owners::parse(&text).0.len());
        }
    }
}
