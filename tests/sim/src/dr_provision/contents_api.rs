//! `/contents`: what `drpcli contents` asks (drp-protocol 2.4).

use std::sync::Arc;

use hyper::Method;
use serde_json::Value;

use super::bundle::Bundle;
use super::call::{Call, Reply};
use super::error::Error;
use super::server::Server;

/// `/contents` and `/contents/<name>`. Creating and replacing answer the summary.
pub(super) fn contents(server: &Arc<Server>, call: &Call, name: Option<&str>) -> Result<Reply, Error> {
    let missing = |name: &str| Error::not_found(call.verb(), "contents", name);
    match (&call.method, name) {
        (&Method::GET, None) => server.read(|objects| {
            let summaries = objects.bundles.values().map(Bundle::summary).collect();
            Ok(Reply::ok(&Value::Array(summaries)))
        }),
        (&Method::GET, Some(name)) => server.read(|objects| {
            objects.bundles.get(name).map(|bundle| Reply::ok(&bundle.whole())).ok_or_else(|| missing(name))
        }),
        (&Method::POST, None) => {
            let bundle = uploaded(call)?;
            load(server, &bundle)?;
            Ok(Reply::json(201, &bundle.summary()))
        }
        (&Method::PUT, Some(name)) => {
            let bundle = uploaded(call)?;
            if bundle.field("Name") != name {
                return Err(Error::new(400, "PUT", "contents", name, format!("its Name is {}", bundle.field("Name"))));
            }
            let old = server.change(|objects| objects.unload(name)).ok_or_else(|| missing(name))?;
            load(server, &bundle).inspect_err(|_| {
                // The old one was loaded before; it is as good as it was.
                let _ = load(server, &old);
            })?;
            Ok(Reply::ok(&bundle.summary()))
        }
        (&Method::DELETE, Some(name)) => {
            server.change(|objects| objects.unload(name)).ok_or_else(|| missing(name))?;
            Ok(Reply::empty(204))
        }
        _ => Err(missing(name.unwrap_or_default())),
    }
}

fn load(server: &Server, bundle: &Bundle) -> Result<(), Error> {
    let features = server.features().clone();
    server.change(|objects| objects.load(bundle, &features))
}

fn uploaded(call: &Call) -> Result<Bundle, Error> {
    Bundle::from_json(&call.json()?).map_err(|why| Error::new(400, call.verb(), "contents", "", why))
}
