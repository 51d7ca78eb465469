//! Where machines' images lie: `<webroot>/dynamic_isos/<uuid>/<bootenv>/boot.iso`, and by which URL a BMC fetches them.
//!
//! Nothing outside `dynamic_isos` is ever written or deleted: a machine's UUID and a BootEnv's name are checked before they become
//! a path, and no symbolic link below `dynamic_isos` is followed. `dynamic_isos` itself may be one, to a larger disk.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url::{Position, Url};

use super::error::Error;
use super::image::Image;
use super::volume::ReadAt;
use super::write;
use crate::machine::MachineUuid;
use crate::operation::Operation;

/// The directory below the web root; the server's own virtual media feature has chosen its name.
const IMAGES: &str = "dynamic_isos";

/// An image's file name; some BMCs take no other suffix.
const IMAGE: &str = "boot.iso";

/// The images of all machines.
#[derive(Clone, Debug)]
pub struct Store {
    webroot: PathBuf,
    base_url: String,
    limit: Option<u64>,
}

/// An image that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its file.
    pub path: PathBuf,
    /// Where a BMC fetches it.
    pub url: String,
}

impl Store {
    /// `webroot` is the directory that the static file server serves, `base_url` that server's URL as a BMC reaches it.
    #[must_use]
    pub fn new(webroot: impl Into<PathBuf>, base_url: &Url) -> Self {
        let base_url = base_url[..Position::AfterPath].trim_end_matches('/').to_owned();
        Self { webroot: webroot.into(), base_url, limit: None }
    }

    /// The same, for at most `limit` bytes of images of all machines.
    #[must_use]
    pub fn with_limit(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// Writes a machine's image, replacing the one that it has for this BootEnv.
    ///
    /// # Errors
    /// [`Error::BootEnvName`], [`Error::NoDirectory`], and those of writing: no room, no permission, cancelled.
    pub fn write(
        &self,
        machine: MachineUuid,
        bootenv: &str,
        image: &Image,
        operation: &Operation,
    ) -> Result<Written, Error> {
        let directory = self.directory(machine, bootenv)?;
        let path = directory.join(IMAGE);
        let url = self.url(machine, bootenv)?;
        create_directory(&self.webroot.join(IMAGES), true)?;
        create_directory(&self.machine(machine), false)?;
        create_directory(&directory, false)?;
        self.check_limit(&path, image.size())?;
        write::write_image(&path, image, operation)?;
        Ok(Written { path, url })
    }

    /// Where a machine's image for a BootEnv lies, whether it is there or not.
    ///
    /// # Errors
    /// [`Error::BootEnvName`].
    pub fn path(&self, machine: MachineUuid, bootenv: &str) -> Result<PathBuf, Error> {
        Ok(self.directory(machine, bootenv)?.join(IMAGE))
    }

    /// The URL of a machine's image for a BootEnv.
    ///
    /// # Errors
    /// [`Error::BootEnvName`].
    pub fn url(&self, machine: MachineUuid, bootenv: &str) -> Result<String, Error> {
        // Of what a name may hold, a blank alone needs escaping in a URL.
        let bootenv = checked(bootenv)?.replace(' ', "%20");
        Ok(format!("{}/{IMAGES}/{machine}/{bootenv}/{IMAGE}", self.base_url))
    }

    /// Deletes a machine's image for a BootEnv, with what killed processes left of it. The directory stays, empty, as the
    /// server's own feature leaves it. No image is no error.
    ///
    /// # Errors
    /// [`Error::BootEnvName`], [`Error::NoDirectory`], [`Error::Remove`].
    pub fn remove_image(&self, machine: MachineUuid, bootenv: &str) -> Result<(), Error> {
        let directory = self.directory(machine, bootenv)?;
        for parent in [&self.machine(machine), &directory] {
            if !is_directory(parent)? {
                return Ok(());
            }
        }
        let path = directory.join(IMAGE);
        let failed = |source| Error::Remove { path: path.clone(), source };
        write::sweep(&path).map_err(failed)?;
        absent_is_fine(fs::remove_file(&path)).map_err(failed)
    }

    /// Names every BootEnv that a machine has an image for.
    ///
    /// # Errors
    /// Its directory cannot be read.
    pub fn images(&self, machine: MachineUuid) -> Result<Vec<String>, Error> {
        let directory = self.machine(machine);
        if !is_directory(&directory)? {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&directory).map_err(Error::read(&directory))?;
        let with_image = entries.flatten().filter(|entry| entry.path().join(IMAGE).is_file());
        let mut names: Vec<String> = with_image.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Deletes everything of a machine: `dynamic_isos/<uuid>` and nothing else. Nothing there is no error.
    ///
    /// # Errors
    /// [`Error::Remove`].
    pub fn remove_machine(&self, machine: MachineUuid) -> Result<(), Error> {
        remove_all(self.machine(machine))
    }

    /// Deletes everything of machines that `known` does not know, and names them. What was touched after `seen`, when the
    /// machines were listed, stays: its machine may be new.
    ///
    /// # Errors
    /// The directory of all images cannot be read, or [`Error::Remove`].
    pub fn sweep(
        webroot: &Path,
        seen: SystemTime,
        known: impl Fn(MachineUuid) -> bool,
    ) -> Result<Vec<MachineUuid>, Error> {
        let images = webroot.join(IMAGES);
        let entries = match fs::read_dir(&images) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::read(&images)(error)),
        };
        let mut removed = Vec::new();
        for entry in entries.flatten() {
            // Whatever is not named by a machine's key is somebody else's.
            let Some(machine) = entry.file_name().to_str().and_then(|name| MachineUuid::parse(name).ok()) else {
                continue;
            };
            let touched = entry.metadata().and_then(|meta| meta.modified());
            if !known(machine) && touched.is_ok_and(|touched| touched < seen) {
                remove_all(entry.path())?;
                removed.push(machine);
            }
        }
        Ok(removed)
    }

