//! Sessions and tasks: the services beside systems and managers.

use serde_json::{Value, json};

use super::call::{Act, Call, Reply};
use super::machine::{Machine, Session};
use super::message::Refusal;
use super::oem::Part;
use super::resources::{collection, uri};
use super::route::read;
use super::state::TaskRecord;

/// Answers below `SessionService`, `Sessions` and `TaskService`; `None`: not one of theirs.
pub(super) fn route(machine: &mut Machine, call: &Call, segments: &[&str]) -> Result<Option<Act>, Refusal> {
    let profile = machine.profile.clone();
    let path = segments.join("/");
    if let Some(sessions) = profile.http.sessions {
        if path == sessions {
            return session_collection(machine, call, sessions).map(Some);
        }
        if let Some(id) = path.strip_prefix(sessions).and_then(|rest| rest.strip_prefix('/')) {
            return session(machine, call, sessions, id).map(Some);
        }
        if path == "SessionService" {
            let body = json!({
                "@odata.id": uri(&profile, "SessionService"), "@odata.type": "#SessionService.v1_1_8.SessionService",
                "Id": "SessionService", "Name": "Session Service", "ServiceEnabled": true, "SessionTimeout": 1800,
                "Sessions": {"@odata.id": uri(&profile, sessions)},
            });
            return read(&profile, call, body).map(Some);
        }
    }
    match segments {
        ["TaskService"] => {
            let body = json!({
                "@odata.id": uri(&profile, "TaskService"), "@odata.type": "#TaskService.v1_2_0.TaskService",
                "Id": "TaskService", "Name": "Task Service", "ServiceEnabled": true,
                "Tasks": {"@odata.id": uri(&profile, "TaskService/Tasks")},
            });
            read(&profile, call, body).map(Some)
        }
        ["TaskService", "Tasks"] => {
            let ids: Vec<String> = machine.tasks.iter().map(|task| task.id.clone()).collect();
            read(&profile, call, collection(&profile, "TaskService/Tasks", "Task", &ids)).map(Some)
        }
        ["TaskService", "Tasks", id] => match machine.tasks.iter().find(|task| task.id == *id) {
            Some(task) if profile.http.tasks.unfinished_is_202 => Ok(Some(monitored(machine, task))),
            Some(task) => read(&profile, call, task_body(machine, task)).map(Some),
            None => Ok(None),
        },
        ["TaskService", "TaskMonitors", id] if profile.http.tasks.monitor => {
            Ok(machine.tasks.iter().find(|task| task.id == *id).map(|task| monitored(machine, task)))
        }
        _ => Ok(None),
    }
}

/// A monitor answers 202 until the task has ended (redfish-vendors 1.12).
pub(super) fn monitored(machine: &Machine, task: &TaskRecord) -> Act {
    let status = if matches!(task.state, "New" | "Running") { 202 } else { 200 };
    Act::Reply(Reply::ok(task_body(machine, task)).status(status))
}

pub(super) fn task_body(machine: &Machine, task: &TaskRecord) -> Value {
    let profile = &*machine.profile;
    let messages = match (&task.failure, task.state) {
        (Some(id), _) => json!([{"MessageId": id, "Message": "The task's work failed."}]),
        (None, "Completed") => json!([{"MessageId": profile.errors.success}]),
        (None, _) => json!([]),
    };
    let mut body = json!({
        "@odata.id": uri(profile, &format!("TaskService/Tasks/{}", task.id)),
        "@odata.type": "#Task.v1_5_1.Task",
        "Id": task.id,
        "Name": "Task",
        "TaskState": task.state,
        "TaskStatus": if task.failure.is_some() { "Critical" } else { "OK" },
        "PercentComplete": match task.state { "New" => 0, "Running" => 20, _ => 100 },
        "Messages": messages,
    });
    profile.oem.decorate(Part::Task, machine, &mut body);
    body
}

fn session_collection(machine: &mut Machine, call: &Call, sessions: &str) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    if call.method != "POST" {
        let ids: Vec<String> = machine.sessions.iter().map(|session| session.id.clone()).collect();
        return read(&profile, call, collection(&profile, sessions, "Session", &ids));
    }
    let body = call.object(&profile)?;
    let is = |name: &str, wanted: &str| body.get(name).and_then(Value::as_str) == Some(wanted);
    if !is("UserName", &machine.username) || !is("Password", &machine.password) {
        return Err((&profile.errors.unauthorized).into());
    }
    if machine.sessions.len() >= profile.http.session_limit {
        return Err((&profile.errors.sessions).into());
    }
    machine.sessions_made += 1;
    let id = machine.sessions_made.to_string();
    let token = uuid::Uuid::new_v4().simple().to_string();
    machine.sessions.push(Session { id: id.clone(), token: token.clone() });
    let location = uri(&profile, &format!("{sessions}/{id}"));
    let reply = Reply::ok(session_body(machine, &location, &id)).status(201);
    Ok(Act::Reply(reply.with("X-Auth-Token", token).with("Location", location)))
}

fn session(machine: &mut Machine, call: &Call, sessions: &str, id: &str) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let index = machine.sessions.iter().position(|session| session.id == id);
    let Some(index) = index else { return Err((&profile.errors.not_found).into()) };
    if call.method == "DELETE" {
        machine.sessions.remove(index);
        return Ok(Act::Reply(Reply::no_content()));
    }
    let location = uri(&profile, &format!("{sessions}/{id}"));
    read(&profile, call, session_body(machine, &location, id))
}

fn session_body(machine: &Machine, location: &str, id: &str) -> Value {
    json!({
        "@odata.id": location, "@odata.type": "#Session.v1_3_0.Session",
        "Id": id, "Name": "User Session", "UserName": machine.username,
    })
}
