//! Tables for every quantity, and no panic on any text.

use super::*;
use proptest::prelude::*;

#[test]
fn durations_are_gos() {
    let check = |text: &str, expect: Result<Duration, Malformed>| {
        assert_eq!(duration(text), expect, "{text}");
    };
    check("0", Ok(Duration::ZERO));
    check("0s", Ok(Duration::ZERO));
    check("200ms", Ok(Duration::from_millis(200)));
    check("1h30m", Ok(Duration::from_secs(5400)));
    check("1.5s", Ok(Duration::from_millis(1500)));
    check(".5s", Ok(Duration::from_millis(500)));
    check("1.s", Ok(Duration::from_secs(1)));
    check("0.1ns", Ok(Duration::ZERO));
    check("1us1ns", Ok(Duration::from_nanos(1001)));
    check("+3m", Ok(Duration::from_secs(180)));
    check("-3m", Err(Malformed::Negative));
    check("--3m", Err(Malformed::Negative));
    check("5", Err(Malformed::NoUnit));
    check("", Err(Malformed::Syntax));
    check("s", Err(Malformed::Syntax));
    check(".s", Err(Malformed::Syntax));
    check("1d", Err(Malformed::Syntax));
    check("1 s", Err(Malformed::Syntax));
    check("10000000h", Err(Malformed::TooLarge));
    check("99999999999999999999s", Err(Malformed::TooLarge));
}

#[test]
fn sizes_take_binary_and_decimal_units() {
    let check = |text: &str, expect: Result<u64, Malformed>| {
        assert_eq!(bytes(text), expect, "{text}");
    };
    check("0", Ok(0));
    check("512", Ok(512));
    check("64MiB", Ok(64 << 20));
    check("1.5 GiB", Ok(3 << 29));
    check("2KB", Ok(2000));
    check("2kb", Err(Malformed::Syntax));
    check("MiB", Err(Malformed::Syntax));
    check("-1", Err(Malformed::Syntax));
    check("99999999TiB", Err(Malformed::TooLarge));
}

#[test]
fn rates_have_a_period() {
    let check = |text: &str, expect: Result<f64, Malformed>| {
        assert_eq!(rate(text).map(|rate| rate.per_s), expect, "{text}");
    };
    check("200/s", Ok(200.0));
    check("6/m", Ok(0.1));
    check("1.5/s", Ok(1.5));
    check("3600/h", Ok(1.0));
    check("5", Err(Malformed::NoUnit));
    check("5/d", Err(Malformed::Syntax));
    check("-5/s", Err(Malformed::Syntax));
    check("inf/s", Err(Malformed::Syntax));
}

#[test]
fn addresses_are_split() {
    let check = |text: &str, expect: Result<(&str, u16), Malformed>| {
        let expect = expect.map(|(host, port)| Address { host: host.to_owned(), port });
        assert_eq!(address(text), expect, "{text}");
    };
    check("localhost:4317", Ok(("localhost", 4317)));
    check("0.0.0.0:0", Ok(("0.0.0.0", 0)));
    check(":4317", Ok(("", 4317)));
    check("[::1]:80", Ok(("::1", 80)));
    check("[fe80::1%eth0]:80", Ok(("fe80::1%eth0", 80)));
    check("::1:80", Err(Malformed::Syntax));
    check("localhost", Err(Malformed::NoUnit));
    check("localhost:", Err(Malformed::Syntax));
    check("localhost:+1", Err(Malformed::Syntax));
    check("localhost:99999", Err(Malformed::TooLarge));
    check("http://localhost:80", Err(Malformed::Syntax));
    assert_eq!(address("[::1]:80").expect("valid").to_string(), "[::1]:80");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", short in "[-+.0-9a-zA-Z:/\\[\\]]{0,24}") {
        for text in [text, short] {
            let _ = (duration(&text), bytes(&text), rate(&text), address(&text));
        }
    }

    #[test]
    fn whole_milliseconds_survive(ms in 0_u64..1_000_000_000) {
        prop_assert_eq!(duration(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
    }
}

proptest::proptest! {
    #[test]
    fn hostile_texts_never_panic(number in "[0-9.]{0,25}[a-zA-Z/]{0,4}", text in ".{0,40}") {
        for text in [&number, &text] {
            let _ = (duration(text), bytes(text), rate(text));
            if let Ok(address) = address(text) {
                proptest::prop_assert_eq!(super::address(&address.to_string()), Ok(address));
            }
        }
    }
}
