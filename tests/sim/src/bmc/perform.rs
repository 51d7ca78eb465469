//! Doing what a request asked for, at once or in a task.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use super::call::{Act, Call, Effect, Reply};
use super::fetch::fetch;
use super::machine::Machine;
use super::message::Refusal;
use super::profile::Answer;
use super::resources::uri;
use super::route::route;
use super::shared::Shared;
use super::{power, service};

/// Works on a request that has passed authentication, to its answer.
pub(super) async fn perform(shared: &Arc<Shared>, call: &Call) -> Reply {
    match shared.change(|machine| route(machine, call)) {
        Act::Reply(reply) => reply,
        Act::Perform(effects, Answer::Task) => in_a_task(shared, effects),
        Act::Perform(effects, answer) => at_once(shared, effects, answer).await,
    }
}

/// The work goes on when the client goes away, as on a real BMC: hence a task of its own.
async fn at_once(shared: &Arc<Shared>, effects: Vec<Effect>, answer: Answer) -> Reply {
    let (done, result) = oneshot::channel();
    let own = Arc::clone(shared);
    shared.spawn(async move {
        // Nobody listens where the client has gone away.
        let _ = done.send(work(&own, effects).await);
    });
    let profile = shared.read(|machine| machine.profile.clone());
    match result.await {
        Ok(Ok(())) => Reply::done(answer, &profile),
        Ok(Err(refusal)) => Reply::refusal(&refusal, &profile),
        Err(_) => Reply::no_content().status(503),
    }
}

fn in_a_task(shared: &Arc<Shared>, effects: Vec<Effect>) -> Reply {
    let (id, step) = shared.change(|machine| (machine.new_task(), machine.profile.http.tasks.step));
    let reply = shared.read(|machine| {
        let profile = &machine.profile;
        let named = if profile.http.tasks.monitor { "TaskMonitors" } else { "Tasks" };
        let monitor = profile.oem.monitor(&id).unwrap_or_else(|| format!("TaskService/{named}/{id}"));
        let body = machine.tasks.iter().find(|task| task.id == id).map(|task| service::task_body(machine, task));
        let reply = Reply::ok(body.unwrap_or(json!({}))).status(202);
        let location = uri(profile, &monitor);
        if profile.http.tasks.location { reply.with("Location", location) } else { reply }
    });
    let own = Arc::clone(shared);
    shared.spawn(async move {
        tokio::time::sleep(step).await;
        own.change(|machine| machine.task_step(&id, "Running", None));
        tokio::time::sleep(step).await;
        let (state, failure) = match work(&own, effects).await {
            Ok(()) => ("Completed", None),
            Err(refusal) => ("Exception", Some(refusal.message.id.into_owned())),
        };
        own.change(|machine| machine.task_step(&id, state, failure));
    });
    reply
}

async fn work(shared: &Arc<Shared>, effects: Vec<Effect>) -> Result<(), Refusal> {
    for effect in effects {
        match effect {
            Effect::Insert { drive, image } => insert(shared, drive, image).await?,
            Effect::Apply(change) => shared.change(change)?,
            Effect::Reset(transition) => power::start(shared, transition),
        }
    }
    Ok(())
}

async fn insert(shared: &Arc<Shared>, drive: usize, image: String) -> Result<(), Refusal> {
    let profile = shared.read(|machine| machine.profile.clone());
    if !profile.media.insert_time.is_zero() {
        tokio::time::sleep(profile.media.insert_time).await;
    }
    let fetched = if shared.change(Machine::fails_insert) {
        Err(())
    } else if image.starts_with("http") {
        fetch(&shared.client, &image, |fetch| shared.change(|machine| machine.fetched(fetch))).await
    } else {
        // NFS and CIFS shares are taken on trust: there is none to read here.
        Ok(())
    };
    shared.change(|machine| {
        if let Some(drive) = machine.drives.get_mut(drive) {
            drive.busy = false;
        }
        match fetched {
            Ok(()) => {
                machine.mount(drive, image);
                Ok(())
            }
            Err(()) => Err(Refusal::about(&profile.errors.unreachable, "Image")),
        }
    })
}
