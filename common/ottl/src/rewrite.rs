//! Rewriting a map entry by entry, wherever it is: contexts over bytes copy what stays as it stands.

use std::borrow::Cow;

use crate::value::{Any, Map};
use crate::{RunError, Value};

/// An entry of a map.
pub struct Entry<'e> {
    /// Its key, in UTF-8.
    pub key: &'e [u8],
    read: &'e dyn Fn() -> Result<Value<'e>, RunError>,
}

impl<'e> Entry<'e> {
    /// An entry whose value is what `read` makes.
    pub fn new(key: &'e [u8], read: &'e dyn Fn() -> Result<Value<'e>, RunError>) -> Self {
        Self { key, read }
    }

    /// Its value, which is decoded for it.
    pub fn value(&self) -> Result<Value<'e>, RunError> {
        (self.read)()
    }
}

/// Takes an entry that comes behind all others.
pub type Add<'a> = dyn FnMut(&str, &Any) -> Result<(), RunError> + 'a;

/// What a map becomes.
pub trait Rewrite {
    /// What replaces the value of an entry; nothing where it stays. Asked for each in turn.
    fn replace(&mut self, entry: &Entry<'_>) -> Result<Option<Cow<'_, Any>>, RunError>;

    /// Hands over what comes behind, once all have been seen.
    fn add(&mut self, _add: &mut Add<'_>) -> Result<(), RunError> {
        Ok(())
    }
}

/// Replaces values by what a function makes of them.
pub(crate) struct Each<F>(pub F);

impl<F: FnMut(&Entry<'_>) -> Result<Option<Any>, RunError>> Rewrite for Each<F> {
    fn replace(&mut self, entry: &Entry<'_>) -> Result<Option<Cow<'_, Any>>, RunError> {
        (self.0)(entry).map(|any| any.map(Cow::Owned))
    }
}

impl Map {
    /// Rewrites it, and says whether anything changed. After an error all is as it was.
    pub fn rewrite(&mut self, rewrite: &mut dyn Rewrite) -> Result<bool, RunError> {
        let mut replaced = Vec::new();
        for (index, (key, value)) in self.entries.iter().enumerate() {
            let read = || Ok(value.value());
            let new = rewrite.replace(&Entry::new(key.as_bytes(), &read))?;
            if let Some(new) = new.filter(|new| **new != *value) {
                replaced.push((index, new.into_owned()));
            }
        }
        let mut added = Vec::new();
        rewrite.add(&mut |key, value| {
            added.push((key.to_owned(), value.clone()));
            Ok(())
        })?;
        let is_changed = !replaced.is_empty() || !added.is_empty();
        replaced.into_iter().for_each(|(index, value)| self.entries[index].1 = value);
        self.entries.append(&mut added);
        Ok(is_changed)
    }
}
