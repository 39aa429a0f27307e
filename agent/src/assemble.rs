//! The agent put together: which process this is, and what runs in it.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use components::builders::Builders;
use components::component::Context;
use components::config::otlp_exporter::OtlpExporter;
use components::config::{Config, Loaded, Value};
use nix::unistd::getppid;
use pipeline::{Sample, Stats};

use crate::admin::client;
use crate::admin::protocol::Request;
use crate::admin::{Admin, Desk, Facts};
use crate::config::{Kernel, Limits as LimitSettings, PROGRAM};
use crate::folders::Folders;
use crate::keeper::link::{Covered, Link, Restarts};
use crate::kernel::interfaces;
use crate::kernel::maps::Maps;
use crate::kernel::shared::SharedMaps;
use crate::limits::protect::{Protected, is_here};
use crate::limits::{Limits, Now, Table};
use crate::receivers::kernel::{self, Sources};
use crate::receivers::{hostmetrics, reflex};
use crate::reflex::engine::{self, Blind, Outage, Outlook, World};
use crate::reflex::journal::Journal;
use crate::reflex::record::{Outbox, Recorder};
use crate::reflex::settings::Settings;
use crate::takeover::{self, Before, Inherited};
use crate::{keeper, privilege};

/// Worker threads: an agent is a guest on its host.
const THREADS: usize = 2;

/// `run`: the keeper where there is privilege, else the agent alone.
pub(crate) fn run(files: &[String], takeover: bool) -> ExitCode {
    let before = match takeover {
        true => take_over(files),
        false => not_running(),
    };
    match (before, privilege::check()) {
        (Err(status), _) => status,
        (Ok(before), Ok(())) => keeper::run(files, before),
        (Ok(before), Err(missing)) => run_process(files, Err(missing), before.see_off()),
    }
}

/// What the agent that runs hands over.
fn take_over(files: &[String]) -> Result<Before, ExitCode> {
    // A configuration that does not load must not cost the agent that runs.
    PROGRAM.load(files)?;
    Before::make_way(&Folders::of_system().socket()).map_err(|error| {
        eprintln!("medulla-agent: {error}");
        ExitCode::FAILURE
    })
}

/// Nothing, where no agent runs.
fn not_running() -> Result<Before, ExitCode> {
    match running() {
        Some(pid) => {
            eprintln!("medulla-agent is running already, process {pid}");
            Err(ExitCode::FAILURE)
        }
        None => Ok(Before::default()),
    }
}

