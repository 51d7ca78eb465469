//! Which part of the API answers a request (drp-protocol 5.3).

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use super::auth::Principal;
use super::call::{Call, Reply};
use super::error::Error;
use super::server::Server;
use super::{actions, contents_api, files_api, jobs_api, objects_api, params_api, provider, server_api};

/// Types that the API shows; each has list, get, create, patch, put and delete.
pub(super) const PREFIXES: [&str; 15] = [
    "bootenvs",
    "interfaces",
    "jobs",
    "leases",
    "machines",
    "params",
    "plugin_providers",
    "plugins",
    "prefs",
    "profiles",
    "stages",
    "tasks",
    "templates",
    "users",
    "workflows",
];

/// Types whose objects have params.
const WITH_PARAMS: [&str; 4] = ["machines", "profiles", "plugins", "stages"];

/// Answers a request. A Plugin object that it made, changed or deleted has its process follow.
pub(super) async fn route(server: &Arc<Server>, call: &Call) -> Result<Reply, Error> {
    let reply = answer(server, call).await?;
    let segments: Vec<&str> = call.path.split('/').collect();
    if call.method != Method::GET && call.method != Method::HEAD && !segments.contains(&"actions") {
        if let ["plugins", name, ..] = segments.as_slice() {
            provider::follow(server, name).await;
        } else if let (["plugins"], Ok(plugin)) = (segments.as_slice(), serde_json::from_slice::<Value>(&reply.body)) {
            provider::follow(server, plugin["Name"].as_str().unwrap_or_default()).await;
        }
    }
    Ok(reply)
}

async fn answer(server: &Arc<Server>, call: &Call) -> Result<Reply, Error> {
    let segments: Vec<&str> = call.path.split('/').collect();
    match (&call.method, segments.as_slice()) {
        (&Method::GET, ["info"]) => Ok(Reply::ok(&server.info())),
        (&Method::POST, ["events"]) => publish(server, call),
        (&Method::GET, ["users", user, "token"]) => Ok(token(server, Principal::User((*user).to_owned()))),
        (&Method::GET, ["machines", id, "token"]) => {
            let uuid = server.read(|objects| objects.find("GET", "machines", id))?;
            Ok(token(server, Principal::Machine(uuid)))
        }
        (&Method::GET, [prefix, id, "pubkey"]) if WITH_PARAMS.contains(prefix) => server.change(|objects| {
            let key = objects.find("GET", prefix, id)?;
            Ok(Reply::ok(&json!(objects.keys.public(prefix, &key))))
        }),
        (_, ["contents"]) => contents_api::contents(server, call, None),
        (_, ["contents", name]) => contents_api::contents(server, call, Some(name)),
        (_, [tree @ ("isos" | "files"), path @ ..]) => files_api::tree(server, call, tree, &path.join("/")),
        (&Method::GET, ["objects"]) => Ok(server_api::objects()),
        (&Method::GET, ["indexes"]) => server_api::indexes(None),
        (&Method::GET, ["indexes", prefix]) => server_api::indexes(Some(prefix)),
        (_, ["prefs"]) => server_api::prefs(server, call),
        (&Method::GET, ["logs"]) => Ok(server_api::logs(server)),
        (_, ["meta", prefix, id]) => server_api::meta(server, call, prefix, id),
        (&Method::GET, ["plugin_providers", name, "binary"]) => provider::binary(server, name),
        (&Method::POST, ["jobs"]) => jobs_api::next(server, call).await,
        (&Method::PATCH, ["jobs", key]) => jobs_api::change(server, call, key),
        (_, ["jobs", key, "log"]) => jobs_api::log(server, call, key),
        (&Method::GET, ["jobs", key, "actions"]) => jobs_api::actions(server, call, key),
        // The actions of no object have no id in their path (drp-protocol 3.2).
        (&Method::GET, ["system", "actions"]) => actions::list(server, call, "system", ""),
        (&Method::GET, ["system", "actions", command]) => actions::one(server, call, "system", "", command),
        (&Method::POST, ["system", "actions", command]) => actions::invoke(server, call, "system", "", command).await,
        (&Method::GET, [prefix, id, "actions"]) => actions::list(server, call, prefix, id),
        (&Method::GET, [prefix, id, "actions", command]) => actions::one(server, call, prefix, id, command),
        (&Method::POST, [prefix, id, "actions", command]) => actions::invoke(server, call, prefix, id, command).await,
        (&Method::POST, ["plugin_providers", name]) => upload(server, call, name).await,
        (&Method::DELETE, ["plugin_providers", name]) => {
            let removed = server.read(|objects| objects.get("plugin_providers", name).cloned());
            let removed = removed.ok_or_else(|| Error::not_found("DELETE", "plugin_providers", name))?;
            provider::remove(server, name).await;
            Ok(Reply::ok(&removed))
        }
        // The key of a param is not escaped (drp-protocol 4.5); nor is the name of a Param.
        (_, ["params", name @ ..]) if !name.is_empty() => {
            objects_api::one(server, call, "params", &name.join("/")).await
        }
        (_, [prefix, id, "params"]) if WITH_PARAMS.contains(prefix) => params_api::all(server, call, prefix, id),
        (_, [prefix, id, "params", key @ ..]) if WITH_PARAMS.contains(prefix) => {
            params_api::one(server, call, prefix, id, &key.join("/"))
        }
        (_, [prefix]) if PREFIXES.contains(prefix) => objects_api::collection(server, call, prefix),
        (_, [prefix, id]) if PREFIXES.contains(prefix) => objects_api::one(server, call, prefix, id).await,
        _ => Err(Error::not_found(call.verb(), "", &call.path)),
    }
}

fn token(server: &Server, principal: Principal) -> Reply {
    let token = server.tokens().issue(principal);
    Reply::ok(&json!({ "Token": token, "Info": server.info() }))
}

/// The reply's keys are of lower case here, and nowhere else (drp-protocol 3.5).
async fn upload(server: &Arc<Server>, call: &Call, name: &str) -> Result<Reply, Error> {
    let program = files_api::uploaded(call)?;
    provider::upload(server, name, &program).await?;
    Ok(Reply::json(201, &json!({ "path": name, "size": program.len() })))
}

/// An event of a client's own is told to everybody who registered for it.
fn publish(server: &Server, call: &Call) -> Result<Reply, Error> {
    let event = call.json()?;
    if ["Type", "Action", "Key"].iter().any(|field| !event.get(field).is_some_and(Value::is_string)) {
        return Err(Error::new(400, "POST", "events", "", "an event has a Type, an Action and a Key"));
    }
    server.change(|objects| objects.hub.publish(event));
    Ok(Reply::empty(204))
}
