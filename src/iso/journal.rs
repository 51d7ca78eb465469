//! Texts under keys in one file, which any number of processes may share: a text is kept by one write at the file's end, and ended by
//! one byte over its first.
//!
//! With a file each, 1,000 machines took 231 ms, nearly all of it for creating files. Ending a text takes no room, so what is
//! over is over on a full disk, too.
//!
//! ```text
//! LINE BREAK  + or - (kept or ended)  KEY  SPACE  TEXT
//! ```
//!
//! The line break comes first, so that a text which was torn is the only one that is lost. Nothing waits for the disk.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::write;

/// Bytes of ended texts before the file is written anew, beside as many as those that were kept when it was last looked at.
const ENDED: u64 = 4 << 20;

/// Bytes of one line; more are no text of ours.
const LINE: u64 = 1 << 20;

/// How long another process may hold the file: the largest one is written anew in a fraction of it.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The first byte of a line.
const KEPT: u8 = b'+';
const OVER: u8 = b'-';

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

/// The file while it has its name: another process may replace it.
#[derive(Debug)]
struct Open {
    file: File,
    /// Where the line of each key begins, as far as it was there when the file was opened, or is of this process.
    places: HashMap<String, u64>,
    /// Bytes of the lines that were kept when the file was opened.
    kept: u64,
}

impl Journal {
    /// The file at `path`. It is created with the first text, as its directory is.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: Mutex::new(None) }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a text, in place of the one that the key had. The key has no space and neither has a line break.
    ///
    /// # Errors
    /// No room, no permission, or another process held the file for too long: nothing is kept then.
    pub(super) fn put(&self, key: &str, text: &str) -> io::Result<()> {
        self.with(true, |open| {
            let line = format!("\n{}{key} {text}", char::from(KEPT));
            let end = open.file.metadata()?.len();
            if let Err(error) = open.file.write_all_at(line.as_bytes(), end) {
                // Half a line is no text, but takes room.
                let _ = open.file.set_len(end);
                return Err(error);
            }
            if let Some(before) = open.places.insert(key.to_owned(), end + 1) {
                open.file.write_all_at(&[OVER], before)?;
            }
            if end > ENDED + 2 * open.kept
                && let Err(error) = self.compact(open)
            {
                // The text is kept. Tried again when as much again is over: it reads the whole file.
                open.kept = end;
                tracing::warn!(path = %self.path.display(), %error, "what is over in the file still takes room");
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Ends a text; none is no error.
    ///
    /// # Errors
    /// No permission, or another process held the file for too long.
    pub(super) fn end(&self, key: &str) -> io::Result<()> {
        let end = |open: &mut Open| match open.places.remove(key) {
            Some(place) => open.file.write_all_at(&[OVER], place),
            None => Ok(()),
        };
        self.with(false, end).map(Option::unwrap_or_default)
    }

    /// Whether no text is kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        let mut empty = true;
        // Another process may have ended what was there.
        self.with(false, |open| lines(&open.file, |_, _, _| empty = false))?;
        Ok(empty)
    }

    /// Hands over each text that is kept, with its key, in the order of their being kept. What is no text is told, once for all.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(&self, mut each: impl FnMut(&str, &[u8])) -> io::Result<()> {
        let read = |open: &mut Open| {
            open.places.clear();
            let found = lines(&open.file, |place, key, text| {
                open.places.insert(key.to_owned(), place);
                each(key, text);
            })?;
            open.kept = found.kept;
            if found.damaged > 0 {
                tracing::warn!(path = %self.path.display(), lines = found.damaged, "lines of the file cannot be read and are lost");
            }
            Ok(())
        };
        self.with(false, read).map(Option::unwrap_or_default)
    }

    /// Does something while no other process does; `None` where there is no file and none is to be created.
    fn with<T>(&self, create: bool, act: impl FnOnce(&mut Open) -> io::Result<T>) -> io::Result<Option<T>> {
        // What is open is whole after every statement, so a poisoned lock is still good.
        let mut kept_open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = loop {
            let (file, known) = match kept_open.take() {
                Some(Open { file, places, kept }) => (file, Some((places, kept))),
                None => match self.open(create)? {
                    Some(file) => (file, None),
                    None => return Ok(None),
                },
            };
            lock(&file)?;
            // Otherwise another process wrote it anew, or somebody deleted it, before it was locked.
            if file.metadata()?.nlink() > 0 {
                break match known {
                    Some((places, kept)) => Open { file, places, kept },
                    None => Open::read(file)?,
                };
            }
        };
        let acted = act(&mut open);
        // A file system without locks has none to give back.
        let _ = open.file.unlock();
        *kept_open = Some(open);
        acted.map(Some)
    }

    fn open(&self, create: bool) -> io::Result<Option<File>> {
        let open =
            || File::options().read(true).write(true).create(create).truncate(false).mode(0o600).open(&self.path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
                DirBuilder::new().recursive(true).mode(0o700).create(write::parent(&self.path))?;
                open().map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Writes the file anew without what is over, and puts it in the place of the one that is `open`.
    fn compact(&self, open: &mut Open) -> io::Result<()> {
        // Locked, as the file is whose name it gets.
        let temp = write::create_beside(&self.path)?;
        let mut to = BufWriter::new(temp.as_file());
        let (mut places, mut end, mut failed) = (HashMap::new(), 0, Ok(()));
        lines(&open.file, |_, key, text| {
            let parts: [&[u8]; 5] = [b"\n", &[KEPT], key.as_bytes(), b" ", text];
            if failed.is_ok() {
                failed = parts.iter().try_for_each(|part| to.write_all(part));
            }
            places.insert(key.to_owned(), end + 1);
            end += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        })?;
        failed?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?;
        // Or a power cut might leave the new name with none of the bytes.
        temp.as_file().sync_data()?;
        let file = temp.persist(&self.path).map_err(|error| error.error)?;
        *open = Open { file, places, kept: end };
        Ok(())
    }
}

impl Open {
    fn read(file: File) -> io::Result<Self> {
        let mut places = HashMap::new();
        let found = lines(&file, |place, key, _| {
            places.insert(key.to_owned(), place);
        })?;
        Ok(Self { file, places, kept: found.kept })
    }
}

/// What a look at all lines found.
struct Found {
    /// Bytes of the lines that are kept.
    kept: u64,
    /// Lines that are none of ours.
    damaged: usize,
}

/// Hands over each line that is kept: where it begins, its key, its text.
fn lines(mut file: &File, mut each: impl FnMut(u64, &str, &[u8])) -> io::Result<Found> {
    file.rewind()?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut line, mut start, mut found) = (Vec::new(), 0, Found { kept: 0, damaged: 0 });
    loop {
        line.clear();
        let len = reader.by_ref().take(LINE).read_until(b'\n', &mut line)? as u64;
        if len == 0 {
            return Ok(found);
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        match text.split_first() {
            None | Some((&OVER, _)) => {}
            Some((&KEPT, rest)) if let Some((key, text)) = parts(rest) => {
                found.kept += len;
                each(start, key, text);
            }
            Some(_) => found.damaged += 1,
        }
        start += len;
    }
}

/// Key and text of a line.
fn parts(line: &[u8]) -> Option<(&str, &[u8])> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let key = str::from_utf8(&line[..space]).ok()?;
    Some((key, &line[space + 1..]))
}

/// Waits until no other process has the file.
fn lock(file: &File) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_LIMIT => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::WouldBlock) => {
                let held = format!(
                    "another process has held it for {} s; look for a plugin that hangs (`fuser` names it)",
                    LOCK_LIMIT.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, held));
            }
            // A file system without locks: then nobody else can have one either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}
