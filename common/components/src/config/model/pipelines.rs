//! `service.pipelines` and `service.extensions`: references, signals, connectors and their loops.

use std::collections::HashSet;

use super::{Class, Code, ComponentConfig, ComponentId, Config, Field, PipelineConfig, Section};
use super::{Signal, nearest, quote};
use crate::config::value::Origin;

/// Reads the service's own keys into `config` and checks the graph.
pub(super) fn read(service: &Section<'_>, config: &mut Config) {
    config.started_extensions = extensions(service, config);
    let pipelines = service.sub("pipelines");
    let entries = pipelines.entries();
    if entries.is_empty() {
        service.missing("pipelines", "at least one pipeline");
    }
    let read = |(name, field): &(&str, Field<'_>)| pipeline(name, field, config);
    config.pipelines = entries.iter().filter_map(read).collect();
    check_connectors(config, service);
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
        for (index, id) in ids.iter().enumerate() {
            if ids[..index].contains(id) {
                section.error(key, Code::BadValue, format!("{id} more than once, expected once"));
            }
        }
        ids
    };
    let receivers = read("receivers", &[Class::Receiver, Class::Connector]);
    let processors = read("processors", &[Class::Processor]);
    let exporters = read("exporters", &[Class::Exporter, Class::Connector]);
    for key in ["receivers", "exporters"] {
        if section.field(key).is_none_or(|field| field.list().is_empty()) {
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
        let id = &connector.id;
        let taken = config.pipelines.iter().any(|pipeline| pipeline.exporters.contains(id));
        let given = config.pipelines.iter().any(|pipeline| pipeline.receivers.contains(id));
        let lacking = match (taken, given) {
            (true, false) => "a receiver",
            (false, true) => "an exporter",
            _ => continue,
        };
        let message = format!("connector {id} is used on one side, expected also as {lacking}");
        let (path, origin) = (connector.path(), connector.value.origin);
        service.report().error(origin, &path, Code::UndefinedReference, message);
    }
    for connector in &config.connectors {
        for class in [Class::Receiver, Class::Exporter] {
            if config.find(class, &connector.id).is_some() {
                let (path, origin) = (connector.path(), connector.value.origin);
                let message = format!("{} is also the id of a {}", connector.id, class.as_str());
                service.report().error(origin, &path, Code::BadValue, message);
            }
        }
    }
}

// Takes away, again and again, the pipelines that feed no other one; what stays is on a loop.
fn check_cycles(config: &Config, service: &Section<'_>) {
    let mut left: Vec<&PipelineConfig> = config.pipelines.iter().collect();
    loop {
        let before = left.len();
        let feeds = |from: &PipelineConfig| left.iter().any(|to| is_fed(config, from, to));
        let kept: Vec<&PipelineConfig> = left.iter().copied().filter(|p| feeds(p)).collect();
        left = kept;
        if left.len() == before {
            break;
        }
    }
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|pipeline| pipeline.name.as_str()).collect();
        let message = format!("connectors lead back through {}", names.join(", "));
        service.error("pipelines", Code::Cycle, message);
    }
}

fn is_fed(config: &Config, from: &PipelineConfig, to: &PipelineConfig) -> bool {
    let shared = |id: &&ComponentId| to.receivers.contains(id);
    let mut connectors = from.exporters.iter().filter(shared);
    connectors.any(|id| {
        let connector = config.find(Class::Connector, id);
        connector.is_some_and(|c| !c.kind.gives.is_empty() || from.signal == to.signal)
    })
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
