//! The log on stderr, and panics in it.
//!
//! `VIRTUAL_MEDIA_LOG` filters it (`debug`, `drp_virtual_media=trace,info`); without it a plugin logs `info`, and a
//! command for people `warn`. On a terminal it has colours; otherwise lines are plain text with `key=value` fields,
//! which a person reads in a journal and a collector can split. What a server wants to process, it gets as `log`
//! notifications.
//!
//! stderr is written by a thread of its own: a server that starts the plugin with a pipe and never reads it would
//! otherwise stop the plugin when 64 KiB of log have gathered.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::wire::log::{RAISED, ServerLog};

/// The variable that filters the log on stderr.
pub const FILTER: &str = "VIRTUAL_MEDIA_LOG";

/// Lines that may wait for stderr; more are dropped, counted and told.
const WAITING: usize = 1024;

/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Starts the log of this process, once. Lines still waiting are written when the guard is dropped.
///
/// `usual` is the level without a filter; with `server`, lines of level info and above go to the server too. A request
/// that asks for more gets it in both.
pub fn start(usual: LevelFilter, server: Option<ServerLog>) -> Flush {
    let (stderr, flush) = Stderr::start();
    let filter = EnvFilter::builder().with_default_directive(usual.into()).with_env_var(FILTER);
    let is_terminal = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(is_terminal).with_target(false);
    let lines = if is_terminal { lines.boxed() } else { lines.compact().boxed() };
    let started = match server {
        None => tracing_subscriber::registry().with(lines.with_filter(filter.from_env_lossy())).try_init(),
        Some(server) => tracing_subscriber::registry()
            .with(lines.with_filter(raised(filter.from_env_lossy())))
            .with(server.with_filter(raised(EnvFilter::default().add_directive(LevelFilter::INFO.into()))))
            .try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(%error, "the log was started before");
    }
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(tracing::field::display);
        let text = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(location, "panic: {text}");
    }));
    flush
}

fn raised(filter: EnvFilter) -> EnvFilter {
    RAISED.iter().filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive)
}

enum Chunk {
    Line(Vec<u8>),
    Flush(Sender<()>),
}

/// The queue in front of stderr.
#[derive(Clone)]
struct Stderr {
    queue: SyncSender<Chunk>,
    lost: Arc<AtomicU64>,
}

/// Writes what waits for stderr when dropped.
#[must_use]
pub struct Flush(SyncSender<Chunk>);

impl Stderr {
    fn start() -> (Self, Flush) {
        let (queue, lines) = sync_channel(WAITING);
        let lost = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&lost);
        // Without a thread the queue fills up and the process runs without a log.
        let _ = thread::Builder::new().name("stderr".into()).spawn(move || write_lines(&lines, &counted));
        (Self { queue: queue.clone(), lost }, Flush(queue))
    }
}

fn write_lines(lines: &Receiver<Chunk>, lost: &AtomicU64) {
    // A closed stderr is no reason to end: there is nobody to tell.
    while let Ok(chunk) = lines.recv() {
        match chunk {
            Chunk::Line(line) => {
                let _ = io::stderr().write_all(&line);
            }
            Chunk::Flush(done) => {
                let _ = done.send(());
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(io::stderr(), "({lost} log lines lost: stderr was not read)");
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, is_done) = channel();
        if self.0.try_send(Chunk::Flush(done)).is_ok() {
            // Too late or not: the process ends.
            let _ = is_done.recv_timeout(LAST_LINES);
        }
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Stderr {
    /// Takes one whole line, as tracing-subscriber writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Chunk::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
