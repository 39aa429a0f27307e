//! The section `store`.

use std::path::PathBuf;
use std::time::Duration;

use components::config::Section;

/// Least size that makes sense: a few of the largest transactions.
const LEAST_BYTES: u64 = 64 << 20;

/// Where the store is and what it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder.
    pub path: PathBuf,
    /// The folder to take when we have no rights to make `path`; only for the default path.
    pub fallback: Option<PathBuf>,
    /// How long requests are kept, from their arrival.
    pub retention: Duration,
    /// Largest size of the file.
    pub max_bytes: u64,
}

impl StoreSettings {
    /// Reads the section. The default path is that of the state folder, which
    /// `MEDULLA_STATE_DIR` replaces.
    pub fn read(section: &Section<'_>) -> Self {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (path, fallback) = match section.opt_string("path").filter(|path| !path.is_empty()) {
            Some(path) => (path.into(), None),
            None => default_paths(variable),
        };
        let day = Duration::from_secs(24 * 3600);
        Self {
            path,
            fallback,
            retention: section.duration_in("retention", day, Duration::from_secs(1)..=day * 36500),
            max_bytes: section.bytes("max_bytes", 2 << 30, LEAST_BYTES..=1 << 46),
        }
    }
}

/// The default folder, and the one for those without rights to it.
fn default_paths(variable: impl Fn(&str) -> Option<PathBuf>) -> (PathBuf, Option<PathBuf>) {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    if let Some(state) = variable("MEDULLA_STATE_DIR") {
        return (state.join("store"), None);
    }
    let home = || Some(absolute("HOME")?.join(".local/state"));
    let own = absolute("XDG_STATE_HOME").or_else(home);
    ("/var/lib/medulla/store".into(), own.map(|state| state.join("medulla/store")))
}

#[cfg(test)]
mod tests {
    use components::config::{Report, value};

    use super::*;

    fn read(yaml: &str) -> (StoreSettings, Vec<String>) {
        let report = Report::default();
        report.add_file("f");
        let value = value::parse(yaml, 0, &report).expect("YAML");
        let settings = StoreSettings::read(&Section::new(&value, "store", &report));
        (settings, report.into_parts().0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn keys_and_bounds() {
        let (settings, errors) = read("{path: /x, retention: 1h, max_bytes: 1GiB}");
        assert_eq!(errors, [""; 0]);
        let hour = Duration::from_secs(3600);
        let expected = StoreSettings {
            path: "/x".into(),
            fallback: None,
            retention: hour,
            max_bytes: 1 << 30,
        };
        assert_eq!(settings, expected);
        let (_, errors) = read("{retention: 0s, max_bytes: 1MiB, sise: 3}");
        assert_eq!(errors.len(), 3, "{errors:?}");
    }

    #[test]
    fn the_default_follows_the_environment() {
        let paths = |set: &[(&str, &str)]| {
            default_paths(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()))
        };
        let usual = PathBuf::from("/var/lib/medulla/store");
        assert_eq!(paths(&[("MEDULLA_STATE_DIR", "/s")]), ("/s/store".into(), None));
        assert_eq!(paths(&[]), (usual.clone(), None));
        let own = paths(&[("XDG_STATE_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(own, (usual.clone(), Some("/x/medulla/store".into())));
        let home = paths(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]);
        assert_eq!(home, (usual, Some("/h/.local/state/medulla/store".into())));
    }
}
