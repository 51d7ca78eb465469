//! Plans on disk: what a restarted process needs to serve the very bytes that a BMC began to read.
//!
//! A file a mounted image: one line of JSON, then the bytes of the patches one after the other. The digest in the line is of the
//! template and of these bytes, so a file that was torn, or whose template is another one by now, is told from a good one.
//! Written without waiting for the disk: one that a power cut took is a URL that is dead, which the next look at the
//! machine mends.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::image::Image;
use super::plan::{Patch, Plan};
use super::templates::Templates;
use crate::machine::MachineUuid;
use crate::operation::Operation;

/// How the files are called.
const SUFFIX: &str = ".plan";

/// A plan has a few kilobytes; nothing larger is read.
const BYTES: u64 = 1 << 20;

/// The form of the file.
const VERSION: u32 = 1;

/// A directory of plans.
#[derive(Clone, Debug)]
pub struct KeptPlans {
    directory: PathBuf,
}

/// A mounted image, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPlan {
    /// The machine.
    pub machine: MachineUuid,
    /// The BootEnv that it boots.
    pub bootenv: String,
    /// What nobody can guess of the image's URL; letters and digits.
    pub token: String,
    /// Who may read it; anybody where it says nobody.
    pub clients: Vec<IpAddr>,
    /// When the URL ends by itself.
    pub until: Option<Timestamp>,
    /// When the plan was made.
    pub made: Timestamp,
    /// Where the template was.
    pub template: PathBuf,
    /// [`Image::digest`].
    pub digest: String,
    plan: Plan,
}

/// The first line of a file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head {
    version: u32,
    machine: String,
    boot_env: String,
    token: String,
    clients: Vec<IpAddr>,
    until: Option<Timestamp>,
    made: Timestamp,
    template: PathBuf,
    digest: String,
    size: u64,
    /// Offset in the image and length of each patch.
    patches: Vec<(u64, usize)>,
}

impl KeptPlans {
    /// The plans in `directory`, which is created when one is kept in it.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Keeps a plan. What a token names never changes, so nobody reads the file before it is whole but a process that starts, and
    /// that tells half a plan by its digest.
    ///
    /// # Errors
    /// No room or no permission; nothing is left then.
    pub fn keep(&self, plan: &KeptPlan) -> Result<(), Error> {
        let path = self.path(&plan.token);
        let failed = || Error::write(&path, 0);
        let bytes = plan.to_bytes().map_err(failed())?;
        // A token is all that one needs to read an image.
        let create = || File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut file = match create() {
            // The first plan.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed())?;
                create().map_err(failed())?
            }
            created => created.map_err(failed())?,
        };
        file.write_all(&bytes).map_err(|error| {
            // Half a plan is none, whether it is there or not.
            let _ = fs::remove_file(&path);
            failed()(error)
        })
    }

    /// Forgets the plan of a token; none is no error.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn forget(&self, token: &str) -> Result<(), Error> {
        let path = self.path(token);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Remove { path, source: error }),
            _ => Ok(()),
        }
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.directory).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Reads every plan. What is no whole one is told and left alone.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn load(&self) -> Result<Vec<KeptPlan>, Error> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::read(&self.directory))?,
        };
        let mut plans = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::read(&self.directory))?.path();
            if path.to_str().is_none_or(|path| !path.ends_with(SUFFIX)) {
                continue;
            }
            match KeptPlan::read(&path) {
                Ok(plan) => plans.push(plan),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a kept plan cannot be read; its URL is dead");
                }
            }
        }
        Ok(plans)
    }

    fn path(&self, token: &str) -> PathBuf {
        self.directory.join(format!("{token}{SUFFIX}"))
    }
}

impl KeptPlan {
    /// What is kept of an image that is served at `token`.
    #[must_use]
    pub fn new(machine: MachineUuid, bootenv: &str, token: &str, image: &Image) -> Self {
        Self {
            machine,
            bootenv: bootenv.to_owned(),
            token: token.to_owned(),
            clients: Vec::new(),
            until: None,
            made: image.made(),
            template: image.template().path().to_owned(),
            digest: image.digest().to_owned(),
            plan: image.plan().clone(),
        }
    }

    /// Puts the image together again, byte for byte.
    ///
    /// # Errors
    /// The template cannot be opened, or it is another one by now.
    pub fn image(&self, templates: &Templates, operation: &Operation) -> Result<Image, Error> {
        let template = templates.open(&self.template, operation)?;
        match Image::new(template, self.plan.clone(), self.made, operation) {
            Ok(image) if image.digest() == self.digest => Ok(image),
            Ok(_) | Err(Error::ForeignPlan { .. }) => Err(Error::TemplateReplaced { path: self.template.clone() }),
            Err(error) => Err(error),
        }
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let patches = self.plan.patches();
        let head = Head {
            version: VERSION,
            machine: self.machine.to_string(),
            boot_env: self.bootenv.clone(),
            token: self.token.clone(),
            clients: self.clients.clone(),
            until: self.until,
            made: self.made,
            template: self.template.clone(),
            digest: self.digest.clone(),
            size: self.plan.len(),
            patches: patches.iter().map(|patch| (patch.offset, patch.bytes.len())).collect(),
        };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend(patches.iter().flat_map(|patch| &patch.bytes));
        Ok(bytes)
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(BYTES).read_to_end(&mut bytes)?;
        let plan = Self::from_bytes(&bytes)?;
        let named = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix(SUFFIX));
        if named != Some(plan.token.as_str()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another token than its name says"));
        }
        Ok(plan)
    }

    fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no end"))?;
        let (head, mut rest) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head = serde_json::from_slice(head)?;
        if head.version != VERSION {
            return Err(damaged("it is of another version of the plugin"));
        }
        let mut patches = Vec::new();
        for (offset, len) in head.patches {
            let (bytes, more) = rest.split_at_checked(len).ok_or_else(|| damaged("it ends early"))?;
            patches.push(Patch { offset, bytes: bytes.to_vec() });
            rest = more;
        }
        let plan = Plan::new(head.size, patches).ok_or_else(|| damaged("its patches overlap or leave the image"))?;
        if !head.token.bytes().all(|byte| byte.is_ascii_alphanumeric()) || head.token.is_empty() {
            return Err(damaged("its token is none"));
        }
        Ok(Self {
            machine: MachineUuid::parse(&head.machine).map_err(|error| damaged(&error.to_string()))?,
            bootenv: head.boot_env,
            token: head.token,
            clients: head.clients,
            until: head.until,
            made: head.made,
            template: head.template,
            digest: head.digest,
            plan,
        })
    }
}
