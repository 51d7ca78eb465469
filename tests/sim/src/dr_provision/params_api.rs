//! `/<prefix>/<id>/params`: all of an object's params, or one (drp-protocol 4.5, 5.3).

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value};

use super::call::{Call, Reply};
use super::error::Error;
use super::objects::{Change, Objects, params_of, set_param};
use super::patch;
use super::resolve::{self, Secrets};
use super::server::Server;

/// All params. POST replaces the whole map and returns it; PATCH takes a JSON patch of the map.
pub(super) fn all(server: &Arc<Server>, call: &Call, prefix: &str, id: &str) -> Result<Reply, Error> {
    let principal = call.principal.to_string();
    match call.method {
        Method::GET => server.read(|objects| {
            let object = found(objects, call, prefix, id)?;
            let params = if call.asks("aggregate") {
                resolve::aggregate(objects, prefix, object, call.secrets())
            } else {
                own(objects, call, prefix, object)
            };
            Ok(Reply::ok(&Value::Object(wanted(call, params))))
        }),
        Method::POST | Method::PATCH => {
            let given = call.json()?;
            server.change(|objects| {
                let key = objects.find(call.verb(), prefix, id)?;
                let changed = objects.change(prefix, &key, Change::Save, &principal, |object| {
                    if call.method == Method::PATCH {
                        return patch::apply(prefix, &key, &mut object["Params"], &given);
                    }
                    if !given.is_object() {
                        return Err(Error::new(400, "POST", prefix, &key, "params are a map"));
                    }
                    object["Params"] = given.clone();
                    Ok(())
                })?;
                Ok(Reply::ok(&changed["Params"]))
            })
        }
        _ => Err(Error::not_found(call.verb(), prefix, id)),
    }
}

/// One param. One that is not set answers 200 and `null` (recorded, drp-protocol 4.5).
pub(super) fn one(server: &Arc<Server>, call: &Call, prefix: &str, id: &str, key: &str) -> Result<Reply, Error> {
    match call.method {
        Method::GET => server.read(|objects| {
            let object = found(objects, call, prefix, id)?;
            let value = match (call.asks("aggregate"), call.asks("compose")) {
                (_, true) => resolve::composed(objects, prefix, object, key, call.secrets()),
                (true, false) => resolve::value(objects, prefix, object, key, call.secrets()),
                (false, false) => own(objects, call, prefix, object).remove(key),
            };
            Ok(Reply::ok(&value.unwrap_or_default()))
        }),
        Method::POST => {
            let value = call.json()?;
            set(server, call, prefix, id, key, value.clone())?;
            Ok(Reply::ok(&value))
        }
        Method::DELETE => set(server, call, prefix, id, key, Value::Null).map(|was| Reply::ok(&was)),
        _ => Err(Error::not_found(call.verb(), prefix, id)),
    }
}

/// Sets or removes one param and returns what it was.
fn set(server: &Server, call: &Call, prefix: &str, id: &str, key: &str, value: Value) -> Result<Value, Error> {
    server.change(|objects| {
        let uuid = objects.find(call.verb(), prefix, id)?;
        let was = objects.get(prefix, &uuid).and_then(|object| params_of(object).remove(key));
        if value.is_null() && was.is_none() {
            return Err(Error::not_found(call.verb(), prefix, key));
        }
        objects.change(prefix, &uuid, Change::Save, &call.principal.to_string(), |object| {
            set_param(object, key, value);
            Ok(())
        })?;
        Ok(was.unwrap_or_default())
    })
}

fn own(objects: &Objects, call: &Call, prefix: &str, object: &Value) -> Map<String, Value> {
    match call.secrets() {
        Secrets::Sealed => params_of(object),
        Secrets::Open => resolve::opened(objects, prefix, object),
    }
}

fn found<'a>(objects: &'a Objects, call: &Call, prefix: &str, id: &str) -> Result<&'a Value, Error> {
    let key = objects.find(call.verb(), prefix, id)?;
    objects.get(prefix, &key).ok_or_else(|| Error::not_found(call.verb(), prefix, id))
}

/// The subset that `params=a,b` asks for.
fn wanted(call: &Call, mut params: Map<String, Value>) -> Map<String, Value> {
    if let Some(wanted) = call.query("params") {
        let wanted: Vec<&str> = wanted.split(',').collect();
        params.retain(|key, _| wanted.contains(&key.as_str()));
    }
    params
}
