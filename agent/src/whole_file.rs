//! Small files of our own that are read whole and replaced whole: whoever reads one sees the old or the new.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Reads a file of at most so many bytes.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    if length > max_bytes {
        return Err(io::Error::other(format!("{length} bytes, expected at most {max_bytes}")));
    }
    fs::read(path)
}

/// The same; `None` if there is no such file.
pub(crate) fn read_if_there(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match read(path, max_bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Refuses what a newer version of this program wrote.
pub(crate) fn check_version(found: u32, known: u32) -> io::Result<()> {
    if found > known {
        return Err(io::Error::other(format!("version {found}, this one knows up to {known}")));
    }
    Ok(())
}

/// Writes a file beside the old one, syncs it and renames it over it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_read_within_its_bound() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("a.json");
        assert_eq!(read_if_there(&path, 3).expect("no error"), None);
        replace(&path, b"old").expect("writable");
        replace(&path, b"new").expect("writable");
        assert_eq!(read_if_there(&path, 3).expect("readable"), Some(b"new".to_vec()));
        assert!(read(&path, 2).expect_err("too large").to_string().contains("3 bytes"));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
        assert!(replace(&folder.path().join("no/a.json"), b"x").is_err());
        assert!(check_version(2, 1).is_err() && check_version(1, 1).is_ok());
    }
}
