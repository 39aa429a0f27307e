//! Log formats that only logs have: CEF, CLF, ELF, LEEF.

use crate::function::Kind::{LiteralStr, Str};
use crate::function::{Body, Definition, Param, optional, required};

mod cef;
mod clf;
mod elf;
mod leef;

const OF_TEXT: &[Param] = &[required("target", Str)];

/// The family.
pub const ALL: &[Definition] = &[
    Definition { name: "ParseCEF", params: OF_TEXT, body: Body::Plain(cef::call) },
    Definition {
        name: "ParseCLF",
        params: &[required("target", Str), optional("format", LiteralStr)],
        body: Body::Prepared(clf::prepare),
    },
    Definition { name: "ParseELF", params: OF_TEXT, body: Body::Plain(elf::call) },
    Definition { name: "ParseLEEF", params: OF_TEXT, body: Body::Plain(leef::call) },
];

#[cfg(test)]
mod tests;
