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

proptest! {
    #[test]
    fn it_finds_what_a_scan_finds(keys in keys(), wanted in "[ab]{0,2}") {
        let message = message(&keys);
        let mut index = Index::default();
        let found = index.find(&message, NUMBER, wanted.as_bytes()).unwrap();
        let value = found.map(|place| place.value(&message).unwrap());
        prop_assert_eq!(value, attribute(&message, NUMBER, wanted.as_bytes()).unwrap());
        prop_assert_eq!(index.find(&message, NUMBER + 1, b"a"), Err(Unindexed));
    }

    #[test]
    fn it_hears_of_what_is_appended(keys in keys(), new in "[ab]{3}", wanted in "[ab]{1,3}") {
        let message = message(&keys);
        let mut index = Index::default();
        prop_assert_eq!(index.find(&message, NUMBER, new.as_bytes()), Ok(None));
        let mut longer = Vec::new();
        put_attribute(&message, NUMBER, new.as_bytes(), b"", &mut longer).unwrap();
        index.appended(&longer, message.len());
        let mut fresh = Index::default();
        let expect = fresh.find(&longer, NUMBER, wanted.as_bytes());
        prop_assert_eq!(index.find(&longer, NUMBER, wanted.as_bytes()), expect);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut index = Index::default();
        if let Ok(Some(place)) = index.find(&bytes, 1, b"") {
            let _ = place.value(&bytes);
        }
        index.appended(&bytes, 3);
    }
}

#[test]
fn a_message_of_too_many_attributes_has_none() {
    let many: Vec<String> = (0..=MAX_INDEXED).map(|index| index.to_string()).collect();
    let found = Index::default().find(&message(&many), NUMBER, b"0");
    assert_eq!(found, Err(Unindexed));
    assert!(Index::default().find(&message(&many[1..]), NUMBER, b"1").unwrap().is_some());
}
