//! What the server says of itself: types, indexes, preferences, its log.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value, json};

use super::call::{Call, Reply};
use super::defaults::{complete, key_field};
use super::error::Error;
use super::objects::Change;
use super::patch;
use super::route::PREFIXES;
use super::server::Server;

/// `GET /objects`: the types.
pub(super) fn objects() -> Reply {
    Reply::ok(&json!(PREFIXES))
}

/// `GET /indexes` and `GET /indexes/<prefix>`: what lists can be filtered by; here each field.
pub(super) fn indexes(prefix: Option<&str>) -> Result<Reply, Error> {
    let of = |prefix: &str| {
        let fields = complete(prefix, &Value::Null);
        let fields = fields.as_object().into_iter().flatten().map(|(name, value)| {
            let kind = if value.is_boolean() { "boolean" } else { "string" };
            let unique = name == key_field(prefix) || (prefix == "machines" && name == "Name");
            (name.clone(), json!({ "Type": kind, "Unique": unique, "Unordered": false }))
        });
        Value::Object(fields.collect())
    };
    match prefix {
        None => {
            Ok(Reply::ok(&Value::Object(PREFIXES.iter().map(|prefix| ((*prefix).to_owned(), of(prefix))).collect())))
        }
        Some(prefix) if PREFIXES.contains(&prefix) => Ok(Reply::ok(&of(prefix))),
        Some(prefix) => Err(Error::not_found("GET", "indexes", prefix)),
    }
}

/// `/prefs`: a map of names to values; POST changes those that it names.
pub(super) fn prefs(server: &Arc<Server>, call: &Call) -> Result<Reply, Error> {
    match call.method {
        Method::GET => server.read(|objects| {
            let prefs = objects.all("prefs").map(|(name, pref)| (name.clone(), pref["Val"].clone()));
            Ok(Reply::ok(&Value::Object(prefs.collect::<Map<_, _>>())))
        }),
        Method::POST => {
            let given = call.json()?;
            let principal = call.principal.to_string();
            server.change(|objects| {
                for (name, value) in given.as_object().into_iter().flatten() {
                    if objects.get("prefs", name).is_none() {
                        objects.create("prefs", &json!({ "Name": name, "Val": value }), &principal)?;
                    } else {
                        objects.change("prefs", name, Change::Update, &principal, |pref| {
                            pref["Val"] = value.clone();
                            Ok(())
                        })?;
                    }
                }
                Ok(Reply::json(201, &given))
            })
        }
        _ => Err(Error::not_found(call.verb(), "prefs", "")),
    }
}

/// `GET /logs`: what plugins logged.
pub(super) fn logs(server: &Arc<Server>) -> Reply {
    Reply::ok(&Value::Array(server.log(|log| log.lines())))
}

/// `/meta/<prefix>/<id>`: an object's Meta.
pub(super) fn meta(server: &Arc<Server>, call: &Call, prefix: &str, id: &str) -> Result<Reply, Error> {
    match call.method {
        Method::GET => server.read(|objects| {
            let key = objects.find("GET", prefix, id)?;
            Ok(Reply::ok(objects.get(prefix, &key).map_or(&Value::Null, |object| &object["Meta"])))
        }),
        Method::PATCH => {
            let operations = call.json()?;
            server.change(|objects| {
                let key = objects.find("PATCH", prefix, id)?;
                let changed = objects.change(prefix, &key, Change::Update, &call.principal.to_string(), |object| {
                    patch::apply(prefix, &key, &mut object["Meta"], &operations)
                })?;
                Ok(Reply::ok(&changed["Meta"]))
            })
        }
        _ => Err(Error::not_found(call.verb(), prefix, id)),
    }
}
