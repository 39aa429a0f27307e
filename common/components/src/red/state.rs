//! What was counted, by the attributes that tell resources apart, and the plan it is counted by.

use std::collections::{HashMap, HashSet};

use otlp::Malformed;
use otlp::edit::fields::{key, repeated};
use otlp::wire::put_bytes;
use tokio::time::Instant;

use super::series::{Group, Series, Shape};
use crate::config::spanmetrics::{Buckets, SpanMetrics as Settings};
use crate::histogram::Histogram;

/// What is counted and how.
pub(crate) struct Plan {
    /// By which dimensions, with which bounds.
    pub(crate) settings: Settings,
    /// The shape of its series.
    pub(crate) shape: Shape,
    /// Only the requests that enter these services, told apart by nothing but their names.
    pub(crate) entering: Option<HashSet<Box<[u8]>>>,
}

impl Plan {
    /// Every span, by these settings.
    pub(crate) fn of(settings: Settings) -> Self {
        Self { shape: shape(&settings), settings, entering: None }
    }
}

fn shape(settings: &Settings) -> Shape {
    let (empty, bounds) = match settings.histogram.as_ref().map(|histogram| &histogram.buckets) {
        Some(Buckets::Explicit(bounds)) => (Histogram::explicit(bounds.len()), bounds.clone()),
        Some(Buckets::Exponential(size)) => (Histogram::exponential(*size), Vec::new()),
        None => (Histogram::explicit(0), Vec::new()),
    };
    let (series_max, exemplars) = (settings.series_max, settings.exemplars);
    Shape { empty, bounds, series_max, exemplars }
}

/// What was counted.
pub(crate) struct State {
    groups: HashMap<Box<[u8]>, Resource>,
    /// Since when deltas count.
    pub(super) since_ns: u64,
}

/// A resource and its series.
pub(crate) struct Resource {
    /// Its attributes, as the fields of a `Resource`.
    pub(crate) attributes: Box<[u8]>,
    /// Its series.
    pub(crate) group: Group,
    seen_at: Instant,
}

/// Series that were taken out and may come back.
pub(crate) struct Taken {
    pub(crate) key: Box<[u8]>,
    pub(crate) attributes: Box<[u8]>,
    pub(crate) series: Vec<(Box<[u8]>, Series)>,
}

impl State {
    /// Nothing yet; deltas count from this moment.
    pub(crate) fn since(since_ns: u64) -> Self {
        Self { groups: HashMap::new(), since_ns }
    }

    /// Every resource.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.groups.values()
    }

    /// The series of a resource, by what tells it apart.
    pub(crate) fn group_of(&self, id: &[u8]) -> Option<&Group> {
        self.groups.get(id).map(|resource| &resource.group)
    }

    /// Every resource, taken out.
    pub(crate) fn into_resources(self) -> impl Iterator<Item = (Box<[u8]>, Resource)> {
        self.groups.into_iter()
    }

    /// Forgets resources for which this does not hold.
    pub(crate) fn retain(&mut self, holds: impl Fn(&[u8]) -> bool) {
        self.groups.retain(|id, _| holds(id));
    }

    /// The series of a resource; that of the longest silence goes if there are too many.
    pub(super) fn group(
        &mut self,
        settings: &Settings,
        resource: &[u8],
        now: Instant,
    ) -> Result<&mut Group, Malformed> {
        let id = identity(settings, resource)?;
        let full = self.groups.len() >= settings.resources_max;
        if full && !self.groups.contains_key(&id) {
            self.forget_oldest();
        }
        let resource = self.groups.entry(id).or_insert_with(|| Resource {
            attributes: written(settings, resource),
            group: Group::default(),
            seen_at: now,
        });
        resource.seen_at = now;
        Ok(&mut resource.group)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.groups.iter().min_by_key(|(_, resource)| resource.seen_at);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.groups.remove(&id);
        }
    }

    /// Takes back what could not be handed on.
    pub(crate) fn restore(&mut self, plan: &Plan, taken: Taken) {
        let Taken { key, attributes, series } = taken;
        let Some(seen_at) = series.iter().map(|(_, series)| series.seen_at).max() else { return };
        let full = self.groups.len() >= plan.settings.resources_max;
        if full && !self.groups.contains_key(&key) {
            self.forget_oldest();
        }
        let empty = || Resource { attributes, group: Group::default(), seen_at };
        let resource = self.groups.entry(key).or_insert_with(empty);
        series.into_iter().for_each(|(key, old)| resource.group.restore(&key, old, &plan.shape));
    }

    /// Forgets exemplars, which have been shown, and what has been silent for too long.
    pub(crate) fn tidy(&mut self, settings: &Settings, now: Instant) {
        let expires = !settings.expiration.is_zero();
        let since = now.checked_sub(settings.expiration).filter(|_| expires);
        self.groups.values_mut().for_each(|resource| resource.group.tidy(since));
        self.groups.retain(|_, resource| !resource.group.is_empty());
    }
}

/// What tells resources apart: all their attributes or the named ones, in the order of their bytes.
fn identity(settings: &Settings, resource: &[u8]) -> Result<Box<[u8]>, Malformed> {
    if !settings.resource_attributes {
        return Ok(Box::default());
    }
    let keys = &settings.resource_keys;
    let mut entries = Vec::new();
    for entry in repeated(resource, 1) {
        let entry = entry?;
        let name = key(entry)?;
        if keys.is_empty() || keys.iter().any(|key| key.as_bytes() == name) {
            entries.push(entry);
        }
    }
    entries.sort_unstable();
    let mut id = Vec::new();
    entries.iter().for_each(|entry| put_bytes(&mut id, 1, entry));
    Ok(id.into())
}

fn written(settings: &Settings, resource: &[u8]) -> Box<[u8]> {
    match settings.resource_attributes {
        true => resource.into(),
        false => Box::default(),
    }
}
