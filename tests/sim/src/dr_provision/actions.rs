//! Actions: which an object has, what the server checks before it asks a plugin, and the asking (drp-protocol 3).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::{Call, Reply};
use super::error::Error;
use super::objects::{Objects, strings};
use super::resolve::{self, Secrets};
use super::schema;
use super::server::Server;

/// The object of actions that belong to none: `/system/actions`.
const SYSTEM: &str = "system";

/// `GET /<prefix>/<id>/actions`: those whose required params all resolve (drp-protocol 3.3).
pub(super) fn list(server: &Arc<Server>, call: &Call, prefix: &str, id: &str) -> Result<Reply, Error> {
    server.read(|objects| {
        let object = object(objects, call.verb(), prefix, id)?;
        let found = offers(objects, prefix, call.query("plugin"));
        let found =
            found.into_iter().filter(|offer| missing(objects, prefix, &object, &offer.action, &Map::new()).is_none());
        Ok(Reply::ok(&Value::Array(found.map(|offer| offer.action).collect())))
    })
}

/// `GET /<prefix>/<id>/actions/<command>`.
pub(super) fn one(server: &Arc<Server>, call: &Call, prefix: &str, id: &str, command: &str) -> Result<Reply, Error> {
    server.read(|objects| {
        let object = object(objects, "GET", prefix, id)?;
        let error = |message: String| Error::new(404, "GET", prefix, id, message);
        let found =
            offers(objects, prefix, call.query("plugin")).into_iter().find(|offer| offer.action["Command"] == command);
        let found = found.ok_or_else(|| error(format!("{command}: Not Found")))?;
        match missing(objects, prefix, &object, &found.action, &Map::new()) {
            Some(param) => Err(Error { code: 400, ..error(format!("Action {command} Missing Parameter {param}")) }),
            None => Ok(Reply::ok(&found.action)),
        }
    })
}

/// `POST /<prefix>/<id>/actions/<command>`.
pub(super) async fn invoke(
    server: &Arc<Server>,
    call: &Call,
    prefix: &str,
    id: &str,
    command: &str,
) -> Result<Reply, Error> {
    let given = if call.body.is_empty() { json!({}) } else { call.json()? };
    run(server, prefix, id, command, call.query("plugin"), given).await.map(|answer| Reply::ok(&answer))
}

/// Runs an action of an object.
pub(super) async fn run(
    server: &Arc<Server>,
    prefix: &str,
    id: &str,
    command: &str,
    plugin: Option<&str>,
    given: Value,
) -> Result<Value, Error> {
    let Value::Object(given) = given else {
        return Err(Error::new(400, "INVOKE", prefix, id, "the parameters of an action are a map"));
    };
    let (plugin, action) = server.read(|objects| prepare(server, objects, prefix, id, command, plugin, given))?;
    let running = server.plugins().get(&plugin).cloned();
    let running =
        running.ok_or_else(|| Error::new(500, "INVOKE", prefix, id, format!("plugin {plugin} does not run")))?;
    running.post("action", &action).await
}

/// What a plugin offers.
struct Offer {
    plugin: String,
    action: Value,
}

/// The plugin to ask, and models.Action for it (drp-protocol 3.1).
fn prepare(
    server: &Server,
    objects: &Objects,
    prefix: &str,
    id: &str,
    command: &str,
    plugin: Option<&str>,
    given: Map<String, Value>,
) -> Result<(String, Value), Error> {
    let object = object(objects, "POST", prefix, id)?;
    let key = objects.find("POST", prefix, id).unwrap_or_default();
    // The status is not recorded, the text is (drp-protocol 8.23).
    let refuse = |code: u16, message: String| Error::new(code, "INVOKE", prefix, &key, message);
    // Who is asked where several offer the same is not known (drp-protocol 8.10): the first by name.
    let found = offers(objects, prefix, plugin).into_iter().find(|offer| offer.action["Command"] == command);
    let offer = found.ok_or_else(|| refuse(404, format!("Action {command} on {prefix}: Not Found")))?;
    if let Some(param) = missing(objects, prefix, &object, &offer.action, &given) {
        return Err(refuse(400, format!("Action {command} Missing Parameter {param}")));
    }
    let complaint = given.iter().find_map(|(param, value)| schema::complaint(objects, param, value));
    if let Some(complaint) = complaint {
        return Err(refuse(400, format!("Action {command}: {complaint}")));
    }
    let params = resolved(server, objects, prefix, &object, &offer.action, given);
    let action = json!({
        "Model": object, "Plugin": offer.plugin, "Command": command, "CommandSet": "actions", "Params": params
    });
    Ok((offer.plugin, action))
}

fn object(objects: &Objects, verb: &str, prefix: &str, id: &str) -> Result<Value, Error> {
    if prefix == SYSTEM {
        return Ok(Value::Null);
    }
    let key = objects.find(verb, prefix, id)?;
    Ok(objects.get(prefix, &key).cloned().unwrap_or_default())
}

/// The actions that plugins offer for objects of a type, by the plugins' names.
fn offers(objects: &Objects, prefix: &str, plugin: Option<&str>) -> Vec<Offer> {
    let model = if prefix == SYSTEM { "" } else { prefix };
    let plugins = objects.all("plugins").filter(|(name, _)| plugin.is_none_or(|plugin| plugin == *name));
    plugins
        .flat_map(|(name, object)| {
            let provider = object["Provider"].as_str().and_then(|provider| objects.get("plugin_providers", provider));
            let actions = provider.and_then(|provider| provider["AvailableActions"].as_array()).cloned();
            let actions = actions.unwrap_or_default().into_iter().filter(|action| action["Model"] == model);
            actions.map(|action| Offer { plugin: name.clone(), action })
        })
        .collect()
}

/// The first required param that neither the caller nor the object has. A schema's default counts: the old `ipmi`
/// provider requires params and documents their defaults as effective (drp-protocol 8.4).
fn missing(
    objects: &Objects,
    prefix: &str,
    object: &Value,
    action: &Value,
    given: &Map<String, Value>,
) -> Option<String> {
    let unresolved = |param: &String| {
        !given.contains_key(param) && resolve::value(objects, prefix, object, param, Secrets::Sealed).is_none()
    };
    strings(action, "RequiredParams").into_iter().find(unresolved)
}

/// The caller's params first, then what is required or optional and resolves (drp-protocol 3.3).
fn resolved(
    server: &Server,
    objects: &Objects,
    prefix: &str,
    object: &Value,
    action: &Value,
    given: Map<String, Value>,
) -> Map<String, Value> {
    let declared: Vec<String> =
        ["RequiredParams", "OptionalParams"].into_iter().flat_map(|list| strings(action, list)).collect();
    let mut params = given;
    if !server.options.forward_undeclared {
        params.retain(|key, _| declared.contains(key));
    }
    for key in declared {
        if params.contains_key(&key) {
            continue;
        }
        if let Some(value) = resolve::value(objects, prefix, object, &key, Secrets::Open) {
            params.insert(key, value);
        }
    }
    params
}
