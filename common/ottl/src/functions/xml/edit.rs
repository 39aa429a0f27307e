//! Parts of documents: taken out, taken away, put in.

use super::document::{Document, Kind, NODES_MAX, ROOT};
use super::select::{Path, Selected};
use super::{read, write};
use crate::function::{Args, Blame, Call, Unfit};
use crate::value::Value;
use crate::{RunError, bound};

/// `GetXML(text, path)`: the selected nodes one after the other; of attributes the values.
pub(super) fn get(args: &Args<'_>) -> Result<Call, Unfit> {
    let path = Path::parse(args.opt_str(1).unwrap_or("")).of_argument(1)?;
    Ok(Box::new(move |args| {
        if args.str(0)?.is_empty() {
            return Ok(Value::text(""));
        }
        let document = read::document(args.str(0)?)?;
        let mut out = String::new();
        for selected in path.select(&document)? {
            if bound::is_over(out.len()) {
                break;
            }
            match selected {
                Selected::Node(id) => match &document.nodes[id].kind {
                    Kind::Data(content) => write::text(&mut out, content),
                    _ => write::node(&mut out, &document, id),
                },
                Selected::Attribute(id, index) => {
                    if let Some((_, value)) = attribute(&document, id, index) {
                        write::text(&mut out, value);
                    }
                }
            }
        }
        Ok(Value::text(out))
    }))
}

fn attribute(document: &Document, id: usize, index: usize) -> Option<&(String, String)> {
    match &document.nodes[id].kind {
        Kind::Element { attributes, .. } => attributes.get(index),
        _ => None,
    }
}

/// `RemoveXML(text, path)`.
pub(super) fn remove(args: &Args<'_>) -> Result<Call, Unfit> {
    let path = Path::parse(args.opt_str(1).unwrap_or("")).of_argument(1)?;
    Ok(Box::new(move |args| {
        if args.str(0)?.is_empty() {
            return Ok(Value::text(""));
        }
        let mut document = read::document(args.str(0)?)?;
        let mut gone = vec![false; document.nodes.len()];
        // From the back, so that the indices of attributes stay right.
        for selected in path.select(&document)?.into_iter().rev() {
            match selected {
                Selected::Node(id) => gone[id] = id != ROOT,
                Selected::Attribute(id, index) => drop(take_attribute(&mut document, id, index)),
            }
        }
        for node in &mut document.nodes {
            node.children.retain(|child| !gone[*child]);
        }
        Ok(Value::text(write::document(&document)))
    }))
}

/// Takes an attribute out of its element.
pub(super) fn take_attribute(
    document: &mut Document,
    id: usize,
    index: usize,
) -> Option<(String, String)> {
    match &mut document.nodes[id].kind {
        Kind::Element { attributes, .. } if index < attributes.len() => {
            Some(attributes.remove(index))
        }
        _ => None,
    }
}

/// `InsertXML(text, path, sub_document)`: into each selected element, or the document, behind what it holds.
pub(super) fn insert(args: &Args<'_>) -> Result<Call, Unfit> {
    let path = Path::parse(args.opt_str(1).unwrap_or("")).of_argument(1)?;
    Ok(Box::new(move |args| {
        let inserted = read::document(args.str(2)?)?;
        let mut document = match args.str(0)? {
            "" => Document::new(),
            text => read::document(text)?,
        };
        for selected in path.select(&document)? {
            match selected {
                Selected::Node(id) if id == ROOT || document.is_element(id) => {
                    if document.nodes.len() + inserted.nodes.len() > NODES_MAX {
                        let message =
                            format!("the document would have more than {NODES_MAX} nodes");
                        return Err(RunError::new(message));
                    }
                    graft(&mut document, id, &inserted, ROOT);
                }
                _ => return Err(RunError::new("the path selects what is no element")),
            }
        }
        Ok(Value::text(write::document(&document)))
    }))
}

/// Copies what is below `from` of another document. The depth is bounded when that document is read.
fn graft(document: &mut Document, into: usize, other: &Document, from: usize) {
    for child in &other.nodes[from].children {
        let copy = document.push(into, other.nodes[*child].kind.clone());
        graft(document, copy, other, *child);
    }
}
