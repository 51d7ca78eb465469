//! `iso …`: one machine's image made and explained by hand, without a server and without a BMC; one file a command.

use std::io::Write;

use clap::Subcommand;

use self::build::BuildArgs;
use self::diff::DiffArgs;
use self::show::ShowArgs;
use self::template::TemplateArgs;
use super::{Failure, progress};

mod build;
mod diff;
mod show;
mod template;

/// Make and explain boot images.
#[derive(Debug, Subcommand)]
pub enum IsoCommand {
    /// Make one machine's boot.iso from a template
    Build(BuildArgs),
    /// Explain an image: what boots it and with which loaders, its config areas and their room, the kernel arguments per firmware
    Show(ShowArgs),
    /// Tell two images apart: kernel arguments by key, and where they are of two templates what these differ in
    Diff(DiffArgs),
    /// Make a template from a kernel, its initrds and boot loaders, where nobody ships one
    Template(TemplateArgs),
}

impl IsoCommand {
    /// Does what was asked and writes the result to `out`.
    ///
    /// # Errors
    /// Whatever went wrong, as one sentence for people.
    pub fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Build(args) => args.run(out),
            Self::Show(args) => args.run(out),
            Self::Diff(args) => args.run(out),
            Self::Template(args) => args.run(out),
        }
    }
}
