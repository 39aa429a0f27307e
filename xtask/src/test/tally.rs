//! Reads what `cargo test -- --show-output` prints and counts it.
//!
//! A test that cannot run here passes after printing `skipped: REASON`. libtest has no third
//! outcome, so this takes such a test out of the passed ones and remembers its name and reason. The
//! output of tests that passed is shown no further.

/// What the test binaries said so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// As libtest counts; see [`Tally::passed`].
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    ignored: usize,
    /// Test or step, and why it did not run.
    pub(crate) skips: Vec<(String, String)>,
    /// Names of failed tests.
    pub(crate) failures: Vec<String>,
    skipped_at_run: usize,
    in_successes: bool,
    current: String,
}

impl Tally {
    /// Tests that ran and passed.
    pub(crate) fn passed(&self) -> usize {
        self.passed.saturating_sub(self.skipped_at_run)
    }

    pub(crate) fn skipped(&self) -> usize {
        self.ignored + self.skips.len()
    }

    /// Takes one line; true when it should be shown.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.sum(result);
            return true;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ if self.in_successes => self.read_success(line),
            _ => self.read_verdict(line),
        }
        !self.in_successes
    }

    fn read_success(&mut self, line: &str) {
        let heading = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = heading {
            self.current = name.to_owned();
        } else if let Some(reason) = line.trim_start().strip_prefix("skipped: ") {
            self.skip(reason);
        }
    }

    fn skip(&mut self, reason: &str) {
        // A test that prints more than one reason is still one test.
        if !self.current.is_empty() {
            self.skips.push((std::mem::take(&mut self.current), reason.to_owned()));
            self.skipped_at_run += 1;
        }
    }

    fn read_verdict(&mut self, line: &str) {
        let verdict = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        self.failures.extend(verdict.map(str::to_owned));
    }

    /// `ok. 2 passed; 0 failed; 1 ignored; 0 measured; ...`
    fn sum(&mut self, result: &str) {
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let Some(count) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored") => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test b ... ok
test c ... FAILED

successes:

---- a stdout ----
skipped: needs root
skipped: and a newer kernel

---- b stdout ----
chatter

successes:
    a
    b

failures:

---- c stdout ----
it broke

failures:
    c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";

    #[test]
    fn counts_and_reasons_come_from_the_output() {
        let mut tally = Tally::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| tally.read(line)).collect();
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (1, 1, 1));
        assert_eq!(tally.skips, [("a".to_owned(), "needs root".to_owned())]);
        assert_eq!(tally.failures, ["c"]);
        assert!(!shown.contains(&"chatter"));
        assert!(shown.contains(&"it broke"));
    }

    #[test]
    fn several_binaries_are_summed() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured");
        tally.read("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured");
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (5, 0, 1));
    }
}
