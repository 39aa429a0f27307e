//! Which entries of a map stay.

use std::collections::HashSet;

use crate::RunError;

/// Says which entries of a map stay. Keys are in UTF-8.
pub enum Keep<'k> {
    /// Those under these keys: nothing is called for each entry.
    Keys(&'k KeySet),
    /// Those whose key passes.
    Test(&'k mut dyn FnMut(&[u8]) -> Result<bool, RunError>),
}

impl Keep<'_> {
    /// Whether the entry under a key stays.
    #[inline(always)]
    pub fn keeps(&mut self, key: &[u8]) -> Result<bool, RunError> {
        match self {
            Self::Keys(keys) => Ok(keys.contains(key)),
            Self::Test(test) => test(key),
        }
    }
}

/// Keys to look for.
#[derive(Debug)]
pub struct KeySet(Keys);

#[derive(Debug)]
enum Keys {
    Few {
        keys: Vec<Box<[u8]>>,
        /// A bit for each key's length, from 64 on again from the first.
        lengths: u64,
    },
    Many(HashSet<Box<[u8]>>),
}

/// Sets larger than this are hashed: a few keys are compared in less time than it takes to hash one.
const FEW_KEYS: usize = 16;

impl FromIterator<String> for KeySet {
    fn from_iter<I: IntoIterator<Item = String>>(keys: I) -> Self {
        let keys = keys.into_iter().map(|key| key.into_bytes().into_boxed_slice());
        let keys: Vec<Box<[u8]>> = keys.collect();
        if keys.len() > FEW_KEYS {
            return Self(Keys::Many(keys.into_iter().collect()));
        }
        let lengths = keys.iter().fold(0, |lengths, key| lengths | length_bit(key));
        Self(Keys::Few { keys, lengths })
    }
}

impl KeySet {
    /// Whether it has this key.
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.0 {
            Keys::Few { keys, lengths } => {
                lengths & length_bit(key) != 0 && keys.iter().any(|it| **it == *key)
            }
            Keys::Many(keys) => keys.contains(key),
        }
    }
}

fn length_bit(key: &[u8]) -> u64 {
    1 << (key.len() % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_has_what_was_put_into_it(
            keys in proptest::collection::btree_set("[ab]{0,70}", 0..40),
            others in proptest::collection::btree_set("[ab]{0,70}", 0..40),
        ) {
            let set: KeySet = keys.iter().cloned().collect();
            let all: BTreeSet<&String> = keys.iter().chain(&others).collect();
            for key in all {
                prop_assert_eq!(set.contains(key.as_bytes()), keys.contains(key), "{}", key);
            }
        }
    }
}
