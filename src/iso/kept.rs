//! Plans on disk: what a restarted process needs to serve the very bytes that a BMC began to read.
//!
//! A line of a [`Journal`] for each mounted image, with the bytes of the patches in base64. The digest in the line is of the template and
//! of these bytes, so a line that was damaged, or whose template is another one by now, is told from a good one. Written
//! without waiting for the disk: one that a power cut took is a URL that is dead, which the next look at the machine mends.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::image::Image;
use super::journal::Journal;
use super::plan::{Patch, Plan};
use super::templates::Templates;
use crate::machine::MachineUuid;
use crate::operation::Operation;

/// The form of a line.
const VERSION: u32 = 1;

/// The plans in one file.
#[derive(Debug)]
pub struct KeptPlans {
    journal: Journal,
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

/// A line of the file; the token is its key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    version: u32,
    machine: MachineUuid,
    boot_env: String,
    clients: Vec<IpAddr>,
    until: Option<Timestamp>,
    made: Timestamp,
    template: PathBuf,
    digest: String,
    size: u64,
    /// Offset in the image and bytes of each patch.
    patches: Vec<(u64, String)>,
}

impl KeptPlans {
    /// The plans in the file at `path`, which is created when one is kept in it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { journal: Journal::new(path.into()) }
    }

    /// Keeps a plan.
    ///
    /// # Errors
    /// No room or no permission; nothing is left then.
    pub fn keep(&self, plan: &KeptPlan) -> Result<(), Error> {
        let path = self.journal.path();
        let line = plan.to_line().map_err(Error::write(path, 0))?;
        self.journal.put(&plan.token, &line).map_err(Error::write(path, line.len() as u64))
    }

    /// Forgets the plan of a token; none is no error.
    ///
    /// # Errors
    /// It cannot be written to the file.
    pub fn forget(&self, token: &str) -> Result<(), Error> {
        self.journal.end(token).map_err(Error::write(self.journal.path(), 0))
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty().unwrap_or(true)
    }

    /// Reads every plan. What is no whole one is told and left alone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&self) -> Result<Vec<KeptPlan>, Error> {
        let path = self.journal.path();
        let mut plans = Vec::new();
        let read = self.journal.read(|token, line| match KeptPlan::from_line(token, line) {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a kept plan cannot be read; its URL is dead");
            }
        });
        read.map_err(Error::read(path))?;
        Ok(plans)
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

    fn to_line(&self) -> io::Result<String> {
        let patches = self.plan.patches().iter();
        let line = Line {
            version: VERSION,
            machine: self.machine,
            boot_env: self.bootenv.clone(),
            clients: self.clients.clone(),
            until: self.until,
            made: self.made,
            template: self.template.clone(),
            digest: self.digest.clone(),
            size: self.plan.len(),
            patches: patches.map(|patch| (patch.offset, BASE64_STANDARD_NO_PAD.encode(&patch.bytes))).collect(),
        };
        Ok(serde_json::to_string(&line)?)
    }

    fn from_line(token: &str, line: &[u8]) -> io::Result<Self> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let line: Line = serde_json::from_slice(line)?;
        if line.version != VERSION {
            return Err(damaged("it is of another version of the plugin"));
        }
        let patches = line.patches.into_iter().map(|(offset, bytes)| {
            let bytes = BASE64_STANDARD_NO_PAD.decode(bytes).map_err(|_| damaged("its bytes are not in base64"))?;
            Ok(Patch { offset, bytes })
        });
        let patches = patches.collect::<io::Result<_>>()?;
        let plan = Plan::new(line.size, patches).ok_or_else(|| damaged("its patches overlap or leave the image"))?;
        Ok(Self {
            machine: line.machine,
            bootenv: line.boot_env,
            token: token.to_owned(),
            clients: line.clients,
            until: line.until,
            made: line.made,
            template: line.template,
            digest: line.digest,
            plan,
        })
    }
}
