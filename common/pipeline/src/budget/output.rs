//! Memory for what exporters write themselves: compressed forms, JSON.
//!
//! It is charged to the budget like anything else. But the records it is written for hold their part of the budget until
//! they are delivered, so an output that waited for room could wait for itself: one output per exporter may go
//! over the budget, and is charged all the same, so that nothing else is admitted meanwhile. What an output will
//! take is guessed and asked for before it is begun: to write half of it in vain costs as much as to write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::{Budget, Exhausted, Permit};

/// Charges one exporter's outputs.
#[derive(Debug)]
pub struct Outputs {
    budget: Arc<Budget>,
    /// Whether an output is over the budget now.
    is_over: Arc<AtomicBool>,
}

impl Outputs {
    /// Outputs charged to `budget`.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { budget, is_over: Arc::default() }
    }

    /// An output of no bytes yet, where there is room for so many as it may take. It is no sender's: what a merged
    /// batch becomes belongs to several.
    pub fn begin(&self, expected_bytes: usize) -> Result<Output, Exhausted> {
        let (permit, is_over) = (self.budget.permit(None), self.is_over.clone());
        let mut output = Output { permit, is_over, goes_over: false, ahead_bytes: 0 };
        output.grow(expected_bytes)?;
        output.ahead_bytes = expected_bytes;
        Ok(output)
    }
}

/// What is being written; its bytes are charged until it, or what [`keep`](Self::keep) made of it, is
/// dropped.
#[derive(Debug)]
pub struct Output {
    permit: Permit,
    is_over: Arc<AtomicBool>,
    goes_over: bool,
    /// Bytes that are charged and not asked for yet.
    ahead_bytes: usize,
}

impl Output {
    /// Permits `bytes` more: of those expected, of the budget or, if no other output of the exporter does so, beyond
    /// it.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let expected = bytes.min(self.ahead_bytes);
        self.ahead_bytes -= expected;
        let bytes = bytes - expected;
        if bytes == 0 {
            return Ok(());
        }
        if self.permit.grow(bytes).is_ok() {
            return Ok(());
        }
        if !self.goes_over && self.is_over.swap(true, Ordering::AcqRel) {
            return Err(Exhausted);
        }
        self.goes_over = true;
        self.permit.grow_over(bytes);
        Ok(())
    }

    /// Binds what was written to its permit, which follows its size.
    pub fn keep(mut self, bytes: Bytes) -> Bytes {
        self.permit.shrink_to(bytes.len());
        Bytes::from_owner(Kept { bytes, _output: self })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // First the bytes, so that never two are over.
        self.permit.shrink_to(0);
        if self.goes_over {
            self.is_over.store(false, Ordering::Release);
        }
    }
}

struct Kept {
    bytes: Bytes,
    _output: Output,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn begin(outputs: &Outputs) -> Output {
        outputs.begin(0).expect("nothing is expected")
    }

    #[test]
    fn one_goes_over_a_full_budget_and_the_next_after_it() {
        let budget = Budget::new(100, 1.0);
        let mut records = budget.permit(None);
        records.grow(90).expect("room");
        let outputs = Outputs::new(budget.clone());
        let (mut first, mut second) = (begin(&outputs), begin(&outputs));
        assert_eq!(
            (first.grow(8), second.grow(8)),
            (Ok(()), Ok(())),
            "the first fits, the other goes over"
        );
        assert_eq!((first.grow(8), second.grow(1000)), (Err(Exhausted), Ok(())));
        assert_eq!(budget.used_bytes(), 90 + 8 + 1008);
        assert_eq!(records.grow(1), Err(Exhausted), "nothing is admitted");
        let kept = second.keep(Bytes::from_static(&[7; 500]));
        assert_eq!((kept.len(), budget.used_bytes()), (500, 90 + 8 + 500));
        assert_eq!(first.grow(8), Err(Exhausted), "until its bytes are gone");
        let copy = kept.clone();
        drop(kept);
        assert_eq!(first.grow(8), Err(Exhausted));
        drop(copy);
        assert_eq!((first.grow(8), budget.used_bytes()), (Ok(()), 90 + 16));
        drop(first);
        assert_eq!(budget.used_bytes(), 90);
        let another = Outputs::new(budget.clone());
        let (mut ours, mut theirs) = (begin(&outputs), begin(&another));
        assert_eq!((ours.grow(50), theirs.grow(50)), (Ok(()), Ok(())), "each exporter has its own");
    }

    #[test]
    fn what_is_expected_is_charged_before_and_kept_as_it_came() {
        let budget = Budget::new(100, 1.0);
        let outputs = Outputs::new(budget.clone());
        let mut output = outputs.begin(60).expect("room");
        assert_eq!((output.grow(50), budget.used_bytes()), (Ok(()), 60));
        assert_eq!((output.grow(30), budget.used_bytes()), (Ok(()), 80), "ten were left");
        let over = outputs.begin(60).expect("the first beyond");
        assert_eq!(outputs.begin(60).err(), Some(Exhausted), "is not begun");
        drop(over);
        let kept = output.keep(Bytes::from_static(&[7; 5]));
        assert_eq!(budget.used_bytes(), 5);
        drop(kept);
        assert_eq!(budget.used_bytes(), 0);
    }

    proptest! {
        /// Whatever outputs do, the budget knows their bytes, one at most is over, and one always can go on.
        #[test]
        fn the_books_of_outputs_balance(
            total in 0usize..200,
            steps in proptest::collection::vec((0usize..6, 0usize..100, any::<bool>()), 1..60),
        ) {
            let budget = Budget::new(total, 1.0);
            let outputs = Outputs::new(budget.clone());
            let mut open: Vec<(Output, usize)> = (0..6).map(|_| (begin(&outputs), 0)).collect();
            let mut kept: Vec<Bytes> = Vec::new();
            for (index, bytes, ends) in steps {
                if ends {
                    let (output, held) = std::mem::replace(&mut open[index], (begin(&outputs), 0));
                    kept.push(output.keep(Bytes::from(vec![0; held.min(bytes)])));
                    kept.drain(..kept.len().saturating_sub(2));
                } else {
                    let nobody_is_over = !outputs.is_over.load(Ordering::Relaxed);
                    let grown = open[index].0.grow(bytes);
                    prop_assert!(grown.is_ok() || !nobody_is_over);
                    open[index].1 += if grown.is_ok() { bytes } else { 0 };
                }
                let held: usize = open.iter().map(|(_, held)| held).sum();
                let kept_bytes: usize = kept.iter().map(Bytes::len).sum();
                prop_assert_eq!(budget.used_bytes(), held + kept_bytes);
                prop_assert!(open.iter().filter(|(output, _)| output.goes_over).count() <= 1);
            }
            drop((open, kept));
            prop_assert_eq!(budget.used_bytes(), 0);
            prop_assert!(!outputs.is_over.load(Ordering::Relaxed));
        }
    }
}
