//! What a restart is: stop, have a successor, see it run.
//!
//! The kubelet starts its own containers again, so it is waited for; only where it does not come a successor
//! is made in its stead, as it would make it. For all others the successor is made before anything
//! is stopped: what cannot be made stops nothing. Of what has ended the last one stays for looking
//! into, as with the kubelet; earlier ones are removed.

use std::time::Duration;

use proto::cri::{Container, ContainerState, CreateContainerRequest};
use tokio::time::{Instant, sleep, timeout};

use super::plan;
use super::runtime::{CALL_WITHIN, Runtime};
use super::select::{self, Selector, name};
use crate::keeper::orders::Answer;
use crate::protected::Protected;

/// How long finding and understanding what is meant may take.
const PREPARED_WITHIN: Duration = Duration::from_secs(8);
/// How long after the stop the new one may take to run.
const VERIFIED_WITHIN: Duration = Duration::from_secs(30);
/// How long the kubelet is waited for.
const KUBELET_PATIENCE: Duration = Duration::from_secs(20);
/// What runs so long without a break runs.
const STEADY_FOR: Duration = Duration::from_secs(1);
/// How often what nobody announces is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The bound of all but the grace: prepare, create, stop, see it run, tidy up.
pub(super) const REST_WITHIN: Duration = Duration::from_secs(55);

/// What is to be restarted, and how.
pub(super) struct Wish {
    selector: Selector,
    grace: Duration,
    /// Names of the container that we are in.
    own: String,
    protected: Protected,
}

/// What is meant, and what is to be in its place.
struct Target {
    old: Container,
    siblings: Vec<Container>,
    next: Result<CreateContainerRequest, String>,
}

impl Wish {
    pub(super) fn new(
        label: &str,
        grace: Duration,
        own: String,
        protected: Protected,
    ) -> Option<Self> {
        Some(Self { selector: Selector::parse(label)?, grace, own, protected })
    }

    /// Restarts it.
    pub(super) async fn fulfil(&self, runtime: &mut Runtime) -> Answer {
        let whole = self.grace + REST_WITHIN;
        match timeout(whole, self.restart(runtime)).await {
            Ok(Ok(answer) | Err(answer)) => answer,
            Err(_) => Answer::Failed(format!("not done within {} s", whole.as_secs())),
        }
    }

    async fn restart(&self, runtime: &mut Runtime) -> Result<Answer, Answer> {
        let prepared = timeout(PREPARED_WITHIN, self.prepare(runtime)).await;
        let slow = |_| Answer::Failed(format!("unclear after {} s", PREPARED_WITHIN.as_secs()));
        let target = prepared.map_err(slow)??;
        let kubelets = plan::is_kubelets(&target.old);
        let made = if kubelets { None } else { Some(make(runtime, &target.next).await?) };
        if let Err(error) = self.stop(runtime, &target.old.id).await {
            discard(runtime, made.as_deref()).await;
            return Err(Answer::Failed(error));
        }
        let deadline = Instant::now() + VERIFIED_WITHIN;
        let fresh = match made {
            Some(id) => start(runtime, id).await,
            None => by_kubelet(runtime, &target, deadline).await,
        }
        .map_err(|error| Answer::Failed(format!("it was stopped, but {error}")))?;
        verify(runtime, &fresh, deadline).await.map_err(Answer::Failed)?;
        if !kubelets {
            tidy_up(runtime, &target).await;
        }
        let (what, was) = (name(&target.old), short(&target.old.id));
        Ok(Answer::Done(format!("{what} runs as container {fresh}, before {was}")))
    }

    async fn prepare(&self, runtime: &mut Runtime) -> Result<Target, Answer> {
        let pods = runtime.pods().await.map_err(Answer::Failed)?;
        let running = runtime.running().await.map_err(Answer::Failed)?;
        let old = select::choose(&self.selector, &pods, &running)?;
        if self.own.contains(&old.id) || self.own.contains(&old.pod_sandbox_id) {
            return Err(Answer::Refused(format!("{} is where this agent runs", name(&old))));
        }
        let container = runtime.container(&old.id).await.map_err(Answer::Failed)?;
        if let Some(reason) = self.protected.guards(plan::process(&container)) {
            return Err(Answer::Refused(format!("protected: {reason}")));
        }
        let pod = runtime.pod(&old.pod_sandbox_id).await.map_err(Answer::Failed)?;
        let siblings = runtime.of_pod(&old.pod_sandbox_id).await.map_err(Answer::Failed)?;
        let next = plan::successor(&old, &container, &pod, &siblings);
        Ok(Target { old, siblings, next })
    }

