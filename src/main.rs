//! The `virtual-media` program: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use drp_virtual_media::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
