//! A container like another one, from what the runtime says of it. Free of IO.
//!
//! containerd shows in its verbose answers how container and pod were made. What we could not carry over, or
//! what is not shown, is a reason to leave the old one alone: the new one would be something else. The
//! image is the very one that the old container had, also where its name means another one by now.

use std::collections::BTreeMap;

use proto::cri::{
    Container, ContainerConfig, ContainerStatusResponse, CreateContainerRequest, PodSandboxConfig,
    PodSandboxStatusResponse,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::select::name;

/// The kubelet counts here how often it has started a container.
const RESTARTS: &str = "io.kubernetes.container.restartCount";
/// The kubelet's own containers have this label.
const KUBELETS: &str = "io.kubernetes.pod.uid";

/// The topic of `info`, and what of it is of use.
const TOPIC: &str = "info";

#[derive(Deserialize)]
struct Info {
    config: serde_json::Value,
    #[serde(default)]
    pid: u32,
}

/// Whether the kubelet will start it again.
pub(super) fn is_kubelets(container: &Container) -> bool {
    container.labels.contains_key(KUBELETS)
}

/// The container's first process.
pub(super) fn process(container: &ContainerStatusResponse) -> Option<u32> {
    info(&container.info).map(|info| info.pid).filter(|pid| *pid > 0)
}

/// The request for a container like this one; an error says what could not be carried over.
pub(super) fn successor(
    old: &Container,
    container: &ContainerStatusResponse,
    pod: &PodSandboxStatusResponse,
    siblings: &[Container],
) -> Result<CreateContainerRequest, String> {
    let mut config: ContainerConfig = shown("container", &container.info)?;
    let sandbox_config: PodSandboxConfig = shown("pod", &pod.info)?;
    let attempt = attempt(old, siblings);
    match &mut config.metadata {
        Some(metadata) if metadata.name == name(old) => metadata.attempt = attempt,
        _ => return Err("the runtime shows another container's configuration".to_owned()),
    }
    if let Some(count) = config.annotations.get_mut(RESTARTS) {
        *count = attempt.to_string();
    }
    let image = container.status.as_ref().map_or("", |status| &status.image_ref);
    match &mut config.image {
        Some(wanted) if !image.is_empty() => wanted.image = image.to_owned(),
        _ => return Err("the runtime does not show which image it has".to_owned()),
    }
    Ok(CreateContainerRequest {
        pod_sandbox_id: old.pod_sandbox_id.clone(),
        config: Some(config),
        sandbox_config: Some(sandbox_config),
    })
}

fn shown<T: DeserializeOwned>(what: &str, info: &BTreeMap<String, String>) -> Result<T, String> {
    let hidden = || format!("the runtime does not show how the {what} was made");
    let info = self::info(info).ok_or_else(hidden)?;
    serde_json::from_value(info.config).map_err(|error| {
        let error = error.to_string();
        // The list of what would be known is long.
        let error = error.split(", expected").next().unwrap_or_default();
        format!("how the {what} was made cannot be carried over: {error}")
    })
}

fn info(info: &BTreeMap<String, String>) -> Option<Info> {
    info.get(TOPIC).and_then(|info| serde_json::from_str(info).ok())
}

/// The next free one: a name and an attempt are given once in a pod.
fn attempt(old: &Container, siblings: &[Container]) -> u32 {
    let same = siblings.iter().filter(|container| name(container) == name(old));
    let attempts = same.chain([old]).filter_map(|container| container.metadata.as_ref());
    attempts.map(|metadata| metadata.attempt).max().map_or(0, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use proto::cri::{ContainerMetadata, ContainerStatus};

    use super::*;

    fn container(name: &str, attempt: u32) -> Container {
        let metadata = Some(ContainerMetadata { name: name.to_owned(), attempt });
        Container { pod_sandbox_id: "p".into(), metadata, ..Container::default() }
    }

    fn made(config: &str, pod: &str) -> Result<CreateContainerRequest, String> {
        let info = |text: &str| BTreeMap::from([(TOPIC.to_owned(), text.to_owned())]);
        let status =
            ContainerStatus { image_ref: "sha256:12".into(), ..ContainerStatus::default() };
        let old = ContainerStatusResponse { status: Some(status), info: info(config) };
        let pod =
            PodSandboxStatusResponse { info: info(pod), ..PodSandboxStatusResponse::default() };
        let siblings = [container("web", 4), container("db", 9)];
        successor(&container("web", 2), &old, &pod, &siblings)
    }

    const WEB: &str = r#"{"sandboxID":"p","pid":7,"config":{"metadata":{"name":"web","attempt":2},
        "image":{"image":"shop:1"},"args":["sleep"],
        "annotations":{"io.kubernetes.container.restartCount":"2"}}}"#;
    const POD: &str = r#"{"config":{"metadata":{"name":"a"},"log_directory":"/l"}}"#;

    #[test]
    fn a_successor_has_the_same_configuration_and_the_next_attempt() {
        let request = made(WEB, POD).expect("it can be made");
        assert_eq!(request.pod_sandbox_id, "p");
        assert_eq!(request.sandbox_config.expect("the pod's").log_directory, "/l");
        let config = request.config.expect("the container's");
        assert_eq!(config.metadata, Some(ContainerMetadata { name: "web".into(), attempt: 5 }));
        assert_eq!(config.image.expect("an image").image, "sha256:12");
        assert_eq!(
            (config.args[0].as_str(), config.annotations[RESTARTS].as_str()),
            ("sleep", "5")
        );
    }

    #[test]
    fn what_cannot_be_carried_over_is_named() {
        let check = |config: &str, pod: &str, expect: &str| {
            assert_eq!(made(config, pod).expect_err(expect), expect);
        };
        let new = WEB.replace("\"args\"", "\"windows\"");
        let text = "how the container was made cannot be carried over: unknown field `windows`";
        check(&new, POD, text);
        let info = BTreeMap::from([(TOPIC.to_owned(), WEB.to_owned())]);
        let status = ContainerStatusResponse { info, ..ContainerStatusResponse::default() };
        assert_eq!(process(&status), Some(7));
        assert_eq!(process(&ContainerStatusResponse::default()), None);
        check("{}", POD, "the runtime does not show how the container was made");
        check("no JSON", POD, "the runtime does not show how the container was made");
        check(WEB, "{\"pid\":1}", "the runtime does not show how the pod was made");
        let other = "the runtime shows another container's configuration";
        check(&WEB.replace("\"web\"", "\"db\""), POD, other);
    }
}
