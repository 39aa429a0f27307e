//! Adoption at start (contract.md section 3): what the file and the pinned table say together.
//!
//! * in both (target, rate, generation): goes on with the kernel's remaining lease;
//! * only in the kernel: adopted as source `operator`, reason `adopted`;
//! * enforced and only in the file (a reboot, or pins removed): dropped and logged;
//! * shadowed by another one: lives to its `expires`.

use super::{Desired, Limits, Now, Pinned, Source, file};

impl Limits {
    /// Takes over what a previous process left.
    pub(super) fn adopt(&mut self, now: Now) {
        let saved = file::read(&self.file, now).unwrap_or_else(|error| {
            tracing::error!("{}: {error}; its limits are ignored", self.file.display());
            Vec::new()
        });
        let pinned = match &self.table {
            Ok(table) => table.pinned().unwrap_or_else(|error| {
                tracing::error!("cannot read the kernel's limits: {error}");
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        let generations = saved.iter().map(|(d, _)| d.generation).chain(pinned.iter().map(|p| p.generation));
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
    fn adopt_pinned(&mut self, pinned: &Pinned, now: Now) {
        if pinned.remaining.is_zero() {
            return;
        }
        tracing::warn!("adopting a limit on {} that only the kernel knows", pinned.target);
        let of_operator = |d: &Desired| d.target == pinned.target && d.source == Source::Operator;
        self.desired.retain(|desired| !of_operator(desired));
        self.desired.push(Desired {
            target: pinned.target,
            source: Source::Operator,
            rule: pinned.rule,
            reason: "adopted".to_owned(),
            since: now.wall,
            expires: now.wall + pinned.remaining,
            ends: now.instant + pinned.remaining,
            generation: pinned.generation,
        });
    }

    /// Brings the table in line where it differs; a limit that goes on is not touched, so that its
    /// state and its lease stay the kernel's.
    fn restore(&mut self, pinned: &[Pinned], now: Now) {
        let mut targets: Vec<_> = self.desired.iter().map(|desired| desired.target).collect();
        targets.extend(pinned.iter().map(|entry| entry.target));
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            let wanted = self.winner(target, now).map(|winner| winner.generation);
            let there = pinned.iter().find(|entry| entry.target == target).map(|p| p.generation);
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
fn kept((saved, enforced): &(Desired, bool), pinned: &[Pinned], now: Now) -> Option<Desired> {
    if let Some(entry) = pinned.iter().find(|entry| is_same(saved, entry)) {
        let over = entry.remaining.is_zero();
        return (!over).then(|| Desired {
            expires: now.wall + entry.remaining,
            ends: now.instant + entry.remaining,
            ..saved.clone()
        });
    }
    if *enforced {
        tracing::warn!("the limit on {} is not in the kernel any more, dropped", saved.target);
        return None;
    }
    (saved.ends > now.instant).then(|| saved.clone())
}

fn is_same(desired: &Desired, pinned: &Pinned) -> bool {
    desired.target == pinned.target
        && desired.generation == pinned.generation
        && desired.rule.rate_per_hour == pinned.rule.rate_per_hour
}
