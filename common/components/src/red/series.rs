//! The series of one resource: what was counted under which attributes.
//!
//! A series' key is its metric's kind and then its attributes as they will be written, each a field 1:
//! identity and attributes are the same bytes. Beyond a metric's limit, and for attributes that are too
//! long, everything is counted in one overflow series per metric (`otel.metric.overflow`).

use std::collections::HashMap;

use tokio::time::Instant;

use crate::histogram::Histogram;
use crate::points;

/// Bytes of a key beyond which a span is counted as overflow.
const KEY_BYTES_MAX: usize = 4096;

/// Which metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Spans.
    Calls,
    /// How long they took.
    Duration,
    /// Their events.
    Events,
}

impl Kind {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 3] = [Self::Calls, Self::Duration, Self::Events];
}

/// A span that a point stands for.
#[derive(Clone, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) at_ns: u64,
    pub(crate) duration: f64,
}

/// What a series counts.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Count(u64),
    Histogram(Histogram),
}

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) value: Value,
    pub(crate) exemplars: Vec<Exemplar>,
    /// Since when it counts.
    pub(crate) start_ns: u64,
    pub(crate) seen_at: Instant,
}

/// One observation.
pub(crate) struct Observed<'e> {
    /// The duration in the histogram's unit.
    pub(crate) duration: f64,
    pub(crate) exemplar: Option<&'e Exemplar>,
    pub(crate) now: Instant,
    /// Since when a series counts that begins with this.
    pub(crate) start_ns: u64,
}

/// The shape of series to come.
pub(crate) struct Shape {
    /// A histogram without values.
    pub(crate) empty: Histogram,
    pub(crate) bounds: Vec<f64>,
    pub(crate) series_max: usize,
    pub(crate) exemplars: usize,
}

/// All series of a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    series: HashMap<Box<[u8]>, Series>,
    counts: [usize; Kind::ALL.len()],
}

/// Begins a key.
pub(crate) fn begin_key(key: &mut Vec<u8>, kind: Kind) {
    key.clear();
    key.push(kind as u8);
}

/// The kind and the attributes of a key, fields 1.
pub(crate) fn parts(key: &[u8]) -> (Kind, &[u8]) {
    let (kind, attributes) = key.split_first().expect("a key begins with its kind");
    (Kind::ALL[usize::from(*kind)], attributes)
}

fn overflow(kind: Kind) -> Vec<u8> {
    let mut key = vec![kind as u8];
    points::put_bool(&mut key, 1, "otel.metric.overflow", true);
    key
}

impl Group {
    /// Counts an observation under a key.
    pub(crate) fn observe(&mut self, key: &[u8], shape: &Shape, observed: &Observed<'_>) {
        if key.len() <= KEY_BYTES_MAX
            && let Some(series) = self.series.get_mut(key)
        {
            return series.observe(shape, observed);
        }
        self.slot(key, shape, observed.now, observed.start_ns).observe(shape, observed);
    }

    /// The series of a key, perhaps new, perhaps the overflow.
    fn slot(&mut self, key: &[u8], shape: &Shape, now: Instant, start_ns: u64) -> &mut Series {
        let (kind, _) = parts(key);
        let full = self.counts[kind as usize] >= shape.series_max || key.len() > KEY_BYTES_MAX;
        let known = !full || self.series.contains_key(key);
        let key = if known { key.into() } else { overflow(kind).into_boxed_slice() };
        let counts = &mut self.counts;
        self.series.entry(key).or_insert_with(|| {
            counts[kind as usize] += 1;
            let value = match kind {
                Kind::Duration => Value::Histogram(shape.empty.clone()),
                _ => Value::Count(0),
            };
            Series { value, exemplars: Vec::new(), start_ns, seen_at: now }
        })
    }

    /// Takes back what could not be handed on.
    pub(crate) fn restore(&mut self, key: &[u8], old: Series, shape: &Shape) {
        let series = self.slot(key, shape, old.seen_at, old.start_ns);
        match (&mut series.value, &old.value) {
            (Value::Count(mine), Value::Count(theirs)) => *mine += theirs,
            (Value::Histogram(mine), Value::Histogram(theirs)) => mine.add(theirs),
            _ => debug_assert!(false, "series of one key are of one kind"),
        }
        series.start_ns = series.start_ns.min(old.start_ns);
        series.seen_at = series.seen_at.max(old.seen_at);
        let room = shape.exemplars.saturating_sub(series.exemplars.len());
        series.exemplars.extend(old.exemplars.into_iter().take(room));
    }

    /// Every series with its key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Series)> {
        self.series.iter().map(|(key, series)| (&key[..], series))
    }

    /// Every series, taken out.
    pub(crate) fn into_series(self) -> impl Iterator<Item = (Box<[u8]>, Series)> {
        self.series.into_iter()
    }

    /// Forgets the exemplars, which have been shown, and series that nobody has seen since `since`.
    pub(crate) fn tidy(&mut self, since: Option<Instant>) {
        let counts = &mut self.counts;
        self.series.retain(|key, series| {
            series.exemplars.clear();
            let fresh = since.is_none_or(|since| series.seen_at > since);
            if !fresh {
                counts[parts(key).0 as usize] -= 1;
            }
            fresh
        });
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

impl Series {
    fn observe(&mut self, shape: &Shape, observed: &Observed<'_>) {
        self.seen_at = observed.now;
        match &mut self.value {
            Value::Count(count) => *count += 1,
            Value::Histogram(histogram) => histogram.record(observed.duration, &shape.bounds),
        }
        if let Some(exemplar) = observed.exemplar
            && self.exemplars.len() < shape.exemplars
        {
            self.exemplars.push(exemplar.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_is_the_overflow() {
        let shape =
            Shape { empty: Histogram::explicit(1), bounds: vec![1.0], series_max: 2, exemplars: 0 };
        let now = Instant::now();
        let observed = Observed { duration: 0.5, exemplar: None, now, start_ns: 7 };
        let mut group = Group::default();
        for name in ["a", "b", "c", "d", "a"] {
            for kind in [Kind::Calls, Kind::Duration] {
                let mut key = Vec::new();
                begin_key(&mut key, kind);
                points::put_text(&mut key, 1, "span.name", name);
                group.observe(&key, &shape, &observed);
            }
        }
        let long = [&[0][..], &[b'x'; KEY_BYTES_MAX]].concat();
        group.observe(&long, &shape, &observed);
        let mut counts: Vec<u64> = Vec::new();
        for (key, series) in group.iter().filter(|(key, _)| parts(key).0 == Kind::Calls) {
            let Value::Count(count) = series.value else { panic!("calls are counted") };
            assert_eq!(count == 3, key == overflow(Kind::Calls));
            counts.push(count);
        }
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 3]);
        group.tidy(Some(now));
        assert!(group.is_empty());
        assert_eq!(group.counts, [0; 3]);
    }
}
