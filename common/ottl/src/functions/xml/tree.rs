//! Documents as maps: in full, or simplified.

use super::document::{Document, Kind, ROOT, local};
use super::read;
use crate::RunError;
use crate::function::Args;
use crate::functions::parsing::entries::Entries;
use crate::value::{Any, Map, Value};

/// `ParseXML(text)`: tag, attributes, content and children of the element, names without prefixes. Nothing may stand
/// behind it.
pub(super) fn full<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let document = read::document(args.str(0)?)?;
    let root = document.elements(ROOT).next().expect("a document that was read has an element");
    if document.nodes[ROOT].children.last() != Some(&root) {
        return Err(RunError::new("something stands behind the element of the document"));
    }
    Ok(Value::map(element(&document, root)))
}

fn element(document: &Document, id: usize) -> Map {
    let node = &document.nodes[id];
    let mut map = Map::new();
    if let Kind::Element { name, attributes } = &node.kind {
        map.put("tag", local(name));
        if !attributes.is_empty() {
            let mut entries = Entries::default();
            for (name, value) in attributes {
                entries.put(local(name), value.as_str());
            }
            map.put("attributes", entries.finish());
        }
    }
    let texts = node.children.iter().filter_map(|child| match &document.nodes[*child].kind {
        Kind::Text(text) | Kind::Data(text) => Some(text.trim()),
        _ => None,
    });
    let content: String = texts.collect();
    if !content.is_empty() {
        map.put("content", content);
    }
    let children: Vec<Any> =
        document.elements(id).map(|child| element(document, child).into()).collect();
    if !children.is_empty() {
        map.put("children", Any::Slice(children));
    }
    map
}

/// `ParseSimplifiedXML(text)`: elements are keys, texts are values. Attributes, comments and text beside elements are
/// dropped, and elements without content; siblings of one name are a list, however many are left of them.
pub(super) fn simple<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let document = read::document(args.str(0)?)?;
    Ok(Value::map(children(&document, ROOT)))
}

fn children(document: &Document, id: usize) -> Map {
    let mut lists: Vec<(&str, usize, Vec<Any>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for child in document.elements(id) {
        let Kind::Element { name, .. } = &document.nodes[child].kind else { continue };
        let at = *index.entry(local(name)).or_insert_with(|| {
            lists.push((local(name), 0, Vec::new()));
            lists.len() - 1
        });
        lists[at].1 += 1;
        lists[at].2.extend(content(document, child));
    }
    lists
        .into_iter()
        .filter_map(|(name, count, values)| Some((name, listed(count, values)?)))
        .collect()
}

fn listed(count: usize, mut values: Vec<Any>) -> Option<Any> {
    if count == 1 {
        return values.pop();
    }
    (!values.is_empty()).then_some(Any::Slice(values))
}

fn content(document: &Document, id: usize) -> Option<Any> {
    if document.elements(id).next().is_some() {
        let map = children(document, id);
        return (!map.is_empty()).then_some(Any::Map(map));
    }
    let text = document.text(id);
    (!text.is_empty()).then_some(Any::Str(text))
}
