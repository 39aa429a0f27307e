//! Documents into text. Elements without content have an end tag of their own.

use super::document::{Document, Kind, ROOT};
use crate::bound;

/// The document as text; what is no node of a document's own (its type) is gone.
pub(super) fn document(document: &Document) -> String {
    let mut out = String::new();
    for child in &document.nodes[ROOT].children {
        node(&mut out, document, *child);
    }
    out
}

/// One node with what is below it. The depth is bounded when a document is read.
pub(super) fn node(out: &mut String, document: &Document, id: usize) {
    if bound::is_over(out.len()) {
        return;
    }
    match &document.nodes[id].kind {
        Kind::Document => {}
        Kind::Text(content) => text(out, content),
        Kind::Data(content) => wrapped(out, "<![CDATA[", content, "]]>"),
        Kind::Comment(content) => wrapped(out, "<!--", content, "-->"),
        Kind::Instruction(content) => wrapped(out, "<?", content, "?>"),
        Kind::Element { name, attributes } => {
            wrapped(out, "<", name, "");
            for (name, value) in attributes {
                wrapped(out, " ", name, "=\"");
                text(out, value);
                out.push('"');
            }
            out.push('>');
            for child in &document.nodes[id].children {
                node(out, document, *child);
            }
            wrapped(out, "</", name, ">");
        }
    }
}

fn wrapped(out: &mut String, before: &str, content: &str, after: &str) {
    out.extend([before, content, after]);
}

/// Text with what must be escaped; quotes too, as the reference does it.
pub(super) fn text(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
}
