//! XML documents and XPath.
//!
//! A document is bounded by `document::DEPTH_MAX` and by its own size, a selection by `select::STEPS_MAX`. Entities of a
//! document type are not expanded: what is no predefined entity is an error.

use crate::function::Kind::{LiteralStr, Str};
use crate::function::{Body, Definition, Param, optional, required};

mod document;
mod edit;
mod elements;
mod number;
mod path;
mod read;
mod select;
mod test;
mod token;
mod tree;
mod write;

const TARGET: Param = required("target", Str);
const PATH: Param = required("xPath", LiteralStr);

/// The family.
pub const ALL: &[Definition] = &[
    define("ParseXML", &[TARGET], Body::Plain(tree::full)),
    define("ParseSimplifiedXML", &[TARGET], Body::Plain(tree::simple)),
    define("GetXML", &[TARGET, PATH], Body::Prepared(edit::get)),
    define("RemoveXML", &[TARGET, PATH], Body::Prepared(edit::remove)),
    define(
        "InsertXML",
        &[TARGET, PATH, required("subDocument", Str)],
        Body::Prepared(edit::insert),
    ),
    define(
        "ConvertAttributesToElementsXML",
        &[TARGET, optional("xPath", LiteralStr)],
        Body::Prepared(elements::of_attributes),
    ),
    define(
        "ConvertTextToElementsXML",
        &[TARGET, optional("xPath", LiteralStr), optional("elementName", LiteralStr)],
        Body::Prepared(elements::of_text),
    ),
];

const fn define(name: &'static str, params: &'static [Param], body: Body) -> Definition {
    Definition { name, params, body }
}

#[cfg(test)]
mod tests;
