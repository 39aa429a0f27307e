//! What a restart is: delete the pod, have its owner make another, see that one run.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::Api;
use super::pods::{self, Pod};
use crate::keeper::orders::Answer;
use crate::protected::Protected;

/// How long after the old one's time the new one may take to run.
const VERIFIED_WITHIN: Duration = Duration::from_secs(30);
/// What runs so long without a break runs.
const STEADY_FOR: Duration = Duration::from_secs(1);
/// How often what nobody announces is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The bound of all but the grace: three calls and one in progress, and the time to see it run.
pub(super) const REST_WITHIN: Duration = Duration::from_secs(52);

/// What is to be restarted, and how.
pub(super) struct Wish {
    pub(super) namespace: String,
    pub(super) selector: String,
    /// Where it runs, and how we know that.
    pub(super) node: (String, &'static str),
    pub(super) grace: Duration,
    /// Names of the pod that we are in.
    pub(super) own: String,
    pub(super) protected: Protected,
}

impl Wish {
    /// Restarts it.
    pub(super) async fn fulfil(&self, api: &Api) -> Answer {
        let whole = self.grace + REST_WITHIN;
        match tokio::time::timeout(whole, self.restart(api)).await {
            Ok(Ok(answer) | Err(answer)) => answer,
            Err(_) => Answer::Failed(format!("not done within {} s", whole.as_secs())),
        }
    }

    async fn restart(&self, api: &Api) -> Result<Answer, Answer> {
        let (node, known_by) = &self.node;
        let on_node = format!("spec.nodeName={node}");
        let here = api.pods(&self.namespace, &self.selector, &on_node).await;
        let (selector, namespace) = (&self.selector, &self.namespace);
        let place = format!("{selector} in namespace {namespace} on node {node}{known_by}");
        let old = pods::choose(here.map_err(Answer::Failed)?, &place)?;
        self.check(&old)?;
        let before = self.everywhere(api).await.map_err(Answer::Failed)?;
        let before = before.into_iter().map(|pod| pod.metadata.uid).collect();
        api.delete(&self.namespace, &old, self.grace).await.map_err(Answer::Failed)?;
        let fresh = self.appears(api, &old, &before).await.map_err(Answer::Failed)?;
        let (name, was) = (&fresh.metadata.name, &old.metadata.name);
        Ok(Answer::Done(format!("pod {name} ({}) runs, before {was}", fresh.metadata.uid)))
    }

    /// Neither ours nor protected.
    fn check(&self, pod: &Pod) -> Result<(), Answer> {
        let (name, uid) = (&pod.metadata.name, &pod.metadata.uid);
        // Control groups of systemd's kind are written with underscores.
        let marks = [uid.clone(), uid.replace('-', "_")];
        if marks.iter().any(|mark| self.own.contains(mark)) {
            return Err(Answer::Refused(format!("{name} is where this agent runs")));
        }
        match self.protected.guards_group(&marks) {
            Some(reason) => Err(Answer::Refused(format!("protected: {reason}"))),
            None => Ok(()),
        }
    }

    /// Waits for a pod that runs in the place of the old one, and still does a moment later.
    async fn appears(
        &self,
        api: &Api,
        old: &Pod,
        before: &BTreeSet<String>,
    ) -> Result<Pod, String> {
        let deadline = Instant::now() + self.grace + VERIFIED_WITHIN;
        let mut seen: Option<(String, Instant)> = None;
        let mut trouble = None;
        while Instant::now() < deadline {
            let now = Instant::now();
            let pods = self.everywhere(api).await;
            trouble = pods.as_ref().err().cloned().or(trouble);
            let pods = pods.unwrap_or_default();
            let fresh = pods::successor(&pods, old, before);
            seen = fresh.map(|pod| match seen.take() {
                Some((uid, since)) if uid == pod.metadata.uid => (uid, since),
                _ => (pod.metadata.uid.clone(), now),
            });
            if let (Some(pod), Some((_, since))) = (fresh, &seen)
                && now.duration_since(*since) >= STEADY_FOR
            {
                return Ok(pod.clone());
            }
            sleep(LOOK_EVERY).await;
        }
        let limit = (self.grace + VERIFIED_WITHIN).as_secs();
        let why = trouble.map(|error| format!(" ({error})")).unwrap_or_default();
        let name = &old.metadata.name;
        Err(format!("{name} was deleted, but no other pod of its owner runs after {limit} s{why}"))
    }

    async fn everywhere(&self, api: &Api) -> Result<Vec<Pod>, String> {
        api.pods(&self.namespace, &self.selector, "").await
    }
}
