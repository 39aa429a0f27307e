//! `service.pipelines` and `service.extensions`: references, signals, connectors and their loops.

use std::collections::HashSet;

use super::{Class, Code, ComponentConfig, ComponentId, Config, Field, PipelineConfig, Section};
use super::{Signal, nearest, quote};
use crate::config::matching::foreign;
use crate::config::otlp_exporter::OtlpExporter;
use crate::config::routing::Routing;
use crate::config::value::Origin;

/// Most pipelines of a configuration.
const MAX_PIPELINES: usize = 256;

/// Reads the service's own keys into `config` and checks the graph.
pub(super) fn read(service: &Section<'_>, config: &mut Config) {
    config.started_extensions = extensions(service, config);
    let pipelines = service.sub("pipelines");
    let entries = pipelines.entries();
    if entries.is_empty() {
        service.missing("pipelines", "at least one pipeline");
    }
    if entries.len() > MAX_PIPELINES {
        let message = format!("{}, expected at most {MAX_PIPELINES}", entries.len());
        return service.error("pipelines", Code::TooLarge, message);
    }
    let read = |(name, field): &(&str, Field<'_>)| pipeline(name, field, config);
    config.pipelines = entries.iter().filter_map(read).collect();
    check_connectors(config, service);
    check_routes(config, service);
    check_endpoints(config, service);
    check_matching(config, service);
    check_cycles(config, service);
    warn_unused(config, service);
}

fn extensions(service: &Section<'_>, config: &Config) -> Vec<ComponentId> {
    references(&service.list("extensions"), config, &[Class::Extension])
}

fn pipeline(name: &str, field: &Field<'_>, config: &Config) -> Option<PipelineConfig> {
    let section = field.section();
    let signal = signal(name, field);
    let read = |key, classes: &[Class]| {
        let ids = references(&section.list(key), config, classes);
        let mut seen = HashSet::new();
        for id in &ids {
            if !seen.insert(id) {
                section.error(key, Code::BadValue, format!("{id} more than once, expected once"));
            }
        }
        ids
    };
    let receivers = read("receivers", &[Class::Receiver, Class::Connector]);
    let processors = read("processors", &[Class::Processor]);
    let exporters = read("exporters", &[Class::Exporter, Class::Connector]);
    for key in ["receivers", "exporters"] {
        if section.field(key).is_none_or(|field| field.value().is_empty_list()) {
            section.missing(key, "at least one");
        }
    }
    let pipeline =
        PipelineConfig { signal: signal?, name: name.to_owned(), receivers, processors, exporters };
    check_signals(&pipeline, config, &section);
    Some(pipeline)
}

fn signal(name: &str, field: &Field<'_>) -> Option<Signal> {
    let id = ComponentId::parse(name);
    let word = id.as_ref().map_or(name, ComponentId::type_name);
    let found = Signal::ALL.into_iter().find(|known| id.is_some() && known.name() == word);
    if found.is_none() {
        let expected = "expected logs, metrics or traces, with or without /name";
        field.error(Code::BadValue, format!("{}, {expected}", quote(name)));
    }
    found
}

// The ids of a list that are configured in one of the classes; the others are reported.
fn references(list: &[Field<'_>], config: &Config, classes: &[Class]) -> Vec<ComponentId> {
    let resolve = |field: &Field<'_>| {
        let text = field.string()?;
        let id = ComponentId::parse(&text);
        let known =
            |id: &ComponentId| classes.iter().any(|class| config.find(*class, id).is_some());
        if id.as_ref().is_some_and(known) {
            return id;
        }
        undefined(&text, field, config, classes);
        None
    };
    list.iter().filter_map(resolve).collect()
}

fn undefined(text: &str, field: &Field<'_>, config: &Config, classes: &[Class]) {
    // Something of that name was written and refused: it has its own error already.
    let written = |class: &Class| {
        let section = config.tree.as_map().and_then(|root| root.get(class.section()));
        section.and_then(|section| section.as_map()?.get(text)).is_some()
    };
    if classes.iter().any(written) {
        return;
    }
    let configured = classes.iter().flat_map(|class| config.components(*class));
    let suggestion = nearest(text, configured.map(|component| component.id.as_str()));
    let class = classes.first().map_or("component", |class| class.as_str());
    let message = format!("{class} {} is not configured", quote(text));
    field.suggest(Code::UndefinedReference, message, suggestion);
}

fn check_signals(pipeline: &PipelineConfig, config: &Config, section: &Section<'_>) {
    let sides = [
        ("receivers", &pipeline.receivers, Class::Receiver),
        ("processors", &pipeline.processors, Class::Processor),
        ("exporters", &pipeline.exporters, Class::Exporter),
    ];
    for (key, ids, class) in sides {
        for component in ids.iter().filter_map(|id| find_on_side(config, class, id)) {
            let signals = carried(component, class);
            if !signals.is_empty() && !signals.contains(&pipeline.signal) {
                let (class, id) = (component.kind.class.as_str(), &component.id);
                let names: Vec<&str> = signals.iter().map(|signal| signal.name()).collect();
                let message = format!(
                    "{class} {id} in a pipeline of {}, expected {}",
                    pipeline.signal.name(),
                    names.join(" or ")
                );
                section.error(key, Code::UnsupportedSignal, message);
            }
        }
    }
}

fn find_on_side<'c>(
    config: &'c Config,
    class: Class,
    id: &ComponentId,
) -> Option<&'c ComponentConfig> {
    config.find(class, id).or_else(|| config.find(Class::Connector, id))
}

