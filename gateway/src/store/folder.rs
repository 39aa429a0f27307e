//! The store's folder: its lock, its format, its files.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{Error, StoreSettings};

/// The format of the folder.
pub const FORMAT: u64 = 1;

/// The folder, locked for as long as it is held.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    database: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, locks it, and sees that we know its format.
    pub(super) fn open(settings: &StoreSettings) -> Result<Self, Error> {
        let path = make(settings)?;
        let lock = lock(&path)?;
        let database = path.join("store.db");
        match read_format(&path)? {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(Error::Newer { path: path.join("FORMAT"), found, known: FORMAT });
            }
            Some(_) => return Err(Error::Foreign(path.join("FORMAT"))),
            // Our own database never stands without its format: that is written first.
            None if database.exists() => return Err(Error::Foreign(database)),
            None => write_format(&path).map_err(|error| Error::io(&path, error))?,
        }
        Ok(Self { path, database, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// Bytes of the database and its log.
    pub(super) fn size_bytes(&self) -> u64 {
        let size = |name| fs::metadata(self.path.join(name)).map_or(0, |file| file.len());
        size("store.db") + size("store.db-wal")
    }
}

/// Makes the folder, or the one to fall back to.
fn make(settings: &StoreSettings) -> Result<PathBuf, Error> {
    match (make_one(&settings.path), &settings.fallback) {
        (Ok(()), _) => Ok(settings.path.clone()),
        (Err(error), Some(own)) if error.kind() == ErrorKind::PermissionDenied => {
            make_one(own).map_err(|error| Error::io(own, error))?;
            Ok(own.clone())
        }
        (Err(error), _) => Err(Error::io(&settings.path, error)),
    }
}

/// Makes a folder that we can write to.
fn make_one(path: &Path) -> io::Result<()> {
    // The folders above may be others' as well, the agent's state among them.
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    DirBuilder::new().recursive(true).mode(0o750).create(path)?;
    open_lock(path).map(|_| ())
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path.join("LOCK"))
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = open_lock(path).map_err(|error| Error::io(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::io(path, error)),
    }
}

fn read_format(path: &Path) -> Result<Option<u64>, Error> {
    let path = path.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| Error::Foreign(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(Error::Foreign(path)),
        Err(error) => Err(Error::io(&path, error)),
    }
}

/// Writes the format so that after a crash it is there whole or not at all.
fn write_format(path: &Path) -> io::Result<()> {
    let draft = path.join("FORMAT.new");
    let mut file = File::create(&draft)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&draft, path.join("FORMAT"))?;
    File::open(path)?.sync_all()
}
