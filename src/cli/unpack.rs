//! `unpack`: what an operator finds on the server's file server, under `files/plugin_providers/<provider>/`: the pages, laid
//! out so that their links to each other hold there too.
//!
//! The content pack is not among them. It comes with the definition, and uploaded from a file as well its objects would be
//! defined twice.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;

/// The files, by their place.
const ASSETS: [(&str, &str); 9] = [
    ("CHANGELOG.md", include_str!("../../CHANGELOG.md")),
    ("LICENSE", include_str!("../../LICENSE")),
    ("README.md", include_str!("../../README.md")),
    ("docs/benchmarks.md", include_str!("../../docs/benchmarks.md")),
    ("docs/bmcs.md", include_str!("../../docs/bmcs.md")),
    ("docs/dr-provision.md", include_str!("../../docs/dr-provision.md")),
    ("docs/reference.md", include_str!("../../docs/reference.md")),
    ("docs/requests.md", include_str!("../../docs/requests.md")),
    ("docs/workflows.md", include_str!("../../docs/workflows.md")),
];

/// Arguments of `unpack`.
#[derive(Debug, Args)]
pub struct UnpackArgs {
    /// The directory that they are written to; it is made where it is missing
    dir: PathBuf,
}

impl UnpackArgs {
    /// Writes all of them; what is there by these names is replaced.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let failed = |doing, path: &Path, error| format!("{doing} {}: {error}", path.display());
        let docs = self.dir.join("docs");
        let mut dir = DirBuilder::new();
        dir.recursive(true).mode(0o755).create(&docs).map_err(|error| failed("making", &docs, error))?;
        for (place, text) in ASSETS {
            let path = self.dir.join(place);
            fs::write(&path, text).map_err(|error| failed("writing", &path, error))?;
        }
        Ok(())
    }
}
