//! `top` as text.

use std::fmt::Write;

use serde_json::Value;

use crate::admin::protocol::Listed;

/// Guards, signals, rules and limits, a line each.
pub(super) fn show(view: &Value, limits: &[Listed]) -> String {
    let mut out = String::new();
    guards(&mut out, &view["guards"]);
    for signal in view["signals"].as_array().into_iter().flatten() {
        line(&mut out, &[("signal", 7), (text(signal, "signal"), 44), (text(signal, "shown"), 0)]);
    }
    for rule in view["rules"].as_array().into_iter().flatten() {
        let state = state(rule);
        let words =
            [("rule", 7), (text(rule, "name"), 24), (text(rule, "mode"), 8), (state.as_str(), 24)];
        line(&mut out, &words);
        for why in rule["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            line(&mut out, &[("", 7), (why, 0)]);
        }
        if let Some(id) = rule["approve"].as_str() {
            line(&mut out, &[("", 7), ("medulla-agent approve", 22), (id, 0)]);
        }
    }
    for limit in limits {
        let target = format!("{}/{}", limit.target.proto, limit.target.port);
        let rate = format!("{:.1}/s {}", limit.rate_per_s, limit.unit);
        let counts = format!("passed {} dropped {}", limit.passed, limit.dropped);
        let words = [
            ("limit", 7),
            (target.as_str(), 12),
            (rate.as_str(), 22),
            (limit.source.as_str(), 22),
            (counts.as_str(), 0),
        ];
        line(&mut out, &words);
    }
    out
}

fn guards(out: &mut String, guards: &Value) {
    let names = ["warming_up", "clock_jumped", "samples_lost", "killed", "gateway_lost"];
    let mut speaking: Vec<String> = names
        .into_iter()
        .filter(|name| guards[*name] == true)
        .map(|name| name.replace('_', " "))
        .collect();
    if let Some(left) = guards["paused_s"].as_u64() {
        speaking.push(format!("paused for {left} s"));
    }
    let text = if speaking.is_empty() { "none".to_owned() } else { speaking.join(", ") };
    line(out, &[("guards", 7), (text.as_str(), 0)]);
}

fn state(rule: &Value) -> String {
    let mut state = text(rule, "state").to_owned();
    if let Some(seconds) = rule["firing_s"].as_f64() {
        let _ = write!(state, " {seconds:.0} s");
    }
    if let Some(left) = rule["cooldown_s"].as_u64() {
        let _ = write!(state, ", cools down {left} s");
    }
    for (key, word) in [("breaker_open", ", breaker open"), ("blind", ", blind")] {
        if rule[key] == true {
            state.push_str(word);
        }
    }
    let kernel = &rule["kernel"];
    match (kernel["trouble"].as_str().or(kernel["vetoed"].as_str()), kernel["armed"] == true) {
        (Some(why), _) => state.push_str(&format!(", not in the kernel: {why}")),
        (None, true) => state.push_str(", judged by the kernel"),
        (None, false) => {}
    }
    state
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn line(out: &mut String, words: &[(&str, usize)]) {
    let padded: String =
        words.iter().map(|(word, width)| format!("{word:<width$} ", width = *width)).collect();
    out.push_str(padded.trim_end());
    out.push('\n');
}
