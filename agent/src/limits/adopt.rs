//! Adoption at start (contract.md section 3): what the file and the pinned table say together.
//!
//! * in both (target, rate, generation): goes on with the kernel's remaining lease;
//! * only in the kernel: adopted as source `operator`, reason `adopted`;
//! * enforced and only in the file (a reboot, or pins removed): dropped and logged;
//! * shadowed by another one: lives to its `expires`.

use super::{Desired, Limits, Now, Source, file};
use crate::kernel::Written;

impl Limits {
    /// Takes over what a previous process left.
    pub(super) fn adopt(&mut self, now: Now) {
        let saved = file::read(&self.file, now).unwrap_or_else(|error| {
            tracing::error!("{}: {error}; its limits are ignored", self.file.display());
            Vec::new()
        });
        let pinned = match &self.table {
            Ok(table) => table.written().unwrap_or_else(|error| {
                tracing::error!("cannot read the kernel's limits: {error}");
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        let saved_limits = saved.iter().map(|(desired, _)| desired.limit);
        let limits = saved_limits.chain(pinned.iter().map(|entry| entry.limit));
        let generations = limits.map(|limit| limit.generation);
        self.next_generation = generations.max().unwrap_or(0) + 1;
        self.desired = saved.iter().filter_map(|saved| kept(saved, &pinned, now)).collect();
        for entry in &pinned {
            if !self.desired.iter().any(|desired| is_same(desired, entry)) {
                self.adopt_pinned(entry, now);
            }
        }
        self.restore(&pinned, now);
    }

    /// A limit of the kernel that the file does not know.
    fn adopt_pinned(&mut self, pinned: &Written, now: Now) {
        if pinned.remaining.is_zero() {
            return;
        }
        tracing::warn!("adopting a limit on {} that only the kernel knows", pinned.limit.target);
        let of_operator =
            |d: &Desired| d.limit.target == pinned.limit.target && d.source == Source::Operator;
        self.desired.retain(|desired| !of_operator(desired));
        self.desired.push(Desired {
            limit: pinned.limit,
            source: Source::Operator,
            reason: "adopted".to_owned(),
            since: now.wall,
            expires: now.wall + pinned.remaining,
            ends: now.instant + pinned.remaining,
        });
    }

    /// Brings the table in line where it differs; a limit that goes on is not touched, so that its
    /// state and its lease stay the kernel's.
    fn restore(&mut self, pinned: &[Written], now: Now) {
        let mut targets: Vec<_> = self.desired.iter().map(|desired| desired.limit.target).collect();
        targets.extend(pinned.iter().map(|entry| entry.limit.target));
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            let wanted = self.winner(target, now).map(|winner| winner.limit.generation);
            let there = pinned.iter().find(|entry| entry.limit.target == target);
            let there = there.map(|entry| entry.limit.generation);
            if wanted != there
                && let Err(error) = self.enforce(target, now)
            {
                tracing::error!("cannot write the limit on {target}: {error}");
            }
        }
        self.save();
    }
}

/// What of a saved limit goes on.
fn kept((saved, enforced): &(Desired, bool), pinned: &[Written], now: Now) -> Option<Desired> {
    if let Some(entry) = pinned.iter().find(|entry| is_same(saved, entry)) {
        let over = entry.remaining.is_zero();
        return (!over).then(|| Desired {
            expires: now.wall + entry.remaining,
            ends: now.instant + entry.remaining,
            ..saved.clone()
        });
    }
    if *enforced {
        tracing::warn!(
            "the limit on {} is not in the kernel any more, dropped",
            saved.limit.target
        );
        return None;
    }
    (saved.ends > now.instant).then(|| saved.clone())
}

fn is_same(desired: &Desired, pinned: &Written) -> bool {
    let identity =
        |limit: &crate::kernel::Limit| (limit.target, limit.generation, limit.rate_per_hour);
    identity(&desired.limit) == identity(&pinned.limit)
}
