//! Follows the server: its events as they come, and a look at all machines after each (re)connect and at every
//! `virtual-media/reconcile-interval`, because events can be lost and the plugin may have been away.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::actions::{Error, Link, Site};
use crate::drp::models::Event;
use crate::drp::server::{Heard, Server, ServerError, ServerErrorKind};
use crate::hook::{Answer, Hook, Outcome};
use crate::iso::Store;
use crate::machine::{Machine, MachineUuid, Params};
use crate::operation::Operation;

/// The events that are about booting a machine.
const EVENTS: [&str; 4] = ["machines.create.*", "machines.update.*", "machines.save.*", "machines.delete.*"];

/// How long to wait before all machines are looked at again, where the server could not be asked.
const AGAIN: Duration = Duration::from_secs(10);

/// What follows a server needs.
#[derive(Clone, Debug)]
pub struct Follower {
    /// What all calls share.
    pub site: Arc<Site>,
    /// Who acts.
    pub hook: Arc<Hook>,
    /// The server that is followed.
    pub server: Server,
    /// How often all machines are looked at.
    pub interval: Duration,
    /// Owns the work that events cause: it outlasts this follower where another one takes its place.
    pub tasks: TaskTracker,
    /// Ends that work before its time.
    pub cancelled: CancellationToken,
}

impl Follower {
    /// Follows until the future is dropped; ends by itself only where trying again cannot help.
    pub async fn run(self) -> ServerError {
        let connected = Notify::new();
        tokio::select! {
            gave_up = self.server.listen(&EVENTS, |heard| self.hear(heard, &connected)) => gave_up,
            gave_up = self.look_again_and_again(&connected) => gave_up,
        }
    }

    fn hear(&self, heard: Heard, connected: &Notify) {
        match heard {
            Heard::Connected => connected.notify_one(),
            Heard::Event(event) => self.handle(*event),
            Heard::Lost(error) => tracing::warn!(%error, "lost the server's events; connecting again"),
        }
    }

    /// Works on an event in a task of its own: reading the next one must not wait.
    fn handle(&self, event: Event) {
        let Self { site, hook, .. } = self.clone();
        self.spawn(async move {
            let operation = Arc::new(Operation::unwatched());
            let (action, key) = (event.action.clone(), event.key.clone());
            let span = tracing::info_span!("event", action, machine = key, operation = %operation.id());
            report(hook.handle(&site, event, &operation).instrument(span.clone()).await, &span);
        });
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.cancelled.clone().run_until_cancelled_owned(work));
    }

    async fn look_again_and_again(&self, connected: &Notify) -> ServerError {
        connected.notified().await;
        loop {
            let next = match self.look_at_all().await {
                Ok(()) => self.interval,
                Err(error) if error.kind() == ServerErrorKind::TokenRefused => return error,
                Err(error) => {
                    tracing::warn!(%error, "looking at all machines failed; trying again");
                    AGAIN
                }
            };
            tokio::select! {
                () = connected.notified() => {}
                () = sleep(next) => {}
            }
        }
    }

    /// Has every machine looked at, and removes what deleted machines left behind.
    async fn look_at_all(&self) -> Result<(), ServerError> {
        let info = self.server.info().await?;
        self.site.connect(Link { server: self.server.clone(), info: Some(Arc::new(info)) });
        self.site.memory.catch_up(&self.server).await;
        let seen = SystemTime::now();
        let machines = self.server.machines(&[]).await?;
        let machines: Vec<Machine> = machines.iter().filter_map(readable).collect();
        let known: HashSet<MachineUuid> = machines.iter().map(|machine| machine.uuid).collect();
        for machine in machines {
            self.spawn(self.clone().look(machine));
        }
        if let Err(error) = self.sweep(known, seen).await {
            tracing::warn!(%error, "removing the images of machines that are no more failed");
        }
        Ok(())
    }

    async fn look(self, machine: Machine) {
        let operation = Arc::new(Operation::unwatched());
        let span = tracing::info_span!("look", machine = %machine.uuid, operation = %operation.id());
        let look = self.hook.look(&self.site, &self.server, &machine, &operation);
        report(look.instrument(span.clone()).await, &span);
    }

    /// Deletes the images of machines that are no more. A server without any machine is taken for one that is being
    /// restored.
    async fn sweep(&self, known: HashSet<MachineUuid>, seen: SystemTime) -> Result<(), Error> {
        let Some(webroot) = self.site.webroot().ok().filter(|_| !known.is_empty()) else { return Ok(()) };
        let site = Arc::clone(&self.site);
        let sweep = spawn_blocking(move || {
            let known = |machine| known.contains(&machine);
            let mut removed = Store::sweep(&webroot, seen, known)?;
            removed.extend(site.serving.sweep(seen, known)?);
            Ok::<_, Error>(removed)
        });
        let removed = sweep.await.map_err(|error| Error::internal(format!("sweeping images: {error}")))??;
        for machine in removed {
            tracing::info!(%machine, "deleted the images of a machine that is no more");
        }
        Ok(())
    }
}

/// A machine of the list, without its parameters: ten thousand of them wait for their look.
fn readable(object: &Value) -> Option<Machine> {
    match Machine::from_json(object) {
        Ok(machine) => Some(Machine { params: Params::default(), object: Value::Null, ..machine }),
        Err(error) => {
            tracing::warn!(%error, "skipping a machine of the server's list");
            None
        }
    }
}

/// Failures were logged by who failed; what had an effect is told once.
fn report(result: Result<Answer, Error>, span: &Span) {
    let _entered = span.enter();
    match result {
        Ok(Answer { outcome: Outcome::Ignored | Outcome::Superseded, reason, .. }) => {
            tracing::debug!(reason, "nothing to do");
        }
        Ok(Answer { outcome, boot_env, reason, .. }) => tracing::info!(?outcome, bootenv = boot_env, reason, "done"),
        Err(error) => tracing::debug!(code = error.code, %error, "failed"),
    }
}
