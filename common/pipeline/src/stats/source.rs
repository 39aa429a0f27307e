//! Parts that count by themselves, such as processors with a counter for each statement.

use std::sync::{Arc, Weak};

use super::Sample;

/// A part that counts by itself, for as long as it lives.
pub trait Source: Send + Sync {
    /// Appends what it counted. Samples of the same name and labels from several sources are added.
    fn collect(&self, out: &mut Vec<Sample>);
}

/// Adds a source; those that are gone are forgotten.
pub(super) fn add(sources: &mut Vec<Weak<dyn Source>>, source: &Arc<dyn Source>) {
    sources.retain(|known| known.strong_count() > 0);
    sources.push(Arc::downgrade(source));
}

/// Samples of parts, those of the same name and labels added: two pipelines may have the same
/// processor.
pub(super) fn collect(sources: &[Weak<dyn Source>], out: &mut Vec<Sample>) {
    let mut samples = Vec::new();
    sources.iter().filter_map(Weak::upgrade).for_each(|source| source.collect(&mut samples));
    samples.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    samples.dedup_by(|next, kept| {
        let is_same = next.name == kept.name && next.labels == kept.labels;
        kept.value += if is_same { next.value } else { 0.0 };
        is_same
    });
    out.append(&mut samples);
}
