//! Editors of all texts in a map.

use crate::context::Entry;
use crate::function::{Args, Blame, Edit, Target, Unfit};
use crate::functions::text::repaired;
use crate::rewrite::Each;
use crate::value::Any;
use crate::{RunError, Value, json};

/// Every value becomes its text.
pub(super) fn stringify_all<'a>(target: &mut dyn Target<'a>, _: &Args<'a>) -> Result<(), RunError> {
    target.rewrite(&mut Each(|entry: &Entry<'_>| {
        let value = match entry.value()? {
            Value::Str(_) => return Ok(None),
            value => value.into_any(),
        };
        let value = value.map_err(|kind| RunError::of_type("a value of OTLP", kind))?;
        Ok(Some(Any::Str(json::as_string(&value))))
    }))
}

/// Cuts texts to so many bytes, the marker included.
pub(super) fn truncate_all(args: &Args<'_>) -> Result<Edit, Unfit> {
    let limit = args.int(0).of_argument(0)?;
    let negative = |_| format!("the limit {limit} is negative");
    let limit = usize::try_from(limit).map_err(negative).of_argument(0)?;
    let is_safe = args.bool(1).unwrap_or(true);
    let marker = args.opt_str(2).unwrap_or_default().to_owned();
    if marker.len() > limit {
        let message = format!("the marker {marker:?} is longer than the limit {limit}");
        return Err(Unfit::argument(if args.is_given(2) { 2 } else { 0 }, message));
    }
    Ok(Box::new(move |target, _| {
        target.rewrite(&mut Each(|entry: &Entry<'_>| match entry.value()? {
            Value::Str(text) if text.len() > limit => {
                let room = limit - marker.len();
                let kept = match is_safe {
                    true => text[..text.floor_char_boundary(room)].to_owned(),
                    false => repaired(&text.as_bytes()[..room]),
                };
                Ok(Some(Any::Str(kept + &marker)))
            }
            _ => Ok(None),
        }))
    }))
}
