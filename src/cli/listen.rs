//! `listen`: the wire of dr-provision, from its log to the end of its threads.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Failure, logging};
use crate::drp::environment::Environment;
use crate::plugin::Plugin;
use crate::wire::lifecycle::{DRAIN, LAST_WORDS};
use crate::wire::sockets::Sockets;

/// Arguments of `listen`.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// The socket that the plugin serves, and the one on which it calls the server back
    // Counted by us: the server's plugin framework has words of its own for a wrong number.
    #[arg(value_names = ["TO_SOCKET", "FROM_SOCKET"], num_args = 0..)]
    sockets: Vec<PathBuf>,
    /// How long calls in flight may take to end after stop or SIGTERM
    #[arg(long, value_name = "SECONDS", env = "VIRTUAL_MEDIA_DRAIN_SECONDS", default_value_t = DRAIN.as_secs())]
    drain_seconds: u64,
}

impl ListenArgs {
    /// Serves until the server ends it.
    pub(super) fn run(self, name: &str, usual: LevelFilter, out: &mut impl Write) -> Result<(), Failure> {
        let Ok([to, from]) = <[PathBuf; 2]>::try_from(self.sockets) else {
            writeln!(out, "Failed")?;
            return Err(
                "listen needs two arguments: the path of the socket to the plugin, and of the one from it".into()
            );
        };
        let wire = Sockets::new(name, to, from, Duration::from_secs(self.drain_seconds));
        let _log = logging::start(usual, Some(wire.server_log()));
        let plugin = Plugin::new(name.to_owned(), Environment::from_process()?, wire.publisher());
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
}
