//! The validated configuration: components, pipelines and the service.
//!
//! [`read`] walks the whole tree once and reports everything: unknown sections, components and keys,
//! references to nothing, signals that do not fit, loops of connectors. Components that nothing
//! uses are checked like the others, with a warning. Values stay trees here; whoever builds a
//! component reads its typed settings with [`ComponentConfig::read`].

mod pipelines;

use otlp::Signal;

use super::catalog::{Catalog, Class, Kind};
use super::error::{Code, Report, quote};
use super::memory::Memory;
use super::routing::Routing;
use super::section::{Field, Section, names};
use super::suggest::nearest;
use super::telemetry::Telemetry;
use super::value::{Origin, Value};

/// Most components of a class.
pub const MAX_COMPONENTS: usize = 256;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every receiver that is configured, used or not.
    pub receivers: Vec<ComponentConfig>,
    /// Every processor.
    pub processors: Vec<ComponentConfig>,
    /// Every connector.
    pub connectors: Vec<ComponentConfig>,
    /// Every exporter.
    pub exporters: Vec<ComponentConfig>,
    /// Every extension.
    pub extensions: Vec<ComponentConfig>,
    /// The extensions that `service.extensions` starts, in its order.
    pub started_extensions: Vec<ComponentId>,
    /// The pipelines, in the order of writing.
    pub pipelines: Vec<PipelineConfig>,
    /// `service.telemetry`.
    pub telemetry: Telemetry,
    /// `memory`.
    pub memory: Memory,
    /// The program's own sections, checked: name and value.
    pub sections: Vec<(&'static str, Value)>,
    /// The whole tree, for `print-config` and for comparing.
    pub tree: Value,
}

/// `type/name` as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ComponentId {
    text: String,
    kind_len: usize,
}

/// One configured component.
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    /// Its id.
    pub id: ComponentId,
    /// What it is; old names resolved.
    pub kind: &'static Kind,
    /// Its section.
    pub value: Value,
}

/// One pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineConfig {
    /// What it carries.
    pub signal: Signal,
    /// Its name with the signal: `traces` or `traces/2`.
    pub name: String,
    /// Receivers, and connectors that give out.
    pub receivers: Vec<ComponentId>,
    /// Processors in the order of the data.
    pub processors: Vec<ComponentId>,
    /// Exporters, and connectors that take in.
    pub exporters: Vec<ComponentId>,
}

impl ComponentId {
    /// Parses `type` or `type/name`: a letter, then letters, digits and `_`; a name has no spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        let kind_ok = kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let no_space = |name: &str| !name.contains(|c: char| c.is_whitespace() || c.is_control());
        let name_ok = name.is_none_or(|name| !name.is_empty() && no_space(name));
        (kind_ok && name_ok).then(|| Self { text: text.to_owned(), kind_len: kind.len() })
    }

    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The type as written, which may be an old name.
    pub fn type_name(&self) -> &str {
        &self.text[..self.kind_len]
    }

    /// The part after the slash.
    pub fn name(&self) -> Option<&str> {
        self.text.get(self.kind_len + 1..)
    }
}

impl std::fmt::Display for ComponentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl ComponentConfig {
    /// The YAML path of its section.
    pub fn path(&self) -> String {
        format!("{}.{}", self.kind.class.section(), self.id)
    }

    /// Reads typed settings from the section. It has been checked, so nothing is reported.
    pub fn read<T>(&self, read: impl FnOnce(&Section<'_>) -> T) -> T {
        let report = Report::default();
        read(&Section::new(&self.value, self.path(), &report))
    }
}

// A reload rebuilds what differs; where a section stands in its file does not matter.
impl PartialEq for ComponentConfig {
    fn eq(&self, other: &Self) -> bool {
        let kind = |component: &Self| (component.kind.class, component.kind.name);
        kind(self) == kind(other) && self.id == other.id && self.value == other.value
    }
}

impl Config {
    /// The components of a class.
    pub fn components(&self, class: Class) -> &[ComponentConfig] {
        match class {
            Class::Receiver => &self.receivers,
            Class::Processor => &self.processors,
            Class::Connector => &self.connectors,
            Class::Exporter => &self.exporters,
            Class::Extension => &self.extensions,
        }
    }

    /// A component by its id as written.
    pub fn find(&self, class: Class, id: &ComponentId) -> Option<&ComponentConfig> {
        self.components(class).iter().find(|component| component.id == *id)
    }

