//! Exponential backoff with jitter (the Collector's `retry_on_failure`).

use std::time::Duration;

/// Longest delay that a backend may ask for; beyond it a clock could overflow.
pub(crate) const ASKED_MAX: Duration = Duration::from_secs(24 * 3600);

/// The Collector's keys and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// Whether a retryable failure is tried again at all.
    pub enabled: bool,
    /// The first delay.
    pub initial_interval: Duration,
    /// 0 = no jitter, 0.5 = between half and one and a half times the delay.
    pub randomization_factor: f64,
    /// Growth of the delay from attempt to attempt.
    pub multiplier: f64,
    /// Bound of the delay.
    pub max_interval: Duration,
    /// How long a batch nobody waits for is tried; zero = for ever.
    pub max_elapsed_time: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

/// The delays of one batch.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    jitter: Jitter,
}

impl Backoff {
    /// Delays after `settings`; `seed` decides the jitter.
    pub fn new(settings: &RetrySettings, seed: u64) -> Self {
        Self { next: settings.initial_interval, jitter: Jitter(seed | 1) }
    }

    /// The next delay; never shorter than what the backend asked for, up to `ASKED_MAX`.
    pub fn next(&mut self, settings: &RetrySettings, asked: Option<Duration>) -> Duration {
        let spread = settings.randomization_factor * (2.0 * self.jitter.unit() - 1.0);
        let delay = self.next.mul_f64((1.0 + spread).max(0.0));
        self.next = self.next.mul_f64(settings.multiplier.max(1.0)).min(settings.max_interval);
        delay.max(asked.unwrap_or_default().min(ASKED_MAX))
    }
}

/// xorshift64*: good enough to spread retries, and seeded, so that tests repeat.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    /// Uniform in 0..1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(settings: &RetrySettings, asked: Option<Duration>) -> Vec<f64> {
        let mut backoff = Backoff::new(settings, 7);
        (0..8).map(|_| backoff.next(settings, asked).as_secs_f64()).collect()
    }

    #[test]
    fn grows_to_the_bound_without_jitter() {
        let settings = RetrySettings { randomization_factor: 0.0, ..RetrySettings::default() };
        assert_eq!(delays(&settings, None)[..3], [5.0, 7.5, 11.25]);
        assert_eq!(delays(&settings, None)[7], 30.0);
    }

    #[test]
    fn jitter_stays_within_its_factor() {
        let settings = RetrySettings::default();
        let plain = RetrySettings { randomization_factor: 0.0, ..settings.clone() };
        for (with, without) in delays(&settings, None).iter().zip(delays(&plain, None)) {
            assert!((0.5 * without..=1.5 * without).contains(with), "{with} around {without}");
        }
    }

    #[test]
    fn the_backend_may_ask_for_more() {
        let settings = RetrySettings::default();
        assert!(delays(&settings, Some(Duration::from_secs(60))).iter().all(|&d| d >= 60.0));
        let most = ASKED_MAX.as_secs_f64();
        assert_eq!(delays(&settings, Some(Duration::MAX)), [most; 8], "no clock overflows");
    }
}
