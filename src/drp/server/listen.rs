//! Listening to events for as long as it takes: connect, register, read, and again when the stream is lost.
//!
//! The server keeps no events for who is not there, so whoever listens has to look for what was missed each time it hears
//! [`Heard::Connected`].

use std::time::Duration;

use reqwest::Upgraded;
use reqwest::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;

use super::exchange::{Asking, receive};
use super::failure::{Failure, NOT_A_SERVER};
use super::stream::{End, Got, attend};
use super::{Server, ServerError, ServerErrorKind, ServerLimits};
use crate::drp::models::Event;

const DOING: &str = "listening to events";

/// A stream that lasted this long was no failed try: the next one may come soon again.
const STABLE: Duration = Duration::from_mins(1);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Registered, for the first time or again: from here on events come. What happened before must be looked for.
    Connected,
    /// An event of one of the selectors.
    Event(Box<Event>),
    /// The stream is lost, or could not be had; it will be tried again.
    Lost(ServerError),
}

impl Server {
    /// Listens to the events of `selectors` (`machines.update.*`, one registration each) until it is dropped, on a
    /// stream of its own that is connected again whenever it is lost: after a random part of a wait that doubles from
    /// [`ServerLimits::first_retry`] to [`ServerLimits::last_retry`].
    ///
    /// `hear` is called in the order in which things happen, and must not block: while it works, nothing is read. Returns
    /// only what trying again cannot mend: the server refuses the token.
    pub async fn listen(&self, selectors: &[&str], mut hear: impl FnMut(Heard) + Send) -> ServerError {
        listen(|| self.open(), |end| self.lost(&end), selectors, &self.0.limits, &mut hear).await
    }

    /// An event stream, nothing registered yet.
    async fn open(&self) -> Result<WebSocketStream<Upgraded>, ServerError> {
        let limit = self.0.limits.request;
        let asking = Asking { doing: DOING, method: Method::GET, names: &["ws"], query: &[], body: None, largest: 0 };
        let address = self.address(&asking)?;
        match timeout(limit, self.shake_hands(&asking, &address)).await {
            Ok(stream) => stream,
            Err(_) => Err(self.failed(&asking, &address, &Failure::Silent(limit))),
        }
    }

    /// The handshake is a request like any other, so that address, trust, token and refusals are too.
    async fn shake_hands(&self, asking: &Asking<'_>, address: &Url) -> Result<WebSocketStream<Upgraded>, ServerError> {
        let failed = |failure: Failure| self.failed(asking, address, &failure);
        let key = generate_key();
        let request = self
            .request(asking, address)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = request.send().await.map_err(|error| failed(error.into()))?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS && !status.is_success() {
            let received = receive(response, asking.largest).await.map_err(failed)?;
            return Err(self.refused(asking, address, &received));
        }
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            let answer = format!("answered {status} instead of opening a websocket");
            return Err(self.error(ServerErrorKind::Answer, DOING, answer).advise(NOT_A_SERVER));
        }
        let upgraded = response.upgrade().await.map_err(|error| failed(error.into()))?;
        let largest = self.0.limits.list;
        let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
    }

    fn lost(&self, end: &End) -> ServerError {
        let kind = match end {
            End::Closed(_) | End::Broken(_) => ServerErrorKind::Unreachable,
            End::Unregistered { .. } | End::Silent(_) => ServerErrorKind::Timeout,
            End::TooLarge(_) => ServerErrorKind::Answer,
        };
        self.error(kind, DOING, end.to_string())
    }
}

async fn listen<S, F>(
    mut open: impl FnMut() -> F,
    lost: impl Fn(End) -> ServerError,
    selectors: &[&str],
    limits: &ServerLimits,
    hear: &mut (impl FnMut(Heard) + Send),
) -> ServerError
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<WebSocketStream<S>, ServerError>>,
{
    let mut tries = 0;
    loop {
        let mut registered = None;
        let error = match open().await {
            Ok(mut socket) => {
                let end = attend(&mut socket, selectors, limits, |got| match got {
                    Got::Registered => {
                        registered = Some(Instant::now());
                        hear(Heard::Connected);
                    }
                    Got::Event(event) => hear(Heard::Event(event)),
                });
                lost(end.await)
            }
            Err(error) if error.kind() == ServerErrorKind::TokenRefused => return error,
            Err(error) => error,
        };
        hear(Heard::Lost(error));
        if registered.is_some_and(|since| since.elapsed() >= STABLE) {
            tries = 0;
        }
        sleep(wait(tries, limits).mul_f64(fastrand::f64())).await;
        tries += 1;
    }
}

/// The longest wait before a try: every listener waits for a random part of it, so that not all of them come back to a
/// server that was restarted at once.
fn wait(tries: u32, limits: &ServerLimits) -> Duration {
    limits.first_retry.saturating_mul(2_u32.saturating_pow(tries)).min(limits.last_retry)
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
