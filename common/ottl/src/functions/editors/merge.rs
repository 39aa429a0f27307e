//! `merge_maps`.

use std::borrow::Cow;
use std::collections::HashMap;

use smallvec::SmallVec;

use crate::RunError;
use crate::context::{Add, Entry, Rewrite};
use crate::function::{Args, Edit, Unfit};
use crate::value::Any;

/// Which entries of the source are taken.
#[derive(Clone, Copy)]
struct Strategy {
    adds: bool,
    replaces: bool,
}

/// Prepares the call: the strategy is `insert`, `update` or `upsert`.
pub(super) fn merge_maps(args: &Args<'_>) -> Result<Edit, Unfit> {
    let strategy = match args.opt_str(1).unwrap_or_default() {
        "insert" => Strategy { adds: true, replaces: false },
        "update" => Strategy { adds: false, replaces: true },
        "upsert" => Strategy { adds: true, replaces: true },
        other => {
            let message =
                format!("the strategy is \"insert\", \"update\" or \"upsert\", not {other:?}");
            return Err(Unfit::argument(1, message));
        }
    };
    Ok(Box::new(move |target, args| {
        target.rewrite(&mut Merge::new(strategy, &args.map(0)?.entries))
    }))
}

/// Sources larger than this are hashed.
const FEW_ENTRIES: usize = 16;

/// A merge in progress.
struct Merge<'s> {
    strategy: Strategy,
    source: &'s [(String, Any)],
    /// Where the source has a key first and last, if it is large.
    places: HashMap<&'s [u8], (usize, usize)>,
    /// The first places of keys that the target has.
    is_there: SmallVec<[bool; FEW_ENTRIES]>,
}

impl<'s> Merge<'s> {
    fn new(strategy: Strategy, source: &'s [(String, Any)]) -> Self {
        let mut places = HashMap::new();
        if source.len() > FEW_ENTRIES {
            for (index, (key, _)) in source.iter().enumerate() {
                places.entry(key.as_bytes()).or_insert((index, index)).1 = index;
            }
        }
        Self { strategy, source, places, is_there: smallvec::smallvec![false; source.len()] }
    }

    /// Where the source has a key first and last.
    fn places(&self, key: &[u8]) -> Option<(usize, usize)> {
        if self.source.len() > FEW_ENTRIES {
            return self.places.get(key).copied();
        }
        let is_it = |(name, _): &(String, Any)| name.as_bytes() == key;
        let first = self.source.iter().position(is_it)?;
        Some((first, self.source.iter().rposition(is_it)?))
    }
}

impl Rewrite for Merge<'_> {
    /// Of keys that the target repeats, the first is meant; of those that the source does, the last counts.
    fn replace(&mut self, entry: &Entry<'_>) -> Result<Option<Cow<'_, Any>>, RunError> {
        let Some((first, last)) = self.places(entry.key) else { return Ok(None) };
        if std::mem::replace(&mut self.is_there[first], true) || !self.strategy.replaces {
            return Ok(None);
        }
        Ok(Some(Cow::Borrowed(&self.source[last].1)))
    }

    fn add(&mut self, add: &mut Add<'_>) -> Result<(), RunError> {
        if !self.strategy.adds {
            return Ok(());
        }
        for (index, (key, value)) in self.source.iter().enumerate() {
            match self.places(key.as_bytes()) {
                Some((first, last)) if first == index && !self.is_there[index] => {
                    add(key, if self.strategy.replaces { &self.source[last].1 } else { value })?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
