//! A cpio archive in the form that the kernel unpacks (`newc`), not compressed.
//!
//! cpio(5): 110 bytes of header in hexadecimal, the name with its zero, the content; name and
//! content padded to four bytes.

use std::collections::BTreeSet;

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const CHARACTERS: u32 = 0o020_600;

/// An archive that is being written.
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a file, and the folders it lies in.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) {
        self.folders_of(name);
        self.entry(name, FILE, (0, 0), content);
    }

    /// Adds a file that can be run.
    pub(super) fn program(&mut self, name: &str, content: &[u8]) {
        self.folders_of(name);
        self.entry(name, PROGRAM, (0, 0), content);
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.folders_of(name);
        self.entry(name, CHARACTERS, (major, minor), &[]);
    }

    /// The archive's bytes.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn folders_of(&mut self, name: &str) {
        let ends: Vec<usize> = name.match_indices('/').map(|(at, _)| at).collect();
        for end in ends {
            if self.folders.insert(name[..end].to_owned()) {
                self.entry(&name[..end], FOLDER, (0, 0), &[]);
            }
        }
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let length = u32::try_from(content.len()).expect("an initramfs file is below 4 GiB");
        let name_length = u32::try_from(name.len() + 1).expect("names are short");
        let (major, minor) = device;
        let fields = [self.entries, mode, 0, 0, 1, 0, length, 0, 0, major, minor, name_length, 0];
        self.bytes.extend(b"070701");
        fields.iter().for_each(|field| self.bytes.extend(format!("{field:08x}").bytes()));
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_folders_come_first() {
        let mut archive = Archive::new();
        archive.file("a/b/c", b"12345");
        archive.program("a/d", b"");
        let bytes = archive.end();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name} is there"));
        assert!(
            at("a\0") < at("a/b\0") && at("a/b\0") < at("a/b/c\0") && at("a/b/c\0") < at("a/d")
        );
        assert_eq!(text.matches("070701").count(), 5);
        assert!(text.match_indices("070701").all(|(at, _)| at % 4 == 0));
        assert!(bytes.len().is_multiple_of(4));
    }
}
