//! List, get, create, patch, put and delete of any object (drp-protocol 5.3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Reply};
use super::error::Error;
use super::filter;
use super::objects::{Change, Objects};
use super::resolve;
use super::server::Server;
use super::{machines, patch};

/// The longest poll (drp-protocol 5.3).
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// `/<prefix>`.
pub(super) fn collection(server: &Arc<Server>, call: &Call, prefix: &str) -> Result<Reply, Error> {
    match call.method {
        Method::GET | Method::HEAD => server.read(|objects| {
            let all = objects.all(prefix).map(|(_, object)| object).collect();
            let (found, count) = filter::list(call, prefix, all)?;
            let shown = found.into_iter().map(|object| view(objects, call, prefix, object)).collect();
            Ok(Reply::ok(&Value::Array(shown)).with("X-Drp-List-Filter-Count", count.to_string()))
        }),
        Method::POST => {
            let mut given = call.json()?;
            if prefix == "machines" {
                machines::name_new(&mut given);
            }
            let created = server.change(|objects| {
                let key = objects.create(prefix, &given, &call.principal.to_string())?;
                Ok::<_, Error>(objects.get(prefix, &key).cloned())
            })?;
            Ok(Reply::json(201, &created.unwrap_or_default()))
        }
        _ => Err(Error::not_found(call.verb(), prefix, "")),
    }
}

/// `/<prefix>/<id>`.
pub(super) async fn one(server: &Arc<Server>, call: &Call, prefix: &str, id: &str) -> Result<Reply, Error> {
    match call.method {
        Method::GET | Method::HEAD => get(server, call, prefix, id).await,
        Method::PATCH => {
            let operations = call.json()?;
            changed(server, call, prefix, id, |key, object| patch::apply(prefix, key, object, &operations))
        }
        Method::PUT => {
            let whole = call.json()?;
            changed(server, call, prefix, id, |_, object| {
                *object = whole;
                Ok(())
            })
        }
        Method::DELETE => {
            let removed = server.change(|objects| {
                let key = objects.find("DELETE", prefix, id)?;
                objects.delete("DELETE", prefix, &key, &call.principal.to_string())
            })?;
            Ok(Reply::ok(&removed))
        }
        _ => Err(Error::not_found(call.verb(), prefix, id)),
    }
}

fn changed(
    server: &Arc<Server>,
    call: &Call,
    prefix: &str,
    id: &str,
    change: impl FnOnce(&str, &mut Value) -> Result<(), Error>,
) -> Result<Reply, Error> {
    server.change(|objects| {
        let key = objects.find(call.verb(), prefix, id)?;
        let principal = call.principal.to_string();
        let changed = objects.change(prefix, &key, Change::Update, &principal, |object| change(&key, object))?;
        Ok(Reply::ok(&view(objects, call, prefix, &changed)))
    })
}

/// A get with an `ETag`; with `If-None-Match` and `Prefer: wait=30s` it waits for a change.
async fn get(server: &Arc<Server>, call: &Call, prefix: &str, id: &str) -> Result<Reply, Error> {
    let known = call.header("if-none-match").map(str::to_owned);
    let wait = call.header("prefer").and_then(|prefer| prefer.strip_prefix("wait=")).map_or(Duration::ZERO, duration);
    let deadline = Instant::now() + wait.min(LONGEST_WAIT);
    let mut changes = server.changed();
    loop {
        let shown = server.read(|objects| {
            let key = objects.find(call.verb(), prefix, id)?;
            let object = objects.get(prefix, &key).cloned().unwrap_or_default();
            Ok::<_, Error>(view(objects, call, prefix, &object))
        })?;
        let etag = etag(&shown);
        if known.as_ref() != Some(&etag) {
            return Ok(Reply::ok(&shown).with("ETag", etag));
        }
        if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            return Ok(Reply::empty(304).with("ETag", etag));
        }
    }
}

/// `90`, `30s`, `2m`, `500ms`: as far as clients write them.
fn duration(text: &str) -> Duration {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().unwrap_or_default();
    match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "m" => Duration::from_secs(60 * number),
        _ => Duration::from_secs(number),
    }
}

fn etag(object: &Value) -> String {
    let digest = Bytes::copy_from_slice(&Sha256::digest(object.to_string()));
    format!("\"{digest:x}\"")
}

/// An object as the query wants it shown: `slim`, `params`, `aggregate`.
fn view(objects: &Objects, call: &Call, prefix: &str, object: &Value) -> Value {
    let mut shown = object.clone();
    if call.asks("decode") {
        shown["Params"] = Value::Object(resolve::opened(objects, prefix, object));
    }
    if call.asks("aggregate") {
        shown["Params"] = Value::Object(resolve::aggregate(objects, prefix, object, call.secrets()));
    }
    if let Some(wanted) = call.query("params") {
        let wanted: Vec<&str> = wanted.split(',').collect();
        if let Some(params) = shown["Params"].as_object_mut() {
            params.retain(|key, _| wanted.contains(&key.as_str()));
        }
    }
    for field in call.query("slim").unwrap_or_default().split(',') {
        if matches!(field, "Params" | "Meta") && shown.get(field).is_some() {
            shown[field] = json!({});
            shown["Partial"] = json!(true);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn waits_are_read_as_clients_write_them() {
        for (text, expected) in [("30s", 30_000), ("2m", 120_000), ("500ms", 500), ("90", 90_000), ("soon", 0)] {
            assert_eq!(duration(text), Duration::from_millis(expected), "{text}");
        }
    }
}
