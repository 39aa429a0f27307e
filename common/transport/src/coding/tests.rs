//! Codings against their bounds, and against themselves.

use proptest::prelude::*;

use super::*;
use crate::read::Refused;

/// Permits so many bytes.
struct Purse(usize);

impl Grow for Purse {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(bytes).ok_or(Refused)?;
        Ok(())
    }
}

fn inflated(packed: &Bytes, max_bytes: usize, purse: usize) -> Result<Bytes, InflateError> {
    inflate(Coding::Gzip, packed, max_bytes, &mut Purse(purse))
}

fn inflated_zstd(packed: &Bytes, max_bytes: usize, purse: usize) -> Result<Bytes, InflateError> {
    inflate(Coding::Zstd, packed, max_bytes, &mut Purse(purse))
}

fn packed<'a>(coding: Coding, parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    pack(coding, None, parts, &mut Purse(usize::MAX)).expect("permitted")
}

fn gzip<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    packed(Coding::Gzip, parts)
}

fn zstd<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    packed(Coding::Zstd, parts)
}

#[test]
fn a_bomb_stops_at_the_cap_and_at_the_permit() {
    let bomb = gzip([&Bytes::from(vec![0; 32 << 20])]);
    assert!(bomb.len() < 512 << 10);
    assert_eq!(inflated(&bomb, 1 << 20, usize::MAX), Err(InflateError::TooLarge));
    assert_eq!(inflated(&bomb, usize::MAX - 1, 1 << 20), Err(InflateError::Refused));
}

#[test]
fn the_cap_itself_is_allowed() {
    let body = Bytes::from(vec![7; 100_000]);
    assert_eq!(inflated(&gzip([&body]), 100_000, usize::MAX), Ok(body.clone()));
    assert_eq!(inflated(&gzip([&body]), 99_999, usize::MAX), Err(InflateError::TooLarge));
}

#[test]
fn members_follow_each_other_and_garbage_does_not() {
    let one = gzip([&Bytes::from_static(b"one")]);
    let both = Bytes::from([&one[..], &gzip([&Bytes::from_static(b"two")])].concat());
    assert_eq!(inflated(&both, 100, usize::MAX), Ok(Bytes::from_static(b"onetwo")));
    let torn = Bytes::from([&one[..], b"garbage"].concat());
    assert_eq!(inflated(&torn, 100, usize::MAX), Err(InflateError::Corrupt));
    assert_eq!(inflated(&one.slice(..one.len() - 1), 100, usize::MAX), Err(InflateError::Corrupt));
    assert_eq!(inflated(&Bytes::new(), 100, usize::MAX), Err(InflateError::Corrupt));
}

#[test]
fn zstd_has_the_same_bounds() {
    let bomb = zstd([&Bytes::from(vec![0; 32 << 20])]);
    assert!(bomb.len() < 16 << 10);
    assert_eq!(inflated_zstd(&bomb, 1 << 20, usize::MAX), Err(InflateError::TooLarge));
    assert_eq!(inflated_zstd(&bomb, usize::MAX - 1, 4 << 20), Err(InflateError::Refused));
    let body = Bytes::from(vec![7; 100_000]);
    assert_eq!(inflated_zstd(&zstd([&body]), 100_000, usize::MAX), Ok(body.clone()));
    assert_eq!(inflated_zstd(&zstd([&body]), 99_999, usize::MAX), Err(InflateError::TooLarge));
}

#[test]
fn zstd_frames_follow_each_other_and_garbage_does_not() {
    let one = zstd([&Bytes::from_static(b"one")]);
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0][..], b"xx"].concat();
    let check = |packed: Vec<u8>, expect| {
        assert_eq!(inflated_zstd(&Bytes::from(packed), 100, usize::MAX), expect);
    };
    let joined = [&one[..], &skippable, &zstd([&Bytes::from_static(b"two")])].concat();
    check(joined, Ok(Bytes::from_static(b"onetwo")));
    check(skippable, Ok(Bytes::new()));
    check([&one[..], b"garbage"].concat(), Err(InflateError::Corrupt));
    check(one[..one.len() - 1].to_vec(), Err(InflateError::Corrupt));
    check(Vec::new(), Err(InflateError::Corrupt));
    check(gzip([&Bytes::from_static(b"one")]).to_vec(), Err(InflateError::Corrupt));
}

