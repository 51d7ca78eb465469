//! The command line: what the program is asked to do, and its exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. The result is on stdout; the log and failures are on stderr. For the
//! commands that dr-provision calls, and where no command of ours is named, wrong usage is 1, as in its own plugins.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing::level_filters::LevelFilter;

use self::bmc::BmcCommand;
use self::iso::IsoCommand;
use self::listen::ListenArgs;
use self::stdio::StdioArgs;
use self::unpack::UnpackArgs;
use crate::plugin;
use crate::wire::lifecycle::LAST_WORDS;

pub mod bmc;
pub mod iso;
pub mod listen;
pub mod logging;
pub mod name;
mod progress;
pub mod stdio;
pub mod unpack;

/// Boots bare-metal machines through their BMC's virtual media, as a plugin provider of Digital Rebar Provision.
#[derive(Debug, Parser)]
#[command(name = "virtual-media", disable_version_flag = true, max_term_width = 100)]
#[command(after_help = "The log is on stderr; VIRTUAL_MEDIA_LOG filters it, as in VIRTUAL_MEDIA_LOG=debug.")]
pub struct Cli {
    /// Log more on stderr
    #[arg(short, long, global = true)]
    debug: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve dr-provision on two unix sockets
    Listen(ListenArgs),
    /// Print the plugin provider's definition as JSON
    Define {
        /// Ignored, as by the server's own plugins
        #[arg(hide = true)]
        ignored: Vec<OsString>,
    },
    /// Write the files that come with the plugin
    Unpack(UnpackArgs),
    /// Speak JSON-RPC with a provisioning server on stdin and stdout
    Stdio(StdioArgs),
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
    /// Write bash's completions to a file
    Autocomplete {
        /// The file that they are written to
        file: PathBuf,
    },
}

/// The commands of ours, which tell wrong usage from failure by the exit code.
const OURS: [&str; 4] = ["stdio", "iso", "bmc", "completions"];

/// What keeps a command from being done.
type Failure = Box<dyn Error + Send + Sync>;

/// Does what the arguments of the process ask for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let usual = |level| if cli.debug { LevelFilter::DEBUG } else { level };
    let Err(error) = cli.command.map_or_else(usage, |command| command.run(usual, &mut io::stdout())) else {
        return ExitCode::SUCCESS;
    };
    if is_enough(&error) {
        return ExitCode::SUCCESS;
    }
    // Without stderr there is nobody to tell; the exit code says it too.
    let _ = writeln!(io::stderr(), "Error: {error}");
    if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Prints what is wrong with the arguments, or the help that they ask for.
fn refuse(error: &clap::Error) -> ExitCode {
    // See `run`.
    let _ = error.print();
    let command = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if command.is_some_and(|command| OURS.contains(&command.as_str())) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

fn usage() -> Result<(), Failure> {
    Ok(Cli::command().print_help()?)
}

/// Gives the sessions that are left on BMCs a last moment, as long as cancelled work has for its last words.
fn let_go(runtime: &tokio::runtime::Runtime, left: impl Future<Output = ()>) {
    if runtime.block_on(async { tokio::time::timeout(LAST_WORDS, left).await }).is_err() {
        tracing::warn!("sessions are left on BMCs, which end them after a while");
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
    /// `usual`: the level of the log, given the command's own.
    fn run(self, usual: impl Fn(LevelFilter) -> LevelFilter, out: &mut (impl Write + Send)) -> Result<(), Failure> {
        let name = name::of_provider();
        match self {
            Self::Listen(args) => args.run(&name, usual(LevelFilter::INFO), out)?,
            Self::Stdio(args) => args.run(&name, usual(LevelFilter::INFO))?,
            Self::Define { ignored: _ } => {
                writeln!(out, "{}", serde_json::to_string_pretty(&plugin::definition(&name))?)?;
            }
            Self::Unpack(args) => args.run()?,
            Self::Iso(command) => {
                let _log = logging::start(usual(LevelFilter::WARN), None);
                command.run(out)?;
            }
            Self::Bmc(command) => {
                let _log = logging::start(usual(LevelFilter::WARN), None);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(command.run(&progress::watched(), out))?;
            }
            Self::Version => writeln!(out, "Version: v{}", env!("CARGO_PKG_VERSION"))?,
            Self::Completions { shell } => clap_complete::generate(shell, &mut Cli::command(), name, out),
            Self::Autocomplete { file } => {
                let failed = |error| format!("writing {}: {error}", file.display());
                let mut script = Vec::new();
                clap_complete::generate(Shell::Bash, &mut Cli::command(), name, &mut script);
                fs::write(&file, script).map_err(failed)?;
            }
        }
        Ok(())
    }
}
