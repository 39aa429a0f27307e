//! `flatten`: nested maps and lists become entries of the outermost map, their keys joined with dots.
//!
//! Two forms. By default a list's index becomes part of the key, and an entry whose key exists replaces the
//! one before. When conflicts are resolved, the items of a list share the key of the list, and whatever
//! would repeat a key gets a counter behind it. As in the reference, a list inside a list adds its index
//! without a dot.

use std::collections::{HashMap, HashSet};

use crate::Value;
use crate::function::{Args, Edit, Unfit};
use crate::value::{Any, Map};

/// Prepares the call.
pub(super) fn flatten(args: &Args<'_>) -> Result<Edit, Unfit> {
    let prefix = args.opt_str(0).unwrap_or_default().to_owned();
    let depth = args.int(1).unwrap_or(i64::MAX);
    if depth < 1 {
        return Err(Unfit::argument(1, format!("the depth {depth} is less than 1")));
    }
    let resolves = args.bool(2).unwrap_or(false);
    Ok(Box::new(move |target, _| {
        let map = target.map()?;
        if prefix.is_empty() && is_flat(&map) {
            return Ok(());
        }
        let mut flat = Flat { depth, resolves, ..Flat::default() };
        flat.map(map, &prefix, 0);
        target.set(&Value::map(flat.made))
    }))
}

/// Whether nothing is nested and no key repeats.
fn is_flat(map: &Map) -> bool {
    let mut seen = HashSet::new();
    map.entries.iter().all(|(key, value)| {
        !matches!(value, Any::Map(_) | Any::Slice(_)) && seen.insert(key.as_str())
    })
}

/// The map that is made.
#[derive(Default)]
struct Flat {
    depth: i64,
    resolves: bool,
    made: Map,
    places: HashMap<String, usize>,
    counts: HashMap<String, u64>,
}

impl Flat {
    fn map(&mut self, map: Map, prefix: &str, depth: i64) {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
        for (key, value) in map.entries {
            let key = format!("{prefix}{key}");
            match value {
                Any::Map(inner) if depth < self.depth => self.map(inner, &key, depth + 1),
                Any::Slice(items) if depth < self.depth => {
                    for (index, item) in items.into_iter().enumerate() {
                        let own = format!("{key}.{index}");
                        self.item(item, own, Some(&key), depth + 1);
                    }
                }
                leaf => self.leaf(key, leaf),
            }
        }
    }

    /// An item of a list; `shared` is the key of the list if the list stands in a map.
    fn item(&mut self, item: Any, key: String, shared: Option<&str>, depth: i64) {
        match item {
            Any::Map(inner) if depth < self.depth => self.map(inner, &key, depth + 1),
            Any::Slice(items) if depth < self.depth => {
                for (index, item) in items.into_iter().enumerate() {
                    self.item(item, format!("{key}{index}"), None, depth + 1);
                }
            }
            leaf => match shared.filter(|_| self.resolves) {
                Some(shared) => self.leaf(shared.to_owned(), leaf),
                None => self.leaf(key, leaf),
            },
        }
    }

    fn leaf(&mut self, key: String, value: Any) {
        match self.places.get(&key) {
            Some(_) if self.resolves => {
                let key = self.free(&key);
                self.push(key, value);
            }
            Some(place) => self.made.entries[*place].1 = value,
            None => self.push(key, value),
        }
    }

    fn push(&mut self, key: String, value: Any) {
        self.places.insert(key.clone(), self.made.len());
        self.made.entries.push((key, value));
    }

    /// A key with a counter that nothing has.
    fn free(&mut self, key: &str) -> String {
        let count = self.counts.entry(key.to_owned()).or_default();
        loop {
            let numbered = format!("{key}.{count}");
            *count += 1;
            if !self.places.contains_key(&numbered) {
                return numbered;
            }
        }
    }
}
