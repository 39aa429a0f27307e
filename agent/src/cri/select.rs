//! Which container is meant. Free of IO.
//!
//! A label is the container's own or its pod's: the kubelet keeps a pod's labels on the pod alone. Where
//! containers of a pod carry the labels themselves, the pod's others are not meant. What is meant must be one
//! container of one pod; of several by the same name, the newest.

use std::collections::BTreeMap;
use std::fmt;

use proto::cri::{Container, PodSandbox};

use crate::keeper::orders::Answer;

/// Most names in a refusal.
const NAMES_MAX: usize = 3;

/// Labels that all must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector(Vec<(String, String)>);

impl Selector {
    /// Reads `key=value`, several with commas.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let pairs = text.split(',').map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let usable = !key.is_empty() && !value.is_empty();
            usable.then(|| (key.to_owned(), value.to_owned()))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    fn holds(&self, labels: &[&BTreeMap<String, String>]) -> bool {
        let is_there = |key, value| labels.iter().any(|labels| labels.get(key) == Some(value));
        self.0.iter().all(|(key, value)| is_there(key, value))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&pairs.join(","))
    }
}

/// The one that is meant, among those that run.
pub(super) fn choose(
    selector: &Selector,
    pods: &[PodSandbox],
    running: &[Container],
) -> Result<Container, Answer> {
    let pods: BTreeMap<&str, &PodSandbox> = pods.iter().map(|pod| (pod.id.as_str(), pod)).collect();
    let mut targets: BTreeMap<(&str, &str), &Container> = BTreeMap::new();
    for container in meant(selector, &pods, running) {
        let newest =
            targets.entry((&container.pod_sandbox_id, name(container))).or_insert(container);
        if newest.created_at < container.created_at {
            *newest = container;
        }
    }
    let mut found = targets.values();
    match (found.next(), found.next()) {
        (None, _) => Err(Answer::Failed(format!("no running container has the label {selector}"))),
        (Some(container), None) => Ok((*container).clone()),
        _ => Err(Answer::Refused(several(selector, &pods, targets.into_keys()))),
    }
}

/// Those whose labels, or whose pod's, hold.
fn meant<'a>(
    selector: &Selector,
    pods: &BTreeMap<&str, &PodSandbox>,
    running: &'a [Container],
) -> Vec<&'a Container> {
    let own = |container: &Container| selector.holds(&[&container.labels]);
    let by_pod = |container: &Container| {
        let named =
            |other: &Container| other.pod_sandbox_id == container.pod_sandbox_id && own(other);
        let pod = pods.get(container.pod_sandbox_id.as_str());
        pod.is_some_and(|pod| selector.holds(&[&container.labels, &pod.labels]))
            && !running.iter().any(named)
    };
    running.iter().filter(|container| own(container) || by_pod(container)).collect()
}

fn several<'a>(
    selector: &Selector,
    pods: &BTreeMap<&str, &PodSandbox>,
    targets: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let shown = |(pod, name): (&str, &str)| {
        let metadata = pods.get(pod).and_then(|pod| pod.metadata.as_ref());
        format!("{}/{name}", metadata.map_or(pod, |metadata| metadata.name.as_str()))
    };
    let mut names: Vec<String> = targets.map(shown).collect();
    let count = names.len();
    names.sort();
    if count > NAMES_MAX {
        names.truncate(NAMES_MAX);
        names.push("...".to_owned());
    }
    format!("{count} containers match {selector}, expected one: {}", names.join(", "))
}

/// A container's name in its pod.
pub(super) fn name(container: &Container) -> &str {
    container.metadata.as_ref().map_or("", |metadata| metadata.name.as_str())
}

#[cfg(test)]
mod tests {
    use proto::cri::{ContainerMetadata, PodSandboxMetadata};

    use super::*;

    /// `web` or `web:app=x`.
    fn labelled(text: &str) -> (String, BTreeMap<String, String>) {
        let (name, labels) = text.split_once(':').unwrap_or((text, ""));
        let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        (name.to_owned(), pairs.map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Pods as `POD:LABELS CONTAINER:LABELS ...`, ids in order of creation.
    fn check(selector: &str, world: &[&str], expect: &str) {
        let (mut pods, mut running) = (Vec::new(), Vec::new());
        for (at, text) in world.iter().enumerate() {
            let mut words = text.split(' ').map(labelled);
            let (name, labels) = words.next().expect("a pod has a name");
            let metadata = Some(PodSandboxMetadata { name, ..PodSandboxMetadata::default() });
            let pod = PodSandbox { id: format!("p{at}"), metadata, labels, ..Default::default() };
            for (name, labels) in words {
                let created_at = i64::try_from(running.len()).expect("a few");
                running.push(Container {
                    id: format!("c{created_at}"),
                    pod_sandbox_id: pod.id.clone(),
                    metadata: Some(ContainerMetadata { name, attempt: 0 }),
                    created_at,
                    labels,
                    ..Container::default()
                });
            }
            pods.push(pod);
        }
        let selector = Selector::parse(selector).expect("a selector");
        let found = match choose(&selector, &pods, &running) {
            Ok(container) => container.id,
            Err(Answer::Refused(text)) => format!("refused: {text}"),
            Err(Answer::Failed(text) | Answer::Done(text)) => text,
        };
        assert_eq!(found, expect, "{selector} {world:?}");
    }

    #[test]
    fn one_container_of_one_pod_is_meant() {
        check("app=x", &["a web:app=x db:app=y"], "c0");
        check("app=x", &["a:app=x web"], "c0");
        check("app=x", &["a:app=x web:app=x proxy"], "c0");
        check("app=x,tier=web", &["a:app=x web:tier=web db:tier=db"], "c0");
        check("app=x", &["a web:app=x web:app=x"], "c1");
        check("app=z", &["a web:app=x"], "no running container has the label app=z");
        let two = "refused: 2 containers match app=x, expected one: a/db, a/web";
        check("app=x", &["a:app=x web db"], two);
        check("app=x", &["a web:app=x db:app=x"], two);
        let two = "refused: 2 containers match app=x, expected one: a/web, b/web";
        check("app=x", &["a:app=x web", "b:app=x web"], two);
        check("app=x", &["a web:app=x", "b:app=x web"], two);
        let many = "refused: 4 containers match app=x, expected one: a/1, a/2, a/3, ...";
        check("app=x", &["a:app=x 1 2 3 4"], many);
    }

    #[test]
    fn labels_are_read_or_not() {
        for text in ["", "app", "=x", "app=", "app=x,", "app=x,y"] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
        let text = "a/b.c=d=e f,g=h";
        assert_eq!(Selector::parse(text).expect("two labels").to_string(), text);
    }
}
