//! Notices that the server has died, which nothing on its sockets says.
//!
//! A process whose parent ends gets another parent. That is looked at from time to time: the kernel's own signal for it
//! (`PR_SET_PDEATHSIG`) comes at the end of the parent's *thread*, and a Go program starts children from any thread. The
//! parent's end alone is no proof, because it may have been a shell that put the plugin into the background; so the
//! server is gone only when nobody answers on its socket either. That alone is no proof as well: a server may bind its
//! socket late.

use std::os::unix::process::parent_id;
use std::path::Path;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::socket;

/// How often the parent is looked at. The system call costs less than a microsecond.
const INTERVAL: Duration = Duration::from_secs(2);

/// Waits until the server is gone, which was the process `parent`. Where it is in another PID namespace, that cannot be
/// seen.
pub(super) async fn wait(parent: u32, from: &Path) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_told = false;
    loop {
        ticks.tick().await;
        if parent_id() == parent {
            continue;
        }
        if socket::connect(from).is_err() {
            return;
        }
        if !is_told {
            tracing::info!(
                "the process that started the plugin has ended; its server still answers, so the plugin goes on"
            );
            is_told = true;
        }
    }
}
