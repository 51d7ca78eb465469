//! A machine's steps, one at a time: what the server does with `POST /jobs` (drp-protocol 7.1, 7.5).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::actions;
use super::error::Error;
use super::objects::{Change, strings};
use super::server::Server;

/// What an agent gets that asks for work.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// A task to run: 201 for a new job, 202 for one that was begun.
    Job(Value, bool),
    /// Nothing now: 204.
    Nothing,
}

/// Takes the machine's next steps until one is the agent's, or nothing is left.
///
/// A step that changes the BootEnv ends the request with nothing: the agent is to see the change and reboot (drp-protocol
/// 7.4); that it is asked no more before is our guess.
///
/// # Errors
/// No such machine (422), or it is not runnable (409).
pub(super) async fn next(server: &Arc<Server>, uuid: &str, principal: &str) -> Result<Next, Error> {
    loop {
        let machine = server.read(|objects| objects.get("machines", uuid).cloned());
        let machine = machine.ok_or_else(|| Error::invalid("jobs", "", format!("Machine {uuid} does not exist")))?;
        if machine["Runnable"] != true {
            return Err(Error::new(409, "CONFLICT", "jobs", "", format!("Machine {uuid} is not runnable")));
        }
        let steps = strings(&machine, "Tasks");
        let current = server.read(|objects| objects.get("jobs", machine["CurrentJob"].as_str()?).cloned());
        let state = current.as_ref().and_then(|job| job["State"].as_str()).unwrap_or("finished");
        if let (Some(job), "created" | "running" | "incomplete") = (&current, state) {
            return Ok(Next::Job(job.clone(), false));
        }
        // One that failed is tried again once somebody has made the machine runnable.
        let index = machine["CurrentTask"].as_i64().unwrap_or(-1) + i64::from(state != "failed");
        let index = usize::try_from(index).unwrap_or_default();
        let Some(step) = steps.get(index) else {
            advance(server, uuid, principal, |machine| {
                machine["CurrentTask"] = json!(steps.len());
                machine["WorkflowComplete"] = json!(true);
            })?;
            return Ok(Next::Nothing);
        };
        let (kind, name) = step.split_once(':').unwrap_or(("task", step));
        match kind {
            "stage" | "bootenv" | "context" => {
                let field = [("stage", "Stage"), ("bootenv", "BootEnv"), ("context", "Context")].into_iter();
                let field =
                    field.into_iter().find_map(|(step, field)| (step == kind).then_some(field)).unwrap_or_default();
                let changes = field != "Stage" && machine[field] != name;
                advance(server, uuid, principal, |machine| {
                    machine[field] = json!(name);
                    machine["CurrentTask"] = json!(index);
                    machine["CurrentJob"] = json!("");
                })?;
                if changes {
                    return Ok(Next::Nothing);
                }
            }
            "action" => {
                let job = begin(server, &machine, index, step, principal)?;
                if !invoke(server, uuid, &job, name, principal).await? {
                    return Ok(Next::Nothing);
                }
            }
            _ => return begin(server, &machine, index, step, principal).map(|job| Next::Job(job, true)),
        }
    }
}

/// Makes the job of a step and has the machine at it.
fn begin(server: &Server, machine: &Value, index: usize, step: &str, principal: &str) -> Result<Value, Error> {
    let job = json!({
        "Uuid": Uuid::new_v4().to_string(), "Previous": machine["CurrentJob"], "Machine": machine["Uuid"], "Task": step,
        "Stage": machine["Stage"], "Workflow": machine["Workflow"], "BootEnv": machine["BootEnv"],
        "Context": machine["Context"], "State": "created", "CurrentIndex": index, "NextIndex": index + 1,
        "StartTime": Timestamp::now().to_string()
    });
    let key = server.change(|objects| objects.create("jobs", &job, principal))?;
    advance(server, machine["Uuid"].as_str().unwrap_or_default(), principal, |machine| {
        machine["CurrentTask"] = json!(index);
        machine["CurrentJob"] = json!(key);
    })?;
    Ok(server.read(|objects| objects.get("jobs", &key).cloned()).unwrap_or_default())
}

/// Runs an action step with no params of a caller's; the job's log and states are as recorded (drp-protocol 7.1).
async fn invoke(server: &Arc<Server>, uuid: &str, job: &Value, action: &str, principal: &str) -> Result<bool, Error> {
    let (plugin, command) = action.split_once(':').map_or((None, action), |(plugin, command)| (Some(plugin), command));
    let outcome = actions::run(server, "machines", uuid, command, plugin, json!({})).await;
    let (state, exit, log) = match &outcome {
        Ok(result) => ("finished", "complete", format!("Results from plugin invoke:\n{result}\nEnd of results\n")),
        Err(error) => ("failed", "", format!("Action {command} validation failed:\n{error}\n")),
    };
    let key = job["Uuid"].as_str().unwrap_or_default();
    server.append_job_log(key, log.as_bytes());
    conclude(server, key, principal, |job| {
        job["State"] = json!(state);
        job["ExitState"] = json!(exit);
    })?;
    Ok(outcome.is_ok())
}

/// Changes a job; one that ends has an end, and one that failed makes its machine wait for somebody.
pub(super) fn conclude(
    server: &Server,
    key: &str,
    principal: &str,
    change: impl FnOnce(&mut Value),
) -> Result<Value, Error> {
    let job = server.change(|objects| {
        objects.change("jobs", key, Change::Update, principal, |job| {
            change(job);
            if matches!(job["State"].as_str(), Some("finished" | "failed")) {
                job["EndTime"] = json!(Timestamp::now().to_string());
            }
            Ok(())
        })
    })?;
    if job["State"] == "failed" || job["ExitState"] == "reboot" || job["ExitState"] == "poweroff" {
        advance(server, job["Machine"].as_str().unwrap_or_default(), principal, |machine| {
            machine["Runnable"] = json!(false);
        })?;
    }
    Ok(job)
}

/// A change of a machine by the server itself.
fn advance(server: &Server, uuid: &str, principal: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Error> {
    server.change(|objects| {
        objects.change("machines", uuid, Change::Save, principal, |machine| {
            change(machine);
            Ok(())
        })
    })
}
