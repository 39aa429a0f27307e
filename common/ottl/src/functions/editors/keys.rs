//! Editors that keep some of a map's entries.

use std::collections::{HashMap, HashSet};

use otlp::Malformed;

use crate::RunError;
use crate::function::{Args, Blame, Edit, Target, Unfit};
use crate::pattern::Pattern;

/// Removes the first entry under the key.
pub(super) fn delete_key<'a>(target: &mut dyn Target<'a>, args: &Args<'a>) -> Result<(), RunError> {
    target.remove(args.str(0)?)
}

/// Keeps or removes what the pattern finds.
pub(super) fn matching(args: &Args<'_>, keeps: bool) -> Result<Edit, Unfit> {
    let pattern = Pattern::regex(args, 0)?;
    Ok(Box::new(move |target, args| {
        let regex = pattern.get(args)?;
        target.retain(&mut |name| Ok(regex.is_match(text(name)?) == keeps))
    }))
}

/// A key as patterns want it.
pub(super) fn text(name: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(name).map_err(|_| Malformed)
}

/// Keeps the entries under the keys of a list.
pub(super) fn keep_keys(args: &Args<'_>) -> Result<Edit, Unfit> {
    let constant = match args.has(0) {
        true => Some(KeySet::of(args).of_argument(0)?),
        false => None,
    };
    Ok(Box::new(move |target, args| match &constant {
        Some(keys) => target.retain(&mut |name| Ok(keys.contains(name))),
        None => {
            let keys = KeySet::of(args)?;
            target.retain(&mut |name| Ok(keys.contains(name)))
        }
    }))
}

/// Sets larger than this are hashed: a few keys are compared in less time than it takes to hash one.
const FEW_KEYS: usize = 16;

/// Keys to look for.
enum KeySet {
    Few {
        keys: Vec<Box<[u8]>>,
        /// A bit for each key's length, from 64 on again from the first.
        lengths: u64,
    },
    Many(HashSet<Box<[u8]>>),
}

impl KeySet {
    fn of(args: &Args<'_>) -> Result<Self, RunError> {
        let keys = args.strs(0)?.into_iter().map(|key| key.into_bytes().into_boxed_slice());
        Ok(match keys.len() {
            ..=FEW_KEYS => {
                let keys: Vec<Box<[u8]>> = keys.collect();
                let lengths = keys.iter().fold(0, |lengths, key| lengths | length_bit(key));
                Self::Few { keys, lengths }
            }
            _ => Self::Many(keys.collect()),
        })
    }

    #[inline]
    fn contains(&self, name: &[u8]) -> bool {
        match self {
            Self::Few { keys, lengths } => {
                lengths & length_bit(name) != 0 && keys.iter().any(|key| **key == *name)
            }
            Self::Many(keys) => keys.contains(name),
        }
    }
}

fn length_bit(key: &[u8]) -> u64 {
    1 << (key.len() % 64)
}

/// Keeps so many entries: those under the keys that matter most, then the first ones.
pub(super) fn limit(args: &Args<'_>) -> Result<Edit, Unfit> {
    let limit = args.int(0).of_argument(0)?;
    let negative = |_| format!("the limit {limit} is negative");
    let limit = usize::try_from(limit).map_err(negative).of_argument(0)?;
    let keys = args.strs(1).of_argument(1)?;
    if keys.len() > limit {
        let message = format!("the limit {limit} is less than the {} priority keys", keys.len());
        return Err(Unfit::argument(0, message));
    }
    // As in the reference, a key that is listed twice takes the room of two.
    let mut weights: HashMap<Vec<u8>, usize> = HashMap::new();
    keys.into_iter().for_each(|key| *weights.entry(key.into_bytes()).or_default() += 1);
    Ok(Box::new(move |target, _| {
        let (mut total, mut taken) = (0, 0);
        target.retain(&mut |name| {
            total += 1;
            taken += weights.get(name).unwrap_or(&0);
            Ok(true)
        })?;
        if total <= limit {
            return Ok(());
        }
        // Where a record repeats keys, even those of priority can be too many.
        let mut room_first = limit;
        let mut room = limit.saturating_sub(taken);
        target.retain(&mut |name| {
            let left = if weights.contains_key(name) { &mut room_first } else { &mut room };
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            Ok(is_kept)
        })
    }))
}
