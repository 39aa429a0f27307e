//! YAML text to [`Value`], through granit-parser's events.
//!
//! Events instead of serde, because the tree needs positions, all duplicate keys at once, and its
//! own budget for what aliases unfold. The stack of open collections is ours, so no input recurses.
//! One document per text; merge keys (`<<`) work as in the Collector; tags other than the core
//! schema's are ignored.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag, options};

use super::{MAX_DEPTH, MAX_TEXT_BYTES, MAX_WEIGHT, Map, NODE_WEIGHT, Node, Origin, Scalar, Value};
use crate::config::error::{Code, Report, quote};

/// Parses one text. `None` when it could not be read at all; duplicate keys are reported and the
/// first one kept. An empty text is null.
pub fn parse(text: &str, file: u16, report: &Report) -> Option<Value> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("{} bytes, expected at most {MAX_TEXT_BYTES}", text.len());
        report.error(Origin { file, line: 1 }, "", Code::TooLarge, message);
        return None;
    }
    let mut builder = Builder::new(file, report);
    match builder.run(text) {
        Ok(()) => Some(builder.root.unwrap_or(Value::null(Origin { file, line: 1 }))),
        Err(stop) => {
            let (line, code, message) = stop.parts();
            report.error(Origin { file, line }, &builder.path(), code, message);
            None
        }
    }
}

/// Why the rest of a text is not read.
enum Stop {
    Syntax(Box<ScanError>),
    Refused { line: u32, code: Code, message: String },
}

impl Stop {
    fn parts(self) -> (u32, Code, String) {
        match self {
            Self::Refused { line, code, message } => {
                (line, code, format!("line {line}: {message}"))
            }
            Self::Syntax(error) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                let message = format!("line {line}, column {column}: {}", error.info());
                (u32::try_from(line).unwrap_or(u32::MAX), Code::YamlSyntax, message)
            }
        }
    }
}

enum Open {
    Seq(Vec<Value>),
    Map { entries: Vec<(String, Value)>, key: Option<String>, merged: Vec<Value> },
}

struct Frame {
    open: Open,
    anchor: usize,
    origin: Origin,
}

struct Builder<'r> {
    file: u16,
    report: &'r Report,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Value>,
    weight: usize,
    documents: usize,
    root: Option<Value>,
}

impl<'r> Builder<'r> {
    fn new(file: u16, report: &'r Report) -> Self {
        let (stack, anchors) = (Vec::new(), HashMap::new());
        Self { file, report, stack, anchors, weight: 0, documents: 0, root: None }
    }