/// The process that the keeper starts: gives up every privilege, then runs.
pub(crate) fn run_agent(files: &[String]) -> ExitCode {
    let link = privilege::drop_all().and_then(|()| {
        Link::from_stdin().map_err(|error| format!("no link to the keeper: {error}"))
    });
    match link {
        Ok(link) => run_process(files, Ok(link), Vec::new()),
        Err(error) => {
            eprintln!("medulla-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The process id of the agent that answers on this host's control socket.
fn running() -> Option<u32> {
    let socket = Folders::of_system().socket();
    let answer = client::ask_one(&socket, &Request::Status {}).ok()?;
    answer.process.map(|process| process.keeper_pid.unwrap_or(process.pid))
}

fn run_process(files: &[String], link: Result<Link, String>, inherited: Inherited) -> ExitCode {
    let loaded = match PROGRAM.load(files) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    PROGRAM.begin(&loaded);
    let folders = Folders::make_own().and_then(|folders| {
        folders.check_format()?;
        Ok(folders)
    });
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"));
    let ready = folders.and_then(|folders| Ok((folders, runtime?)));
    let kernel = HostKernel::open(link, inherited, &loaded.config);
    match ready {
        Ok((folders, runtime)) => runtime.block_on(serve(files, &loaded, &folders, kernel)),
        Err(error) => {
            eprintln!("medulla-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the keeper gave us.
struct HostKernel {
    maps: Result<SharedMaps, String>,
    covered: Covered,
    restarts: Option<Arc<Restarts>>,
    keeper_pid: Option<u32>,
    /// Sockets of the agent before.
    inherited: Inherited,
}

impl HostKernel {
    fn open(link: Result<Link, String>, mut inherited: Inherited, config: &Config) -> Self {
        let link = match link {
            Ok(link) => link,
            Err(missing) => {
                let (covered, restarts, keeper_pid) = Default::default();
                return Self { maps: Err(missing), covered, restarts, keeper_pid, inherited };
            }
        };
        let maps = link.attach(&Kernel::of(config).interfaces, &mut inherited);
        let maps =
            maps.and_then(|descriptors| Maps::from_fds(descriptors).map_err(|e| e.to_string()));
        let keeper_pid = u32::try_from(getppid().as_raw()).ok();
        let (covered, restarts) = link.listen();
        Self { maps: maps.map(SharedMaps::new), covered, restarts, keeper_pid, inherited }
    }

    fn table(&self) -> Result<Table, String> {
        self.maps.clone().map(|maps| Box::new(maps) as Table)
    }
}

async fn serve(
    files: &[String],
    loaded: &Loaded,
    folders: &Folders,
    mut kernel: HostKernel,
) -> ExitCode {
    if let Err(missing) = &kernel.maps {
        tracing::warn!("no kernel limits and samples: {missing}");
    }
    let context = PROGRAM.context(&loaded.config);
    let (control, sockets) = takeover::divide(std::mem::take(&mut kernel.inherited));
    context.ports.inherit(sockets);
    let limits = Limits::open(kernel.table(), folders.limits_file(), Now::read());
    let desk = Desk::new(limits, facts(&loaded.config, &context, &kernel));
    let admin = match Admin::start(&folders.socket(), desk.clone(), control) {
        Ok(admin) => admin,
        Err(error) => {
            eprintln!("medulla-agent: {error}");
            return ExitCode::FAILURE;
        }
    };
    let keeping_time = tokio::spawn({
        let desk = desk.clone();
        async move { desk.keep_time().await }
    });
    let sources = Sources {
        samples: kernel.maps.clone().ok(),
        desk: desk.clone(),
        keeper: kernel.restarts.clone(),
    };
    let reflexes = Reflexes::start(&loaded.config, folders, &kernel, &desk, &context);
    let records = reflexes.records.clone();
    let builders = Builders::shared()
        .receiver("kernel", move |config, context| kernel::build(config, context, &sources))
        .receiver("hostmetrics", hostmetrics::build)
        .receiver("reflex", move |config, context| reflex::build(config, context, &records));
    let apply = |config: &Config| reflexes.apply(config);
    let status = PROGRAM.run(files, loaded, context, builders, &apply).await;
    keeping_time.abort();
    drop(admin);
    if desk.is_leaving() {
        return ExitCode::from(takeover::LEFT);
    }
    reflexes.handle.stop();
    desk.withdraw();
    status
}

/// The running reflexes.
struct Reflexes {
    handle: engine::Handle,
    records: reflex::Sources,
    /// The section that runs.
    section: Mutex<Option<Value>>,
}

impl Reflexes {
    fn start(
        config: &Config,
        folders: &Folders,
        kernel: &HostKernel,
        desk: &Arc<Desk>,
        context: &Context,
    ) -> Self {
        let blind = Blind::default();
        show_blind(&context.stats, blind.clone());
        let node = folders.node_id();
        let outbox = Arc::<Outbox>::default();
        let (journal, written) = Journal::open(folders.state.join("reflex.journal"));
        let recorder = Recorder::new(node.clone(), journal, outbox.clone(), random());
        let world = World {
            samples: kernel.maps.clone().ok(),
            desk: desk.clone(),
            runtime: tokio::runtime::Handle::current(),
            restarts: kernel.restarts.clone(),
            tls_ports: Kernel::of(config).tls_ports,
            services: context.services.clone(),
            blind: blind.clone(),
        };
        let outlook = Outlook {
            pause_file: folders.state.join("pause.json"),
            budget_file: folders.state.join("budgets.json"),
            outage: outage(context.stats.clone()),
            written,
        };
        let settings = config.read_section("reflex", Settings::read);
        let handle = engine::start(settings, world, outlook, recorder);
        desk.attend(handle.clone());
        let section = Mutex::new(section(config));
        Self { handle, records: reflex::Sources { outbox, node }, section }
    }

    /// After a reload: other rules, if they are others. What runs under the same rules goes on.
    fn apply(&self, config: &Config) {
        let new = section(config);
        let mut running = self.section.lock().expect("a plain assignment cannot panic");
        if *running != new {
            self.handle.apply(config.read_section("reflex", Settings::read));
            *running = new;
        }
    }
}

/// How long the longest failing exporter over OTLP has failed: those lead to gateways.
fn outage(stats: Arc<Stats>) -> Outage {
    Box::new(move || {
        let failing = stats.failing_backends().into_iter();
        let gateways = failing.filter(|(exporter, _)| exporter.starts_with("otlp"));
        gateways.map(|(_, since)| since.elapsed()).max().unwrap_or_default()
    })
}

/// `medulla_reflex_blind{rule}`.
fn show_blind(stats: &Stats, blind: Blind) {
    stats.probe(move |out| {
        for (rule, is_blind) in blind.lock().expect("a plain assignment cannot panic").iter() {
            out.push(Sample {
                name: "medulla_reflex_blind".to_owned(),
                help: "Whether a rule has had no data for a minute.",
                kind: pipeline::Kind::Gauge,
                labels: vec![("rule", rule.clone())],
                value: f64::from(u8::from(*is_blind)),
            });
        }
    });
}

fn section(config: &Config) -> Option<Value> {
    let mut sections = config.sections.iter();
    sections.find(|(name, _)| *name == "reflex").map(|(_, value)| value.clone())
}

/// A number that differs from start to start.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn facts(config: &Config, context: &Context, kernel: &HostKernel) -> Facts {
    let settings = config.read_section("limits", LimitSettings::read);
    let exporting = exporter_ports(config);
    let ports = context.ports.clone();
    let samples = kernel.maps.clone().ok();
    let configured = settings.protected;
    let covered = kernel.covered.clone();
    let names = move || covered.lock().expect("never poisoned").clone();
    let shown = names.clone();
    Facts {
        protected: Box::new(move || Protected {
            configured: configured.clone(),
            listening: ports.listening(),
            exporting: exporting.clone(),
        }),
        interfaces: Box::new(move || shown().into_iter().collect()),
        uncovered: Box::new(move || uncovered(&names())),
        max_lease: settings.max_lease,
        keeper_pid: kernel.keeper_pid,
        ports: context.ports.clone(),
        give_up: Box::new(move || samples.iter().for_each(SharedMaps::give_up)),
    }
}

/// Interfaces with an address that no program is on.
fn uncovered(covered: &BTreeSet<String>) -> Vec<String> {
    let covered: Vec<String> = covered.iter().cloned().collect();
    interfaces::uncovered(&covered).unwrap_or_default()
}

/// Ports of exporters' endpoints on this host.
fn exporter_ports(config: &Config) -> Vec<u16> {
    let settings = config.exporters.iter().filter_map(|section| match section.kind.name {
        "otlp_grpc" => Some(section.read(OtlpExporter::read_grpc)),
        "otlp_http" => Some(section.read(OtlpExporter::read_http)),
        _ => None,
    });
    let ports = |exporter: OtlpExporter| {
        let here = exporter.targets().filter(|target| is_here(&target.address));
        here.map(|target| target.address.port).collect::<Vec<_>>()
    };
    settings.flat_map(ports).collect()
}