// What a component may do on its side of a pipeline; a connector that gives what it took: any.
fn carried(component: &ComponentConfig, side: Class) -> &'static [Signal] {
    match (component.kind.class, side) {
        (Class::Connector, Class::Receiver) => component.kind.gives,
        _ => component.kind.signals,
    }
}

fn check_connectors(config: &Config, service: &Section<'_>) {
    for connector in &config.connectors {
        if let Some((code, message)) = half_joined(config, connector) {
            let origin = connector.value.origin;
            service.report().error(origin, &connector.path(), code, message);
        }
    }
}

// An exporter with endpoints for some signals only is used for no other.
fn check_endpoints(config: &Config, service: &Section<'_>) {
    for exporter in config.exporters.iter().filter(|exporter| exporter.kind.name == "otlp_http") {
        let settings = exporter.read(OtlpExporter::read_http);
        if settings.targets().next().is_none() {
            continue;
        }
        let uses = |p: &&PipelineConfig| p.exporters.contains(&exporter.id);
        let lacks = |p: &&PipelineConfig| !settings.serves(p.signal);
        for pipeline in config.pipelines.iter().filter(uses).filter(lacks) {
            let signal = pipeline.signal;
            let message = format!(
                "no endpoint for pipeline {}, expected endpoint or {signal}_endpoint",
                pipeline.name
            );
            let origin = exporter.value.origin;
            service.report().error(origin, &exporter.path(), Code::Missing, message);
        }
    }
}

// What include and exclude of a processor name must be something that records of its pipelines have.
fn check_matching(config: &Config, service: &Section<'_>) {
    for processor in config.processors.iter().filter(|section| section.kind.name == "attributes") {
        let carries = |signal: &Signal| {
            let mut pipelines = config.pipelines.iter();
            pipelines.any(|p| p.signal == *signal && p.processors.contains(&processor.id))
        };
        for signal in Signal::ALL.into_iter().filter(carries) {
            for (origin, path) in processor.read(|section| foreign(section, signal)) {
                let message = format!("no property of {signal}, which a pipeline brings here");
                service.report().error(origin, &path, Code::UnsupportedSignal, message);
            }
        }
    }
}

// A routing table names pipelines, which must take from the connector that routes.
fn check_routes(config: &Config, service: &Section<'_>) {
    for connector in config.connectors.iter().filter(|connector| connector.kind.name == "routing") {
        let settings = connector.read(Routing::read);
        for name in settings.named_pipelines() {
            let takes = |p: &PipelineConfig| p.name == name && p.receivers.contains(&connector.id);
            if config.pipelines.iter().any(takes) {
                continue;
            }
            let message =
                format!("pipeline {} does not receive from {}", quote(name), connector.id);
            let suggestion = nearest(name, config.pipelines.iter().map(|p| p.name.as_str()));
            let origin = connector.value.origin;
            let path = connector.path();
            service.report().suggest(origin, &path, Code::UndefinedReference, message, suggestion);
        }
    }
}

