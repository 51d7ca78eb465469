//! The API's side of the network: TCP, TLS, HTTP/1.1 with keep-alive and upgrades, the log, held and refused requests.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::auth::{permits, unauthorized};
use super::call::{Call, Reply, path_and_query};
use super::error::Error;
use super::log::Request;
use super::route::route;
use super::server::Server;
use super::websocket;

/// An upload is a plugin's binary or an ISO; a test's is small, but debug builds are not.
const BODY_LIMIT: usize = 1 << 30;

/// Accepts connections for as long as the server lives; while it is offline, nobody listens.
pub(super) async fn listen(server: Arc<Server>, listener: TcpListener) {
    let mut online = server.online.subscribe();
    let mut listener = Some(listener);
    loop {
        if !*online.borrow_and_update() {
            drop(listener.take());
            server.listening.send_replace(false);
            if online.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            match TcpListener::bind(server.address).await {
                Ok(bound) => listener = Some(bound),
                // The port may still be another's for a moment.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
            continue;
        };
        server.listening.send_replace(true);
        tokio::select! {
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                let own = Arc::clone(&server);
                let token = server.connection_token();
                server.spawn(async move {
                    token.run_until_cancelled(connection(own, stream)).await;
                });
            },
            changed = online.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream) {
    // Latency only; a connection without it works as well.
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(Arc::clone(&server.certificate.config));
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| answer(Arc::clone(&server), request));
    // An error here is a client that left; the log shows what was answered.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn answer(server: Arc<Server>, mut request: HttpRequest<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (path, query) = path_and_query(request.uri());
    let Some(path) = path.strip_prefix("/api/v3/").map(str::to_owned) else {
        return response(&Reply::from(Error::not_found(request.method().as_str(), "", &path)));
    };
    let token = query.iter().find(|(name, _)| name == "token").map(|(_, token)| token.as_str());
    let principal = server.tokens().principal(request.headers(), token);
    let asked = request.uri().query().map_or(path.clone(), |query| format!("{path}?{query}"));
    let upgrade = (path == "ws" && principal.is_some()).then(|| websocket::upgrade(&mut request)).flatten();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(io::Error::other)?.to_bytes();

    let number = server.log(|log| {
        log.ask(Request {
            method: head.method.to_string(),
            path: asked.clone(),
            principal: principal.as_ref().map(ToString::to_string).unwrap_or_default(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            status: None,
        })
    });
    let asked = format!("{} {asked}", head.method);
    released(&server, &asked).await;
    let refusal = server.faults().refusal(&asked);
    let reply = match (refusal, principal, upgrade) {
        (Some(refusal), ..) => refusal.into(),
        (None, None, _) => unauthorized(head.method.as_str(), &path).into(),
        (None, Some(_), Some(upgrade)) => upgrade.accept(&server),
        (None, Some(principal), None) if !permits(&principal, &path) => {
            Error::new(403, head.method.as_str(), "", &path, "Forbidden").into()
        }
        (None, Some(principal), None) => {
            let call = Call { method: head.method.clone(), path, query, headers: head.headers, body, principal };
            route(&server, &call).await.unwrap_or_else(Reply::from)
        }
    };
    server.log(|log| log.answered(number, reply.status));
    let response = response(&reply)?;
    Ok(if head.method == Method::HEAD { response.map(|_| Full::default()) } else { response })
}

/// Waits while a request is held.
async fn released(server: &Server, request: &str) {
    let mut changed = server.changed();
    while server.faults().holds(request) {
        if changed.changed().await.is_err() {
            return;
        }
    }
}

fn response(reply: &Reply) -> io::Result<Response<Full<Bytes>>> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(reply.body.clone())).map_err(io::Error::other)
}
