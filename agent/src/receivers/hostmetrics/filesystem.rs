//! The scraper `filesystem`: how full file systems are.
//!
//! Mounts of the host's first process (`/proc/1/mountinfo`), else of ours; each place is told once, as
//! the mount that is seen there. Only file systems on devices count unless `include_virtual_filesystems`.
//! A server that does not answer hangs the look (never the agent): leave such mounts out by the filters.

use std::collections::BTreeMap;
use std::path::Path;

use components::config::Section;
use nix::sys::statvfs::{Statvfs, statvfs};

use super::filter::Filter;
use super::metric::{Metric, on};
use super::mounts::{Mount, on_devices};
use super::reading::{Reading, Scrape, Scraper};
use super::root::Root;

const USAGE: Metric = Metric::sum(
    ("system.filesystem.usage", "By"),
    &[on("device"), on("mode"), on("mountpoint"), on("type"), on("state")],
    "Filesystem bytes used.",
);
const INODES: Metric = Metric::sum(
    ("system.filesystem.inodes.usage", "{inodes}"),
    &[on("device"), on("mode"), on("mountpoint"), on("type"), on("state")],
    "FileSystem inodes used.",
);
const UTILIZATION: Metric = Metric::gauge(
    ("system.filesystem.utilization", "1"),
    &[on("device"), on("mode"), on("mountpoint"), on("type")],
    "Fraction of filesystem bytes used.",
)
.opt_in();

pub(super) const SCRAPER: Scraper =
    Scraper { name: "filesystem", may_hang: true, metrics: &[USAGE, INODES, UTILIZATION], build };

struct Filesystem {
    devices: Filter,
    kinds: Filter,
    points: Filter,
    with_virtual: bool,
}

fn build(section: &Section<'_>) -> Box<dyn Scrape> {
    let kinds = Filter::read(section, "include_fs_types", "exclude_fs_types", "fs_types");
    Box::new(Filesystem {
        devices: Filter::read(section, "include_devices", "exclude_devices", "devices"),
        kinds,
        points: Filter::read(
            section,
            "include_mount_points",
            "exclude_mount_points",
            "mount_points",
        ),
        with_virtual: section.bool("include_virtual_filesystems", false),
    })
}

impl Scrape for Filesystem {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(mounts) = reading.or_fault(mounts(reading.root)) else { return };
        let Some(kinds) = reading.text("proc/filesystems") else { return };
        let kinds = on_devices(&kinds);
        for mut mount in mounts.into_values() {
            if !self.with_virtual && !is_on_device(&mount, &kinds) {
                continue;
            }
            mount.device = device(reading.root, &mount);
            if self.passes(&mount) {
                tell(reading, &mount);
            }
        }
    }
}

impl Filesystem {
    fn passes(&self, mount: &Mount) -> bool {
        self.devices.passes(&mount.device)
            && self.kinds.passes(&mount.kind)
            && self.points.passes(&mount.point)
    }
}

/// What is mounted, by place; what came last covers what was there before.
fn mounts(root: &Root) -> Result<BTreeMap<String, Mount>, String> {
    let text = root.text("proc/1/mountinfo").or_else(|_| root.text("proc/self/mountinfo"))?;
    let mounts = text.lines().filter_map(Mount::parse);
    Ok(mounts.map(|mount| (mount.point.clone(), mount)).collect())
}

fn is_on_device(mount: &Mount, kinds: &[&str]) -> bool {
    mount.device != "none" && kinds.contains(&mount.kind.as_str())
}

/// The device by its own name: `/dev/root` and the names of the device mapper are links.
fn device(root: &Root, mount: &Mount) -> String {
    let link = match mount.device.as_str() {
        "/dev/root" => format!("sys/dev/block/{}", mount.number),
        name if name.starts_with("/dev/mapper/") => name.to_owned(),
        _ => return mount.device.clone(),
    };
    let target = std::fs::read_link(root.at(&link)).ok();
    let name = target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    name.map_or_else(|| mount.device.clone(), |name| format!("/dev/{name}"))
}

fn tell(reading: &mut Reading<'_>, mount: &Mount) {
    let path = reading.root.at(&mount.point);
    let seen = statvfs(&path)
        .map_err(|error| format!("cannot read the usage of {}: {}", path.display(), error.desc()));
    if let Some(seen) = reading.or_fault(seen) {
        Usage::of(&seen).add(reading, mount);
    }
}

/// Bytes and inodes of a file system.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    used: u64,
    free: u64,
    /// What only root may still use.
    reserved: u64,
    inodes_used: u64,
    inodes_free: u64,
}

impl Usage {
    fn of(seen: &Statvfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(seen.fragment_size());
        Self {
            used: bytes(seen.blocks().saturating_sub(seen.blocks_free())),
            free: bytes(seen.blocks_available()),
            reserved: bytes(seen.blocks_free().saturating_sub(seen.blocks_available())),
            inodes_used: seen.files().saturating_sub(seen.files_free()),
            inodes_free: seen.files_free(),
        }
    }

