//! Paths: locals of lambdas, the cache, and what the context knows.

use super::Binder;
use crate::ast;
use crate::context::{Context, Found, KeyText, Segment};
use crate::plan::{Expr, KeyExpr, LocalExpr, PathExpr, Place};
use crate::{Class, LoadError};

impl<C: Context> Binder<'_, C> {
    /// A path that is read.
    pub(super) fn path(&mut self, path: &ast::Path) -> Result<Expr<C>, LoadError> {
        if let Some((depth, index)) = self.local(path) {
            return self.formal(path, depth, index);
        }
        let (prefix, segments) = self.split(path)?;
        if let [ast::Segment { name, keys }] = segments
            && name == "cache"
            && C::HAS_CACHE
        {
            self.own_cache(prefix, path)?;
            return Ok(Expr::Cache(self.keys(keys)?));
        }
        let (level, expr) = self.resolved(prefix, segments, path)?;
        self.uses.reads.add(level);
        Ok(Expr::Path(expr))
    }

    /// A path that is set.
    pub(super) fn place(&mut self, path: &ast::Path) -> Result<Place<C>, LoadError> {
        if self.local(path).is_some() {
            let message = format!("{} is the formal of a lambda and cannot be set", path.dotted());
            return Err(LoadError::new(Class::Type, path.offset, message));
        }
        match self.path(path)? {
            Expr::Cache(keys) => Ok(Place::Cache(keys)),
            Expr::Path(found) => {
                let level = self.writable(path)?;
                self.uses.writes.add(level);
                Ok(Place::Path(found))
            }
            _ => Err(LoadError::new(Class::Type, path.offset, "this cannot be set")),
        }
    }

    /// The level of a path, which must be one that can be set.
    fn writable(&self, path: &ast::Path) -> Result<u8, LoadError> {
        let (prefix, segments) = self.split(path)?;
        let found = self.found(prefix, segments, path)?;
        if found.writable {
            return Ok(found.level);
        }
        let message = format!("{} can only be read", path.dotted());
        Err(LoadError::new(Class::Type, path.offset, message))
    }

    fn formal(
        &mut self,
        path: &ast::Path,
        depth: usize,
        index: usize,
    ) -> Result<Expr<C>, LoadError> {
        let [segment] = &path.segments[..] else {
            let message = format!("{} is a value and has no fields", path.segments[0].name);
            return Err(LoadError::new(Class::UnknownPath, path.offset, message));
        };
        Ok(Expr::Local(LocalExpr { depth, index, keys: self.keys(&segment.keys)? }))
    }

    /// Whether the path starts with a formal in scope.
    pub(super) fn is_local(&self, path: &ast::Path) -> bool {
        self.local(path).is_some()
    }

    /// The scope, counted outwards, and the position of the formal that the path starts with.
    fn local(&self, path: &ast::Path) -> Option<(usize, usize)> {
        let name = path.segments.first().map(|segment| &segment.name)?;
        let position = |formals: &Vec<String>| formals.iter().position(|formal| formal == name);
        let mut scopes = self.scopes.iter().rev().map(position).enumerate();
        scopes.find_map(|(depth, index)| Some((depth, index?)))
    }

    /// The context in front of the path, and the rest.
    fn split<'p>(&self, path: &'p ast::Path) -> Result<(&'p str, &'p [ast::Segment]), LoadError>
    where
        C: 'p,
    {
        if let [first, rest @ ..] = &path.segments[..]
            && !rest.is_empty()
            && first.keys.is_empty()
            && self.context.has_prefix(&first.name)
        {
            return Ok((&first.name, rest));
        }
        if self.needs_prefix {
            let name = self.context.name();
            let text = path.dotted();
            let message = format!("a path starts with its context here; write {name}.{text}");
            return Err(LoadError::new(Class::UnknownPath, path.offset, message));
        }
        Ok((self.context.name(), &path.segments))
    }

    /// The cache is that of the context itself.
    fn own_cache(&mut self, prefix: &str, path: &ast::Path) -> Result<(), LoadError> {
        if self.context.is_own(prefix) {
            self.uses.is_bound = true;
            return Ok(());
        }
        let message = format!("only {}.cache can be used here", self.context.name());
        Err(LoadError::new(Class::UnknownPath, path.offset, message))
    }

    fn resolved(
        &mut self,
        prefix: &str,
        segments: &[ast::Segment],
        path: &ast::Path,
    ) -> Result<(u8, PathExpr<C>), LoadError> {
        let found = self.found(prefix, segments, path)?;
        if found.with_children {
            self.uses.wholes.add(found.level);
        }
        let mut keys = Vec::new();
        for segment in segments {
            keys.extend(self.keys(&segment.keys)?);
        }
        if let Some(KeyExpr::Str(key)) = keys.first() {
            self.lookups.push((found.level, key.clone()));
        }
        let text = format!("{prefix}.{}", dotted(segments)).into();
        Ok((found.level, PathExpr { path: found.path, keys, text }))
    }

    fn found(
        &self,
        prefix: &str,
        segments: &[ast::Segment],
        path: &ast::Path,
    ) -> Result<Found<C::Path>, LoadError> {
        let known: Vec<Segment<'_>> = segments.iter().map(known).collect();
        self.context.resolve(prefix, &known).map_err(|message| {
            // What is known to be meant says more than what there is.
            let message = match hint(path) {
                Some(form) => {
                    format!("{}; write {form}", message.split("; ").next().unwrap_or_default())
                }
                None => message,
            };
            LoadError::new(Class::UnknownPath, path.offset, message)
        })
    }

    pub(super) fn keys(&mut self, trees: &[ast::Expr]) -> Result<Vec<KeyExpr<C>>, LoadError> {
        trees.iter().map(|tree| self.key(tree)).collect()
    }

    fn key(&mut self, tree: &ast::Expr) -> Result<KeyExpr<C>, LoadError> {
        Ok(match tree {
            ast::Expr::Str(key) => KeyExpr::Str(key.as_str().into()),
            ast::Expr::Int(index) => KeyExpr::Int(*index),
            tree => KeyExpr::Dynamic(self.expr(tree)?),
        })
    }
}

