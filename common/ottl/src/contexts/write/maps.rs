//! Editing maps entry by entry, where they stand if they are attributes.

use std::borrow::Cow;

use bumpalo::Bump;
use otlp::edit::fields;

use super::{edit_in, number_of};
use crate::RunError;
use crate::context::{Entry, Keep, Key, Rewrite, change_map};
use crate::contexts::paths::{Field, Path, Target};
use crate::contexts::tables::Kind;
use crate::contexts::{Otlp, Record, any};

/// The field of attributes that can be edited where they stand, and its number; maps inside values are decoded and, if
/// they changed, written again.
fn in_place(
    record: &Record<'_>,
    path: &Path,
    keys: &[Key<'_>],
) -> Result<Option<(Field, u32)>, RunError> {
    match path.0 {
        Target::Field(field) if field.kind() == Kind::Attributes && keys.is_empty() => {
            Ok(Some((field, number_of(record, &field)?)))
        }
        _ => Ok(None),
    }
}

pub(in crate::contexts) fn retain<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    path: &Path,
    keys: &[Key<'_>],
    mut keep: Keep<'_>,
) -> Result<(), RunError> {
    let Some((field, number)) = in_place(record, path, keys)? else {
        return change_map::<Otlp>(record, arena, path, keys, |map| map.retain(keep));
    };
    edit_in(record, arena, &field, |message, out| {
        fields::retain_attributes(message, number, |key| keep.keeps(key), out)
    })
}

pub(in crate::contexts) fn rewrite<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    path: &Path,
    keys: &[Key<'_>],
    rewrite: &mut dyn Rewrite,
) -> Result<(), RunError> {
    let Some((field, number)) = in_place(record, path, keys)? else {
        return change_map::<Otlp>(record, arena, path, keys, |map| map.rewrite(rewrite));
    };
    edit_in(record, arena, &field, |message, out| {
        let replace = |key: &[u8], old: &[u8], new: &mut Vec<u8>| -> Result<bool, RunError> {
            let read = || Ok(any::read(Cow::Borrowed(old))?);
            let replaced = rewrite.replace(&Entry::new(key, &read))?;
            replaced.iter().for_each(|any| any::write_owned(new, any));
            Ok(replaced.is_some())
        };
        let mut is_changed = fields::replace_values(message, number, replace, out)?;
        rewrite.add(&mut |key, value| {
            if !is_changed {
                out.extend_from_slice(message);
                is_changed = true;
            }
            any::write_entry(out, number, key, value);
            Ok(())
        })?;
        Ok(is_changed)
    })
}

pub(in crate::contexts) fn remove<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    path: &Path,
    keys: &[Key<'_>],
    key: &str,
) -> Result<(), RunError> {
    let Some((field, number)) = in_place(record, path, keys)? else {
        return change_map::<Otlp>(record, arena, path, keys, |map| Ok(map.remove(key).is_some()));
    };
    edit_in(record, arena, &field, |message, out| {
        Ok(fields::remove_attribute(message, number, key.as_bytes(), out)?)
    })
}
