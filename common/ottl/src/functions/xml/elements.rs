//! Attributes and loose texts into elements.

use super::document::{Document, Kind};
use super::edit::take_attribute;
use super::select::{Path, Selected};
use super::{read, write};
use crate::function::{Args, Blame, Call, Unfit};
use crate::value::Value;

/// `ConvertAttributesToElementsXML(text, path)`: the selected attributes, all of them without a path. The elements
/// stand behind what their parent holds.
pub(super) fn of_attributes(args: &Args<'_>) -> Result<Call, Unfit> {
    let path = path(args, "//@*")?;
    Ok(Box::new(move |args| {
        let mut document = read::document(args.str(0)?)?;
        let mut converted = Vec::new();
        for selected in path.select(&document)?.into_iter().rev() {
            if let Selected::Attribute(id, index) = selected {
                let attribute = take_attribute(&mut document, id, index);
                converted.extend(attribute.map(|(name, value)| (id, name, value)));
            }
        }
        for (parent, name, value) in converted.into_iter().rev() {
            let element = document.push(parent, Kind::Element { name, attributes: Vec::new() });
            document.push(element, Kind::Text(value));
        }
        Ok(Value::text(write::document(&document)))
    }))
}

/// `ConvertTextToElementsXML(text, path, name)`: texts that stand beside others or elements, in and below the selected
/// ones.
pub(super) fn of_text(args: &Args<'_>) -> Result<Call, Unfit> {
    let path = path(args, "/")?;
    let name = args.opt_str(2).filter(|name| !name.is_empty()).unwrap_or("value").to_owned();
    Ok(Box::new(move |args| {
        let mut document = read::document(args.str(0)?)?;
        for selected in path.select(&document)? {
            if let Selected::Node(id) = selected {
                wrap_texts(&mut document, id, &name);
            }
        }
        Ok(Value::text(write::document(&document)))
    }))
}

fn path(args: &Args<'_>, default: &str) -> Result<Path, Unfit> {
    Path::parse(args.opt_str(1).filter(|path| !path.is_empty()).unwrap_or(default)).of_argument(1)
}

fn wrap_texts(document: &mut Document, id: usize, name: &str) {
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        stack.extend(document.elements(id));
        let children = &document.nodes[id].children;
        let texts = children.iter().filter(|child| is_text(document, **child)).count();
        if texts + document.elements(id).count() <= 1 {
            continue;
        }
        for at in 0..document.nodes[id].children.len() {
            let child = document.nodes[id].children[at];
            if is_text(document, child) {
                let kind = Kind::Element { name: name.to_owned(), attributes: Vec::new() };
                let element = document.push(id, kind);
                document.nodes[id].children.pop();
                document.nodes[id].children[at] = element;
                document.nodes[element].children.push(child);
                document.nodes[child].parent = element;
            }
        }
    }
}

fn is_text(document: &Document, id: usize) -> bool {
    matches!(document.nodes[id].kind, Kind::Text(_))
}
