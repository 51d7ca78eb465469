//! The server's socket may be absent, late, mute or failing; no call notices.

use crate::client::{ACTION, post};
use crate::host::{Place, Plugin, quick};
use crate::server::{Manner, Server};
use serde_json::Value;

/// Calls of which each logs one line.
fn log_lines(plugin: &Plugin, count: usize) {
    let mut client = plugin.connect();
    for _ in 0..count {
        client.send(&post(ACTION, "no JSON"));
        assert_eq!(client.answer().unwrap().status, 400);
    }
}

fn lost(line: &Value) -> Option<u64> {
    let message = line["Message"].as_str()?;
    let (_, rest) = message.split_once("took too little: ")?;
    rest.split(' ').next()?.parse().ok()
}

#[test]
fn without_a_listener_calls_are_answered_and_lines_wait_for_it() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    log_lines(&plugin, 500);
    plugin.is_alive();
    let server = Server::start(&place.from());
    let numbers: Vec<u64> = (0..500).map(|_| server.post().body["Seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers.windows(2).all(|two| two[0] + 1 == two[1]), "{numbers:?}");
    let stderr = plugin.end();
    assert_eq!(stderr.matches("nobody answers on").count(), 1, "told once: {stderr}");
}

#[test]
fn what_waits_is_bounded_and_what_is_lost_is_counted() {
    const LINES: usize = 5000;
    let place = Place::new();
    let plugin = Plugin::start(&place);
    log_lines(&plugin, LINES);
    let server = Server::start(&place.from());
    let mut received = 0;
    let lost = loop {
        let line = server.post().body;
        if let Some(lost) = lost(&line) {
            break lost;
        }
        received += 1;
    };
    // The count is told after the first line that came through.
    assert_eq!(received, 1);
    log_lines(&plugin, 1);
    let rest = std::iter::repeat_with(|| server.post()).find(|post| post.body["Seq"].as_u64() > Some(LINES as u64));
    assert!(rest.is_some());
    assert!((LINES as u64 - 1024..LINES as u64).contains(&lost), "{lost}");
    plugin.end();
}

#[test]
fn a_server_that_closes_each_connection_gets_every_line() {
    for manner in [Manner::Closes, Manner::Drops] {
        let place = Place::new();
        let server = Server::start_as(&place.from(), manner);
        let plugin = Plugin::start(&place);
        log_lines(&plugin, 100);
        let numbers: Vec<u64> = (0..100).map(|_| server.post().body["Seq"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        plugin.end();
    }
}

#[test]
fn a_server_that_never_answers_or_fails_holds_up_neither_calls_nor_the_end() {
    for manner in [Manner::Mute, Manner::Fails] {
        let place = Place::new();
        let server = Server::start_as(&place.from(), manner);
        let plugin = Plugin::start(&place);
        log_lines(&plugin, 300);
        server.line("refusing a request");
        assert_eq!(plugin.send(&quick()).answer().unwrap().status, 404);
        plugin.end();
    }
}

#[test]
fn the_last_lines_still_reach_the_server() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start(&place);
    plugin.end();
    server.line("taking no more calls");
}
