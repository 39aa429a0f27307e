//! Intervals of a signal's values: what some comparisons leave of it.

use ottl::ast::Comparison;

use crate::reflex::signals::Form;

/// An interval, each end in it or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    low: f64,
    high: f64,
    without_low: bool,
    without_high: bool,
}

impl Bounds {
    /// All values of a form.
    pub(super) fn of(form: Form) -> Self {
        let high = if form == Form::Ratio { 1.0 } else { f64::INFINITY };
        Self { low: 0.0, high, without_low: false, without_high: false }
    }

    /// What is left under one more comparison.
    pub(super) fn under(mut self, comparison: Comparison, value: f64) -> Self {
        let (low, high) = match comparison {
            Comparison::NotEqual => (None, None),
            Comparison::Equal => (Some(false), Some(false)),
            Comparison::Less => (None, Some(true)),
            Comparison::LessOrEqual => (None, Some(false)),
            Comparison::Greater => (Some(true), None),
            Comparison::GreaterOrEqual => (Some(false), None),
        };
        if let Some(without) = low
            && (value > self.low || (value == self.low && without))
        {
            (self.low, self.without_low) = (value, without);
        }
        if let Some(without) = high
            && (value < self.high || (value == self.high && without))
        {
            (self.high, self.without_high) = (value, without);
        }
        self
    }

    /// What is left of both.
    pub(super) fn and(self, other: Self) -> Self {
        let low = if other.without_low { Comparison::Greater } else { Comparison::GreaterOrEqual };
        let high = if other.without_high { Comparison::Less } else { Comparison::LessOrEqual };
        self.under(low, other.low).under(high, other.high)
    }

    /// The least value and whether it is left out, if nothing but that is bounded.
    pub(super) fn only_low(self) -> Option<(f64, bool)> {
        let bounded = self.low > 0.0 || self.without_low;
        (bounded && self.high == f64::INFINITY).then_some((self.low, self.without_low))
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(self) -> bool {
        let open = self.without_low || self.without_high;
        self.low > self.high || (self.low == self.high && open)
    }
}

/// The comparison that holds when this one does not.
pub(super) fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

/// The same comparison with its sides exchanged.
pub(super) fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}
