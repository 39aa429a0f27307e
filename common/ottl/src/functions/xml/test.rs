//! Axes and node tests: where a step goes and what it takes there.

use super::document::{Document, Kind, ROOT};
use super::select::Selected;

/// Where a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Child,
    Attribute,
    Itself,
    Parent,
    Ancestor,
    AncestorOrSelf,
    Descendant,
    DescendantOrSelf,
    FollowingSibling,
    PrecedingSibling,
    Following,
    Preceding,
}

impl Axis {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "child" => Self::Child,
            "attribute" => Self::Attribute,
            "self" => Self::Itself,
            "parent" => Self::Parent,
            "ancestor" => Self::Ancestor,
            "ancestor-or-self" => Self::AncestorOrSelf,
            "descendant" => Self::Descendant,
            "descendant-or-self" => Self::DescendantOrSelf,
            "following-sibling" => Self::FollowingSibling,
            "preceding-sibling" => Self::PrecedingSibling,
            "following" => Self::Following,
            "preceding" => Self::Preceding,
            _ => return None,
        })
    }

    /// What lies on the axis, the nearest first.
    pub(super) fn of(self, document: &Document, from: Selected) -> Vec<Selected> {
        let Selected::Node(id) = from else { return self.of_attribute(document, from) };
        let nodes = match self {
            Self::Attribute => return attributes(document, id),
            Self::Child => document.nodes[id].children.clone(),
            Self::Itself => vec![id],
            Self::Parent => ancestors(document, id).take(1).collect(),
            Self::Ancestor => ancestors(document, id).collect(),
            Self::AncestorOrSelf => std::iter::once(id).chain(ancestors(document, id)).collect(),
            Self::Descendant => below(document, id).skip(1).collect(),
            Self::DescendantOrSelf => below(document, id).collect(),
            Self::FollowingSibling => siblings(document, id).1.to_vec(),
            Self::PrecedingSibling => siblings(document, id).0.iter().rev().copied().collect(),
            Self::Following => following(document, id).collect(),
            Self::Preceding => preceding(document, id),
        };
        nodes.into_iter().map(Selected::Node).collect()
    }

    fn of_attribute(self, document: &Document, from: Selected) -> Vec<Selected> {
        let Selected::Attribute(id, _) = from else { return Vec::new() };
        let above = match self {
            Self::Itself | Self::DescendantOrSelf => return vec![from],
            Self::Parent => vec![id],
            Self::Ancestor | Self::AncestorOrSelf => {
                std::iter::once(id).chain(ancestors(document, id)).collect()
            }
            _ => Vec::new(),
        };
        let itself = (self == Self::AncestorOrSelf).then_some(from);
        itself.into_iter().chain(above.into_iter().map(Selected::Node)).collect()
    }
}

fn attributes(document: &Document, id: usize) -> Vec<Selected> {
    match &document.nodes[id].kind {
        Kind::Element { attributes, .. } => {
            (0..attributes.len()).map(|index| Selected::Attribute(id, index)).collect()
        }
        _ => Vec::new(),
    }
}

fn ancestors(document: &Document, id: usize) -> impl Iterator<Item = usize> + '_ {
    let parent = move |id: &usize| (*id != ROOT).then(|| document.nodes[*id].parent);
    std::iter::successors(parent(&id), parent)
}

fn below(document: &Document, id: usize) -> impl Iterator<Item = usize> + '_ {
    let mut stack = vec![id];
    std::iter::from_fn(move || {
        let id = stack.pop()?;
        stack.extend(document.nodes[id].children.iter().rev());
        Some(id)
    })
}

/// The siblings before and behind a node.
fn siblings(document: &Document, id: usize) -> (&[usize], &[usize]) {
    let all =
        if id == ROOT { &[][..] } else { &document.nodes[document.nodes[id].parent].children };
    match all.iter().position(|sibling| *sibling == id) {
        Some(at) => (&all[..at], &all[at + 1..]),
        None => (&[], &[]),
    }
}

fn following(document: &Document, id: usize) -> impl Iterator<Item = usize> + '_ {
    let with_above = std::iter::once(id).chain(ancestors(document, id));
    let behind = with_above.flat_map(|above| siblings(document, above).1.iter().copied());
    behind.flat_map(|sibling| below(document, sibling))
}

fn preceding(document: &Document, id: usize) -> Vec<usize> {
    let with_above = std::iter::once(id).chain(ancestors(document, id));
    let before = with_above.flat_map(|above| siblings(document, above).0.iter().copied());
    let mut nodes: Vec<usize> = before.flat_map(|sibling| below(document, sibling)).collect();
    nodes.sort_unstable_by(|left, right| right.cmp(left));
    nodes
}

/// What a step takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Any,
    Text,
    Comment,
    Instruction,
    /// Every element or attribute.
    Named,
    /// Those of a prefix.
    Prefix(String),
    /// Those of that name.
    Name(String),
}

impl Test {
    pub(super) fn is_type(name: &str) -> bool {
        matches!(name, "node" | "text" | "comment" | "processing-instruction")
    }

    pub(super) fn of_type(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "comment" => Self::Comment,
            "processing-instruction" => Self::Instruction,
            _ => Self::Any,
        }
    }

    pub(super) fn of_name(name: String) -> Self {
        match name.strip_suffix(":*") {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None if name == "*" => Self::Named,
            None => Self::Name(name),
        }
    }

    pub(super) fn takes(&self, document: &Document, selected: Selected) -> bool {
        match self {
            Self::Any => true,
            Self::Text => matches!(kind(document, selected), Some(Kind::Text(_) | Kind::Data(_))),
            Self::Comment => matches!(kind(document, selected), Some(Kind::Comment(_))),
            Self::Instruction => matches!(kind(document, selected), Some(Kind::Instruction(_))),
            Self::Named => selected.name(document).is_some(),
            Self::Name(expected) => selected.name(document).is_some_and(|name| name == expected),
            Self::Prefix(expected) => selected.name(document).is_some_and(|name| {
                name.split_once(':').is_some_and(|(prefix, _)| prefix == expected)
            }),
        }
    }
}

fn kind(document: &Document, selected: Selected) -> Option<&Kind> {
    match selected {
        Selected::Node(id) => Some(&document.nodes[id].kind),
        Selected::Attribute(..) => None,
    }
}
