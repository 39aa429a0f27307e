//! What `Format` makes of verbs, against Go.

use proptest::prelude::*;

use super::sprintf;
use crate::Value;

proptest! {
    #[test]
    fn no_format_panics(format in "(%[-+# 0]{0,2}(\\*|[0-9]{0,6})(\\.(\\*|[0-9]{0,6}))?(\\[[0-9]\\])?.){0,3}", number: i64, double: f64) {
        let texts = Value::texts(["a", "\u{e9}"]);
        sprintf(&format, &[Value::Int(number), Value::Double(double), texts, Value::Duration(number)]);
    }
}

fn check(format: &str, args: &[Value<'_>], expect: &str) {
    assert_eq!(sprintf(format, args), expect, "{format}");
}

#[test]
fn whole_numbers() {
    let int = |number| [Value::Int(number)];
    check("%03d|", &int(7), "007|");
    check("%-5d|", &int(-42), "-42  |");
    check("%+d", &int(5), "+5");
    check("% d", &int(5), " 5");
    check("%06d", &int(-5), "-00005");
    check("%#x %[1]X %[1]o %[1]b", &int(255), "0xff FF 377 11111111");
    check("%.3d", &int(5), "005");
    check("%.0d|", &int(0), "|");
    check("%U %[1]c %[1]q", &int(8364), "U+20AC \u{20ac} '\u{20ac}'");
    check("%O %#[1]o", &int(8), "0o10 010");
}

#[test]
fn doubles() {
    let all = |number| [Value::Double(number), Value::Double(number), Value::Double(number)];
    check("%g %e %f", &all(0.1), "0.1 1.000000e-01 0.100000");
    check("%g %e %f", &all(1.0e-6), "1e-06 1.000000e-06 0.000001");
    check("%g %e %f", &all(100.0), "100 1.000000e+02 100.000000");
    check("%v %.3g %.10g", &all(123456789.0), "1.23456789e+08 1.23e+08 123456789");
    check("%08.3f|%+.1f|%6.2f", &all(-2.5625), "-002.562|-2.6| -2.56");
    check("%x %b %G", &all(3.5), "0x1.cp+01 7881299347898368p-51 3.5");
    check("%v %5.0f|%06v", &all(f64::INFINITY), "+Inf  +Inf|  +Inf");
    check("%g %g %g", &all(100000.0), "100000 100000 100000");
    check("%g %g %g", &all(0.0), "0 0 0");
}

#[test]
fn texts_bytes_and_lists() {
    let text = |text: &'static str| [Value::text(text)];
    check("%5s|%-5[1]s|%.1[1]s", &text("ab"), "   ab|ab   |a");
    check("%q %#[1]q", &text("a\"b`\n"), "\"a\\\"b`\\n\" \"a\\\"b`\\n\"");
    check("%x|% [1]X|%#[1]x", &text("hi"), "6869|68 69|0x6869");
    check("%s %[1]v %[1]x", &[Value::Bytes(b"ab".as_slice().into())], "ab [97 98] 6162");
    let list = Value::List(vec![Value::Int(1), Value::text("a"), Value::Nil]);
    check("%v", &[list], "[1 a <nil>]");
    check("%v %[1]T", &[Value::Duration(90_500_000_000)], "1m30.5s time.Duration");
    check("%v", &[Value::Duration(-1_500)], "-1.5\u{b5}s");
    check("%v", &[Value::Duration(3_600_000_000_000)], "1h0m0s");
}

#[test]
fn what_does_not_fit_is_said() {
    check("%d", &[Value::text("x")], "%!d(string=x)");
    check("%s", &[Value::Nil], "%!s(<nil>)");
    check("%d %d", &[Value::Int(1)], "1 %!d(MISSING)");
    check("%d", &[Value::Int(1), Value::Int(2)], "1%!(EXTRA int64=2)");
    check("%[3]d", &[Value::Int(1)], "%!d(BADINDEX)");
    check("%", &[], "%!(NOVERB)");
    check("%!", &[], "%!!(MISSING)");
    check("%*d", &[Value::text("x"), Value::Int(1)], "%!(BADWIDTH)1");
    let wide = sprintf("%65535d|%.65535f", &[Value::Int(1), Value::Double(1.0)]);
    assert_eq!(wide.len(), 65535 + 1 + 2 + 65535);
    check("%1000000d", &[Value::Int(1)], "1");
    check("%%|%z", &[Value::Bool(true)], "%|%!z(bool=true)");
}
