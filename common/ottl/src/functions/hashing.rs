//! Hashes of texts, and of network flows.

use murmur3::{murmur3_32, murmur3_x64_128};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::function::{Args, Body, Definition, Kind, Param, optional, required};
use crate::json::hex;
use crate::{RunError, Value};

mod community;

const TARGET: &[Param] = &[required("target", Kind::Str)];

/// The family.
pub const ALL: &[Definition] = &[
    Definition { name: "FNV", params: TARGET, body: Body::Plain(fnv) },
    Definition { name: "MD5", params: TARGET, body: Body::Plain(digest::<md5::Md5>) },
    Definition { name: "SHA1", params: TARGET, body: Body::Plain(digest::<sha1::Sha1>) },
    Definition { name: "SHA256", params: TARGET, body: Body::Plain(digest::<sha2::Sha256>) },
    Definition { name: "SHA512", params: TARGET, body: Body::Plain(digest::<sha2::Sha512>) },
    Definition { name: "Murmur3Hash", params: TARGET, body: Body::Plain(murmur3_hash) },
    Definition { name: "Murmur3Hash128", params: TARGET, body: Body::Plain(murmur3_hash_128) },
    Definition { name: "XXH3", params: TARGET, body: Body::Plain(xxh3) },
    Definition { name: "XXH128", params: TARGET, body: Body::Plain(xxh128) },
    Definition {
        name: "CommunityID",
        params: &[
            required("source_ip", Kind::Str),
            required("source_port", Kind::Int),
            required("destination_ip", Kind::Str),
            required("destination_port", Kind::Int),
            optional("protocol", Kind::Str),
            optional("seed", Kind::Int),
        ],
        body: Body::Plain(community::id),
    },
];

fn digest<'a, D: sha1::Digest>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::text(hex(&D::digest(args.str(0)?))))
}

/// FNV-1a of 64 bits, as a signed number.
fn fnv<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    Ok(Value::Int(args.str(0)?.bytes().fold(OFFSET, step).cast_signed()))
}

/// The bytes of the hash from the least to the most significant.
fn murmur3_hash<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let hash = murmur3_32(&mut args.str(0)?.as_bytes(), 0).map_err(unreadable)?;
    Ok(Value::text(hex(&hash.to_le_bytes())))
}

fn murmur3_hash_128<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let hash = murmur3_x64_128(&mut args.str(0)?.as_bytes(), 0).map_err(unreadable)?;
    Ok(Value::text(hex(&hash.to_le_bytes())))
}

/// The crate reads from a stream; a text never fails.
fn unreadable(error: std::io::Error) -> RunError {
    RunError::new(error.to_string())
}

fn xxh3<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::text(format!("{:016x}", xxh3_64(args.str(0)?.as_bytes()))))
}

fn xxh128<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::text(format!("{:032x}", xxh3_128(args.str(0)?.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Argument;

    #[test]
    fn hashes_are_the_published_ones() {
        for (name, text, expect) in [
            ("MD5", "a", "0cc175b9c0f1b6a831c399e269772661"),
            ("SHA1", "x", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
            ("Murmur3Hash", "a", "b269253c"),
            ("Murmur3Hash", "hello world", "0f8f925e"),
            ("Murmur3Hash128", "a", "897859f6655555855a890e51483ab5e6"),
            ("XXH3", "a", "e6c632b61e964e1f"),
            ("XXH128", "a", "a96faf705af16834e6c632b61e964e1f"),
            ("FNV", "a", "-5808556873153909620"),
        ] {
            let args = Args::new([Argument::Value(Value::text(text))], None);
            let found = ALL.iter().find(|definition| definition.name == name).unwrap();
            let Body::Plain(body) = found.body else { panic!("{name}") };
            let shown = match body(&args).unwrap() {
                Value::Str(text) => text.into_owned(),
                Value::Int(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            assert_eq!(shown, expect, "{name} of {text}");
        }
    }
}