#[test]
fn a_window_beyond_the_bound_is_not_permitted() {
    // A frame that announces 2 GiB of window (RFC 8878, 3.1.1.1.2), and an empty last block.
    let frame = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0]);
    assert_eq!(inflated_zstd(&frame, 1 << 20, usize::MAX), Err(InflateError::TooLarge));
    let frame = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 1, 0, 0]);
    assert_eq!(inflated_zstd(&frame, 1 << 20, usize::MAX), Ok(Bytes::new()));
    assert_eq!(inflated_zstd(&frame, 1 << 20, 1 << 20), Err(InflateError::Refused));
}

/// All that compress.
const CODINGS: [Coding; 7] = [
    Coding::Gzip,
    Coding::Zstd,
    Coding::Deflate,
    Coding::Zlib,
    Coding::Snappy,
    Coding::SnappyFramed,
    Coding::Lz4,
];

#[test]
fn every_coding_has_its_bounds() {
    let body = Bytes::from(vec![7; 100_000]);
    for coding in CODINGS {
        let whole = packed(coding, [&body]);
        let check = |packed: &[u8], max_bytes, purse, expect| {
            let packed = Bytes::copy_from_slice(packed);
            let inflated = inflate(coding, &packed, max_bytes, &mut Purse(purse));
            assert_eq!(inflated, expect, "{coding:?}");
        };
        check(&whole, 100_000, usize::MAX, Ok(body.clone()));
        check(&whole, 99_999, usize::MAX, Err(InflateError::TooLarge));
        check(&whole, 100_000, 50_000, Err(InflateError::Refused));
        check(&whole[..whole.len() - 1], 100_000, usize::MAX, Err(InflateError::Corrupt));
        check(&[&whole[..], b"garbage"].concat(), 1 << 20, usize::MAX, Err(InflateError::Corrupt));
        // No frame of Snappy is no byte.
        let nothing = (coding == Coding::SnappyFramed).then(Bytes::new);
        check(b"", 100_000, usize::MAX, nothing.ok_or(InflateError::Corrupt));
    }
}

/// What Go's packages, which Collectors use, make of the same text.
#[test]
fn what_collectors_pack_is_understood() {
    let text = "one, two, ".repeat(8);
    let snappy = "50246f6e652c2074776f2c20fe0a00090a";
    let framed = "ff060000734e6150705900150000b1bb291450246f6e652c2074776f2c20fe0a00090a";
    let lz4 = "04224d186470b920000000af6f6e652c2074776f2c200a0021003c00e0776f2c206f6e652c2074\
               776f2c20000000002eeb7c11";
    for (name, packed) in [
        ("zlib", "789ccacf4bd5512829cfd751a00e0b100000ffff1b1419a1"),
        ("deflate", "789ccacf4bd5512829cfd751a00e0b100000ffff1b1419a1"),
        ("snappy", snappy),
        ("x-snappy-framed", framed),
        // Of Collectors before 0.125.
        ("snappy", framed),
        ("lz4", lz4),
    ] {
        let coding = Coding::of_http(name.as_bytes()).expect("a coding");
        let byte = |at: usize| u8::from_str_radix(&packed[at..at + 2], 16).expect("two digits");
        let packed: Vec<u8> = (0..packed.len()).step_by(2).map(byte).collect();
        let inflated = inflate(coding, &packed.into(), 100, &mut Purse(usize::MAX));
        assert_eq!(inflated, Ok(Bytes::from(text.clone())), "{name}");
    }
}

#[test]
fn what_a_head_announces_is_believed_only_within_reason() {
    // A block of Snappy that is to become 1 MiB, of which nothing follows.
    let block = Bytes::from_static(&[0x80, 0x80, 0x40, 0]);
    assert_eq!(inflate(Coding::Snappy, &block, 1 << 21, &mut Purse(0)), Err(InflateError::Corrupt));
    assert_eq!(
        inflate(Coding::Snappy, &block, 1 << 19, &mut Purse(0)),
        Err(InflateError::TooLarge)
    );
    // A frame of LZ4 with blocks of 4 MiB.
    let frame = Bytes::from_static(&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 0, 0, 0, 0]);
    assert_eq!(inflate(Coding::Lz4, &frame, 100, &mut Purse(11 << 20)), Err(InflateError::Refused));
    assert_eq!(inflate(Coding::Lz4, &frame, 100, &mut Purse(13 << 20)), Ok(Bytes::new()));
}

