//! `/jobs`: what an agent asks (drp-protocol 7.5).

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::error::Error;
use super::jobs::{self, Next};
use super::patch;
use super::server::Server;

/// `POST /jobs`.
pub(super) async fn next(server: &Arc<Server>, call: &Call) -> Result<Reply, Error> {
    let asked = call.json()?;
    let uuid = asked["Machine"].as_str().unwrap_or_default();
    Ok(match jobs::next(server, uuid, &call.principal.to_string()).await? {
        Next::Job(job, new) => Reply::json(if new { 201 } else { 202 }, &job),
        Next::Nothing => Reply::empty(204),
    })
}

/// `PATCH /jobs/<uuid>`.
pub(super) fn change(server: &Arc<Server>, call: &Call, key: &str) -> Result<Reply, Error> {
    let operations = call.json()?;
    let mut job = server.read(|objects| objects.get("jobs", key).cloned()).ok_or_else(|| missing(call, key))?;
    patch::apply("jobs", key, &mut job, &operations)?;
    jobs::conclude(server, key, &call.principal.to_string(), |stored| *stored = job).map(|job| Reply::ok(&job))
}

/// `/jobs/<uuid>/log`: PUT appends.
pub(super) fn log(server: &Arc<Server>, call: &Call, key: &str) -> Result<Reply, Error> {
    server.read(|objects| objects.get("jobs", key).is_some().then_some(())).ok_or_else(|| missing(call, key))?;
    match call.method {
        Method::GET => Ok(Reply::bytes(server.job_log(key).into())),
        Method::PUT => {
            server.append_job_log(key, &call.body);
            Ok(Reply::empty(204))
        }
        _ => Err(missing(call, key)),
    }
}

/// `GET /jobs/<uuid>/actions`: the files and scripts of the job's task. They are not rendered: nothing here runs them.
pub(super) fn actions(server: &Arc<Server>, call: &Call, key: &str) -> Result<Reply, Error> {
    server.read(|objects| {
        let job = objects.get("jobs", key).ok_or_else(|| missing(call, key))?;
        let task = job["Task"].as_str().and_then(|task| objects.get("tasks", task));
        let templates = task.and_then(|task| task["Templates"].as_array()).cloned().unwrap_or_default();
        let shown = |template: Value| {
            let stored = template["ID"].as_str().and_then(|id| objects.get("templates", id));
            let content = stored.map_or(&template["Contents"], |stored| &stored["Contents"]);
            json!({
                "Name": template["Name"], "Path": template["Path"].as_str().unwrap_or_default(), "Content": content,
                "Meta": template["Meta"]
            })
        };
        Ok(Reply::ok(&Value::Array(templates.into_iter().map(shown).collect())))
    })
}

fn missing(call: &Call, key: &str) -> Error {
    Error::not_found(call.verb(), "jobs", key)
}
