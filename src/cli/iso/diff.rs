//! `iso diff`: tells two images apart in words.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::progress::watched;
use crate::iso::diff::Diff;

/// Arguments of `iso diff`.
#[derive(Debug, Args)]
#[command(after_help = "The exit code says whether they could be compared, not whether they differ: 0 in both cases.")]
pub struct DiffArgs {
    /// An ISO of any origin, a Sledgehammer tar or tar.gz, or a directory with one
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The one to compare with it
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl DiffArgs {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let diff = Diff::read(&self.a, &self.b, &watched())?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&diff)?)?;
        } else {
            write!(out, "{diff}")?;
        }
        Ok(())
    }
}