#[test]
fn names_are_those_of_their_protocol() {
    for coding in CODINGS.into_iter().chain([Coding::Identity]) {
        assert_eq!(Coding::of_http(coding.http_name().as_bytes()), Some(coding));
        if let Some(name) = coding.grpc_name() {
            assert_eq!(Coding::of_grpc(name.as_bytes()), Some(coding));
            assert!(ACCEPTED_BY_GRPC.split(',').any(|accepted| accepted == name), "{name}");
        }
    }
    assert_eq!(Coding::of_http(b"Snappy"), Some(Coding::Snappy), "a block");
    assert_eq!(Coding::of_grpc(b"snappy"), Some(Coding::SnappyFramed), "frames");
    assert_eq!((Coding::of_http(b"br"), Coding::of_grpc(b"lz4")), (None, None));
}

#[test]
fn packing_stops_where_it_is_not_permitted() {
    let noise: Vec<u8> = (0..1u32 << 18)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9).rotate_left(n % 31).to_le_bytes())
        .collect();
    let parts = [Bytes::from(noise), Bytes::from_static(b"more")];
    for coding in CODINGS.into_iter().chain([Coding::Identity]) {
        let mut purse = Purse(8 << 20);
        let whole = pack(coding, None, &parts, &mut purse).expect("permitted");
        let asked = (8 << 20) - purse.0;
        // One block of Snappy is made of one piece.
        let times = if coding == Coding::Snappy { 4 } else { 2 };
        assert!((whole.len()..=times * whole.len()).contains(&asked), "{coding:?}: {asked}");
        assert_eq!(pack(coding, None, &parts, &mut Purse(asked)), Ok(whole), "{coding:?}");
        assert_eq!(pack(coding, None, &parts, &mut Purse(asked - 1)), Err(Refused), "{coding:?}");
        assert_eq!(pack(coding, None, &parts, &mut Purse(0)), Err(Refused), "{coding:?}");
    }
    let alone = pack(Coding::Identity, None, &parts[..1], &mut Purse(0));
    assert_eq!(alone, Ok(parts[0].clone()), "a body as it stands costs nothing");
}

#[test]
fn a_higher_level_packs_better() {
    let words: Vec<u8> = (0..40_000u32)
        .flat_map(|n| format!("span {} took {} ms;", n.wrapping_mul(n) % 977, n % 113).into_bytes())
        .collect();
    let body = Bytes::from(words);
    let levels = [Some(i32::MIN), None, Some(-1), Some(9), Some(12), Some(i32::MAX)];
    let size = |coding, level| {
        let packed = pack(coding, level, [&body], &mut Purse(usize::MAX)).expect("permitted");
        assert_eq!(inflate(coding, &packed, 1 << 24, &mut Purse(usize::MAX)), Ok(body.clone()));
        packed.len()
    };
    let [least, fast, usual, nine, twelve, most] = levels.map(|level| size(Coding::Gzip, level));
    assert!(fast > usual && usual >= nine && nine == twelve && twelve == most && least == usual);
    let [least, fast, usual, nine, twelve, most] = levels.map(|level| size(Coding::Zstd, level));
    assert!(least == fast && fast == usual && usual > nine && nine >= twelve && twelve == most);
}

proptest! {
    #[test]
    fn what_was_packed_comes_out(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 0..5)) {
        let parts: Vec<Bytes> = parts.into_iter().map(Bytes::from).collect();
        let body = Bytes::from(parts.concat());
        for coding in CODINGS {
            let packed = packed(coding, &parts);
            let inflated = inflate(coding, &packed, 1 << 20, &mut Purse(usize::MAX));
            prop_assert_eq!(inflated, Ok(body.clone()), "{:?}", coding);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        for coding in CODINGS {
            let _ = inflate(coding, &bytes, 1000, &mut Purse(1 << 20));
        }
        let frame = Bytes::from([&[0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat());
        let _ = inflated_zstd(&frame, 1000, 1 << 20);
    }
}
