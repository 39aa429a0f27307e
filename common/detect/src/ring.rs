//! The last [`ROWS`] values of a series and one pass over them: everything the fast statistics need
//! from their three windows.

/// Rows kept. Windows are cut to it, which matters only above 25 rows per second.
pub(crate) const ROWS: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct Ring {
    values: [f32; ROWS],
    next: u8,
    filled: u8,
}

/// What one window holds: its sum and its two largest and two smallest values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) rows: usize,
    pub(crate) sum: f64,
    pub(crate) high: [f64; 2],
    pub(crate) low: [f64; 2],
}

impl Window {
    const EMPTY: Self =
        Self { rows: 0, sum: 0.0, high: [f64::NEG_INFINITY; 2], low: [f64::INFINITY; 2] };

    fn add(&mut self, value: f64) {
        self.rows += 1;
        self.sum += value;
        self.high[1] = self.high[1].max(self.high[0].min(value));
        self.high[0] = self.high[0].max(value);
        self.low[1] = self.low[1].min(self.low[0].max(value));
        self.low[0] = self.low[0].min(value);
    }

    /// How many extremes are left out: confirmation by k of n.
    fn left_out(&self) -> usize {
        if self.rows < 12 { 1 } else { 2 }
    }

    /// The mean without the largest values.
    pub(crate) fn mean_without_high(&self) -> f64 {
        let out = self.left_out();
        (self.sum - self.high[..out].iter().sum::<f64>()) / (self.rows - out) as f64
    }

    /// The mean without the smallest values.
    pub(crate) fn mean_without_low(&self) -> f64 {
        let out = self.left_out();
        (self.sum - self.low[..out].iter().sum::<f64>()) / (self.rows - out) as f64
    }

    /// The second largest distance from `centre`.
    pub(crate) fn second_distance(&self, centre: f64) -> f64 {
        let up = [self.high[0] - centre, self.high[1] - centre];
        let down = [centre - self.low[0], centre - self.low[1]];
        up[0].min(down[0]).max(up[1]).max(down[1])
    }
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self { values: [0.0; ROWS], next: 0, filled: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(crate) fn filled(&self) -> usize {
        usize::from(self.filled)
    }

    pub(crate) fn push(&mut self, value: f32) {
        self.values[usize::from(self.next)] = value;
        self.next = (self.next + 1) % ROWS as u8;
        self.filled = (self.filled + 1).min(ROWS as u8);
    }

    /// The newest `rows` values, newest first.
    pub(crate) fn newest(&self, rows: usize) -> impl Iterator<Item = f64> + '_ {
        let next = usize::from(self.next);
        let (new, old) = self.values.split_at(next);
        new.iter()
            .rev()
            .chain(old.iter().rev())
            .take(rows.min(self.filled()))
            .map(|v| f64::from(*v))
    }

    /// The newest `short` and the newest `long` values as windows.
    pub(crate) fn windows(&self, short: usize, long: usize) -> (Window, Window) {
        let mut window = Window::EMPTY;
        let mut first = Window::EMPTY;
        for (row, value) in self.newest(long).enumerate() {
            window.add(value);
            if row + 1 == short {
                first = window;
            }
        }
        (first, window)
    }

    /// The mean of the newest `rows` values; 0 without any.
    pub(crate) fn mean(&self, rows: usize) -> f64 {
        self.newest(rows).sum::<f64>() / rows.min(self.filled()).max(1) as f64
    }

    /// The distances of the newest `rows` values from `centre` as a window.
    pub(crate) fn distances(&self, rows: usize, centre: f64) -> Window {
        let mut window = Window::EMPTY;
        for value in self.newest(rows) {
            window.add((value - centre).abs());
        }
        window
    }
}
