//! `iso show`: what an image holds and what boots it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::progress::watched;
use crate::iso::show::Report;

/// Arguments of `iso show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// An ISO of any origin, a Sledgehammer tar or tar.gz, or a directory with one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// List the files of the volume too
    #[arg(long)]
    files: bool,
    /// Print JSON, with the files
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let report = Report::read(&self.file, &watched())?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            write!(out, "{report}")?;
            if self.files {
                write!(out, "{}", report.listing())?;
            }
        }
        Ok(())
    }
}
