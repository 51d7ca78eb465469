//! The `virtual-media` program: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use drp_virtual_media::cli::Cli;
use drp_virtual_media::drp::environment::Environment;
use drp_virtual_media::plugin::Plugin;

fn main() -> ExitCode {
    Cli::parse().run(|name, publisher| Ok(Plugin::new(name.to_owned(), Environment::from_process()?, publisher)))
}
