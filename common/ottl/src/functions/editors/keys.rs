//! Editors that keep some of a map's entries.

use std::collections::HashMap;

use otlp::Malformed;

use crate::RunError;
use crate::context::{Keep, KeySet};
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
        target.retain(Keep::Test(&mut |name| Ok(regex.is_match(text(name)?) == keeps)))
    }))
}

/// A key as patterns want it.
pub(super) fn text(name: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(name).map_err(|_| Malformed)
}

/// Keeps the entries under the keys of a list.
pub(super) fn keep_keys(args: &Args<'_>) -> Result<Edit, Unfit> {
    let constant = match args.has(0) {
        true => Some(key_set(args).of_argument(0)?),
        false => None,
    };
    Ok(Box::new(move |target, args| match &constant {
        Some(keys) => target.retain(Keep::Keys(keys)),
        None => target.retain(Keep::Keys(&key_set(args)?)),
    }))
}

fn key_set(args: &Args<'_>) -> Result<KeySet, RunError> {
    Ok(args.strs(0)?.into_iter().collect())
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
        target.retain(Keep::Test(&mut |name| {
            total += 1;
            taken += weights.get(name).unwrap_or(&0);
            Ok(true)
        }))?;
        if total <= limit {
            return Ok(());
        }
        // Where a record repeats keys, even those of priority can be too many.
        let mut room_first = limit;
        let mut room = limit.saturating_sub(taken);
        target.retain(Keep::Test(&mut |name| {
            let left = if weights.contains_key(name) { &mut room_first } else { &mut room };
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            Ok(is_kept)
        }))
    }))
}