fn known(segment: &ast::Segment) -> Segment<'_> {
    Segment { name: &segment.name, keys: segment.keys.iter().map(key_text).collect() }
}

fn key_text(tree: &ast::Expr) -> KeyText<'_> {
    match tree {
        ast::Expr::Str(key) => KeyText::Str(key),
        ast::Expr::Int(index) => KeyText::Int(*index),
        _ => KeyText::Dynamic,
    }
}

/// `attributes["a"][0]`, with `[..]` for keys that are expressions.
fn dotted(segments: &[ast::Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(&segment.name);
        for key in &segment.keys {
            out.push_str(&match key {
                ast::Expr::Str(key) => format!("[{key:?}]"),
                ast::Expr::Int(index) => format!("[{index}]"),
                _ => "[..]".to_owned(),
            });
        }
    }
    out
}

/// Today's form of what the path was meant to be.
fn hint(path: &ast::Path) -> Option<String> {
    let word = match &path.segments[..] {
        [only] => crate::parse::habit::word(&only.name).map(str::to_owned),
        _ => None,
    };
    dotted_map(path).or(word)
}

/// Earlier drafts had dots into maps: today's form of `resource.attributes.a.b`.
fn dotted_map(path: &ast::Path) -> Option<String> {
    const MAPS: &[&str] = &["attributes", "cache", "body", "metadata"];
    let index = path.segments.iter().position(|segment| MAPS.contains(&&*segment.name))?;
    let (before, after) = path.segments.split_at(index + 1);
    let names: Vec<&str> = after.iter().map(|segment| segment.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("{}[{:?}]", dotted(before), names.join(".")))
}
