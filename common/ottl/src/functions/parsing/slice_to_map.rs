//! A list of maps as a map of them.

use super::entries::Entries;
use crate::RunError;
use crate::function::{Args, Blame, Call, Unfit};
use crate::value::{Any, Value};

/// `SliceToMap(list, key_path, value_path)`: without a key path the indices are the keys, without a value path the
/// items are the values.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    let key_path = path(args, 1)?;
    let value_path = path(args, 2)?;
    Ok(Box::new(move |args| {
        let mut entries = Entries::default();
        for (index, item) in args.items(0)?.into_iter().enumerate() {
            let item =
                item.into_any().map_err(|kind| RunError::of_type("a value of OTLP", kind))?;
            let key = match &key_path {
                Some(path) => key(&item, path, index)?,
                None => index.to_string(),
            };
            let value = match &value_path {
                Some(path) => reach(&item, path, index)?.clone(),
                None => item,
            };
            entries.put(key, value);
        }
        Ok(Value::map(entries.finish()))
    }))
}

fn path(args: &Args<'_>, index: usize) -> Result<Option<Vec<String>>, Unfit> {
    if !args.has(index) {
        return Ok(None);
    }
    args.strs(index).map(Some).of_argument(index)
}

fn key(item: &Any, path: &[String], index: usize) -> Result<String, RunError> {
    match reach(item, path, index)? {
        Any::Str(text) => Ok(text.clone()),
        _ => Err(RunError::new(format!("the key of item {index} is not a text"))),
    }
}

fn reach<'v>(item: &'v Any, path: &[String], index: usize) -> Result<&'v Any, RunError> {
    let missing = || RunError::new(format!("item {index} has no {}", path.join(".")));
    if path.is_empty() {
        return Err(RunError::new("the path is empty"));
    }
    let step = |found: &'v Any, name: &String| match found {
        Any::Map(map) => map.get(name).ok_or_else(missing),
        _ => Err(missing()),
    };
    path.iter().try_fold(item, step)
}
