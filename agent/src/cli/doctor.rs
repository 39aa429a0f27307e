//! `medulla-agent doctor`: what this kernel offers, feature by feature, found by trying.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::later;
use crate::admin::client;
use crate::admin::protocol::{Reflex, Request, SCHEMA};
use crate::folders::Folders;
use crate::host::{CgroupMeter, Host, HostMeter};
use crate::kernel::{cost, foreign, interfaces, probe};
use crate::privilege;

/// Looks at the host that one measurement takes.
const LOOKS: u32 = 100;

#[derive(Args)]
pub(super) struct Arguments {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Measure what each sampler costs on this machine
    #[arg(long)]
    measure: bool,
    /// Write a bundle for support (not built in yet)
    #[arg(long, value_name = "FILE")]
    bundle: Option<String>,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    kernel: String,
    features: Vec<Shown>,
    processes: Vec<Process>,
    foreign_programs: Vec<String>,
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<Paid>,
}

/// One measured cost.
#[derive(Serialize)]
struct Paid {
    name: String,
    per: &'static str,
    ns: u64,
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    available: bool,
    detail: String,
}

#[derive(Serialize)]
struct Process {
    role: &'static str,
    pid: u32,
    uid: u32,
    capabilities: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.bundle.is_some() {
        return later("doctor --bundle");
    }
    let mut report = examine();
    if arguments.measure {
        measure(&mut report);
    }
    let text = match arguments.json {
        true => serde_json::to_string(&report).expect("a report has a JSON form") + "\n",
        false => describe(&report),
    };
    // Whoever reads our output may be gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn examine() -> Report {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut problems = Vec::new();
    problems.extend(privilege::check().err());
    let (processes, running) = processes();
    problems.extend(running);
    let interfaces = interfaces::names().and_then(|names| interfaces::select(&names));
    let interfaces = interfaces.unwrap_or_else(|error| {
        problems.push(format!("cannot list interfaces: {error}"));
        Vec::new()
    });
    let foreign_programs = foreign::programs(&interfaces).iter().map(ToString::to_string).collect();
    let mut features: Vec<Shown> = probe::features(&Folders::of_system().bpf)
        .into_iter()
        .map(|found| Shown { name: found.name, available: found.available, detail: found.detail })
        .collect();
    let classic = features.iter().any(|feature| feature.name == "clsact" && feature.available);
    let hooks = foreign::hooks_in_use(&interfaces);
    if !hooks.is_empty() {
        features.push(Shown { name: "hooks_in_use", available: true, detail: hooks.join(", ") });
    }
    let missing = features.iter().filter(|feature| !feature.available);
    // Either hook will do.
    let missing = missing.filter(|feature| feature.name != "tcx" || !classic);
    problems.extend(missing.map(|feature| format!("{}: {}", feature.name, feature.detail)));
    let costs = Vec::new();
    Report { schema: SCHEMA, kernel, features, processes, foreign_programs, problems, costs }
}

/// What kernel and host samplers cost; one that cannot be measured is a problem.
fn measure(report: &mut Report) {
    match cost::measure() {
        Ok(costs) => report.costs.extend(costs.into_iter().map(|cost| Paid {
            name: cost.name.to_owned(),
            per: cost.per,
            ns: u64::try_from(cost.time.as_nanos()).unwrap_or(u64::MAX),
        })),
        Err(error) => report.problems.push(format!("cannot measure the programs: {error}")),
    }
    let host = Host::of_system();
    let (mut meter, mut group) = (HostMeter::new(host.clone()), CgroupMeter::new(host, "/"));
    report.costs.push(look("host: cpu, memory, pressure, load", |now| {
        let _ = meter.sample(now);
    }));
    report.costs.push(look("cgroup: cpu, throttling, memory", |now| {
        let _ = group.sample(now);
    }));
}

/// The mean time of a look.
fn look(name: &str, mut sample: impl FnMut(Instant)) -> Paid {
    let begun = Instant::now();
    (0..LOOKS).for_each(|_| sample(Instant::now()));
    let ns = begun.elapsed().as_nanos() / u128::from(LOOKS);
    Paid { name: name.to_owned(), per: "look", ns: u64::try_from(ns).unwrap_or(u64::MAX) }
}

/// Keeper and agent, if they run, and what is wrong with them.
fn processes() -> (Vec<Process>, Vec<String>) {
    let status = match client::ask(&Folders::sockets(), &Request::Status {}) {
        Ok(answer) => answer.process,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let Some(status) = status else { return (Vec::new(), Vec::new()) };
    let keeper = status.keeper_pid.map(|pid| process("keeper", pid));
    let processes = keeper.into_iter().chain([process("agent", status.pid)]).flatten().collect();
    let mut problems: Vec<String> = status
        .kernel_missing
        .iter()
        .map(|reason| format!("the agent enforces nothing: {reason}"))
        .collect();
    problems.extend(rules());
    if status.kernel_missing.is_none() && status.interfaces.is_empty() {
        problems.push("no interface is covered".to_owned());
    }
    (processes, problems)
}

/// What is wrong with rules: no data for a minute, or nothing there to act on.
fn rules() -> Vec<String> {
    let top = Request::Reflex(Reflex::Top {});
    let view = client::ask(&Folders::sockets(), &top).ok().and_then(|answer| answer.reflex);
    let rules = view.as_ref().and_then(|view| view["rules"].as_array());
    let mut problems = Vec::new();
    for rule in rules.into_iter().flatten() {
        let name = rule["name"].as_str().unwrap_or_default();
        if rule["blind"] == true {
            let inputs = rule["inputs"].as_str().unwrap_or_default();
            problems.push(format!("rule {name} is blind: no data for a minute ({inputs})"));
        }
        let absent = rule["absent"].as_array().into_iter().flatten();
        problems.extend(absent.filter_map(Value::as_str).map(|why| format!("rule {name}: {why}")));
    }
    problems
}

/// proc(5): status has the account and the effective capabilities.
fn process(role: &'static str, pid: u32) -> Option<Process> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let uid = field("Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let effective = u64::from_str_radix(field("CapEff:")?.trim(), 16).ok()?;
    let held = caps::all().into_iter().filter(|cap| effective & cap.bitmask() != 0);
    let mut capabilities: Vec<String> = held.map(|cap| cap.to_string()).collect();
    capabilities.sort();
    Some(Process { role, pid, uid, capabilities })
}

fn describe(report: &Report) -> String {
    let mut text = format!("kernel {}\n\nfeatures\n", report.kernel);
    for feature in &report.features {
        let mark = if feature.available { "yes" } else { "no " };
        text += &format!("  {mark} {:<22} {}\n", feature.name, feature.detail);
    }
    text += "\nprocesses\n";
    for process in &report.processes {
        let held = match process.capabilities.len() {
            0 => "no capabilities".to_owned(),
            count => format!("{count} capabilities"),
        };
        text +=
            &format!("  {:<6} process {} uid {} {held}\n", process.role, process.pid, process.uid);
    }
    section(&mut text, "foreign programs", &report.foreign_programs);
    section(&mut text, "problems", &report.problems);
    if !report.costs.is_empty() {
        let line = |paid: &Paid| format!("{:<36} {:>8} ns per {}", paid.name, paid.ns, paid.per);
        section(&mut text, "costs", &report.costs.iter().map(line).collect::<Vec<_>>());
    }
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    *text += &format!("\n{title}\n");
    if lines.is_empty() {
        *text += "  none\n";
    }
    lines.iter().for_each(|line| *text += &format!("  {line}\n"));
}
