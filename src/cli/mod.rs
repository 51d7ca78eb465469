//! The command line: what the program is asked to do, and its exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. The result is on stdout; the log and failures are on stderr.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing::level_filters::LevelFilter;

use self::bmc::BmcCommand;
use self::iso::IsoCommand;
use self::stdio::StdioArgs;
use crate::plugin;

pub mod bmc;
pub mod iso;
pub mod logging;
pub mod name;
mod progress;
pub mod stdio;

/// Boots bare-metal machines through their BMC's virtual media, as a plugin provider of Digital Rebar Provision.
#[derive(Debug, Parser)]
#[command(name = "virtual-media", disable_version_flag = true, max_term_width = 100)]
#[command(after_help = "The log is on stderr; VIRTUAL_MEDIA_LOG filters it, as in VIRTUAL_MEDIA_LOG=debug.")]
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
    /// Make and explain boot images
    #[command(subcommand)]
    Iso(IsoCommand),
    /// Ask or tell a BMC by hand
    #[command(subcommand)]
    Bmc(BmcCommand),
    /// Print the version
    Version,
    /// Print a shell's completions
    Completions {
        /// The shell that they are for
        shell: Shell,
    },
}

/// What keeps a command from being done.
type Failure = Box<dyn Error + Send + Sync>;

impl Cli {
    /// Does what was asked.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Err(error) = self.command.run(&mut io::stdout()) else { return ExitCode::SUCCESS };
        if is_enough(&error) {
            return ExitCode::SUCCESS;
        }
        // Without stderr there is nobody to tell; the exit code says it too.
        let _ = writeln!(io::stderr(), "Error: {error}");
        if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    }
}

/// A wrong use that the parser of the arguments cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(&'static str);

/// Whether it is a reader that has seen enough, as in `virtual-media iso show FILE | head -1`.
fn is_enough(error: &Failure) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl Command {
    fn run(self, out: &mut (impl Write + Send)) -> Result<(), Failure> {
        let name = name::of_provider();
        match self {
            Self::Stdio(args) => args.run(&name)?,
            Self::Define => writeln!(out, "{}", serde_json::to_string_pretty(&plugin::definition(&name))?)?,
            Self::Iso(command) => {
                let _log = logging::start(LevelFilter::WARN, None);
                command.run(out)?;
            }
            Self::Bmc(command) => {
                let _log = logging::start(LevelFilter::WARN, None);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(command.run(&progress::watched(), out))?;
            }
            Self::Version => writeln!(out, "Version: v{}", env!("CARGO_PKG_VERSION"))?,
            Self::Completions { shell } => clap_complete::generate(shell, &mut Cli::command(), "virtual-media", out),
        }
        Ok(())
    }
}
