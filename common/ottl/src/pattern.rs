//! Regular expressions as the reference writes them (RE2), on an engine that runs in linear time.

use regex::Regex;

/// Compiles an RE2 pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}
