//! Streams that are lost and had again, on a clock that does not wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Heard, STABLE, listen, wait};
use crate::drp::server::{Server, ServerError, ServerErrorKind, ServerLimits};

const SELECTORS: [&str; 1] = ["machines.update.*"];

/// What becomes of one try.
#[derive(Clone, Copy)]
enum Try {
    Unreachable,
    /// Registered, and lost after this time.
    Lasts(Duration),
    /// Connected, and lost before the registration is answered.
    Dropped,
    TokenRefused,
}

fn error(kind: ServerErrorKind) -> ServerError {
    ServerError::new(kind, "listening to events", "https://server", "does not")
}

/// Listens through all tries, which end with a refused token, and gives what was heard, each with its time.
async fn heard(tries: impl IntoIterator<Item = Try>) -> Vec<(Duration, String)> {
    let mut tries: VecDeque<Try> = tries.into_iter().chain([Try::TokenRefused]).collect();
    let (began, heard) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let open = || {
        let next = tries.pop_front();
        async move {
            match next {
                Some(Try::Unreachable) => Err(error(ServerErrorKind::Unreachable)),
                None | Some(Try::TokenRefused) => Err(error(ServerErrorKind::TokenRefused)),
                Some(Try::Lasts(time)) => Ok(stream(Some(time)).await),
                Some(Try::Dropped) => Ok(stream(None).await),
            }
        }
    };
    let mut hear = |what: Heard| {
        let what = match what {
            Heard::Connected => "connected".to_owned(),
            Heard::Lost(error) => format!("lost {:?}", error.kind()),
            Heard::Event(event) => event.key.clone(),
        };
        heard.lock().unwrap().push((began.elapsed(), what));
    };
    let lost = |_| error(ServerErrorKind::Unreachable);
    let end = listen(open, lost, &SELECTORS, &ServerLimits::default(), &mut hear).await;
    assert_eq!(end.kind(), ServerErrorKind::TokenRefused);
    let heard = heard.lock().unwrap();
    heard.clone()
}

/// The client's end of a stream whose server answers the registration and lives for a while.
async fn stream(lives: Option<Duration>) -> WebSocketStream<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let asked = server.next().await.unwrap().unwrap();
        assert_eq!(asked, Message::text("register machines.update.*"));
        let Some(lives) = lives else { return };
        server.send(Message::text(r#"{"Type":"websocket"}"#)).await.unwrap();
        server.send(Message::text(r#"{"Type":"machines","Key":"event"}"#)).await.unwrap();
        let answering = async { while let Some(Ok(_)) = server.next().await {} };
        let _ = tokio::time::timeout(lives, answering).await;
    });
    WebSocketStream::from_raw_socket(ours, Role::Client, None).await
}

fn words(heard: &[(Duration, String)]) -> Vec<&str> {
    heard.iter().map(|(_, what)| what.as_str()).collect()
}

/// The waits between a loss and what was heard next.
fn waits(heard: &[(Duration, String)]) -> Vec<Duration> {
    heard
        .windows(2)
        .filter(|pair| pair[0].1.starts_with("lost"))
        .map(|pair| pair[1].0.saturating_sub(pair[0].0))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_stream_registers_anew_and_says_when_it_did() {
    let brief = Try::Lasts(Duration::from_secs(5));
    let heard = heard([brief, Try::Unreachable, Try::Dropped, brief]).await;
    let (whole, lost) = (["connected", "event", "lost Unreachable"], ["lost Unreachable"]);
    assert_eq!(words(&heard), [&whole[..], &lost, &lost, &whole].concat());
}

#[tokio::test(start_paused = true)]
async fn waits_grow_to_a_minute_at_most_and_differ() {
    fastrand::seed(1);
    let limits = ServerLimits::default();
    let waits = waits(&heard([Try::Unreachable; 40]).await);
    for (tries, waited) in (0..).zip(&waits) {
        assert!(*waited <= wait(tries, &limits), "{waited:?} after {tries} tries");
    }
    assert!(waits.iter().all(|wait| *wait < Duration::from_mins(1)));
    assert!(waits[10..].iter().any(|wait| *wait > Duration::from_secs(40)), "{waits:?}");
    assert!(waits[10..].iter().any(|wait| *wait < Duration::from_secs(20)), "{waits:?}");
}

#[test]
fn the_longest_wait_doubles_from_a_second_to_a_minute() {
    let limits = ServerLimits::default();
    let seconds = |tries| wait(tries, &limits).as_secs();
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, u32::MAX].map(seconds), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn only_a_stream_that_lasted_makes_the_next_wait_short_again() {
    fastrand::seed(1);
    let failed = [Try::Unreachable; 10];
    let after = async |lasted: Duration| {
        let tries = failed.into_iter().chain([Try::Lasts(lasted)]).chain([Try::Unreachable]);
        waits(&heard(tries).await)[10]
    };
    let mut stable = Vec::new();
    let mut brief = Vec::new();
    for _ in 0..8 {
        stable.push(after(STABLE + Duration::from_secs(1)).await);
        brief.push(after(Duration::from_secs(5)).await);
    }
    assert!(stable.iter().all(|wait| *wait <= Duration::from_secs(1)), "{stable:?}");
    assert!(brief.iter().any(|wait| *wait > Duration::from_secs(5)), "{brief:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_tried_again() {
    let began = Instant::now();
    assert!(heard([]).await.is_empty());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[test]
fn listening_can_be_a_task_of_its_own() {
    fn is_a_task<F: Future + Send>(_: F) {}
    let listens = |server: &'static Server| is_a_task(server.listen(&SELECTORS, |_| {}));
    let changes = |server: &'static Server| is_a_task(server.change_param("u", "k", |_| None));
    let _ = (listens, changes);
}
