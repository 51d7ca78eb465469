//! `stdio`: the JSON-RPC wire, from its log to the end of its threads.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Failure, logging};
use crate::drp::environment::Environment;
use crate::plugin::Plugin;
use crate::wire::lifecycle::{DRAIN, LAST_WORDS};
use crate::wire::stdio::Stdio;

/// Arguments of `stdio`.
#[derive(Debug, Args)]
pub struct StdioArgs {
    /// How long requests in flight may take to end after stop, end of input or SIGTERM
    #[arg(long, value_name = "SECONDS", env = "VIRTUAL_MEDIA_DRAIN_SECONDS", default_value_t = DRAIN.as_secs())]
    drain_seconds: u64,
}

impl StdioArgs {
    /// Serves until the server ends it.
    pub(super) fn run(&self, name: &str, usual: LevelFilter) -> Result<(), Failure> {
        let wire = Stdio::new(name, Duration::from_secs(self.drain_seconds));
        let _log = logging::start(usual, Some(wire.server_log()));
        if io::stdin().is_terminal() {
            tracing::warn!(
                "this command speaks JSON-RPC with a provisioning server: one JSON object a line, `initialize` first. \
                 Ctrl-D ends it; `virtual-media --help` lists the commands for people"
            );
        }
        let plugin = Plugin::new(name.to_owned(), Environment::from_process()?.without_api(), wire.publisher());
        serve(wire, plugin)
    }
}

fn serve(wire: Stdio, plugin: Plugin) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let left = plugin.leave();
    let served = runtime.block_on(wire.run(plugin));
    super::let_go(&runtime, left);
    match &served {
        // Threads that were asked to stop may be about to remove a half-written file.
        Ok(()) => runtime.shutdown_timeout(LAST_WORDS),
        Err(_) => runtime.shutdown_background(),
    }
    Ok(served?)
}
