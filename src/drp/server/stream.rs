//! One connection of the event stream: registered, kept alive, read until it ends.

use std::fmt::{self, Display, Formatter};
use std::future::pending;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Error as WireError, Message};
use tracing::debug;

use super::ServerLimits;
use crate::drp::models::Event;
use crate::words::{described, quoted, spoken, told};

/// The type of the events that answer a registration. Their shape is not documented; the server's own client counts them.
const ACKNOWLEDGEMENT: &str = "websocket";

/// What comes out of a stream while it lives.
#[derive(Debug)]
pub(super) enum Got {
    /// Every registration is acknowledged.
    Registered,
    Event(Box<Event>),
}

/// Why a stream ended; a verb whose subject is the server.
#[derive(Debug)]
pub(super) enum End {
    Closed(String),
    Broken(String),
    /// Not every registration was acknowledged in time.
    Unregistered {
        missing: usize,
        limit: Duration,
    },
    /// Nothing came, or nothing could be sent, for this long.
    Silent(Duration),
    TooLarge(String),
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(reason) if reason.is_empty() => f.write_str("closed the event stream"),
            Self::Closed(reason) => write!(f, "closed the event stream: {reason}"),
            Self::Broken(cause) => write!(f, "broke off the event stream: {cause}"),
            Self::Unregistered { missing, limit } => {
                write!(f, "left {missing} registrations for events without an answer for {}", spoken(*limit))
            }
            Self::Silent(limit) => write!(f, "sent nothing for {}, not even the answer to a ping", spoken(*limit)),
            Self::TooLarge(cause) => write!(f, "sent more than an event can be: {cause}"),
        }
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        match error {
            WireError::ConnectionClosed | WireError::AlreadyClosed => Self::Closed(String::new()),
            WireError::Capacity(cause) => Self::TooLarge(cause.to_string()),
            other => Self::Broken(quoted(&told(&other))),
        }
    }
}

/// Registers and reads until the stream ends. What comes is handed on at once: nothing here waits for it to be handled.
pub(super) async fn attend<S>(
    socket: &mut WebSocketStream<S>,
    selectors: &[&str],
    limits: &ServerLimits,
    mut got: impl FnMut(Got),
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let registered_by = Instant::now() + limits.registration;
    for selector in selectors {
        if let Err(end) = send(socket, Message::text(format!("register {selector}")), limits).await {
            return end;
        }
    }
    let mut unanswered = selectors.len();
    if unanswered == 0 {
        got(Got::Registered);
    }
    let mut last_sign = Instant::now();
    let mut ping = interval_at(last_sign + limits.ping, limits.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let registration = async { if unanswered > 0 { sleep_until(registered_by).await } else { pending().await } };
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ping.tick() => {
                if let Err(end) = send(socket, Message::Ping(Bytes::new()), limits).await {
                    return end;
                }
                continue;
            }
            () = sleep_until(last_sign + limits.silence) => return End::Silent(limits.silence),
            () = registration => return End::Unregistered { missing: unanswered, limit: limits.registration },
        };
        last_sign = Instant::now();
        let text = match message {
            None => return End::Closed(String::new()),
            Some(Err(error)) => return error.into(),
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map(|frame| format!("{} {}", u16::from(frame.code), quoted(&frame.reason)));
                return End::Closed(reason.unwrap_or_default().trim_end().to_owned());
            }
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(bytes))) => bytes,
            // A ping is answered underneath, with the next read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
        };
        match read(&text) {
            Some(event) if event.r#type == ACKNOWLEDGEMENT => {
                if unanswered == 1 {
                    got(Got::Registered);
                }
                unanswered = unanswered.saturating_sub(1);
            }
            Some(event) => got(Got::Event(Box::new(event))),
            None => {}
        }
    }
}

/// An event, or nothing where it is none that could be acted on: the stream is worth more than one message.
fn read(text: &[u8]) -> Option<Event> {
    match serde_json::from_slice::<Event>(text) {
        Ok(event) if event.r#type.is_empty() => {
            debug!("skipping an event of no type");
            None
        }
        Ok(event) => Some(event),
        Err(error) => {
            debug!(message = described(text, &error), "skipping what is no event");
            None
        }
    }
}

async fn send<S>(socket: &mut WebSocketStream<S>, message: Message, limits: &ServerLimits) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(limits.silence, socket.send(message)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(End::Silent(limits.silence)),
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
