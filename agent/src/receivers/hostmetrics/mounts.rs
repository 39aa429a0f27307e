//! The kernel's tables of mounts as values.

/// A name of a table in which blanks are written in octal: `/swap\040file`.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.first_chunk::<3>().and_then(octal).filter(|_| *first == b'\\');
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    let digit = |digit: &u8| (b'0'..=b'7').contains(digit).then(|| u32::from(digit - b'0'));
    let number = digit(&digits[0])? * 64 + digit(&digits[1])? * 8 + digit(&digits[2])?;
    u8::try_from(number).ok()
}

/// A line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `MAJOR:MINOR` of the device.
    pub(super) number: String,
    pub(super) point: String,
    /// `rw`, `ro`, or `unknown`.
    pub(super) mode: &'static str,
    pub(super) kind: String,
    pub(super) device: String,
}

impl Mount {
    /// `36 35 98:0 /root /mnt rw,noatime [optional ...] - ext4 /dev/sda1 rw`
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (mount, source) = line.split_once(" - ")?;
        let mut mount = mount.split_ascii_whitespace().skip(2);
        let number = mount.next()?.to_owned();
        let point = unescaped(mount.nth(1)?);
        let mode = mode(mount.next()?);
        let mut source = source.split_ascii_whitespace();
        let kind = unescaped(source.next()?);
        let device = unescaped(source.next()?);
        Some(Self { number, point, mode, kind, device })
    }
}

fn mode(options: &str) -> &'static str {
    let has = |wanted: &str| options.split(',').any(|option| option == wanted);
    match (has("rw"), has("ro")) {
        (true, _) => "rw",
        (false, true) => "ro",
        (false, false) => "unknown",
    }
}

/// The kinds of `/proc/filesystems` that live on a device, and zfs, which brings its own.
pub(super) fn on_devices(text: &str) -> Vec<&str> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let kinds = lines.map(|(nodev, kind)| (nodev.trim().is_empty(), kind.trim()));
    kinds.filter(|(on_device, kind)| *on_device || *kind == "zfs").map(|(_, kind)| kind).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mounts_are_read() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let mount = Mount {
            number: "98:0".into(),
            point: "/mnt 2".into(),
            mode: "rw",
            kind: "ext3".into(),
            device: "/dev/root".into(),
        };
        assert_eq!(Mount::parse(line), Some(mount));
        let bare = Mount::parse("22 27 0:21 / /proc ro - proc none rw").expect("it is whole");
        assert_eq!((bare.mode, bare.device.as_str()), ("ro", "none"));
        assert_eq!(Mount::parse("22 27 0:21 / /proc ro proc proc rw"), None);
        assert_eq!(Mount::parse("22 27 0:21 / - proc proc rw"), None);
    }

    #[test]
    fn blanks_are_written_in_octal() {
        let check = |text: &str, expect: &str| assert_eq!(unescaped(text), expect, "{text}");
        check("/a\\040b\\134c", "/a b\\c");
        check("/a\\04", "/a\\04");
        check("\\777\\0a1\\", "\\777\\0a1\\");
        check("\\303\\244", "\u{e4}");
    }

    #[test]
    fn kinds_on_devices_are_known() {
        let text = "nodev\tsysfs\nnodev\ttmpfs\n\text4\n\tvfat\nnodev\tzfs\n";
        assert_eq!(on_devices(text), ["ext4", "vfat", "zfs"]);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "(nodev|\t| - |/mnt|\\\\[0-7]{0,3}|,| |.){0,60}") {
            let _ = (Mount::parse(&line), unescaped(&line), on_devices(&line).len());
        }
    }
}
