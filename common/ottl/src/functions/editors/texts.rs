//! Editors of all texts in a map.

use crate::function::{Args, Blame, Edit, Target, Unfit};
use crate::functions::text::repaired;
use crate::value::Any;
use crate::{RunError, Value, json};

/// Every value becomes its text.
pub(super) fn stringify_all<'a>(target: &mut dyn Target<'a>, _: &Args<'a>) -> Result<(), RunError> {
    change(target, |value| match value {
        Any::Str(_) => None,
        other => Some(json::as_string(other)),
    })
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
        change(target, |value| match value {
            Any::Str(text) if text.len() > limit => {
                let room = limit - marker.len();
                let kept = match is_safe {
                    true => text[..text.floor_char_boundary(room)].to_owned(),
                    false => repaired(&text.as_bytes()[..room]),
                };
                Some(kept + &marker)
            }
            _ => None,
        })
    }))
}

/// Replaces values by texts, and writes the map only if there are any.
fn change(
    target: &mut dyn Target<'_>,
    text: impl Fn(&Any) -> Option<String>,
) -> Result<(), RunError> {
    let mut map = target.map()?;
    let mut is_changed = false;
    for (_, value) in &mut map.entries {
        if let Some(text) = text(value) {
            *value = Any::Str(text);
            is_changed = true;
        }
    }
    if is_changed { target.set(Value::map(map)) } else { Ok(()) }
}
