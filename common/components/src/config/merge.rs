//! Merging repeated `--config` sources as the Collector does: mappings deep, anything else replaced.
//!
//! Done before `${...}` is expanded, so that a reference in a place that a later source overrides is
//! never looked up. A null in the later source replaces, too.

use std::collections::HashMap;

use super::value::{Map, Node, Value};

/// Lays `over` on `base`. Keys keep their first place; new ones follow in their own order.
pub fn merge(base: Value, over: Value) -> Value {
    let origin = base.origin;
    match (base.node, over.node) {
        (Node::Map(base), Node::Map(over)) => {
            Value { node: Node::Map(merge_maps(base, over)), origin }
        }
        (_, node) => Value { node, origin: over.origin },
    }
}

// Recursion is as deep as the shallower tree, which the parser bounds.
fn merge_maps(base: Map, over: Map) -> Map {
    let mut entries: Vec<(String, Value)> = base.into_entries();
    let places: HashMap<String, usize> =
        entries.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
    for (key, value) in over.into_entries() {
        match places.get(&key) {
            Some(&place) => {
                let slot = &mut entries[place].1;
                let base = std::mem::replace(slot, Value::null(value.origin));
                *slot = merge(base, value);
            }
            None => entries.push((key, value)),
        }
    }
    entries.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Report;
    use crate::config::value::{self, parse};
    use proptest::prelude::*;

    fn tree(text: &str) -> Value {
        parse(text, 0, &Report::default()).expect("the test's YAML is valid")
    }

    #[test]
    fn merges_as_the_collector_does() {
        let check = |base: &str, over: &str, expect: &str| {
            assert_eq!(merge(tree(base), tree(over)), tree(expect), "{base} + {over}");
        };
        check("{a: 1, b: 2}", "{b: 3, c: 4}", "{a: 1, b: 3, c: 4}");
        check("{a: {x: 1, y: 2}}", "{a: {y: 3}}", "{a: {x: 1, y: 3}}");
        check("{a: [1, 2]}", "{a: [3]}", "{a: [3]}");
        check("{a: {x: 1}}", "{a: }", "{a: }");
        check("{a: }", "{a: {x: 1}}", "{a: {x: 1}}");
        check("{a: {x: 1}}", "{a: 5}", "{a: 5}");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = "[a-z]{0,3}".prop_map(|text| Value::text(text, value::Origin::default()));
        leaf.prop_recursive(4, 32, 4, |inner| {
            let entries = proptest::collection::btree_map("[a-d]", inner, 0..4);
            entries.prop_map(|entries| Value {
                node: Node::Map(entries.into_iter().collect()),
                origin: value::Origin::default(),
            })
        })
    }

    // `over` is in the result wherever it is not a mapping.
    fn contains(result: &Value, over: &Value) -> bool {
        match &over.node {
            Node::Map(over) => over.iter().all(|(key, value)| {
                result.as_map().and_then(|map| map.get(key)).is_some_and(|r| contains(r, value))
            }),
            _ => result == over,
        }
    }

    proptest! {
        #[test]
        fn laws_hold(base in any_value(), over in any_value()) {
            let merged = merge(base.clone(), over.clone());
            prop_assert!(contains(&merged, &over));
            prop_assert_eq!(&merge(base.clone(), base.clone()), &base);
            prop_assert_eq!(&merge(merged.clone(), over), &merged);
            if base.as_map().is_some() {
                let empty = Value::empty_map(base.origin);
                prop_assert_eq!(&merge(base.clone(), empty.clone()), &base);
                prop_assert_eq!(&merge(empty, base.clone()), &base);
            }
        }
    }
}
