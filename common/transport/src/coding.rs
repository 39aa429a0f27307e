//! Compression of bodies: gzip (RFC 1952) through zlib-rs.
//!
//! Inflating is admitted step by step: memory for the next [`STEP_BYTES`] is asked for before it is
//! used, so a bomb stops at its cap having used only what was permitted. Streams of several gzip
//! members are one body; anything behind the last member is an error.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::read::Grow;

/// How much more memory inflating asks for at a time, at first; then as much again as it has.
pub const STEP_BYTES: usize = 64 << 10;

/// Codings that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The bytes themselves.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// HTTP: a Content-Encoding, or gRPC: a grpc-encoding. `None` if it is not understood.
    pub fn parse(name: &[u8]) -> Option<Self> {
        match name {
            name if name.is_empty() || name.eq_ignore_ascii_case(b"identity") => {
                Some(Self::Identity)
            }
            name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Some(Self::Gzip)
            }
            _ => None,
        }
    }

    /// The name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
        }
    }
}

/// Why a body could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// More than the cap comes out of it.
    TooLarge,
    /// Not what its coding says, or cut off.
    Corrupt,
    /// The memory was not permitted.
    Refused,
}

/// Inflates a body of at most `max_bytes`.
pub fn inflate(
    coding: Coding,
    packed: &Bytes,
    max_bytes: usize,
    grow: &mut impl Grow,
) -> Result<Bytes, InflateError> {
    match coding {
        Coding::Identity if packed.len() > max_bytes => Err(InflateError::TooLarge),
        Coding::Identity => Ok(packed.clone()),
        Coding::Gzip => gunzip(packed, max_bytes, grow),
    }
}

/// Compresses the concatenation of `parts` at the fastest level.
pub fn gzip<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for part in parts {
        encoder.write_all(part).expect("writing to memory cannot fail");
    }
    Bytes::from(encoder.finish().expect("writing to memory cannot fail"))
}

fn gunzip(packed: &[u8], max_bytes: usize, grow: &mut impl Grow) -> Result<Bytes, InflateError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut out = Vec::new();
    let mut filled = 0;
    loop {
        if filled == out.len() {
            enlarge(&mut out, max_bytes, grow)?;
        }
        match decoder.read(&mut out[filled..]).map_err(|_| InflateError::Corrupt)? {
            0 => break,
            read => filled += read,
        }
        if filled > max_bytes {
            return Err(InflateError::TooLarge);
        }
    }
    out.truncate(filled);
    out.shrink_to_fit();
    Ok(Bytes::from(out))
}

/// Doubles the buffer, to one byte beyond the cap at most: that byte tells a body at the cap from
/// one above it.
fn enlarge(out: &mut Vec<u8>, max_bytes: usize, grow: &mut impl Grow) -> Result<(), InflateError> {
    let more = out.len().max(STEP_BYTES).min(max_bytes.saturating_add(1) - out.len());
    grow.grow(more).map_err(|_| InflateError::Refused)?;
    out.resize(out.len() + more, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            inflated(&one.slice(..one.len() - 1), 100, usize::MAX),
            Err(InflateError::Corrupt)
        );
        assert_eq!(inflated(&Bytes::new(), 100, usize::MAX), Err(InflateError::Corrupt));
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 0..5)) {
            let parts: Vec<Bytes> = parts.into_iter().map(Bytes::from).collect();
            let body = Bytes::from(parts.concat());
            prop_assert_eq!(inflated(&gzip(&parts), 1 << 20, usize::MAX), Ok(body));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = inflated(&Bytes::from(bytes), 1000, 1 << 20);
        }
    }
}