    /// The pipelines in an order in which each comes before those that its connectors lead to, with
    /// the places of those in [`pipelines`](Self::pipelines).
    pub fn downstream(&self) -> Vec<(usize, Vec<usize>)> {
        pipelines::downstream(self)
    }

    /// Whether a part looks at the headers of gRPC calls as such: the Collector shows those without
    /// `include_metadata`.
    pub fn looks_at_calls(&self) -> bool {
        let by_request = |section: &ComponentConfig| {
            section.kind.name == "routing" && section.read(Routing::read).looks_at_requests()
        };
        let mut texts = self.processors.iter().chain(&self.connectors);
        self.connectors.iter().any(by_request)
            || texts.any(|section| section.value.contains("otelcol.grpc"))
    }

    /// Whether an own section is written, be it empty.
    pub fn has_section(&self, name: &str) -> bool {
        self.sections.iter().any(|(section, _)| *section == name)
    }

    /// Reads typed settings of an own section; absent reads as empty.
    pub fn read_section<T>(&self, name: &str, read: impl FnOnce(&Section<'_>) -> T) -> T {
        let (report, empty) = (Report::default(), Value::null(Origin::default()));
        let value = self.sections.iter().find(|(section, _)| *section == name);
        let value = value.map_or(&empty, |(_, value)| value);
        read(&Section::new(value, name, &report))
    }
}

/// Reads a merged and expanded tree. The result is meaningful only if nothing was reported.
pub fn read(tree: &Value, catalog: &Catalog, report: &Report) -> Config {
    let root = Section::new(tree, "", report);
    let [receivers, processors, connectors, exporters, extensions] =
        Class::ALL.map(|class| components(&root, class, catalog));
    let service = root.sub("service");
    let mut config = Config {
        receivers,
        processors,
        connectors,
        exporters,
        extensions,
        started_extensions: Vec::new(),
        pipelines: Vec::new(),
        telemetry: Telemetry::read(&service.sub("telemetry")),
        memory: Memory::read(&root.sub("memory")),
        sections: own_sections(&root, catalog),
        tree: tree.clone(),
    };
    pipelines::read(&service, &mut config);
    (catalog.check_whole)(&config, report);
    config
}

fn components(root: &Section<'_>, class: Class, catalog: &Catalog) -> Vec<ComponentConfig> {
    let entries = root.sub(class.section()).entries();
    if entries.len() > MAX_COMPONENTS {
        let message = format!("{}, expected at most {MAX_COMPONENTS}", entries.len());
        root.error(class.section(), Code::TooLarge, message);
        return Vec::new();
    }
    entries.iter().filter_map(|(key, field)| component(key, field, class, catalog, root)).collect()
}

fn component(
    key: &str,
    field: &Field<'_>,
    class: Class,
    catalog: &Catalog,
    root: &Section<'_>,
) -> Option<ComponentConfig> {
    let Some(id) = ComponentId::parse(key) else {
        field.error(Code::BadValue, format!("{}, expected an id type or type/name", quote(key)));
        return None;
    };
    let Some(kind) = catalog.find(class, id.type_name()) else {
        unknown_component(&id, field, class, catalog, root.report());
        return None;
    };
    if let Some(refusal) = kind.stability.refusal() {
        field.error(Code::NotBuiltIn, format!("{} {}: {refusal}", class.as_str(), kind.name));
    } else {
        (kind.check)(&field.section());
    }
    Some(ComponentConfig { id, kind, value: field.value().clone() })
}

fn unknown_component(
    id: &ComponentId,
    field: &Field<'_>,
    class: Class,
    catalog: &Catalog,
    report: &Report,
) {
    let known = catalog.names(class);
    let expected = names(&known);
    let message = format!("no {} {}, expected {expected}", class.as_str(), quote(id.type_name()));
    let suggestion = nearest(id.type_name(), known);
    report.suggest(field.value().origin, field.path(), Code::UnknownComponent, message, suggestion);
}

fn own_sections(root: &Section<'_>, catalog: &Catalog) -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    for own in catalog.sections {
        let Some(field) = root.field(own.name) else {
            continue;
        };
        match own.stability.refusal() {
            Some(refusal) => field.error(Code::NotBuiltIn, refusal),
            None => (own.check)(&field.section()),
        }
        found.push((own.name, field.value().clone()));
    }
    found
}
