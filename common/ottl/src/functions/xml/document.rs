//! A document as a tree in one vector; its order is the document's.

/// Most nodes of a document.
pub(super) const NODES_MAX: usize = 1 << 20;

/// Deepest nesting of elements.
pub(super) const DEPTH_MAX: usize = 512;

/// The document itself.
pub(super) const ROOT: usize = 0;

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// The document: its children are the root elements and what is around them.
    Document,
    /// A name as it is written, and attributes.
    Element { name: String, attributes: Vec<(String, String)> },
    /// Text, decoded.
    Text(String),
    /// Text of a CDATA section.
    Data(String),
    /// What stands between `<!--` and `-->`.
    Comment(String),
    /// What stands between `<?` and `?>`.
    Instruction(String),
}

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) parent: usize,
    pub(super) children: Vec<usize>,
}

/// A document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) nodes: Vec<Node>,
}

impl Document {
    /// An empty one.
    pub(super) fn new() -> Self {
        let root = Node { kind: Kind::Document, parent: ROOT, children: Vec::new() };
        Self { nodes: vec![root] }
    }

    /// Adds a node as the last child of `parent`.
    pub(super) fn push(&mut self, parent: usize, kind: Kind) -> usize {
        let id = self.nodes.len();
        self.nodes.push(Node { kind, parent, children: Vec::new() });
        self.nodes[parent].children.push(id);
        id
    }

    /// The elements among the children of a node.
    pub(super) fn elements(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        self.nodes[id].children.iter().copied().filter(|child| self.is_element(*child))
    }

    pub(super) fn is_element(&self, id: usize) -> bool {
        matches!(self.nodes[id].kind, Kind::Element { .. })
    }

    /// All text below a node.
    pub(super) fn text(&self, id: usize) -> String {
        let mut out = String::new();
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if let Kind::Text(text) | Kind::Data(text) = &self.nodes[id].kind {
                out.push_str(text);
            }
            stack.extend(self.nodes[id].children.iter().rev());
        }
        out
    }
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}