    fn run(&mut self, text: &str) -> Result<(), Stop> {
        // One more than our own limit, so that ours, with the better message, comes first.
        let options = options! {
            flow_nesting_limit: MAX_DEPTH + 1,
            block_nesting_limit: MAX_DEPTH + 1,
        };
        let parser: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(text, options);
        for next in parser {
            let (event, span) = next.map_err(|error| Stop::Syntax(Box::new(error)))?;
            let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
            self.event(event, Origin { file: self.file, line })?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, origin: Origin) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => self.document(origin),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = is_plain(style, tag.as_deref());
                let node = Node::Scalar(Scalar { text: text.into_owned(), plain });
                self.charge(NODE_WEIGHT, origin)?;
                self.anchored(Value { node, origin }, anchor)
            }
            Event::Alias(anchor) => self.alias(anchor, origin),
            Event::SequenceStart(_, anchor, _) => self.open(Open::Seq(Vec::new()), anchor, origin),
            Event::MappingStart(_, anchor, _) => {
                let open = Open::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.open(open, anchor, origin)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn document(&mut self, origin: Origin) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(refuse(origin, Code::YamlSyntax, "a second document, expected one"));
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, origin: Origin) -> Result<(), Stop> {
        self.charge(NODE_WEIGHT, origin)?;
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH}");
            return Err(refuse(origin, Code::TooLarge, &message));
        }
        if matches!(self.stack.last(), Some(frame) if frame.wants_key()) {
            return Err(refuse(origin, Code::YamlSyntax, "a collection as key, expected a text"));
        }
        self.stack.push(Frame { open, anchor, origin });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let path = self.path();
        let Some(Frame { open, anchor, origin }) = self.stack.pop() else {
            return Ok(());
        };
        let node = match open {
            Open::Seq(items) => Node::Seq(items),
            Open::Map { entries, merged, .. } => self.map(entries, merged, &path),
        };
        self.anchored(Value { node, origin }, anchor)
    }

    fn alias(&mut self, anchor: usize, origin: Origin) -> Result<(), Stop> {
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            return Err(refuse(origin, Code::YamlSyntax, "an alias inside its own anchor"));
        };
        self.charge(target.weight(), origin)?;
        let depth = self.stack.len() + depth(&target);
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH}");
            return Err(refuse(origin, Code::TooLarge, &message));
        }
        self.place(Value { node: target.node, origin })
    }

    fn anchored(&mut self, value: Value, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.charge(value.weight(), value.origin)?;
            self.anchors.insert(anchor, value.clone());
        }
        self.place(value)
    }

    fn place(&mut self, value: Value) -> Result<(), Stop> {
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.root = Some(value),
            Some(Open::Seq(items)) => items.push(value),
            Some(Open::Map { key: key @ None, .. }) => *key = Some(key_text(value)?),
            Some(Open::Map { entries, key, merged }) => match key.take() {
                Some(name) if name == "<<" => merged.push(value),
                Some(name) => entries.push((name, value)),
                None => {}
            },
        }
        Ok(())
    }

    fn map(&self, entries: Vec<(String, Value)>, merged: Vec<Value>, path: &str) -> Node {
        let mut seen = HashSet::new();
        let mut map = Map::default();
        for (key, value) in entries {
            if seen.insert(key.clone()) {
                map.push(key, value);
            } else {
                let message = format!("{} again in line {}", quote(&key), value.origin.line);
                self.report.error(value.origin, &join(path, &key), Code::DuplicateKey, message);
            }
        }
        for (key, value) in merged.into_iter().flat_map(merge_entries) {
            if seen.insert(key.clone()) {
                map.push(key, value);
            }
        }
        Node::Map(map)
    }

    fn charge(&mut self, weight: usize, origin: Origin) -> Result<(), Stop> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= MAX_WEIGHT {
            return Ok(());
        }
        Err(refuse(origin, Code::TooLarge, "more values than a configuration may have"))
    }

    fn path(&self) -> String {
        self.stack.iter().fold(String::new(), |path, frame| match &frame.open {
            Open::Seq(items) => format!("{path}[{}]", items.len()),
            Open::Map { key: Some(key), .. } => join(&path, key),
            Open::Map { .. } => path,
        })
    }
}

impl Frame {
    fn wants_key(&self) -> bool {
        matches!(self.open, Open::Map { key: None, .. })
    }
}

/// Appends a key to a YAML path.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn refuse(origin: Origin, code: Code, message: &str) -> Stop {
    Stop::Refused { line: origin.line, code, message: message.to_owned() }
}

fn is_plain(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag.and_then(Tag::core_suffix) {
        Some("str") => false,
        Some(_) => true,
        None => style == ScalarStyle::Plain,
    }
}

fn key_text(value: Value) -> Result<String, Stop> {
    match value.node {
        Node::Scalar(scalar) => Ok(scalar.text),
        _ => Err(refuse(value.origin, Code::YamlSyntax, "a collection as key, expected a text")),
    }
}

fn merge_entries(value: Value) -> Vec<(String, Value)> {
    match value.node {
        Node::Map(map) => map.into_entries(),
        Node::Seq(items) => items.into_iter().flat_map(merge_map).collect(),
        _ => Vec::new(),
    }
}

fn merge_map(value: Value) -> Vec<(String, Value)> {
    match value.node {
        Node::Map(map) => map.into_entries(),
        _ => Vec::new(),
    }
}

/// How many collections are nested, at most [`MAX_DEPTH`] by construction.
fn depth(value: &Value) -> usize {
    match &value.node {
        Node::Failed | Node::Scalar(_) => 0,
        Node::Seq(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Node::Map(map) => 1 + map.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
    }
}
