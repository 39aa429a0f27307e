//! A memory of shapes a series has had: up to [`CAPACITY`] prototypes of exponentially weighted means
//! with different memories. The distance of the present shape to the nearest prototype is its novelty.
//!
//! Distances are raw, not divided by a moving spread; the spread only says when a shape is new enough
//! to become a prototype. Prototypes are kept as 16-bit multiples of a step that doubles when a
//! shape would not fit.

/// Prototypes kept; the one unused for longest makes room.
const CAPACITY: usize = 100;
/// How far a prototype follows the shape that it stands for.
const FOLLOW: f32 = 0.05;
/// Steps per spread of the series, to begin with.
const STEPS_PER_SPREAD: f32 = 128.0;

#[derive(Clone, Debug)]
pub(crate) struct Prototypes<const F: usize> {
    means: [f32; F],
    shapes: [[i16; F]; CAPACITY],
    used: [u16; CAPACITY],
    step: f32,
    clock: u16,
    count: u8,
    started: bool,
}

impl<const F: usize> Prototypes<F> {
    pub(crate) const fn new() -> Self {
        Self {
            means: [0.0; F],
            shapes: [[0; F]; CAPACITY],
            used: [0; CAPACITY],
            step: 0.0,
            clock: 0,
            count: 0,
            started: false,
        }
    }

    /// Takes the next value into the means; returns the distance to the nearest prototype.
    pub(crate) fn observe(&mut self, value: f32, weights: &[f32; F]) -> f32 {
        if !self.started {
            self.started = true;
            self.means = [value; F];
        }
        for (mean, weight) in self.means.iter_mut().zip(weights) {
            *mean += weight * (value - *mean);
        }
        self.nearest().map_or(0.0, |(_, distance)| distance)
    }

    fn nearest(&self) -> Option<(usize, f32)> {
        let mut best = None;
        let mut least = f32::INFINITY;
        for (index, shape) in self.shapes[..usize::from(self.count)].iter().enumerate() {
            let mut sum = 0.0;
            for (steps, mean) in shape.iter().zip(&self.means) {
                let difference = mean - f32::from(*steps) * self.step;
                sum += difference * difference;
            }
            if sum < least {
                least = sum;
                best = Some(index);
            }
        }
        best.map(|index| (index, (least / F as f32).sqrt()))
    }

    /// Remembers the present shape: as a new prototype if none is within `vigilance`.
    pub(crate) fn learn(&mut self, vigilance: f32, spread: f32) {
        self.fit(spread);
        self.tick();
        let index = match self.nearest() {
            Some((index, distance)) if distance <= vigilance => {
                self.follow(index);
                index
            }
            _ => self.add(),
        };
        self.used[index] = self.clock;
    }

    fn follow(&mut self, index: usize) {
        for (steps, mean) in self.shapes[index].iter_mut().zip(&self.means) {
            let old = f32::from(*steps) * self.step;
            *steps = to_steps(old + FOLLOW * (mean - old), self.step);
        }
    }

    fn add(&mut self) -> usize {
        let index = if usize::from(self.count) < CAPACITY {
            self.count += 1;
            usize::from(self.count) - 1
        } else {
            (1..CAPACITY)
                .fold(0, |old, next| if self.used[next] < self.used[old] { next } else { old })
        };
        for (steps, mean) in self.shapes[index].iter_mut().zip(&self.means) {
            *steps = to_steps(*mean, self.step);
        }
        index
    }

    /// Makes the step large enough for the present shape.
    fn fit(&mut self, spread: f32) {
        if self.step <= 0.0 {
            self.step = spread / STEPS_PER_SPREAD;
        }
        if self.step <= 0.0 {
            return;
        }
        let most = self.means.iter().fold(0.0_f32, |most, mean| most.max(mean.abs()));
        while most > self.step * 32_000.0 {
            self.step *= 2.0;
            for steps in self.shapes.iter_mut().flatten() {
                *steps /= 2;
            }
        }
    }

    fn tick(&mut self) {
        if self.clock == u16::MAX {
            self.clock /= 2;
            for used in &mut self.used {
                *used /= 2;
            }
        }
        self.clock += 1;
    }
}

fn to_steps(value: f32, step: f32) -> i16 {
    if step <= 0.0 { 0 } else { (value / step + 0.5_f32.copysign(value)) as i16 }
}
