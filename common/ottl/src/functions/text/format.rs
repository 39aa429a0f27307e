//! `Format`: Go's `Sprintf`, with its texts for what does not fit (`%!d(string=x)`), so it never fails.
//!
//! Flags `+-# 0`, width and precision (numbers or `*`), argument indices `[n]`, and the verbs of the values
//! that the language has. Widths and precisions are at most [`MAX_WIDTH`];
//! larger ones do not count.

use crate::{Value, bound};

mod number;
mod quote;
mod verb;

/// The largest width and precision: what Rust's formatting takes. Go's is a million.
const MAX_WIDTH: i64 = 65_535;

/// How one verb is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Spec {
    /// Appends `text` at its width in characters.
    fn pad(self, out: &mut String, text: &str) {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else {
            out.extend(std::iter::repeat_n(if self.zero { '0' } else { ' ' }, missing));
            out.push_str(text);
        }
    }
}

/// The formatted text.
pub(in crate::functions) fn sprintf(format: &str, args: &[Value<'_>]) -> String {
    let mut printer = Printer { out: String::new(), args, next: 0, is_reordered: false };
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once('%') {
        printer.out.push_str(before);
        rest = printer.directive(behind);
        if bound::is_over(printer.out.len()) {
            break;
        }
    }
    printer.out.push_str(rest);
    printer.extra();
    printer.out
}

/// Where formatting stands.
struct Printer<'p, 'a> {
    out: String,
    args: &'p [Value<'a>],
    next: usize,
    is_reordered: bool,
}

impl Printer<'_, '_> {
    /// One directive, behind its `%`. Gives what follows.
    fn directive<'f>(&mut self, mut rest: &'f str) -> &'f str {
        let mut spec = Spec::default();
        rest = flags(rest, &mut spec);
        let mut is_good = true;
        self.is_reordered = false;
        rest = self.argument_index(rest, &mut is_good);
        rest = self.width(rest, &mut spec, &mut is_good);
        if let Some(behind) = rest.strip_prefix('.') {
            rest = self.argument_index(behind, &mut is_good);
            rest = self.precision(rest, &mut spec);
        }
        rest = self.argument_index(rest, &mut is_good);
        let Some(verb) = rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return rest;
        };
        self.verb(verb, spec, is_good);
        &rest[verb.len_utf8()..]
    }

    fn verb(&mut self, verb: char, spec: Spec, is_good: bool) {
        if verb == '%' {
            self.out.push('%');
        } else if !is_good {
            self.out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(value) = self.args.get(self.next) {
            self.next += 1;
            verb::print(&mut self.out, value, verb, spec);
        } else {
            self.out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }

    /// `[n]`: the next argument is the n-th.
    fn argument_index<'f>(&mut self, rest: &'f str, is_good: &mut bool) -> &'f str {
        let Some(behind) = rest.strip_prefix('[') else { return rest };
        self.is_reordered = true;
        let Some((text, after)) = behind.split_once(']') else {
            *is_good = false;
            return behind;
        };
        let number = text.parse::<usize>().ok().filter(|_| !text.starts_with('+'));
        match number.filter(|number| (1..=self.args.len()).contains(number)) {
            Some(number) => self.next = number - 1,
            None => *is_good = false,
        }
        after
    }

    fn width<'f>(&mut self, rest: &'f str, spec: &mut Spec, is_good: &mut bool) -> &'f str {
        if let Some(behind) = rest.strip_prefix('*') {
            match self.star() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= !spec.minus;
                    spec.width = usize::try_from(width.abs()).ok();
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            return behind;
        }
        let (number, after) = number(rest);
        spec.width = number;
        // An index is for a width by `*`, not for a written one.
        *is_good &= !(self.is_reordered && number.is_some());
        after
    }

    fn precision<'f>(&mut self, rest: &'f str, spec: &mut Spec) -> &'f str {
        if let Some(behind) = rest.strip_prefix('*') {
            match self.star() {
                Some(precision) => spec.precision = usize::try_from(precision).ok(),
                None => self.out.push_str("%!(BADPREC)"),
            }
            return behind;
        }
        let (number, after) = number(rest);
        spec.precision = Some(number.unwrap_or(0));
        after
    }

    /// The argument for a `*`.
    fn star(&mut self) -> Option<i64> {
        let argument = self.args.get(self.next)?;
        self.next += 1;
        match argument {
            Value::Int(number) if number.unsigned_abs() <= MAX_WIDTH.unsigned_abs() => {
                Some(*number)
            }
            _ => None,
        }
    }

    /// Arguments that no verb used.
    fn extra(&mut self) {
        let Some(unused) = self.args.get(self.next..).filter(|unused| !unused.is_empty()) else {
            return;
        };
        if self.is_reordered {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (index, value) in unused.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            verb::typed(&mut self.out, value, Spec::default());
        }
        self.out.push(')');
    }
}

fn flags<'f>(rest: &'f str, spec: &mut Spec) -> &'f str {
    let mut end = 0;
    for byte in rest.bytes() {
        match byte {
            b'+' => spec.plus = true,
            b'-' => spec.minus = true,
            b'#' => spec.sharp = true,
            b' ' => spec.space = true,
            b'0' => spec.zero = true,
            _ => break,
        }
        end += 1;
    }
    // Zeros pad only on the left.
    spec.zero &= !spec.minus;
    &rest[end..]
}

/// The digits at the start. A number that is too large is none.
fn number(rest: &str) -> (Option<usize>, &str) {
    let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    let number = digits.parse::<i64>().ok().filter(|number| *number <= MAX_WIDTH);
    (number.and_then(|number| usize::try_from(number).ok()), after)
}

#[cfg(test)]
mod tests;