    /// Ends a container; a runtime that has not answered may have ended it all the same.
    async fn stop(&self, runtime: &mut Runtime, id: &str) -> Result<(), String> {
        let Err(error) = runtime.stop(id, self.grace).await else { return Ok(()) };
        match state(runtime, id).await {
            Ok(ContainerState::ContainerExited) => Ok(()),
            _ => Err(error),
        }
    }
}

/// Makes what is to run, before anything is stopped.
async fn make(
    runtime: &mut Runtime,
    next: &Result<CreateContainerRequest, String>,
) -> Result<String, Answer> {
    let next = next.clone().map_err(Answer::Refused)?;
    let made = runtime.create(next).await;
    made.map_err(|error| Answer::Failed(format!("nothing was stopped: {error}")))
}

async fn start(runtime: &mut Runtime, id: String) -> Result<String, String> {
    match runtime.start(&id).await {
        Ok(()) => Ok(id),
        Err(error) => {
            discard(runtime, Some(&id)).await;
            Err(error)
        }
    }
}

/// The container that the kubelet starts, or one in its stead.
async fn by_kubelet(
    runtime: &mut Runtime,
    target: &Target,
    deadline: Instant,
) -> Result<String, String> {
    let patience = match target.next {
        Ok(_) => deadline - (VERIFIED_WITHIN - KUBELET_PATIENCE),
        Err(_) => deadline,
    };
    if let Some(id) = appears(runtime, &target.old, patience).await {
        return Ok(id);
    }
    let late = |error| format!("the kubelet did not start it again, and {error}");
    let made = runtime.create(target.next.clone().map_err(late)?).await;
    match made {
        Ok(id) => start(runtime, id).await.map_err(late),
        // The name may be given away since: then the kubelet has come after all.
        Err(error) => appears(runtime, &target.old, deadline).await.ok_or_else(|| late(error)),
    }
}

/// Waits for a container that runs in the place of the old one.
async fn appears(runtime: &mut Runtime, old: &Container, until: Instant) -> Option<String> {
    while Instant::now() < until {
        let running = runtime.running().await.unwrap_or_default();
        let fresh = running.into_iter().find(|container| is_successor(container, old));
        if let Some(fresh) = fresh {
            return Some(fresh.id);
        }
        sleep(LOOK_EVERY).await;
    }
    None
}

/// Same place, younger, also if the pod had to be made anew.
fn is_successor(container: &Container, old: &Container) -> bool {
    let label = |name: &str| (container.labels.get(name), old.labels.get(name));
    let same_pod = match label("io.kubernetes.pod.uid") {
        (Some(pod), Some(old)) => pod == old,
        _ => container.pod_sandbox_id == old.pod_sandbox_id,
    };
    same_pod && name(container) == name(old) && container.created_at > old.created_at
}

/// Sees that it runs, and still does a moment later.
async fn verify(runtime: &mut Runtime, id: &str, deadline: Instant) -> Result<(), String> {
    let mut since = None;
    loop {
        let now = Instant::now();
        match state(runtime, id).await {
            Ok(ContainerState::ContainerRunning) => {
                if now.duration_since(*since.get_or_insert(now)) >= STEADY_FOR {
                    return Ok(());
                }
            }
            Ok(ContainerState::ContainerExited) => {
                return Err(format!("container {} ended as soon as it ran", short(id)));
            }
            _ => since = None,
        }
        if now >= deadline {
            let limit = VERIFIED_WITHIN.as_secs();
            return Err(format!("container {} does not run after {limit} s", short(id)));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn state(runtime: &mut Runtime, id: &str) -> Result<ContainerState, String> {
    let status = runtime.container(id).await?.status;
    Ok(status.map_or(ContainerState::ContainerUnknown, |status| status.state()))
}

/// Removes what was made and will not run. If that fails, too, the runtime is not ours to mend.
async fn discard(runtime: &mut Runtime, made: Option<&str>) {
    if let Some(id) = made {
        let _ = timeout(CALL_WITHIN, runtime.remove(id)).await;
    }
}

/// Removes those that had ended before, of the same name; the one that was stopped stays.
async fn tidy_up(runtime: &mut Runtime, target: &Target) {
    let ended = target.siblings.iter().filter(|container| {
        let exited = container.state() == ContainerState::ContainerExited;
        exited
            && name(container) == name(&target.old)
            && container.created_at < target.old.created_at
    });
    let ids: Vec<&str> = ended.map(|container| container.id.as_str()).collect();
    let all = async {
        for id in ids {
            // It is in nobody's way; the next restart tries again.
            let _ = runtime.remove(id).await;
        }
    };
    let _ = timeout(CALL_WITHIN, all).await;
}

/// As people write ids.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
