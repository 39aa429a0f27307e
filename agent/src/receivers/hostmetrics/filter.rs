//! `include` and `exclude`: which devices, interfaces, mounts or processes a scraper looks at.

use components::config::{Code, Field, Section};
use regex::{Regex, RegexBuilder};

/// Most bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What to look at. Empty lists let everything pass.
#[derive(Debug, Default)]
pub(super) struct Filter {
    include: Option<Names>,
    exclude: Option<Names>,
}

/// Names to compare with.
#[derive(Debug)]
enum Names {
    Strict(Vec<String>),
    /// A match anywhere in the name counts.
    Regexp(Vec<Regex>),
}

impl Filter {
    /// Reads two sections with a list and a `match_type` each: `include: { devices: [sda] }`.
    pub(super) fn read(
        section: &Section<'_>,
        include: &'static str,
        exclude: &'static str,
        list: &'static str,
    ) -> Self {
        let read = |key| Names::read(&section.sub(key), list);
        Self { include: read(include), exclude: read(exclude) }
    }

    /// Whether a name is to be looked at.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|names| names.has(name))
            && !self.exclude.as_ref().is_some_and(|names| names.has(name))
    }
}

impl Names {
    fn read(section: &Section<'_>, list: &'static str) -> Option<Self> {
        let listed = section.list(list);
        let kinds = [("strict", false), ("regexp", true)];
        // The cache of compiled patterns is an optimisation of the Collector's.
        let _ = section.sub("regexp").entries();
        let kind = section.field("match_type").map(|field| field.one_of(&kinds));
        if listed.is_empty() {
            return None;
        }
        if kind.is_none() {
            section.missing("match_type", "strict or regexp");
        }
        let names = match kind.flatten()? {
            false => Self::Strict(listed.iter().filter_map(Field::string).collect()),
            true => Self::Regexp(listed.iter().filter_map(pattern).collect()),
        };
        Some(names)
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Strict(names) => names.iter().any(|known| known == name),
            Self::Regexp(patterns) => patterns.iter().any(|pattern| pattern.is_match(name)),
        }
    }
}

fn pattern(field: &Field<'_>) -> Option<Regex> {
    let text = field.string()?;
    let pattern = RegexBuilder::new(&text).size_limit(PATTERN_BYTES_MAX).build();
    pattern.map_err(|error| field.error(Code::BadValue, reason(&text, &error))).ok()
}

/// The last line of the error, which says what is wrong; those before it draw a picture.
fn reason(text: &str, error: &regex::Error) -> String {
    let error = error.to_string();
    let last = error.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error: ");
    format!("{text:?}, expected a regular expression: {last}")
}

#[cfg(test)]
mod tests {
    use components::config::Report;
    use components::config::value::parse;

    use super::*;

    fn read(yaml: &str) -> (Filter, Vec<String>) {
        let report = Report::default();
        report.add_file("test.yaml");
        let value = parse(yaml, 0, &report).expect("the test's YAML is valid");
        let filter =
            Filter::read(&Section::new(&value, "x", &report), "include", "exclude", "devices");
        let errors = report.into_parts().0;
        (filter, errors.iter().map(|e| format!("{}: {}", e.path, e.message)).collect())
    }

    #[test]
    fn names_pass_as_the_collector_lets_them() {
        let check = |yaml: &str, passes: &[&str], stays: &[&str]| {
            let (filter, errors) = read(yaml);
            assert_eq!(errors, Vec::<String>::new(), "{yaml}");
            passes.iter().for_each(|name| assert!(filter.passes(name), "{yaml}: {name}"));
            stays.iter().for_each(|name| assert!(!filter.passes(name), "{yaml}: {name}"));
        };
        check("{}", &["sda", ""], &[]);
        check("{ include: { devices: [], match_type: strict } }", &["sda"], &[]);
        check("{ include: { devices: [sda], match_type: strict } }", &["sda"], &["sda1", ""]);
        check("{ include: { devices: [sda], match_type: regexp } }", &["sda1", "xsda"], &["sdb"]);
        check(
            "{ include: { devices: ['^sd'], match_type: regexp }, exclude: { devices: [sdb], match_type: strict } }",
            &["sda", "sdb1"],
            &["sdb", "vda"],
        );
    }

    #[test]
    fn mistakes_are_named() {
        let check = |yaml: &str, expect: &str| {
            let errors = read(yaml).1.join("\n");
            assert!(errors.contains(expect), "{expect:?} in {errors:?}");
        };
        check("{ include: { devices: [sda] } }", "x.include.match_type: nothing found");
        check(
            "{ include: { devices: [sda], match_type: glob } }",
            "expected one of regexp, strict",
        );
        check("{ include: { device: [sda] } }", "x.include.device: unknown key");
        check(
            "{ exclude: { devices: ['a', '('], match_type: regexp } }",
            "x.exclude.devices[1]: \"(\", expected a regular expression: unclosed group",
        );
    }
}
