//! The usual value at this time of day, in [`BINS`] bins, and what is left of a value without it.

/// Half an hour each.
const BINS: usize = 48;
/// Observations before a bin has an opinion: two days of five-minute steps.
const READY: u8 = 12;
/// Memory of a bin, in observations.
const BIN_WEIGHT: f32 = 1.0 / 48.0;
/// Memory of the level on which all bins sit, in observations.
const LEVEL_WEIGHT: f32 = 0.01;

#[derive(Clone, Debug)]
pub(crate) struct Season {
    means: [f32; BINS],
    seen: [u8; BINS],
    level: f32,
}

impl Season {
    pub(crate) const fn new() -> Self {
        Self { means: [0.0; BINS], seen: [0; BINS], level: 0.0 }
    }

    fn bin(t_ns: i64) -> usize {
        const DAY_NS: i64 = 86_400_000_000_000;
        (t_ns.rem_euclid(DAY_NS) / (DAY_NS / BINS as i64)) as usize
    }

    /// The difference to what is usual at this time, once that is known.
    pub(crate) fn residual(&self, value: f32, t_ns: i64) -> Option<f32> {
        let bin = Self::bin(t_ns);
        (self.seen[bin] >= READY).then(|| value - self.means[bin] - self.level)
    }

    /// Takes a healthy value; residuals teach the level up to `clip`.
    pub(crate) fn learn(&mut self, value: f32, t_ns: i64, clip: f32) {
        if let Some(residual) = self.residual(value, t_ns) {
            self.level += LEVEL_WEIGHT * residual.clamp(-clip, clip);
        }
        let bin = Self::bin(t_ns);
        self.seen[bin] = self.seen[bin].saturating_add(1);
        let weight = (1.0 / f32::from(self.seen[bin])).max(BIN_WEIGHT);
        self.means[bin] += weight * (value - self.level - self.means[bin]);
    }

    /// A new level is the normal one now.
    pub(crate) fn shift(&mut self, by: f32) {
        self.level += by;
    }
}
