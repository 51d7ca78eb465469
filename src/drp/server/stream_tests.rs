//! One connection, on a clock that does not wait: a stream of bytes in memory, and the server's end of it.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{End, Got, attend};
use crate::drp::server::ServerLimits;

type Socket = WebSocketStream<DuplexStream>;

const SELECTORS: [&str; 2] = ["machines.update.*", "machines.save.*"];

async fn pair(room: usize) -> (Socket, Socket) {
    let (ours, theirs) = tokio::io::duplex(room);
    let config = WebSocketConfig::default().max_message_size(Some(4096)).max_frame_size(Some(4096));
    let client = WebSocketStream::from_raw_socket(ours, Role::Client, Some(config)).await;
    (client, WebSocketStream::from_raw_socket(theirs, Role::Server, None).await)
}

/// Attends to a stream whose other end does what it is told, and says what came and how it ended.
async fn attended(server: impl AsyncFnOnce(Socket), room: usize) -> (Vec<String>, End) {
    let (mut client, theirs) = pair(room).await;
    let mut heard = Vec::new();
    let limits = ServerLimits::default();
    let attending = attend(&mut client, &SELECTORS, &limits, |got| {
        heard.push(match got {
            Got::Registered => "registered".to_owned(),
            Got::Event(event) => event.key.clone(),
        });
    });
    let serving = async {
        server(theirs).await;
        std::future::pending::<()>().await;
    };
    let hours = Duration::from_hours(3);
    let end = tokio::select! {
        end = timeout(hours, attending) => end.expect("ends within three hours"),
        () = serving => unreachable!("never returns"),
    };
    (heard, end)
}

fn event(key: &str) -> Message {
    Message::text(json!({"Type": "machines", "Action": "update", "Key": key}).to_string())
}

fn acknowledgement() -> Message {
    Message::text(r#"{"Type":"websocket","Action":"register","Key":"x","Object":null}"#)
}

/// The server's part of a registration: every selector gets its answer.
async fn register(server: &mut Socket) {
    for selector in SELECTORS {
        let asked = server.next().await.unwrap().unwrap();
        assert_eq!(asked, Message::text(format!("register {selector}")));
        server.send(acknowledgement()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_selector_is_registered_by_itself_and_events_before_the_last_answer_are_heard() {
    let server = async |mut server: Socket| {
        for (selector, key) in SELECTORS.into_iter().zip(["early", "earlier than registered"]) {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::text(format!("register {selector}")));
            server.send(event(key)).await.unwrap();
            server.send(acknowledgement()).await.unwrap();
        }
        server.send(acknowledgement()).await.unwrap();
        server.send(event("late")).await.unwrap();
        let frame = CloseFrame { code: CloseCode::Normal, reason: "bye\u{1b}[2J".into() };
        server.close(Some(frame)).await.unwrap();
    };
    let (heard, end) = attended(server, 1 << 16).await;
    assert_eq!(heard, ["early", "earlier than registered", "registered", "late"]);
    assert_eq!(end.to_string(), "closed the event stream: 1000 bye [2J");
}

#[tokio::test(start_paused = true)]
async fn a_registration_without_its_answer_ends_the_stream_in_time() {
    let began = Instant::now();
    let server = async |mut server: Socket| {
        let _ = server.next().await;
        server.send(acknowledgement()).await.unwrap();
        loop {
            // The stream lives, and events come.
            sleep(Duration::from_secs(1)).await;
            let _ = server.next().now_or_never();
            server.send(event("machine")).await.unwrap();
        }
    };
    let (heard, end) = attended(server, 1 << 20).await;
    assert!(matches!(end, End::Unregistered { missing: 1, .. }), "{end}");
    assert!(!heard.contains(&"registered".to_owned()));
    assert_eq!(began.elapsed(), ServerLimits::default().registration);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_is_never_left() {
    let server = async |mut server: Socket| {
        register(&mut server).await;
        let mut pings = 0;
        let began = Instant::now();
        while began.elapsed() < Duration::from_hours(1) {
            if let Ok(Some(Ok(Message::Ping(_)))) = timeout(Duration::from_secs(31), server.next()).await {
                pings += 1;
            }
            server.flush().await.unwrap();
        }
        assert_eq!(pings, 120);
        drop(server);
    };
    let (heard, end) = attended(server, 1 << 16).await;
    assert_eq!(heard, ["registered"]);
    assert!(matches!(end, End::Broken(_) | End::Closed(_)), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_given_up() {
    let began = Instant::now();
    let server = async |mut server: Socket| {
        register(&mut server).await;
        std::future::pending::<()>().await;
    };
    let (_, end) = attended(server, 1 << 16).await;
    assert!(matches!(end, End::Silent(_)), "{end}");
    assert_eq!(began.elapsed(), ServerLimits::default().silence);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_given_up() {
    let (_, end) = attended(async |_server: Socket| std::future::pending::<()>().await, 8).await;
    assert!(matches!(end, End::Silent(_)), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_servers_ping_is_answered() {
    let server = async |mut server: Socket| {
        register(&mut server).await;
        server.send(Message::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
        let answer = server.next().await.unwrap().unwrap();
        assert_eq!(answer, Message::Pong(Bytes::from_static(b"are you there")));
        server.send(event("answered")).await.unwrap();
        server.close(None).await.unwrap();
    };
    let (heard, end) = attended(server, 1 << 16).await;
    assert_eq!(heard, ["registered", "answered"]);
    assert_eq!(end.to_string(), "closed the event stream");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_skipped_and_a_binary_frame_may_be_one() {
    let server = async |mut server: Socket| {
        register(&mut server).await;
        for odd in
            ["", "{}", "null", "[]", "7", "no json", "{\"Type\":7}", "{\"Type\":", "{\"Key\":\"x\",\"Type\":null}"]
        {
            server.send(Message::text(odd)).await.unwrap();
            server.send(Message::binary(odd.as_bytes().to_vec())).await.unwrap();
        }
        server.send(Message::binary(vec![0xff, 0xfe])).await.unwrap();
        server.send(Message::binary(event("binary").into_data())).await.unwrap();
        server.close(None).await.unwrap();
    };
    let (heard, end) = attended(server, 1 << 16).await;
    assert_eq!(heard, ["registered", "binary"]);
    assert!(matches!(end, End::Closed(_)), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_an_event_ends_the_stream_before_it_is_read() {
    let server = async |mut server: Socket| {
        register(&mut server).await;
        let _ = server.send(Message::text("x".repeat(5000))).await;
    };
    let (_, end) = attended(server, 1 << 16).await;
    assert!(matches!(end, End::TooLarge(_)), "{end}");
}