    fn add(&self, reading: &mut Reading<'_>, mount: &Mount) {
        let [device, mode, point, kind] =
            [mount.device.as_str(), mount.mode, mount.point.as_str(), mount.kind.as_str()];
        let states = [("used", self.used), ("free", self.free), ("reserved", self.reserved)];
        for (state, bytes) in states {
            reading.add(&USAGE, &[device, mode, point, kind, state], bytes);
        }
        for (state, inodes) in [("used", self.inodes_used), ("free", self.inodes_free)] {
            reading.add(&INODES, &[device, mode, point, kind, state], inodes);
        }
        let usable = self.used.saturating_add(self.free);
        if usable > 0 {
            let share = self.used as f64 / usable as f64;
            reading.add(&UTILIZATION, &[device, mode, point, kind], share);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::Bench;

    const FILESYSTEMS: &str = "nodev\tproc\nnodev\ttmpfs\n\text4\n\txfs\n";
    const MOUNTINFO: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/root rw,discard
30 27 253:1 / /data ro,relatime shared:2 - xfs /dev/mapper/vg-data rw
31 27 253:2 / /gone rw - ext4 /dev/sdz rw
32 27 0:25 / /tmp rw - tmpfs tmpfs rw
33 27 0:25 / /bound rw - ext4 none rw
";

    fn bench() -> Bench {
        let bench = Bench::new(&[
            ("proc/filesystems", FILESYSTEMS),
            ("proc/1/mountinfo", MOUNTINFO),
            ("data/file", ""),
            ("tmp/file", ""),
        ]);
        let link = |from: &str, to: &str| {
            let from = bench.path(from);
            std::fs::create_dir_all(from.parent().expect("it is in the folder")).expect("made");
            std::os::unix::fs::symlink(to, from).expect("made");
        };
        link("sys/dev/block/254:0", "../../devices/virtual/block/vda");
        link("dev/mapper/vg-data", "../dm-0");
        bench
    }

    /// `DEVICE MODE PLACE TYPE` of the points of a metric, and its states.
    fn told(yaml: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let lines = bench().scraper(yaml).look();
        let usage = lines.iter().filter_map(|line| line.strip_prefix("system.filesystem.usage{"));
        let parts = usage.map(|line| line.split_once(",state=").expect("it has a state"));
        let (mut mounts, mut states) = (BTreeSet::new(), BTreeSet::new());
        for (mount, state) in parts {
            mounts.insert(mount.replace(['}', '{'], ""));
            states.insert(state.split_once('}').expect("it ends").0.to_owned());
        }
        (mounts, states)
    }

    #[test]
    fn file_systems_on_devices_are_told() {
        let (mounts, states) = told("filesystem: ");
        let root = "device=/dev/vda,mode=rw,mountpoint=/,type=ext4";
        let data = "device=/dev/dm-0,mode=ro,mountpoint=/data,type=xfs";
        assert_eq!(mounts, BTreeSet::from([root.to_owned(), data.to_owned()]));
        assert_eq!(states, ["free", "reserved", "used"].map(str::to_owned).into());
        let fault = bench().scraper("filesystem: ").fault().expect("one is gone");
        assert!(
            fault.starts_with("cannot read the usage of ") && fault.contains("/gone: "),
            "{fault}"
        );
    }

    #[test]
    fn filters_choose_by_device_type_and_place() {
        let check = |yaml: &str, places: &[&str]| {
            let (mounts, _) = told(&format!("filesystem: {{ {yaml} }}"));
            let place =
                |mount: &String| mount.split(',').nth(2).expect("it has a place")[11..].to_owned();
            let found: Vec<String> = mounts.iter().map(place).collect();
            assert_eq!(found, places, "{yaml}");
        };
        check("exclude_fs_types: { fs_types: [xfs], match_type: strict }", &["/"]);
        check("include_mount_points: { mount_points: [^/d], match_type: regexp }", &["/data"]);
        check("include_devices: { devices: [/dev/vda], match_type: strict }", &["/"]);
        check(
            "include_virtual_filesystems: true, exclude_mount_points: { mount_points: [/proc], match_type: strict }",
            &["/data", "/", "/tmp"],
        );
    }

    #[test]
    fn shares_are_told_on_request() {
        let lines = bench()
            .scraper(
                "filesystem: { metrics: { system.filesystem.usage: { enabled: false }, \
                 system.filesystem.inodes.usage: { attributes: [mountpoint] }, \
                 system.filesystem.utilization: { enabled: true, attributes: [] } } }",
            )
            .look();
        let share =
            lines.iter().find_map(|line| line.strip_prefix("system.filesystem.utilization{} "));
        let share: f64 = share.expect("it is made").parse().expect("a number");
        assert!((0.0..=1.0).contains(&share), "{share}");
        let inodes = lines.iter().filter(|line| line.contains("inodes.usage{mountpoint=/"));
        assert_eq!(inodes.count(), 2);
    }
}
