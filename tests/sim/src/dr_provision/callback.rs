//! What the server serves on `FROM_SOCKET` (drp-protocol 1.7): `/api-server-plugin/v4/`, the prefix of the code.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::call::Reply;
use super::error::Error;
use super::server::Server;

const PREFIX: &str = "/api-server-plugin/v4/";
const BODY_LIMIT: usize = 1 << 20;

/// Serves a plugin's socket until the server ends. `leaving` is called when the plugin says that it is.
pub(super) fn serve(server: &Arc<Server>, socket: &Path, leaving: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    let listener = UnixListener::bind(socket)?;
    let own = Arc::clone(server);
    let leaving = Arc::new(leaving);
    server.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (inner, leaving) = (Arc::clone(&own), Arc::clone(&leaving));
            own.spawn(async move {
                let service = service_fn(|request| answer(Arc::clone(&inner), Arc::clone(&leaving), request));
                // An error here is a plugin that left.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(())
}

async fn answer(
    server: Arc<Server>,
    leaving: Arc<impl Fn()>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(io::Error::other)?.to_bytes();
    let reply = match (path.strip_prefix(PREFIX), &head.method) {
        (Some("log" | "publish" | "leaving"), &Method::POST) => match serde_json::from_slice(&body) {
            Ok(value) => posted(&server, &*leaving, path.trim_start_matches(PREFIX), value),
            Err(error) => Error::new(400, "POST", "", &path, error.to_string()).into(),
        },
        (Some(what), &Method::GET) => match what.strip_prefix("objects/") {
            Some(prefix) => {
                let objects = server.read(|objects| objects.all(prefix).map(|(_, object)| object.clone()).collect());
                Reply::ok(&Value::Array(objects))
            }
            None => Error::not_found("GET", "", &path).into(),
        },
        (_, method) => Error::not_found(method.as_str(), "", &path).into(),
    };
    Response::builder()
        .status(reply.status)
        .header("content-type", "application/json")
        .body(Full::new(reply.body))
        .map_err(io::Error::other)
}

fn posted(server: &Server, leaving: &impl Fn(), what: &str, value: Value) -> Reply {
    match what {
        // A level that is a number does not decode in the server's logger (drp-protocol 1.7).
        "log" if !value["Level"].is_string() || !value["Service"].is_string() => {
            return Error::new(400, "POST", "", "log", format!("this is no log line: {value}")).into();
        }
        "log" => server.log(|log| log.line(value)),
        "publish" => {
            server.log(|log| log.publish(value.clone()));
            server.change(|objects| objects.hub.publish(value));
        }
        _ => leaving(),
    }
    Reply::ok(&json!({}))
}
