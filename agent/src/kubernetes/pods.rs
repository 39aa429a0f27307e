//! Which pod is meant, whether it comes back, and what has come. Free of IO.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::keeper::orders::Answer;

/// Most names in a refusal.
const NAMES_MAX: usize = 3;
/// Of a pod that only mirrors what the kubelet runs from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A list of pods, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct Pods {
    pub(super) items: Vec<Pod>,
}

/// One pod.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) uid: String,
    /// Set once it is to end.
    deletion_timestamp: Option<String>,
    #[serde(default)]
    owner_references: Vec<Owner>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Owner {
    uid: String,
    #[serde(default)]
    controller: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    container_statuses: Vec<Container>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    #[serde(default)]
    state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct State {
    running: Option<serde_json::Value>,
}

impl Pod {
    /// Who makes another one when this one is gone.
    fn controller(&self) -> Option<&str> {
        let mut owners = self.metadata.owner_references.iter();
        owners.find(|owner| owner.controller).map(|owner| owner.uid.as_str())
    }

    /// It runs, or tries to, and nobody has ended it.
    fn is_there(&self) -> bool {
        self.status.phase == "Running" && self.metadata.deletion_timestamp.is_none()
    }

    /// Every container of it runs.
    fn runs(&self) -> bool {
        let containers = &self.status.container_statuses;
        self.is_there()
            && !containers.is_empty()
            && containers.iter().all(|c| c.state.running.is_some())
    }
}

/// The one pod that is meant, if it comes back; `where_` names what was looked through.
pub(super) fn choose(found: Vec<Pod>, where_: &str) -> Result<Pod, Answer> {
    let mut there: Vec<Pod> = found.into_iter().filter(Pod::is_there).collect();
    if there.len() > 1 {
        let names: Vec<&str> =
            there.iter().take(NAMES_MAX).map(|pod| pod.metadata.name.as_str()).collect();
        let more = if there.len() > NAMES_MAX { ", ..." } else { "" };
        let names = names.join(", ");
        return Err(Answer::Refused(format!("{} pods match {where_}: {names}{more}", there.len())));
    }
    let pod =
        there.pop().ok_or_else(|| Answer::Failed(format!("no running pod matches {where_}")))?;
    let name = &pod.metadata.name;
    if pod.metadata.annotations.contains_key(MIRROR) {
        let why = "is a static pod: the kubelet runs it from a file, deleting it restarts nothing";
        return Err(Answer::Refused(format!("{name} {why}")));
    }
    match pod.controller() {
        Some(_) => Ok(pod),
        None => {
            Err(Answer::Refused(format!("{name} has no controller: nothing would bring it back")))
        }
    }
}

/// The pod that runs in the place of the old one.
pub(super) fn successor<'p>(
    pods: &'p [Pod],
    old: &Pod,
    before: &BTreeSet<String>,
) -> Option<&'p Pod> {
    let is_new =
        |pod: &&Pod| !before.contains(&pod.metadata.uid) && pod.metadata.uid != old.metadata.uid;
    let is_its = |pod: &&Pod| pod.controller().is_some() && pod.controller() == old.controller();
    pods.iter().filter(is_new).filter(is_its).find(|pod| pod.runs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> Pod {
        let mut pod = json!({
            "metadata": {
                "name": name, "uid": format!("uid-{name}"), "labels": {"app": "checkout"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "c", "uid": "rs", "controller": true}],
            },
            "status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]},
        });
        change(&mut pod);
        serde_json::from_value(pod).expect("a pod")
    }

    fn check(pods: Vec<Pod>, expect: Result<&str, &str>) {
        let chosen = choose(pods, "app=checkout in shop on n1");
        match (&chosen, expect) {
            (Ok(pod), Ok(name)) => assert_eq!(pod.metadata.name, name),
            (Err(Answer::Failed(why) | Answer::Refused(why)), Err(text)) => assert_eq!(why, text),
            _ => panic!("{chosen:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn one_pod_that_comes_back_is_meant() {
        let usual = |name| pod(name, |_| {});
        let leaving = || pod("b", |pod| pod["metadata"]["deletionTimestamp"] = json!("now"));
        let over = || pod("b", |pod| pod["status"]["phase"] = json!("Succeeded"));
        let alone = || pod("b", |pod| pod["metadata"]["ownerReferences"] = json!([]));
        let owned =
            || pod("b", |pod| pod["metadata"]["ownerReferences"][0]["controller"] = json!(false));
        let mirror = || pod("b", |pod| pod["metadata"]["annotations"] = json!({MIRROR: "x"}));
        check(vec![usual("a"), leaving(), over()], Ok("a"));
        check(vec![], Err("no running pod matches app=checkout in shop on n1"));
        check(vec![leaving()], Err("no running pod matches app=checkout in shop on n1"));
        check(
            ["a", "b", "c", "d"].map(usual).into(),
            Err("4 pods match app=checkout in shop on n1: a, b, c, ..."),
        );
        check(vec![alone()], Err("b has no controller: nothing would bring it back"));
        check(vec![owned()], Err("b has no controller: nothing would bring it back"));
        check(
            vec![mirror()],
            Err("b is a static pod: the kubelet runs it from a file, deleting it restarts nothing"),
        );
    }

    #[test]
    fn a_successor_is_new_its_owners_and_runs() {
        let old = pod("a", |_| {});
        let before = BTreeSet::from(["uid-a".to_owned(), "uid-other".to_owned()]);
        let check = |fresh: Pod, expect: bool| {
            assert_eq!(
                successor(&[old.clone(), fresh.clone()], &old, &before).is_some(),
                expect,
                "{fresh:?}"
            );
        };
        check(pod("b", |_| {}), true);
        // A stateful set gives the name again.
        check(pod("a", |pod| pod["metadata"]["uid"] = json!("another")), true);
        check(pod("other", |_| {}), false);
        check(pod("b", |pod| pod["metadata"]["ownerReferences"][0]["uid"] = json!("rs2")), false);
        check(pod("b", |pod| pod["status"]["phase"] = json!("Pending")), false);
        check(pod("b", |pod| pod["status"]["containerStatuses"] = json!([])), false);
        check(
            pod("b", |pod| pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {}})),
            false,
        );
    }
}
