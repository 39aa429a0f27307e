//! Programs of others on the hooks we use, for `doctor`: they may drop a packet before we count it,
//! or never let it come to us.

use super::interfaces::Interface;
use super::netlink::{attribute, dump, word};
use aya::programs::{ProgramInfo, SchedClassifier, TcAttachType, loaded_programs};
use kernel_abi::names;
use std::fmt;

/// A program that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Where it is attached.
    pub interface: String,
    /// `tcx ingress`, `tcx egress`, `clsact ingress`, `clsact egress` or `xdp`.
    pub hook: &'static str,
    /// Its number, 0 when unknown.
    pub id: u32,
    /// Its name, which may be empty.
    pub name: String,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} (id {})", self.interface, self.hook, self.name, self.id)
    }
}

/// All foreign programs on these interfaces. What the kernel does not tell us counts as none.
pub fn programs(interfaces: &[Interface]) -> Vec<Foreign> {
    let mut found = attached(interfaces);
    found.retain(|program| !program.name.starts_with(names::PREFIX));
    found
}

/// The hooks that our own programs are on, each once.
pub fn hooks_in_use(interfaces: &[Interface]) -> Vec<String> {
    let mut found = attached(interfaces);
    found.retain(|program| program.name.starts_with(names::PREFIX));
    let mut hooks: Vec<String> =
        found.iter().map(|program| format!("{} {}", program.interface, program.hook)).collect();
    hooks.sort_unstable();
    hooks.dedup();
    hooks
}

fn attached(interfaces: &[Interface]) -> Vec<Foreign> {
    let mut found = Vec::new();
    for interface in interfaces {
        tcx(interface, &mut found);
        clsact(interface, &mut found);
    }
    xdp(interfaces, &mut found);
    found
}

fn tcx(interface: &Interface, found: &mut Vec<Foreign>) {
    let hooks = [(TcAttachType::Ingress, "tcx ingress"), (TcAttachType::Egress, "tcx egress")];
    for (attach_type, hook) in hooks {
        let attached = SchedClassifier::query_tcx(&interface.name, attach_type);
        let programs = attached.map(|(_, programs)| programs).unwrap_or_default();
        found.extend(programs.iter().map(|info| Foreign {
            interface: interface.name.clone(),
            hook,
            id: info.id(),
            name: name_of(info),
        }));
    }
}

const GET_FILTER: u16 = 46;
const FILTER_HEADER: usize = 20;
const KIND: u16 = 1;
const OPTIONS: u16 = 2;
const FILTER_NAME: u16 = 7;
const FILTER_ID: u16 = 11;

/// Filters of the classic hook, whatever their kind: they too may drop.
fn clsact(interface: &Interface, found: &mut Vec<Foreign>) {
    for (parent, hook) in [(0xffff_fff2_u32, "clsact ingress"), (0xffff_fff3, "clsact egress")] {
        let mut request = [0; FILTER_HEADER];
        request[4..8].copy_from_slice(&interface.index.to_ne_bytes());
        request[12..16].copy_from_slice(&parent.to_ne_bytes());
        // An interface without that qdisc answers with an error.
        let _ = dump(GET_FILTER, &request, |body| {
            let attributes = body.get(FILTER_HEADER..).unwrap_or_default();
            let Some((id, name)) = filter(attributes) else { return };
            let program = Foreign { interface: interface.name.clone(), hook, id, name };
            // A filter answers once for itself and once for each of its parts.
            if !found.contains(&program) {
                found.push(program);
            }
        });
    }
}

/// A filter's program if it has one, else its kind. Before its parts the kernel names each priority
/// once, without options.
fn filter(attributes: &[u8]) -> Option<(u32, String)> {
    let kind = text(attribute(attributes, KIND)?);
    let options = attribute(attributes, OPTIONS)?;
    if kind != "bpf" {
        return Some((0, kind));
    }
    let id = attribute(options, FILTER_ID).and_then(|body| word(body, 0)).unwrap_or(0);
    Some((id, attribute(options, FILTER_NAME).map_or(kind, text)))
}

const GET_LINK: u16 = 18;
const LINK_HEADER: usize = 16;
const XDP: u16 = 43;
const XDP_ID: u16 = 4;

fn xdp(interfaces: &[Interface], found: &mut Vec<Foreign>) {
    let mut attached = Vec::new();
    let _ = dump(GET_LINK, &[0; LINK_HEADER], |body| {
        let attributes = body.get(LINK_HEADER..).unwrap_or_default();
        let id = attribute(attributes, XDP).and_then(|xdp| word(attribute(xdp, XDP_ID)?, 0));
        attached.extend(id.zip(word(body, 4)));
    });
    for (id, index) in attached {
        if let Some(interface) = interfaces.iter().find(|interface| interface.index == index) {
            let interface = interface.name.clone();
            found.push(Foreign { interface, hook: "xdp", id, name: name_by_id(id) });
        }
    }
}

fn name_by_id(id: u32) -> String {
    let info = loaded_programs().flatten().find(|info| info.id() == id);
    info.map(|info| name_of(&info)).unwrap_or_default()
}

fn name_of(info: &ProgramInfo) -> String {
    text(info.name())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
