//! A map that is built entry by entry, in which a later value replaces an earlier one.
//!
//! Texts come from outside, so a map of many keys must not cost their square.

use std::collections::HashMap;

use crate::value::{Any, Map};

/// Below so many entries, looking through all is the fastest.
const SCANNED_MAX: usize = 16;

/// A map in the making.
#[derive(Default)]
pub(in crate::functions) struct Entries {
    map: Map,
    index: HashMap<String, usize>,
}

impl Entries {
    /// Puts a value under a key, over the one that is there.
    pub(in crate::functions) fn put(&mut self, key: impl Into<String>, value: impl Into<Any>) {
        let key = key.into();
        match self.position(&key) {
            Some(position) => self.map.entries[position].1 = value.into(),
            None => self.push(key, value.into()),
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.map.len() <= SCANNED_MAX {
            return self.map.entries.iter().position(|(name, _)| name == key);
        }
        self.index.get(key).copied()
    }

    fn push(&mut self, key: String, value: Any) {
        let position = self.map.len();
        if position > SCANNED_MAX {
            self.index.insert(key.clone(), position);
        }
        self.map.entries.push((key, value));
        if position == SCANNED_MAX {
            let all = self.map.entries.iter().enumerate();
            self.index.extend(all.map(|(position, (key, _))| (key.clone(), position)));
        }
    }

    /// The map.
    pub(in crate::functions) fn finish(self) -> Map {
        self.map
    }
}
