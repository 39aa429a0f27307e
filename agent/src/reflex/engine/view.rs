//! What commands are shown: signals, rules, guards, records.

use serde_json::{Value, json};

use super::Engine;
use crate::host::Host;
use crate::reflex::absent;
use crate::reflex::decide::{ActionId, Moment};
use crate::reflex::policy::{Action, Rule};
use crate::reflex::record::Record;

/// Most records of one answer; the newest are shown.
const RECORDS_MAX: usize = 4000;

impl Engine {
    /// `top`: one object.
    pub(super) fn view(&self) -> Value {
        let now = self.now();
        let signals = self.snapshot.iter().map(|(signal, value)| {
            json!({"signal": signal.to_string(), "value": value, "shown": self.snapshot.show(signal)})
        });
        let host = self.host.shown();
        json!({
            "schema": 1,
            "guards": {
                "warming_up": host.warming_up,
                "clock_jumped": host.clock_jumped,
                "samples_lost": host.samples_lost,
                "paused_s": self.host.paused_for(now).map(|left| left.as_secs()),
                "killed": host.killed,
                "gateway_lost": host.gateway_lost,
            },
            "signals": signals.collect::<Vec<_>>(),
            "rules": (0..self.mind.conditions().len()).map(|rule| self.rule(rule, now)).collect::<Vec<_>>(),
        })
    }

    fn rule(&self, index: usize, now: Moment) -> Value {
        let rule = &self.mind.core().policy().rules[index];
        let status = self.mind.core().status(index);
        let blind = self.is_blind(index, now);
        let suggestion = self.mind.core().suggestion(index).and_then(|no| self.recorder.id_of(no));
        json!({
            "name": rule.name,
            "mode": rule.mode.as_str(),
            "arm": if rule.breach.is_some() { "kernel" } else { "user" },
            "kernel": self.dogs.view(index, &self.mind),
            "state": match (status.firing, status.live) {
                (Some(_), _) => "firing",
                (None, 0) => "quiet",
                (None, _) => "recovering",
            },
            "firing_s": status.firing.map(|since| now.saturating_sub(since).as_secs_f64()),
            "live": status.live,
            "cooldown_s": status.cooldown.map(|left| left.as_secs()),
            "breaker_open": status.breaker_open,
            "blind": blind,
            "absent": self.absent(index),
            "approve": suggestion,
            "inputs": self.mind.show(index, &self.snapshot),
        })
    }

    /// What the rule counts on and is not there.
    fn absent(&self, index: usize) -> Vec<String> {
        let (host, rule) = (Host::of_system(), &self.mind.core().policy().rules[index]);
        let actions = rule.actions.iter().filter_map(absent::of_action);
        let signals = self.mind.conditions()[index].signals().iter();
        let signals = signals.filter_map(|signal| absent::of_signal(signal, &host));
        actions.chain(signals.take(1)).collect()
    }

    /// `report`: the newest records since a moment.
    pub(super) fn journal(&self, since_unix_ns: u64) -> Value {
        let content = match self.recorder.journal().read() {
            Ok(content) => content,
            Err(error) => return json!({"schema": 1, "error": error.to_string(), "records": []}),
        };
        let mut records: Vec<Record> = content.records;
        records.retain(|record| record.time_unix_ns >= since_unix_ns);
        let cut = records.len().saturating_sub(RECORDS_MAX);
        json!({
            "schema": 1,
            "damaged": content.damaged,
            "left_out": cut,
            "records": records[cut..],
        })
    }

    /// What rules say about a port, in sentences.
    pub(super) fn explain(&self, port: u16) -> Vec<String> {
        let now = self.now();
        let rules = self.mind.core().policy().rules.iter().enumerate();
        let limits = rules.flat_map(|(index, rule)| {
            let actions = rule.actions.iter().enumerate();
            actions.map(move |(action, plan)| ((index, action), rule, plan))
        });
        let here = limits.filter(
            |(_, _, plan)| matches!(plan, Action::RateLimit(limit) if limit.target.port == port),
        );
        let say = |(id, rule, plan): (ActionId, &Rule, &Action)| {
            let armed = self.dogs.sentence(id.0, &self.mind);
            armed.unwrap_or_else(|| self.sentence(id, rule, plan, now))
        };
        here.map(say).collect()
    }

    fn sentence(&self, id: ActionId, rule: &Rule, plan: &Action, now: Moment) -> String {
        let name = &rule.name;
        let Some((rate_per_hour, until)) = self.mind.core().limit(id) else {
            let mode = rule.mode.as_str();
            return format!("rule {name} may {plan} (mode {mode}), and does not now");
        };
        let rate = rate_per_hour as f64 / 3600.0;
        let left = until.saturating_sub(now).as_secs();
        let state = match self.mind.core().status(id.0).firing {
            Some(since) => format!("fires since {} s", now.saturating_sub(since).as_secs()),
            None => "is clear and relaxes".to_owned(),
        };
        format!(
            "rule {name} {state}: {rate:.1}/s, the lease ends in {left} s unless it is renewed \
             ({}); to lift it: limit clear --port, pause --for 30m, or kill",
            self.mind.show(id.0, &self.snapshot)
        )
    }
}

/// A record as a line of a log.
pub(super) fn sentence(record: &Record) -> String {
    let about = record.rule.as_deref().or(record.series.as_deref());
    let parts = [about, record.target.as_deref(), record.outcome.as_deref()];
    let head = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    match record.inputs.is_empty() {
        true => format!("{} {head}: {}", record.kind, record.reason),
        false => format!("{} {head}: {} ({})", record.kind, record.reason, record.inputs),
    }
}
