//! The listening side: TCP, TLS, HTTP/1.1 with keep-alive, faults on the way, the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, IF_MATCH, LOCATION, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::auth;
use super::call::{Body, Call, Reply};
use super::fault::Fault;
use super::log::Request;
use super::machine::Machine;
use super::perform::perform;
use super::shared::{Reach, Shared};
use super::wire::{Answered, Control, Wire};

const BODY_LIMIT: usize = 1 << 20;

/// Accepts connections for as long as the fleet lives; where the BMC is out of reach, nobody listens.
pub(super) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let mut reach = shared.reach.subscribe();
    let mut listener = Some(listener);
    loop {
        if *reach.borrow_and_update() == Reach::Refused {
            drop(listener.take());
            shared.listening.send_replace(false);
            if reach.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            match TcpListener::bind(shared.address).await {
                Ok(bound) => listener = Some(bound),
                // The port may still be another's for a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
            continue;
        };
        shared.listening.send_replace(true);
        tokio::select! {
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                let own = Arc::clone(&shared);
                let token = shared.connection_token();
                shared.spawn(async move {
                    token.run_until_cancelled(connection(own, stream)).await;
                });
            },
            changed = reach.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
    shared.bump();
    // Latency only; a connection without it works as well.
    let _ = stream.set_nodelay(true);
    let reach = *shared.reach.borrow();
    if reach == Reach::NoTls {
        return swallow(stream).await;
    }
    let acceptor = TlsAcceptor::from(shared.certificate().config);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let number = shared.counters.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let _open = Open::new(&shared);
    if reach == Reach::NoAnswer {
        return swallow(stream).await;
    }
    let control = Arc::new(Control::default());
    let wire = Wire::new(stream, Arc::clone(&control));
    let service = service_fn(|request| answer(Arc::clone(&shared), Arc::clone(&control), number, request));
    // An error here is a client that left or a fault that was asked for; the log shows what was answered.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
}

/// Reads and says nothing, until the other side ends.
async fn swallow(mut stream: impl AsyncRead + Unpin) {
    // Whichever way it ends, it has ended.
    let _ = copy(&mut stream, &mut sink()).await;
}

/// Counts a connection as open for as long as it lives.
struct Open<'a>(&'a Shared);

impl Open<'_> {
    fn new(shared: &Shared) -> Open<'_> {
        shared.counters.open.fetch_add(1, Ordering::Relaxed);
        shared.bump();
        Open(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.counters.open.fetch_sub(1, Ordering::Relaxed);
        self.0.bump();
    }
}

async fn answer(
    shared: Arc<Shared>,
    control: Arc<Control>,
    connection: usize,
    request: HttpRequest<Incoming>,
) -> io::Result<Response<Answered>> {
    let at_work = shared.counters.at_work();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(io::Error::other)?.to_bytes();
    let call = Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().trim_end_matches('/').to_owned(),
        query: head.uri.query().map(str::to_owned),
        body: parse(&body),
        if_match: text(&head.headers, IF_MATCH.as_str()),
    };
    let number = shared.log(|log| {
        log.add(Request {
            method: call.method.clone(),
            path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            body: if let Body::Json(body) = &call.body { body.clone() } else { Value::Null },
            credentials: auth::credentials(&head.headers),
            if_match: call.if_match.clone(),
            close: text(&head.headers, CONNECTION.as_str()).is_some_and(|value| value.eq_ignore_ascii_case("close")),
            status: None,
            connection,
        })
    });
    let fault = shared.faults().hit(&call.method, &call.path);
    if let Some(Fault::Delay(delay)) = &fault {
        tokio::time::sleep(*delay).await;
    }
    let reply = match &fault {
        Some(fault) if !fault.has_effect() => Reply::no_content(),
        _ => authorized(&shared, &call, &head.headers).await,
    };
    drop(at_work);
    let response = spoil(response(&shared, &reply), fault, &control).await?;
    shared.log(|log| log.answered(number, response.status().as_u16()));
    Ok(response)
}

async fn authorized(shared: &Arc<Shared>, call: &Call, headers: &HeaderMap) -> Reply {
    // DSP0266, request headers: a version that the service does not speak is 412.
    if text(headers, "odata-version").is_some_and(|version| version != "4.0") {
        return shared.read(|machine| Reply::message(&machine.profile.errors.precondition_failed, &machine.profile));
    }
    if let Some(refusal) = shared.read(|machine| auth::refuse(machine, call, headers)) {
        shared.counters.unauthorized.fetch_add(1, Ordering::Relaxed);
        return refusal;
    }
    if shared.change(Machine::is_busy) {
        return shared.read(|machine| Reply::message(&machine.profile.errors.busy, &machine.profile));
    }
    let mut reply = perform(shared, call).await;
    shared.read(|machine| auth::withhold(machine, call, headers, &mut reply));
    reply
}

/// The answer as its fault leaves it.
async fn spoil(response: Response<Bytes>, fault: Option<Fault>, control: &Control) -> io::Result<Response<Answered>> {
    let half = |body: Bytes| body.slice(..body.len() / 2);
    match fault {
        None | Some(Fault::Delay(_)) => Ok(response.map(Answered::whole)),
        Some(Fault::Hang | Fault::HangAfter) => std::future::pending().await,
        Some(Fault::Reset | Fault::ResetAfter) => {
            control.reset.store(true, Ordering::Relaxed);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Some(Fault::Garbage) => {
            control.garble.store(true, Ordering::Relaxed);
            Ok(response.map(Answered::whole))
        }
        Some(Fault::HalfJson) => {
            let mut response = response.map(half);
            let length = response.body().len();
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            Ok(response.map(Answered::whole))
        }
        Some(Fault::WrongLength) => Ok(response.map(half).map(Answered::broken)),
        Some(Fault::Stall) => Ok(response.map(half).map(Answered::stalled)),
        Some(Fault::Status(status, body)) => told(status, "application/json", body),
        Some(Fault::Redirect(url)) => Response::builder()
            .status(308)
            .header(LOCATION, url)
            .header(CONTENT_LENGTH, 0)
            .body(Answered::whole(Bytes::new()))
            .map_err(io::Error::other),
        Some(Fault::Html(status)) => {
            told(status, "text/html", "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>".to_owned())
        }
    }
}

fn told(status: u16, kind: &str, body: String) -> io::Result<Response<Answered>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .body(Answered::whole(Bytes::from(body)))
        .map_err(io::Error::other)
}

fn response(shared: &Shared, reply: &Reply) -> Response<Bytes> {
    let body = reply.body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut builder = Response::builder().status(reply.status).header("OData-Version", "4.0");
    if let Some(server) = shared.read(|machine| machine.profile.identity.server) {
        builder = builder.header(SERVER, server);
    }
    if reply.body.is_some() {
        builder = builder.header(CONTENT_TYPE, "application/json; charset=utf-8");
    }
    if reply.status != 204 {
        builder = builder.header(CONTENT_LENGTH, body.len());
    }
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder.body(body).unwrap_or_default()
}

fn parse(body: &[u8]) -> Body {
    if body.is_empty() {
        return Body::Empty;
    }
    serde_json::from_slice(body).map_or(Body::Malformed, Body::Json)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
