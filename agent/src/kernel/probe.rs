//! What this kernel offers, found by trying, for `doctor`. Versions lie: distributions backport.
//!
//! Every probe undoes itself: maps and programs are closed, the one link is put behind all others
//! with a program that lets everything pass, and taken away.

use super::session::{in_program, load, load_program, program};
use super::{Chain, Error, clsact};
use aya::Ebpf;
use aya::maps::MapType;
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, TcAttachType};
use aya::sys::is_map_supported;
use kernel_abi::names;
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use std::path::Path;

/// One thing that the kernel may offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// A short name.
    pub name: &'static str,
    /// Whether it works here, for this process.
    pub available: bool,
    /// What it is for, or why it does not work.
    pub detail: String,
}

impl Feature {
    fn from(name: &'static str, found: Result<String, String>) -> Self {
        let available = found.is_ok();
        Self { name, available, detail: found.unwrap_or_else(|reason| reason) }
    }
}

/// Tries everything that the agent uses.
pub fn features(bpf_dir: &Path) -> Vec<Feature> {
    let mut found = maps();
    found.push(Feature::from("bpffs", bpffs(bpf_dir)));
    match load(None) {
        Ok(mut ebpf) => {
            found.push(Feature::from("limits", limits(&mut ebpf)));
            found.push(Feature::from("latency", latency(&mut ebpf)));
            found.push(Feature::from("tcx", tcx(&mut ebpf)));
            found.push(Feature::from("clsact", classic(&mut ebpf)));
        }
        Err(error) => {
            let reason = error.to_string();
            let names = ["limits", "latency", "tcx", "clsact"];
            found.extend(names.map(|name| Feature::from(name, Err(reason.clone()))));
        }
    }
    found
}

fn maps() -> Vec<Feature> {
    let kinds = [
        ("map_array", MapType::Array, "tables of ports and limits"),
        ("map_percpu_array", MapType::PerCpuArray, "counters without contention"),
        ("map_lru_hash", MapType::LruHash, "connections of watched ports"),
        ("map_ringbuf", MapType::RingBuf, "the programs' log at load time"),
    ];
    let kinds = kinds.into_iter();
    kinds.map(|(name, kind, purpose)| Feature::from(name, map(kind, purpose))).collect()
}

fn map(kind: MapType, purpose: &str) -> Result<String, String> {
    match is_map_supported(kind) {
        Ok(true) => Ok(purpose.to_owned()),
        Ok(false) => Err("this kernel does not know the type".to_owned()),
        Err(error) => Err(Chain(&error).to_string()),
    }
}

/// Whether pins can live in the folder, or in the nearest one above that exists.
fn bpffs(bpf_dir: &Path) -> Result<String, String> {
    let nearest = bpf_dir.ancestors().find(|folder| folder.is_dir());
    let nearest = nearest.ok_or_else(|| format!("{} does not exist", bpf_dir.display()))?;
    match statfs(nearest) {
        Ok(system) if system.filesystem_type() == BPF_FS_MAGIC => {
            Ok(format!("limits outlive the agent in {}", bpf_dir.display()))
        }
        Ok(_) => Err(Error::NotBpffs(nearest.to_owned()).to_string()),
        Err(error) => Err(format!("{}: {error}", nearest.display())),
    }
}

/// The limiter needs a compare-and-swap, jiffies and direct packet access.
fn limits(ebpf: &mut Ebpf) -> Result<String, String> {
    for name in [names::INGRESS, names::INGRESS_BARE] {
        load_program(ebpf, name).map_err(|error| error.to_string())?;
    }
    Ok("atomics, jiffies and packet access".to_owned())
}

fn latency(ebpf: &mut Ebpf) -> Result<String, String> {
    for name in [names::EGRESS, names::EGRESS_BARE] {
        load_program(ebpf, name).map_err(|error| error.to_string())?;
    }
    Ok("requests are timed between ingress and egress".to_owned())
}

/// Attaches a program that lets everything pass to loopback, last, and detaches it.
fn tcx(ebpf: &mut Ebpf) -> Result<String, String> {
    let mut attach = || {
        load_program(ebpf, names::EMPTY)?;
        let program = program(ebpf, names::EMPTY)?;
        let order = TcAttachOptions::TcxOrder(LinkOrder::last());
        let id = program.attach_with_options("lo", TcAttachType::Ingress, order);
        program.detach(id.map_err(in_program(names::EMPTY))?).map_err(in_program(names::EMPTY))
    };
    attach().map_err(|error| error.to_string())?;
    Ok("links that are replaced without a gap".to_owned())
}

/// The same on the classic hook, which kernels without tcx links use.
fn classic(ebpf: &mut Ebpf) -> Result<String, String> {
    let index = nix::net::if_::if_nametoindex("lo").map_err(|error| format!("lo: {error}"))?;
    let made = clsact::prepare("lo").map_err(|error| error.to_string())?;
    let mut attach = || {
        let program = program(ebpf, names::EMPTY)?;
        // The attempt on the other hook may have loaded it.
        if program.fd().is_err() {
            program.load().map_err(in_program(names::EMPTY))?;
        }
        clsact::trial(program)
    };
    let tried = attach().map_err(|error| error.to_string());
    if made {
        clsact::clean(index).map_err(|error| error.to_string())?;
    }
    tried.map(|()| "filters for kernels without tcx".to_owned())
}
