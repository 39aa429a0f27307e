//! Reads what libFuzzer prints.

use std::fmt;

/// How a target's run ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Nothing broke.
    pub(crate) ok: bool,
    /// Inputs tried.
    runs: u64,
    /// Edges reached with what was known before, and at the end.
    coverage: (u64, u64),
    /// What libFuzzer or the target said of the failure, and where the input is.
    failure: Vec<String>,
}

impl Outcome {
    /// From stderr and whether the status was zero.
    pub(crate) fn read(text: &str, ok: bool) -> Self {
        let mut outcome = Self { ok, ..Self::default() };
        for line in text.lines() {
            if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
                outcome.runs = runs.trim().parse().unwrap_or(0);
            } else if line.starts_with('#') {
                outcome.progress(line);
            } else if !ok && is_telling(line) {
                outcome.failure.push(line.trim().to_owned());
            }
        }
        outcome
    }

    /// `#512  INITED cov: 12 ft: 14 corp: 2/3b exec/s: 0 rss: 40Mb`
    fn progress(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_prefix('#')?.parse().ok());
        self.runs = self.runs.max(number.unwrap_or(0));
        let is_first = words.next() == Some("INITED");
        let coverage = words.skip_while(|word| *word != "cov:").nth(1);
        if let Some(coverage) = coverage.and_then(|word| word.parse().ok()) {
            self.coverage.1 = coverage;
            if is_first {
                self.coverage.0 = coverage;
            }
        }
    }
}

fn is_telling(line: &str) -> bool {
    ["panicked at", "ERROR: libFuzzer", "Test unit written to"]
        .iter()
        .any(|part| line.contains(part))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.coverage;
        let new = after.saturating_sub(before);
        let verdict = if self.ok { "ok" } else { "FAILED" };
        write!(f, "{} runs, {after} edges ({new} new), {verdict}", self.runs)?;
        self.failure.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "\
#2\tINITED cov: 12 ft: 14 corp: 2/3b exec/s: 0 rss: 40Mb
#1000\tNEW    cov: 15 ft: 20 corp: 3/9b lim: 8 exec/s: 0 rss: 40Mb L: 2/8 MS: 1 CMP-
#4096\tDONE   cov: 15 ft: 22 corp: 4/9b lim: 8 exec/s: 4096 rss: 40Mb
Done 4096 runs in 1 second(s)
stat::number_of_executed_units: 4096
";

    #[test]
    fn counts_come_from_the_output() {
        let outcome = Outcome::read(END, true);
        assert_eq!(outcome.to_string(), "4096 runs, 15 edges (3 new), ok");
    }

    #[test]
    fn a_failure_says_what_and_where() {
        let text = "#2\tINITED cov: 12 ft: 14\n\
            thread '<unnamed>' panicked at a.rs:1:1:\n\
            oh\n\
            ==7== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='x/'; Test unit written to x/crash-1\n";
        let outcome = Outcome::read(text, false);
        assert!(!outcome.ok);
        assert_eq!(outcome.failure.len(), 3);
        assert!(outcome.to_string().starts_with("2 runs, 12 edges (0 new), FAILED\n"));
    }
}
