//! Tells how far boots have come: in the log, as events, in the machines' states.

use std::sync::{Arc, Weak};

use crate::actions::Site;
use crate::machine::State;
use crate::serve::{Boot, Changes};

/// Tells each change, until nothing is served any more.
pub(super) async fn follow(site: Weak<Site>, mut changes: Changes) {
    while let Some(boot) = changes.next().await {
        let Some(site) = site.upgrade() else { return };
        let progress = boot.progress();
        tracing::info!(machine = %boot.machine, bootenv = boot.bootenv, boot = progress.boot, stage = %progress.stage,
            bytes = progress.bytes, "boot");
        site.publish_progress(&boot, &progress);
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&site.serving.telling).acquire_owned().await else { return };
        let writes = site.memory.writes().clone();
        writes.spawn(async move {
            record(&site, &boot).await;
            drop(place);
        });
    }
}

/// Writes how far a boot has come into its machine's state. Whichever of two writes is later writes what is true then.
async fn record(site: &Site, boot: &Boot) {
    let change = |state: &mut State| {
        if state.url.ends_with(boot.path()) {
            state.boot = boot.progress();
        }
    };
    let live = site.serving.states().get(&boot.machine).cloned();
    if let Some(state) = live.and_then(|live| live.change(change)) {
        site.publish_state(boot.machine, &state, "image server");
    }
    if let Some(server) = site.server() {
        site.memory.amend(&server, boot.machine, change).await;
    }
}
