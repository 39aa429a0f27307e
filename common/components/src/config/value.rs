//! The value tree: what a YAML text says, with the place of each node.
//!
//! Scalars keep their text and whether they were plain, and get their type when somebody asks
//! ([`Scalar::core`]), because the same `0123` or `true` must be a text for a header and a number
//! or a boolean for another key. Types follow the YAML 1.2 core schema.
//!
//! Limits: a text is at most [`MAX_TEXT_BYTES`], a tree [`MAX_DEPTH`] deep and [`MAX_WEIGHT`] heavy,
//! which also bounds what anchors and aliases can unfold. Keys are scalars; comments are dropped.

mod parse;
#[cfg(test)]
mod tests;

pub use super::error::Origin;
pub(crate) use parse::join;
pub use parse::parse;

/// Longest text of one configuration source, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Deepest nesting of sequences and mappings, references expanded.
pub const MAX_DEPTH: usize = 64;
/// Heaviest tree: each node weighs [`NODE_WEIGHT`] plus the bytes of its text and keys.
pub const MAX_WEIGHT: usize = 16 << 20;
/// What a node weighs besides its text.
pub const NODE_WEIGHT: usize = 64;

/// A node and its origin. Values compare by content alone, so that a reload that moves a line
/// changes nothing.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub node: Node,
    /// Where it was written.
    pub origin: Origin,
}

/// The three shapes of YAML, and what stands where there is an error already.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Text, number, boolean or null.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Value>),
    /// A mapping, in the order of writing.
    Map(Map),
    /// A reference that could not be expanded; readers take it as the default and say nothing more.
    Failed,
}

/// A scalar as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text after YAML's unescaping.
    pub text: String,
    /// Whether it was written without quotes and so may be something else than a text.
    pub plain: bool,
}

/// A scalar's type and value by the core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Core<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Everything else.
    Str(&'a str),
}

/// A mapping with text keys in the order of writing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<(String, Value)>,
}

impl Value {
    /// An absent value.
    pub fn null(origin: Origin) -> Self {
        Self { node: Node::Scalar(Scalar { text: String::new(), plain: true }), origin }
    }

    /// What was to stand here has been reported as an error.
    pub fn failed(origin: Origin) -> Self {
        Self { node: Node::Failed, origin }
    }

    /// Whether an error was reported for the whole of it.
    pub fn is_failed(&self) -> bool {
        self.node == Node::Failed
    }

    /// A text.
    pub fn text(text: impl Into<String>, origin: Origin) -> Self {
        Self { node: Node::Scalar(Scalar { text: text.into(), plain: false }), origin }
    }

    /// An empty mapping.
    pub fn empty_map(origin: Origin) -> Self {
        Self { node: Node::Map(Map::default()), origin }
    }

    /// Whether nothing was written.
    pub fn is_null(&self) -> bool {
        matches!(&self.node, Node::Scalar(scalar) if scalar.core() == Core::Null)
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.node {
            Node::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether it is a list of nothing.
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.node, Node::Seq(items) if items.is_empty())
    }

    /// Whether a text in it contains `part`; keys are not looked at.
    pub fn contains(&self, part: &str) -> bool {
        match &self.node {
            Node::Seq(items) => items.iter().any(|item| item.contains(part)),
            Node::Map(map) => map.iter().any(|(_, value)| value.contains(part)),
            Node::Scalar(scalar) => scalar.text.contains(part),
            Node::Failed => false,
        }
    }

    /// What it is in words, for messages.
    pub fn describe(&self) -> String {
        match &self.node {
            Node::Seq(_) => "a list".to_owned(),
            Node::Map(_) => "a mapping".to_owned(),
            Node::Failed => "nothing".to_owned(),
            Node::Scalar(scalar) => scalar.describe(),
        }
    }

    /// The weight that counts against [`MAX_WEIGHT`].
    pub fn weight(&self) -> usize {
        NODE_WEIGHT
            + match &self.node {
                Node::Failed => 0,
                Node::Scalar(scalar) => scalar.text.len(),
                Node::Seq(items) => items.iter().map(Self::weight).sum(),
                Node::Map(map) => map.iter().map(|(key, value)| key.len() + value.weight()).sum(),
            }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Scalar {
    /// The type and value by the YAML 1.2 core schema.
    pub fn core(&self) -> Core<'_> {
        if self.plain { core_of(&self.text) } else { Core::Str(&self.text) }
    }

    fn describe(&self) -> String {
        match self.core() {
            Core::Null => "nothing".to_owned(),
            Core::Bool(_) | Core::Int(_) | Core::Float(_) => self.text.clone(),
            Core::Str(text) => super::error::quote(text),
        }
    }
}

impl Map {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Adds an entry. The caller has made sure that the key is new.
    pub fn push(&mut self, key: String, value: Value) {
        self.entries.push((key, value));
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, owned.
    pub fn into_entries(self) -> Vec<(String, Value)> {
        self.entries
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

/// The core schema's reading of a plain text (YAML 1.2.2, section 10.3.2).
pub fn core_of(text: &str) -> Core<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Core::Null,
        "true" | "True" | "TRUE" => Core::Bool(true),
        "false" | "False" | "FALSE" => Core::Bool(false),
        _ => number_of(text).unwrap_or(Core::Str(text)),
    }
}

fn number_of(text: &str) -> Option<Core<'_>> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return special_float(text).map(Core::Float);
    }
    if !text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
        return None;
    }
    let integer = text.parse().ok().map(Core::Int);
    integer.or_else(|| text.parse().ok().map(Core::Float))
}

// A sign would be taken by `from_str_radix`, but the schema has none here.
fn radix(digits: &str, base: u32) -> Option<Core<'_>> {
    let signed = digits.starts_with(['+', '-']);
    (!signed).then(|| i64::from_str_radix(digits, base).ok().map(Core::Int)).flatten()
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ => None,
    }
}