// What is wrong with the two sides of a connector, if anything.
fn half_joined(config: &Config, connector: &ComponentConfig) -> Option<(Code, String)> {
    let id = &connector.id;
    let pipelines = &config.pipelines;
    let mut takers = pipelines.iter().filter(|pipeline| pipeline.exporters.contains(id)).peekable();
    let given = pipelines.iter().any(|pipeline| pipeline.receivers.contains(id));
    let lacking = match (takers.peek().is_some(), given) {
        (true, false) => "a receiver",
        (false, true) => "an exporter",
        _ => {
            let dead =
                takers.find(|from| !pipelines.iter().any(|to| feeds(connector, from, to)))?;
            let message = format!(
                "pipeline {} leads to no other through connector {id}, expected one that receives \
                 from it with a signal that it gives",
                dead.name
            );
            return Some((Code::UnsupportedSignal, message));
        }
    };
    let message = format!("connector {id} is used on one side, expected also as {lacking}");
    Some((Code::UndefinedReference, message))
}

fn feeds(connector: &ComponentConfig, from: &PipelineConfig, to: &PipelineConfig) -> bool {
    let gives = connector.kind.gives;
    let signal_fits =
        if gives.is_empty() { from.signal == to.signal } else { gives.contains(&to.signal) };
    signal_fits && from.exporters.contains(&connector.id) && to.receivers.contains(&connector.id)
}

// Takes away, again and again, the pipelines at the ends; what stays is on a loop or between two.
fn check_cycles(config: &Config, service: &Section<'_>) {
    let edges = edges(config);
    let mut left: Vec<usize> = (0..config.pipelines.len()).collect();
    loop {
        let inner = |p: &usize| {
            let leads = left.iter().any(|to| edges.contains(&(*p, *to)));
            leads && left.iter().any(|from| edges.contains(&(*from, *p)))
        };
        let kept: Vec<usize> = left.iter().copied().filter(inner).collect();
        if kept.len() == left.len() {
            break;
        }
        left = kept;
    }
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|&p| config.pipelines[p].name.as_str()).collect();
        let message = format!("connectors lead back through {}", names.join(", "));
        service.error("pipelines", Code::Cycle, message);
    }
}

/// The places of the pipelines in an order in which each comes before those that it leads to, with
/// the places of those.
pub(super) fn downstream(config: &Config) -> Vec<(usize, Vec<usize>)> {
    let edges = edges(config);
    let mut left: Vec<usize> = (0..config.pipelines.len()).collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let fed = |p: &usize| left.iter().any(|from| edges.contains(&(*from, *p)));
        let (later, first): (Vec<usize>, Vec<usize>) = left.iter().copied().partition(fed);
        if first.is_empty() {
            // A loop, which was reported.
            break;
        }
        let leads = |from: usize| {
            (0..config.pipelines.len()).filter(|to| edges.contains(&(from, *to))).collect()
        };
        ordered.extend(first.into_iter().map(|from| (from, leads(from))));
        left = later;
    }
    ordered
}

// Which pipeline leads to which, by their places.
fn edges(config: &Config) -> HashSet<(usize, usize)> {
    let mut edges = HashSet::new();
    for connector in &config.connectors {
        let takes = |(_, from): &(usize, &PipelineConfig)| from.exporters.contains(&connector.id);
        for (from, taker) in config.pipelines.iter().enumerate().filter(takes) {
            let fed = |(_, to): &(usize, &PipelineConfig)| feeds(connector, taker, to);
            let fed = config.pipelines.iter().enumerate().filter(fed);
            edges.extend(fed.map(|(to, _)| (from, to)));
        }
    }
    edges
}

fn warn_unused(config: &Config, service: &Section<'_>) {
    let lists = config.pipelines.iter().flat_map(|p| [&p.receivers, &p.processors, &p.exporters]);
    let mut used: HashSet<&ComponentId> = lists.flatten().collect();
    used.extend(&config.started_extensions);
    let all = Class::ALL.iter().flat_map(|class| config.components(*class));
    for component in all.filter(|component| !used.contains(&component.id)) {
        let message = format!("{} {} is not used", component.kind.class.as_str(), component.id);
        let origin: Origin = component.value.origin;
        service.report().warn(origin, &component.path(), Code::Unused, message);
    }
}
