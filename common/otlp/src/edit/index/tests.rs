//! The index against scans of the message.

use proptest::prelude::*;

use super::*;
use crate::edit::fields::{attribute, put_attribute, put_entry};
use crate::wire::put_uint;

const NUMBER: u32 = 9;

/// Attributes under these keys among other fields.
fn message(keys: &[String]) -> Vec<u8> {
    let mut message = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        put_uint(&mut message, 3, index as u64);
        put_entry(&mut message, NUMBER, key.as_bytes(), &[0x18, index as u8]);
    }
    message
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ab]{0,2}", 0..10)
}

fn wanting(keys: &[String]) -> Wanted {
    let mut wanted = Wanted::default();
    keys.iter().for_each(|key| wanted.add(key.as_bytes()));
    wanted
}

/// By key, as look-ups ask.
fn find(
    index: &mut Index,
    message: &[u8],
    number: u32,
    wanted: &Wanted,
    key: &[u8],
) -> Result<Option<Place>, Unindexed> {
    index.find(message, number, wanted, wanted.slot(key).ok_or(Unindexed)?)
}

proptest! {
    #[test]
    fn it_finds_what_a_scan_finds(there in keys(), asked in keys(), key in "[ab]{0,2}") {
        let (message, wanted) = (message(&there), wanting(&asked));
        let mut index = Index::default();
        for asked in &asked {
            let found = find(&mut index, &message, NUMBER, &wanted, asked.as_bytes()).unwrap();
            let value = found.map(|place| place.value(&message).unwrap());
            prop_assert_eq!(value, attribute(&message, NUMBER, asked.as_bytes()).unwrap());
        }
        let is_wanted = asked.contains(&key);
        prop_assert_eq!(find(&mut index, &message, NUMBER, &wanted, key.as_bytes()).is_ok(), is_wanted);
        prop_assert_eq!(find(&mut index, &message, NUMBER + 1, &wanted, b"a"), Err(Unindexed));
    }

    #[test]
    fn what_is_appended_is_found(there in keys(), asked in keys(), new in "[ab]{3}") {
        let message = message(&there);
        let mut wanted = wanting(&asked);
        wanted.add(b"aab");
        let mut index = Index::default();
        prop_assert_eq!(find(&mut index, &message, NUMBER, &wanted, b"aab"), Ok(None));
        let mut longer = Vec::new();
        put_attribute(&message, NUMBER, new.as_bytes(), b"", &mut longer).unwrap();
        let mut fresh = Index::default();
        for asked in asked.iter().map(|key| key.as_bytes()).chain([&b"aab"[..]]) {
            let expect = find(&mut fresh, &longer, NUMBER, &wanted, asked);
            prop_assert_eq!(find(&mut index, &longer, NUMBER, &wanted, asked), expect);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut index = Index::default();
        let wanted = wanting(&[String::new(), "a".to_owned()]);
        if let Ok(Some(place)) = find(&mut index, &bytes, 1, &wanted, b"") {
            let _ = place.value(&bytes);
        }
    }
}

#[test]
fn long_keys_are_told_apart() {
    let long: Vec<String> = (60..70).map(|length| "k".repeat(length)).collect();
    let (message, wanted) = (message(&long), wanting(&long));
    let mut index = Index::default();
    for (number, key) in long.iter().enumerate() {
        let place = find(&mut index, &message, NUMBER, &wanted, key.as_bytes()).unwrap().unwrap();
        assert_eq!(&*place.value(&message).unwrap(), &[0x18, number as u8]);
    }
}

#[test]
fn what_is_broken_behind_the_wanted_is_not_looked_at() {
    let mut message = message(&["a".to_owned()]);
    message.push(0xff);
    let wanted = wanting(&["a".to_owned(), "b".to_owned()]);
    let mut index = Index::default();
    assert!(find(&mut index, &message, NUMBER, &wanted, b"a").unwrap().is_some());
    assert_eq!(find(&mut index, &message, NUMBER, &wanted, b"b"), Err(Unindexed));
}

#[test]
fn many_keys_have_the_slots_in_which_they_were_added() {
    let keys: Vec<String> = (0..3 * FEW_KEYS).map(|number| format!("key.{number}")).collect();
    let wanted = wanting(&[keys.clone(), keys.clone()].concat());
    assert_eq!(wanted.len(), keys.len(), "a key counts once");
    for (slot, key) in keys.iter().enumerate() {
        assert_eq!(wanted.slot(key.as_bytes()), Some(slot), "{key}");
    }
    assert_eq!(wanted.slot(b"key.x"), None);
}
