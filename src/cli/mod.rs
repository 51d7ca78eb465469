//! The command line: what the program is asked to do, and its exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::drp::publisher::Publisher;
use crate::wire::Service;
use crate::wire::lifecycle::{DRAIN, LAST_WORDS};
use crate::wire::stdio::Stdio;

pub mod bmc;
pub mod iso;
pub mod logging;
pub mod name;

/// Boots bare-metal machines through their BMC's virtual media, as a plugin provider of Digital Rebar Provision.
#[derive(Debug, Parser)]
#[command(name = "virtual-media", disable_version_flag = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Speak JSON-RPC with a provisioning server on stdin and stdout
    Stdio(StdioArgs),
    /// Print the plugin provider's definition as JSON
    Define,
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
struct StdioArgs {
    /// How long requests in flight may take to end after stop, end of input or SIGTERM
    #[arg(long, value_name = "SECONDS", env = "VIRTUAL_MEDIA_DRAIN_SECONDS", default_value_t = DRAIN.as_secs())]
    drain_seconds: u64,
}

/// What keeps a command from being done.
type Failure = Box<dyn Error + Send + Sync>;

impl Cli {
    /// Does what was asked. `service` makes the plugin, given the provider's name and the way out for its events.
    #[must_use]
    pub fn run<S: Service>(self, service: impl FnOnce(&str, Publisher) -> Result<S, Failure>) -> ExitCode {
        let name = name::of_provider();
        let done = match self.command {
            Command::Stdio(args) => return serve_stdio(&args, &name, service),
            Command::Define => service(&name, Publisher::discarding()).and_then(|service| define(&service)),
            Command::Version => print(&format!("Version: v{}", env!("CARGO_PKG_VERSION"))),
        };
        let Err(error) = done else { return ExitCode::SUCCESS };
        // Without stderr there is nobody to tell; the exit code says it too.
        let _ = writeln!(io::stderr(), "Error: {error}");
        ExitCode::FAILURE
    }
}

fn define(service: &impl Service) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(&service.definition())?)
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn serve_stdio<S: Service>(
    args: &StdioArgs,
    name: &str,
    service: impl FnOnce(&str, Publisher) -> Result<S, Failure>,
) -> ExitCode {
    let wire = Stdio::new(name, Duration::from_secs(args.drain_seconds));
    let _log = logging::start(Some(wire.server_log()));
    if io::stdin().is_terminal() {
        tracing::warn!(
            "this command speaks JSON-RPC with a provisioning server: one JSON object a line, `initialize` first. \
             Ctrl-D ends it; `virtual-media --help` lists the commands for people"
        );
    }
    match serve(wire, name, service) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve<S: Service>(
    wire: Stdio,
    name: &str,
    service: impl FnOnce(&str, Publisher) -> Result<S, Failure>,
) -> Result<(), Failure> {
    let service = service(name, wire.publisher())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(wire.run(service));
    match &served {
        // Threads that were asked to stop may be about to remove a half-written file.
        Ok(()) => runtime.shutdown_timeout(LAST_WORDS),
        Err(_) => runtime.shutdown_background(),
    }
    Ok(served?)
}
