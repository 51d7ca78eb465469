//! Whom the server does not wait for, and who is none of those. Limits are short here; nothing is asserted of how long anything took.

use std::thread;
use std::time::Duration;

use drp_virtual_media::serve::Limits;

use crate::client::Client;
use crate::site::{LARGE, Site};

const SHORT: Duration = Duration::from_millis(300);

/// Reads a little of a whole image and stops.
fn stalled(site: &Site) -> Client {
    let mut reader = site.client();
    reader.send(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.path()));
    assert_eq!(reader.head().status, 200);
    reader
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off_and_others_are_not() {
    let site = Site::with(LARGE, Limits { stall: SHORT, ..Limits::default() });
    let mut reader = stalled(&site);
    let told = || site.read.joined().last().map_or(0, |range| range.end);
    // Until its buffers are full, and then until nothing more was sent for longer than the limit.
    let mut before = 0;
    loop {
        let now = told();
        if now > 0 && now == before {
            break;
        }
        before = now;
        thread::sleep(SHORT * 4);
        assert_eq!(site.client().get("/", "").status, 404);
    }
    assert!(reader.rest().len() < site.bytes.len());
}

#[test]
fn a_slow_reader_that_takes_a_little_lives() {
    // On a busy machine a reader may be late for far more than it pauses.
    let stall = SHORT * 4;
    let site = Site::with(LARGE, Limits { stall, ..Limits::default() });
    let mut reader = stalled(&site);
    let mut bytes = Vec::new();
    // Far less in each limit than the third of a buffer at which the kernel calls the connection writable.
    for _ in 0..30 {
        bytes.extend(reader.bytes(128 << 10));
        thread::sleep(stall / 8);
    }
    bytes.extend(reader.bytes(site.bytes.len() - bytes.len()));
    assert!(bytes == site.bytes);
}

#[test]
fn a_slow_head_is_answered_with_408() {
    let site = Site::with(0, Limits { head: SHORT, ..Limits::default() });
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(client.rest().is_empty());
}

#[test]
fn a_head_that_comes_in_drops_has_no_more_time() {
    let site = Site::with(0, Limits { head: SHORT, ..Limits::default() });
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    // A byte as soon as nothing came for a quarter of the limit.
    client.stream.set_read_timeout(Some(SHORT / 4)).unwrap();
    let is_answered = (0..100).any(|_| {
        client.send("a");
        client.stream.peek(&mut [0]).is_ok()
    });
    assert!(is_answered, "each byte had the whole limit again");
    assert_eq!(client.answer().status, 408);
}

#[test]
fn a_connection_without_a_request_is_closed_without_a_word() {
    let site = Site::with(0, Limits { idle: SHORT, ..Limits::default() });
    assert!(site.client().rest().is_empty());
    let mut client = site.client();
    assert_eq!(client.get("/", "").status, 404);
    assert!(client.rest().is_empty());
}

#[test]
fn a_tls_handshake_that_does_not_end_is_given_up() {
    let site = Site::with_tls_and(Limits { handshake: SHORT, ..Limits::default() });
    assert!(Client::connect(site.https()).rest().is_empty());
    let mut plain = Client::connect(site.https());
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!plain.rest().starts_with(b"HTTP"));
}

#[test]
fn a_flood_of_idle_connections_keeps_nobody_out() {
    for (connections, per_client) in [(8, 128), (128, 8)] {
        let site = Site::with(0, Limits { connections, per_client, ..Limits::default() });
        let path = site.path();
        let mut flood: Vec<Client> = (0..64).map(|_| site.client()).collect();
        let mut client = site.client();
        for _ in 0..3 {
            assert_eq!(client.get(&path, "Range: bytes=0-0\r\n").status, 206);
        }
        for gone in &mut flood[..32] {
            assert!(gone.rest().is_empty());
        }
    }
}

#[test]
fn a_client_whose_connections_are_all_read_from_gets_no_more() {
    let site = Site::with(LARGE, Limits { per_client: 2, ..Limits::default() });
    let readers = [stalled(&site), stalled(&site)];
    assert!(site.client().rest().is_empty(), "it is closed at once");
    for mut reader in readers {
        assert!(reader.bytes(site.bytes.len()) == site.bytes, "they go on");
        assert_eq!(reader.get("/", "").status, 404);
    }
    assert_eq!(site.client().get("/", "").status, 404);
}
