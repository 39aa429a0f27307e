//! Healthy series made here, for the gates and for the bench.

/// Kinds of healthy series.
pub(crate) const KINDS: [&str; 6] = ["normal", "lognormal", "slow", "heavy", "bimodal", "sparse"];

/// Where values come from: the same ones for the same seed.
pub(crate) struct Source {
    state: u64,
    slow: f64,
}

impl Source {
    /// A series; each seed is another.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, slow: 0.0 }
    }

    /// A number from 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// The next value of a healthy series of this kind.
    pub(crate) fn next(&mut self, kind: &str) -> f64 {
        let noise = self.normal();
        match kind {
            "lognormal" => 100.0 * (0.3 * noise).exp(),
            "slow" => {
                self.slow = 0.95 * self.slow + 0.3 * noise;
                100.0 + 6.0 * self.slow
            }
            "heavy" if self.unit() < 0.01 => 100.0 * (2.0 + self.unit().powf(-0.4)),
            "bimodal" if self.unit() < 0.3 => 250.0 + 10.0 * noise,
            "sparse" => f64::from(u8::from(self.unit() < 0.02)),
            _ => 100.0 + 5.0 * noise,
        }
    }
}
