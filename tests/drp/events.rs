//! The event stream over real connections: the handshake, and streams that are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drp_virtual_media::drp::server::{Heard, Server, ServerError, ServerErrorKind, ServerLimits, ServerTls};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::AbortOnDropHandle;

use crate::peer::{Peer, Reply, Socket, TOKEN, impatient, limits};

const SELECTORS: [&str; 2] = ["machines.update.*", "machines.save.*"];
/// No test takes a fraction of it.
const LONG: Duration = Duration::from_mins(1);

/// A listener of its own task.
struct Listener {
    heard: mpsc::UnboundedReceiver<Heard>,
    task: AbortOnDropHandle<ServerError>,
}

impl Listener {
    fn start(server: Server) -> Self {
        let (hear, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move { server.listen(&SELECTORS, move |what| drop(hear.send(what))).await });
        Self { heard, task: AbortOnDropHandle::new(task) }
    }

    async fn next(&mut self) -> Heard {
        tokio::time::timeout(LONG, self.heard.recv()).await.expect("hears something").expect("goes on listening")
    }

    async fn connected(&mut self) {
        assert!(matches!(self.next().await, Heard::Connected));
    }

    async fn event(&mut self) -> String {
        let heard = self.next().await;
        let Heard::Event(event) = heard else { panic!("{heard:?}") };
        event.key
    }

    async fn lost(&mut self) -> ServerError {
        let heard = self.next().await;
        let Heard::Lost(error) = heard else { panic!("{heard:?}") };
        error
    }
}

async fn say(socket: &mut Socket, key: &str) {
    let event = json!({"Type": "machines", "Action": "update", "Key": key, "Object": {"Uuid": key}});
    socket.send(Message::text(event.to_string())).await.unwrap();
}

