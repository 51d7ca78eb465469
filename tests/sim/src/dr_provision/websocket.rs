//! `/api/v3/ws`: register, deregister, one text frame an event, pings (drp-protocol 5.2).

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::call::Reply;
use super::server::Server;

/// How often clients are pinged; what a server really does is not known (drp-protocol 8.13).
const PING: Duration = Duration::from_secs(5);

/// A request for a websocket.
pub(super) struct Upgrade {
    upgrade: OnUpgrade,
    accept: String,
}

/// The upgrade that a request asks for, if it does.
pub(super) fn upgrade(request: &mut Request<Incoming>) -> Option<Upgrade> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if !header("upgrade")?.eq_ignore_ascii_case("websocket") {
        return None;
    }
    let accept = derive_accept_key(header("sec-websocket-key")?.as_bytes());
    Some(Upgrade { upgrade: hyper::upgrade::on(request), accept })
}

impl Upgrade {
    /// Switches protocols and serves the websocket until it ends.
    pub(super) fn accept(self, server: &Arc<Server>) -> Reply {
        let own = Arc::clone(server);
        let token = server.websocket_token();
        server.spawn(async move {
            // It fails when the client left before the answer.
            if let Ok(upgraded) = self.upgrade.await {
                token.run_until_cancelled(serve(&own, upgraded)).await;
            }
        });
        Reply::empty(101)
            .with("connection", "Upgrade")
            .with("upgrade", "websocket")
            .with("sec-websocket-accept", self.accept)
    }
}

async fn serve(server: &Server, upgraded: Upgraded) {
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (id, mut events) = server.change(|objects| objects.hub.listen());
    // Cancelled or not, a listener that is gone is told nothing more.
    let _listening = Listening { server, id };
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    server.change(|objects| objects.hub.command(id, &text));
                    Ok(())
                }
                // Answers to pings and the end of the conversation are the library's.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Ok(()),
            },
            Some(event) = events.recv() => socket.send(Message::text(event)).await,
            _ = ping.tick() => socket.send(Message::Ping(bytes::Bytes::new())).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

struct Listening<'a> {
    server: &'a Server,
    id: u64,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.server.change(|objects| objects.hub.leave(self.id));
    }
}