    /// Whether the medium at `url` is one of this machine's images.
    ///
    /// Its path tells, not its host: a server has several addresses, and its configured one may have changed since the
    /// medium was mounted. Some BMCs also report the URL in part.
    #[must_use]
    pub fn is_ours(url: &str, machine: MachineUuid) -> bool {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mut segments = path.rsplit('/');
        let image = segments.next().is_some_and(|name| name.eq_ignore_ascii_case(IMAGE));
        let above: Vec<&str> = segments.collect();
        let machine = machine.to_string();
        let below_machine = |pair: &[&str]| pair[0].eq_ignore_ascii_case(&machine) && pair[1] == IMAGES;
        image && above.windows(2).skip(1).any(below_machine)
    }

    /// Fails where the images would have more bytes than the limit allows with one of `size` bytes at `path`. What several
    /// writers are about to add at the same moment is not counted.
    fn check_limit(&self, path: &Path, size: u64) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let images = self.webroot.join(IMAGES);
        let replaced = fs::metadata(path).map_or(0, |meta| meta.len());
        let used = bytes_below(&images, 3).map_err(Error::read(&images))?.saturating_sub(replaced);
        if used.saturating_add(size) <= limit {
            return Ok(());
        }
        Err(Error::ImagesFull { path: path.to_owned(), size, used, limit })
    }

    fn machine(&self, machine: MachineUuid) -> PathBuf {
        self.webroot.join(IMAGES).join(machine.to_string())
    }

    fn directory(&self, machine: MachineUuid, bootenv: &str) -> Result<PathBuf, Error> {
        Ok(self.machine(machine).join(checked(bootenv)?))
    }
}

/// The bytes of the files in a directory and so many levels below it. What is deleted meanwhile has none.
fn bytes_below(directory: &Path, levels: u32) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)?.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_file() {
            bytes += meta.len();
        } else if meta.is_dir() && levels > 0 {
            bytes += bytes_below(&entry.path(), levels - 1).unwrap_or_default();
        }
    }
    Ok(bytes)
}

/// The server's rule for names: a letter first, then letters, digits, blanks, `-`, `_` and `.`; two characters at least.
fn checked(bootenv: &str) -> Result<&str, Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.".contains(&byte);
    let begins = bootenv.starts_with(|first: char| first.is_ascii_alphabetic());
    let valid = begins && (2..=255).contains(&bootenv.len()) && bootenv.bytes().all(allowed);
    if valid { Ok(bootenv) } else { Err(Error::BootEnvName { name: bootenv.to_owned() }) }
}

/// Makes sure that `path` is a directory; a symbolic link to one only where `link` allows it.
fn create_directory(path: &Path, link: bool) -> Result<(), Error> {
    let failed = || Error::write(path, 0);
    match if link { fs::metadata(path) } else { fs::symlink_metadata(path) } {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => return Err(Error::NoDirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed()(error)),
    }
    match fs::create_dir(path) {
        // Another process of ours was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed()(error)),
        // The file server may run as another user, whatever our umask is.
        Ok(()) => {
            write::inherit_owner(path, path.parent().unwrap_or(path));
            fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(failed())
        }
    }
}

/// Whether there is a directory; anything else in its place is an error.
fn is_directory(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(true),
        Ok(_) => Err(Error::NoDirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::read(path)(error)),
    }
}

/// Links below `path`, and a link in its place, are removed themselves; where they point to, nothing is touched.
fn remove_all(path: PathBuf) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path),
        Ok(_) => fs::remove_file(&path),
        Err(error) => Err(error),
    };
    absent_is_fine(removed).map_err(|source| Error::Remove { path, source })
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
