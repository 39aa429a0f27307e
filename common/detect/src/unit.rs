//! A series' own origin and unit: all arithmetic is relative to its first value, in a power of two near its
//! first movement. So neither an offset nor a scale changes a result, and 32-bit state is enough.

/// Values are kept within this many units, so that squares stay finite in 32 bits.
const LIMIT: f64 = 1e18;

#[derive(Clone, Debug)]
pub(crate) struct Unit {
    origin: f64,
    scale: f64,
    started: bool,
}

impl Unit {
    pub(crate) const fn new() -> Self {
        Self { origin: 0.0, scale: 0.0, started: false }
    }

    /// The value in the series' own unit. Finite values only.
    pub(crate) fn inward(&mut self, value: f64) -> f64 {
        if !self.started {
            self.started = true;
            self.origin = value;
        }
        let difference = (value - self.origin).clamp(-f64::MAX, f64::MAX);
        if self.scale == 0.0 && difference != 0.0 {
            let (_, exponent) = libm::frexp(difference);
            self.scale = libm::ldexp(1.0, exponent.clamp(-1000, 1000));
        }
        if self.scale == 0.0 { 0.0 } else { (difference / self.scale).clamp(-LIMIT, LIMIT) }
    }

    /// The value that the series' own unit stands for.
    pub(crate) fn outward(&self, value: f64) -> f64 {
        self.origin + value * self.scale
    }
}
