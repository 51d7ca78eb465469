//! Which request is which call, by the rules of the server's own plugin framework.

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, StatusCode};

use super::answer::Answer;
use super::calls::{Call, Calls, Origin};
use crate::wire::Service;

/// Longest text of a header that is repeated.
const MAX_REPEATED: usize = 1024;

/// What the server can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Config,
    Action,
    Publish,
    Stop,
}

impl Route {
    fn of(method: &Method, path: &str) -> Option<Self> {
        match (method, path) {
            (&Method::POST, "/api-plugin/v4/config") => Some(Self::Config),
            (&Method::POST, "/api-plugin/v4/action") => Some(Self::Action),
            (&Method::POST, "/api-plugin/v4/publish") => Some(Self::Publish),
            (&Method::POST, "/api-plugin/v4/stop") => Some(Self::Stop),
            _ => None,
        }
    }
}

/// Answers one request.
pub(super) async fn answer<S: Service>(calls: &Calls<S>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let Some(route) = Route::of(&head.method, path) else {
        tracing::debug!(method, path = shortened(path), "there is nothing there");
        return Answer::not_found(shortened(method), shortened(path));
    };
    let text = |name: &str| head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(token) = text("X-Log-Token") {
        tracing::error!("log token: {}", shortened(&token));
    }
    let verbosity = text("X-Log-Request").and_then(|level| verbosity(&level));
    if route == Route::Stop {
        calls.stop();
        return Answer::done();
    }
    if let Err(refused) = check_content_type(&head.headers, method) {
        return refused;
    }
    let origin = Origin { method: method.to_owned(), path: path.to_owned(), verbosity };
    let called = async {
        let body = calls.memory.read(body, method).await?;
        let (call, memory) = match route {
            Route::Config => body.decode(method).map(|(params, memory)| (Call::Config(params), memory))?,
            Route::Action => body.decode(method).map(|(action, memory)| (Call::Action(action), memory))?,
            Route::Publish => body.decode(method).map(|(event, memory)| (Call::Publish(event), memory))?,
            Route::Stop => return Ok(Answer::done()),
        };
        Ok(calls.call(call, origin, memory).await)
    };
    called.await.unwrap_or_else(|refused: Answer| {
        tracing::warn!(status = refused.status.as_u16(), path, "refusing a request");
        refused
    })
}

fn check_content_type(headers: &HeaderMap, method: &str) -> Result<(), Answer> {
    let given = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
    if given.to_ascii_lowercase().contains("application/json") {
        return Ok(());
    }
    let why = format!("Invalid content type: {}", shortened(&given));
    Err(Answer::refused(StatusCode::BAD_REQUEST, method, &why))
}

/// How much more of a request's log is wanted than is usual: 1 for debug, 2 for trace. A level that is shown anyway, and
/// one that the server's logger does not know, ask for nothing.
fn verbosity(level: &str) -> Option<u64> {
    match level.trim().to_ascii_lowercase().as_str() {
        "trace" => Some(2),
        "debug" => Some(1),
        "info" | "warn" | "error" | "err" | "fatal" | "panic" | "audit" => None,
        unknown => {
            tracing::warn!(level = shortened(unknown), "X-Log-Request names no level");
            None
        }
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REPEATED)]
}
