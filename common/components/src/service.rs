//! The running configuration: build, swap, retire.
//!
//! Start-up and reload are the same call ([`Service::apply`]): what is new or changed is built
//! beside what runs, ports included; only when all of it stands are the inlets pointed to the new
//! pipelines, and what is no longer wanted is retired: receivers first, then pipelines, then
//! queues, so that every request in progress finds its way out. A component whose section did not
//! change keeps running, with its queue and its connections. What fails before the swap leaves the
//! old configuration as it was.

mod parts;

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::builders::Builders;
use crate::component::{BuildError, Context};
use crate::config::Config;

use parts::Parts;

/// How long what is retired, or the process at its end, may take to deliver what it holds.
pub const DRAIN: Duration = Duration::from_secs(10);

/// What runs.
pub struct Service {
    context: Context,
    builders: Builders,
    parts: tokio::sync::Mutex<Parts>,
}

impl Service {
    /// A service that runs nothing yet.
    pub fn new(context: Context, builders: Builders) -> Self {
        Self { context, builders, parts: tokio::sync::Mutex::default() }
    }

    /// Makes `config` what runs. Returns before retired parts have ended.
    pub async fn apply(&self, config: &Config) -> Result<(), BuildError> {
        let mut parts = self.parts.lock().await;
        let next = Parts::build(config, &parts, &self.builders, &self.context)?;
        let looks = config.looks_at_calls();
        self.context.looks_at_calls.store(looks, Ordering::Relaxed);
        next.connect();
        let started = next.start(&parts);
        let previous = std::mem::replace(&mut *parts, next);
        let retired = previous.without(&parts);
        tokio::spawn(async move { retired.retire(Instant::now() + DRAIN).await });
        started
    }

    /// Ends everything: senders in progress are answered, what is queued is delivered, for
    /// [`DRAIN`] at most.
    pub async fn stop(&self) {
        let parts = std::mem::take(&mut *self.parts.lock().await);
        let deadline = Instant::now() + DRAIN;
        if self.context.ports.are_handed_over() {
            // Pages are the new process's from now on, or its readers would see two of everything.
            parts.close_pages(deadline).await;
        }
        parts.retire(deadline).await;
    }

    /// What components are built from.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}