async fn register(socket: &mut Socket) {
    for selector in SELECTORS {
        let asked = socket.next().await.unwrap().unwrap();
        assert_eq!(asked, Message::text(format!("register {selector}")));
        socket.send(Message::text(r#"{"Type":"websocket","Action":"register"}"#)).await.unwrap();
    }
}

/// A peer that serves its nth stream with `serve(n, stream)`.
async fn streams<F>(serve: impl Fn(usize, Socket) -> F + Send + Sync + 'static) -> Peer
where
    F: Future<Output = ()> + Send + 'static,
{
    let (serve, count) = (Arc::new(serve), AtomicUsize::new(0));
    Peer::start(move |_| {
        let (serve, n) = (Arc::clone(&serve), count.fetch_add(1, Ordering::SeqCst));
        Reply::upgrade(move |socket| serve(n, socket))
    })
    .await
}

#[tokio::test]
async fn events_are_heard_in_order_over_as_many_streams_as_it_takes() {
    let peer = streams(async |n, mut socket: Socket| {
        register(&mut socket).await;
        for event in 0..3 {
            say(&mut socket, &format!("{n}.{event}")).await;
        }
        if n == 0 {
            socket.close(None).await.unwrap();
        }
        if n < 3 {
            return;
        }
        while socket.next().await.is_some() {}
    })
    .await;
    let mut listener = Listener::start(peer.server());
    for n in 0..4 {
        listener.connected().await;
        for event in 0..3 {
            assert_eq!(listener.event().await, format!("{n}.{event}"));
        }
        if n < 3 {
            assert_eq!(listener.lost().await.kind(), ServerErrorKind::Unreachable);
        }
    }
    let requests = peer.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert_eq!(request.target, "/api/v3/ws");
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(request.header("sec-websocket-version"), Some("13"));
        assert_eq!(request.header("origin"), None);
    }
    drop(listener);
}

#[tokio::test]
async fn a_refused_token_ends_the_listening_and_nothing_else_does() {
    let refusals = [
        Reply::error(503, "starting"),
        Reply::page("502 Bad Gateway", "", "<html>"),
        Reply::page("200 OK", "", "no websocket"),
        Reply::Bytes(
            b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n"
                .to_vec(),
        ),
        Reply::Bytes(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec()),
        Reply::HangUp,
        Reply::Bytes(b"garbage".to_vec()),
        Reply::Silence(b""),
        Reply::error(404, "no events"),
        Reply::error(401, "token expired"),
    ];
    let kinds = [
        ServerErrorKind::Refused(503),
        ServerErrorKind::Refused(502),
        ServerErrorKind::Answer,
        ServerErrorKind::Answer,
        ServerErrorKind::Answer,
        ServerErrorKind::Unreachable,
        ServerErrorKind::Unreachable,
        ServerErrorKind::Timeout,
        ServerErrorKind::NotFound,
    ];
    let peer = Peer::scripted(refusals).await;
    let mut listener = Listener::start(peer.server_with(&ServerTls::Accept, impatient()));
    for kind in kinds {
        let error = listener.lost().await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with("listening to events: the server at https://127.0.0.1:"), "{error}");
    }
    let last = tokio::time::timeout(LONG, listener.task).await.unwrap().unwrap();
    assert_eq!(last.kind(), ServerErrorKind::TokenRefused);
    assert!(last.to_string().contains("token expired") && !last.to_string().contains(TOKEN), "{last}");
    assert_eq!(peer.requests().len(), 10);
}

#[tokio::test]
async fn a_stream_that_fails_in_any_way_is_had_again() {
    let peer = streams(async |n, mut socket: Socket| match n {
        // Registers nothing.
        0 => while socket.next().await.is_some() {},
        // Is gone after registering.
        1 => register(&mut socket).await,
        // Does not answer pings.
        2 => {
            register(&mut socket).await;
            std::future::pending::<()>().await;
        }
        // Says more than an event can be.
        3 => {
            register(&mut socket).await;
            let _ = socket.send(Message::text("x".repeat(70_000))).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
        _ => {
            register(&mut socket).await;
            say(&mut socket, "at last").await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
    let mut listener =
        Listener::start(peer.server_with(&ServerTls::Accept, ServerLimits { list: 65_536, ..impatient() }));
    let unregistered = listener.lost().await;
    assert_eq!(unregistered.kind(), ServerErrorKind::Timeout);
    assert!(unregistered.to_string().contains("left 2 registrations"), "{unregistered}");
    for kind in [ServerErrorKind::Unreachable, ServerErrorKind::Timeout, ServerErrorKind::Answer] {
        listener.connected().await;
        assert_eq!(listener.lost().await.kind(), kind);
    }
    listener.connected().await;
    assert_eq!(listener.event().await, "at last");
}

#[tokio::test]
async fn a_server_that_is_restarted_is_found_again() {
    let mut listener;
    let url;
    {
        let peer = streams(async |_, mut socket: Socket| {
            register(&mut socket).await;
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        url = peer.url.clone();
        listener = Listener::start(peer.server());
        listener.connected().await;
    }
    assert_eq!(listener.lost().await.kind(), ServerErrorKind::Unreachable);
    let refused = listener.lost().await;
    assert!(refused.to_string().contains("could not be connected to"), "{refused}");
    let again = Peer::start_at(&url, |_| {
        Reply::upgrade(async |mut socket: Socket| {
            register(&mut socket).await;
            while let Some(Ok(_)) = socket.next().await {}
        })
    })
    .await;
    loop {
        match listener.next().await {
            Heard::Connected => break,
            Heard::Lost(error) => assert_eq!(error.kind(), ServerErrorKind::Unreachable),
            Heard::Event(event) => panic!("{event:?}"),
        }
    }
    assert_eq!(again.requests().len(), 1);
}

#[tokio::test]
async fn a_listener_that_is_dropped_leaves_the_server() {
    let (gone, is_gone) = mpsc::unbounded_channel();
    let peer = streams(move |_, mut socket: Socket| {
        let gone = gone.clone();
        async move {
            register(&mut socket).await;
            while let Some(Ok(_)) = socket.next().await {}
            gone.send(()).unwrap();
        }
    })
    .await;
    let mut is_gone = is_gone;
    let mut listener = Listener::start(peer.server_with(&ServerTls::Accept, limits()));
    listener.connected().await;
    drop(listener);
    tokio::time::timeout(LONG, is_gone.recv()).await.unwrap().unwrap();
}
