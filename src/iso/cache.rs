//! A directory of templates that were unpacked or made: each once, up to a limit in all, and none deleted while it is used.
//!
//! Any number of processes may share it. Who uses a file holds a shared lock on it, so that nobody else deletes it; a file
//! gets its name when it is whole. What was used longest ago goes first, by the access time, which each use sets.

use std::fs::{self, DirBuilder, File, FileTimes, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Error;
use super::write;

/// How a file of the cache is called: by a key, and by what it is.
const SUFFIX: &str = ".iso";

/// The directory, and how much may be in it.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
    limit: u64,
}

impl Cache {
    /// A cache in `directory`, which is created when something is kept in it, for at most `limit` bytes.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, limit: u64) -> Self {
        Self { directory: directory.into(), limit }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens a file of it by its path; `None` for a path elsewhere. It stays as long as the file that is returned is open.
    pub(super) fn open_kept(&self, path: &Path) -> Option<io::Result<File>> {
        let opened = || used(path)?.ok_or_else(|| io::ErrorKind::NotFound.into());
        (path.parent() == Some(&self.directory)).then(opened)
    }

    /// Where the file of a key is.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.directory.join(key).with_added_extension(&SUFFIX[1..])
    }

    /// Opens the file of this key, and has it made where there is none: `make` writes it whole into an empty file. It
    /// stays as long as the file that is returned is open.
    ///
    /// # Errors
    /// Those of `make`, [`Error::CacheFull`], or the directory cannot be written to.
    pub(super) fn open(&self, key: &str, make: impl FnOnce(&File) -> Result<(), Error>) -> Result<File, Error> {
        let path = self.path(key);
        if let Some(file) = used(&path).map_err(Error::read(&path))? {
            return Ok(file);
        }
        let failed = || Error::write(&path, 0);
        // What it holds is for nobody else: a template may be of a private build.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed())?;
        let temp = write::create_beside(&path).map_err(failed())?;
        make(temp.as_file())?;
        self.make_room(temp.as_file().metadata().map_err(failed())?.len())?;
        temp.as_file().sync_all().map_err(failed())?;
        let file = temp.persist(&path).map_err(|error| failed()(error.error))?;
        // Until now it was locked as unfinished, for us alone. Should somebody delete it in between, it is still ours to read.
        file.unlock().map_err(Error::read(&path))?;
        lock_shared(&file);
        Ok(file)
    }

    /// Deletes what was used longest ago and is not used now, until `len` bytes more are within the limit.
    fn make_room(&self, len: u64) -> Result<(), Error> {
        let mut kept = self.kept().map_err(Error::read(&self.directory))?;
        kept.sort_by_key(|kept| kept.used);
        let mut total: u64 = kept.iter().map(|kept| kept.len).sum();
        for Kept { path, len: size, .. } in kept {
            if total.saturating_add(len) <= self.limit {
                break;
            }
            if delete_unused(&path).map_err(|source| Error::Remove { path: path.clone(), source })? {
                tracing::info!(path = %path.display(), size, "deleted the template that was not used for longest");
                total -= size;
            }
        }
        if total.saturating_add(len) <= self.limit {
            return Ok(());
        }
        Err(Error::CacheFull { path: self.directory.clone(), needed: len, used: total, limit: self.limit })
    }

    fn kept(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            // Deleted by another process since the directory was read.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() && entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
                kept.push(Kept { path, len: meta.len(), used: (meta.atime(), meta.atime_nsec()) });
            }
        }
        Ok(kept)
    }
}

/// A file of the cache.
struct Kept {
    path: PathBuf,
    len: u64,
    /// When it was used last.
    used: (i64, i64),
}

/// Opens the file at `path` and keeps others from deleting it; `None` where there is none, or one that is being deleted.
fn used(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !lock_shared(&file) || file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    // Of another user, perhaps: then its age is wrong, and no more.
    let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
    Ok(Some(file))
}

/// A file system without locks has nobody who could delete by one.
fn lock_shared(file: &File) -> bool {
    !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Says whether it was deleted: it stays where somebody uses it, or nobody can tell.
fn delete_unused(path: &Path) -> io::Result<bool> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    if file.try_lock().is_err() {
        return Ok(false);
    }
    // Under the lock: whoever opens it now finds it locked, or gone.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}
