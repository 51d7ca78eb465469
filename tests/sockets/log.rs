//! What the server's log gets to read.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::bmc::Silent;
use crate::client::{ACTION, PUBLISH, post_with};
use crate::host::{LONG, Place, Plugin, command};
use crate::server::{LOG, Server};

#[test]
fn a_line_has_the_fields_of_the_servers_own_and_says_whether_to_publish_it() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start(&place);
    plugin.call(ACTION, &json!({ "Command": "x" }));
    let line = server.line("the action failed");
    let fields: HashSet<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let described =
        ["Group", "Seq", "Time", "Service", "Principal", "Level", "File", "Line", "Message", "Data", "IgnorePublish"];
    assert_eq!(fields, HashSet::from(described));
    assert_eq!((&line["Level"], &line["Service"]), (&json!("warn"), &json!("virtual-media")));
    assert!(line["Group"].as_u64() > Some(0) && line["IgnorePublish"] == false, "{line}");

    // A line while an event is handled must not become an event.
    plugin.call(PUBLISH, &json!({ "Type": "machines", "Action": "update", "Object": { "Uuid": "x" } }));
    let line = server.line("the call failed");
    assert_eq!(line["IgnorePublish"], true, "{line}");
    // Nor one that nobody asked for.
    plugin.end();
    assert_eq!(server.line("taking no more calls")["IgnorePublish"], true);
}

#[test]
fn posts_go_where_the_servers_code_has_it_as_json() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start(&place);
    plugin.call(ACTION, &json!({ "Command": "x" }));
    let post = server.post();
    let head = post.head.to_lowercase();
    assert_eq!(post.path, LOG);
    assert!(head.contains("content-type: application/json\r\n") && head.contains("host: unix\r\n"), "{head}");
}

fn levels(lines: &[Value]) -> HashSet<&str> {
    lines.iter().filter_map(|line| line["Level"].as_str()).collect()
}

#[test]
fn a_request_can_ask_for_more_of_its_own_log() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start_with(&place, &LONG);
    let mut calls = 0;
    // The BMC hangs up at once, but not before the action has said which steps it takes.
    let mut call = |headers: &str| {
        let bmc = Silent::start();
        let mut client = plugin.send(&post_with(ACTION, headers, &bmc.action().to_string()));
        drop((bmc.connection(), bmc));
        client.answer().unwrap();
        calls += 1;
        server.lines_until("the action failed")
    };
    assert_eq!(levels(&call("")), HashSet::from(["warn"]));
    let raised = call("X-Log-Request: debug\r\n");
    assert_eq!(levels(&raised), HashSet::from(["debug", "warn"]));
    let groups: HashSet<_> = raised.iter().map(|line| line["Group"].as_u64()).collect();
    assert_eq!(groups.len(), 1, "of that request alone");
    assert_eq!(levels(&call("")), HashSet::from(["warn"]));
    assert!(levels(&call("x-log-request: TRACE\r\n")).contains("debug"));
    assert_eq!(levels(&call("X-Log-Request: error\r\n")), HashSet::from(["warn"]));
    let unknown = call("X-Log-Request: louder\r\n");
    assert!(unknown[0].to_string().contains("louder"), "{unknown:?}");
    let stderr = plugin.end();
    assert!(stderr.contains("DEBUG request:"), "{stderr}");
}

#[test]
fn a_log_token_is_logged_as_an_error() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start(&place);
    plugin.send(&post_with(ACTION, "X-Log-Token: find me\r\n", "{}")).answer().unwrap();
    assert_eq!(server.line("find me")["Level"], "error");
}

#[test]
fn the_servers_token_is_nowhere() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let mut command = command(&place);
    command
        .arg("-d")
        .env("RS_TOKEN", "hunter2")
        .env("RS_ENDPOINT", "https://127.0.0.1:9")
        .env("VIRTUAL_MEDIA_LOG", "trace");
    let plugin = Plugin::spawn(&place, &mut command);
    plugin.is_alive();
    plugin.send(&post_with(ACTION, "X-Log-Request: trace\r\n", "{}")).answer().unwrap();
    server.line("the action failed");
    let stderr = plugin.end();
    assert!(!stderr.is_empty() && !stderr.contains("hunter2"), "{stderr}");
    assert!(server.posts().iter().all(|post| !post.body.to_string().contains("hunter2")));
}
