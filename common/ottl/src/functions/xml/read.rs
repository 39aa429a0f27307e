//! Text into documents: well-formed XML, without the expansion of entities.

use super::document::{DEPTH_MAX, Document, Kind, NODES_MAX, ROOT};
use crate::RunError;

/// The document that a text is. It has at least one element; more than one root is let through.
pub(super) fn document(text: &str) -> Result<Document, RunError> {
    let mut reader =
        Reader { rest: text, whole: text, document: Document::new(), open: vec![ROOT] };
    while !reader.rest.is_empty() {
        reader.node()?;
    }
    if let Some(open) = reader.open.get(1) {
        let name = reader.name_of(*open).to_owned();
        return Err(reader.error(&format!("the end of <{name}> is missing")));
    }
    if reader.document.elements(ROOT).next().is_none() {
        return Err(reader.error("there is no element"));
    }
    Ok(reader.document)
}

struct Reader<'t> {
    rest: &'t str,
    whole: &'t str,
    document: Document,
    open: Vec<usize>,
}

impl<'t> Reader<'t> {
    fn node(&mut self) -> Result<(), RunError> {
        if self.document.nodes.len() > NODES_MAX {
            return Err(self.error(&format!("more than {NODES_MAX} nodes")));
        }
        let parent = *self.open.last().expect("the document is always open");
        if !self.rest.starts_with('<') {
            return self.text(parent);
        }
        if let Some(rest) = self.rest.strip_prefix("<!--") {
            let comment = self.until(rest, "-->")?;
            self.document.push(parent, Kind::Comment(comment.to_owned()));
        } else if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
            let data = self.until(rest, "]]>")?;
            if parent != ROOT {
                self.document.push(parent, Kind::Data(data.to_owned()));
            }
        } else if let Some(rest) = self.rest.strip_prefix("<?") {
            let instruction = self.until(rest, "?>")?;
            self.document.push(parent, Kind::Instruction(instruction.to_owned()));
        } else if let Some(rest) = self.rest.strip_prefix("<!") {
            return self.doctype(rest);
        } else if let Some(rest) = self.rest.strip_prefix("</") {
            return self.end(rest);
        } else {
            return self.start(parent);
        }
        Ok(())
    }

    /// Text before the first element says nothing.
    fn text(&mut self, parent: usize) -> Result<(), RunError> {
        let (text, rest) = self.rest.split_at(self.rest.find('<').unwrap_or(self.rest.len()));
        let text = self.decode(text)?;
        self.rest = rest;
        if parent != ROOT || self.document.elements(ROOT).next().is_some() {
            self.document.push(parent, Kind::Text(text));
        }
        Ok(())
    }

    fn until(&mut self, rest: &'t str, end: &str) -> Result<&'t str, RunError> {
        let (inner, rest) =
            rest.split_once(end).ok_or_else(|| self.error(&format!("{end} is missing")))?;
        self.rest = rest;
        Ok(inner)
    }

    /// Skips a document type with its inner declarations.
    fn doctype(&mut self, rest: &'t str) -> Result<(), RunError> {
        let mut depth = 1usize;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'<' => depth += 1,
                b'>' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &rest[at + 1..];
                return Ok(());
            }
        }
        Err(self.error("the end of a declaration is missing"))
    }

    fn end(&mut self, rest: &'t str) -> Result<(), RunError> {
        let name = self.until(rest, ">")?.trim_end();
        let open = self.open.pop().filter(|open| *open != ROOT);
        let Some(open) = open else {
            return Err(self.error(&format!("</{name}> ends nothing")));
        };
        if self.name_of(open) != name {
            let open = self.name_of(open).to_owned();
            return Err(self.error(&format!("<{open}> is closed by </{name}>")));
        }
        Ok(())
    }

    fn name_of(&self, id: usize) -> &str {
        match &self.document.nodes[id].kind {
            Kind::Element { name, .. } => name,
            _ => "",
        }
    }

    fn start(&mut self, parent: usize) -> Result<(), RunError> {
        self.rest = &self.rest[1..];
        let name = self.name()?.to_owned();
        let mut attributes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix("/>") {
                self.rest = rest;
                self.document.push(parent, Kind::Element { name, attributes });
                return Ok(());
            }
            if let Some(rest) = self.rest.strip_prefix('>') {
                self.rest = rest;
                if self.open.len() > DEPTH_MAX {
                    return Err(self.error(&format!("nested deeper than {DEPTH_MAX}")));
                }
                let id = self.document.push(parent, Kind::Element { name, attributes });
                self.open.push(id);
                return Ok(());
            }
            attributes.push(self.attribute()?);
        }
    }

    fn attribute(&mut self) -> Result<(String, String), RunError> {
        let name = self.name()?.to_owned();
        self.rest = self.rest.trim_start();
        let rest =
            self.rest.strip_prefix('=').ok_or_else(|| self.error("expected ="))?.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let quote = quote.ok_or_else(|| self.error("expected a quoted value"))?;
        let value = self.until(&rest[1..], quote.encode_utf8(&mut [0; 4]))?;
        if value.contains('<') {
            return Err(self.error("< in the value of an attribute"));
        }
        Ok((name, self.decode(value)?))
    }

    fn name(&mut self) -> Result<&'t str, RunError> {
        let is_part =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '\u{b7}');
        let len = self.rest.find(|c: char| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(len);
        if !name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | ':')) {
            return Err(self.error("expected a name"));
        }
        self.rest = rest;
        Ok(name)
    }

    /// Text with its entities replaced, line ends normalised.
    fn decode(&self, text: &str) -> Result<String, RunError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            out.push_str(before);
            let (entity, after) =
                after.split_once(';').ok_or_else(|| self.error("an entity has no end"))?;
            let char = entity_char(entity)
                .ok_or_else(|| self.error(&format!("unknown entity &{entity};")))?;
            out.push(char);
            rest = after;
        }
        out.push_str(rest);
        if out.contains('\r') {
            out = out.replace("\r\n", "\n").replace('\r', "\n");
        }
        if out.chars().any(|c| c < ' ' && !matches!(c, '\t' | '\n')) {
            return Err(self.error("a character that XML does not have"));
        }
        Ok(out)
    }

    fn error(&self, what: &str) -> RunError {
        let read = self.whole.len() - self.rest.len();
        let line = self.whole.as_bytes()[..read].iter().filter(|byte| **byte == b'\n').count() + 1;
        RunError::new(format!("XML in line {line}: {what}"))
    }
}

fn entity_char(entity: &str) -> Option<char> {
    Some(match entity {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}
