//! Odd requests: each is answered as the server's own plugin framework would, or refused, and harms no other.

use std::net::Shutdown;

use serde_json::{Value, json};

use crate::client::{ACTION, Answer, CONFIG, PUBLISH, post, post_with};
use crate::host::{Place, Plugin, done};

const MIB: usize = 1024 * 1024;

/// What must come of a request.
enum Expected {
    /// This body, with its own code as the status.
    Json(Value),
    /// This status, and a body with this text.
    Says(u16, &'static str),
    /// This status with no body: it did not get as far as to the plugin.
    Http(u16),
    /// The end of the connection.
    Closed,
}
use Expected::{Closed, Http, Json, Says};

fn raw(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn not_found(method: &str, path: &str) -> Expected {
    Json(json!({ "Model": "", "Key": path, "Type": method, "Messages": null, "Code": 404 }))
}

fn wrong_type(given: &str) -> Expected {
    let messages = [format!("Invalid content type: {given}")];
    Json(json!({ "Model": "", "Key": "", "Type": "POST", "Messages": messages, "Code": 400 }))
}

fn cases() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let ok = || Json(done());
    let host = "Host: unix\nContent-Type: application/json\n";
    let config = |rest: &str| raw(&format!("POST {CONFIG} HTTP/1.1\n{host}{rest}"));
    vec![
        ("another method", raw(&format!("GET {CONFIG} HTTP/1.1\nHost: unix\n\n")), not_found("GET", CONFIG)),
        ("a method of nobody's", raw(&format!("DANCE {CONFIG} HTTP/1.1\nHost: unix\n\n")), not_found("DANCE", CONFIG)),
        ("another path", post("/api-plugin/v4/dance", "{}"), not_found("POST", "/api-plugin/v4/dance")),
        ("another version", post("/api-plugin/v3/config", "{}"), not_found("POST", "/api-plugin/v3/config")),
        ("a slash more", post("/api-plugin/v4/config/", "{}"), not_found("POST", "/api-plugin/v4/config/")),
        ("forwarded", post("/plugin-apis/vmedia/x?y", "{}"), not_found("POST", "/plugin-apis/vmedia/x")),
        ("a query", post("/api-plugin/v4/config?x=y", "{}"), ok()),
        ("an absolute URI", post("http://unix/api-plugin/v4/config", "{}"), ok()),
        ("no content type", raw(&format!("POST {CONFIG} HTTP/1.1\nHost: unix\nContent-Length: 0\n\n")), wrong_type("")),
        (
            "another content type",
            raw(&format!("POST {CONFIG} HTTP/1.1\nHost: unix\nContent-Type: text/plain\nContent-Length: 2\n\n{{}}")),
            wrong_type("text/plain"),
        ),
        (
            "a content type in other letters, and more",
            raw(&format!("POST {CONFIG} HTTP/1.1\nHost: x\nContent-Type: APPLICATION/JSON; charset=utf-8\n\n")),
            ok(),
        ),
        ("no length and no body", config("\n"), ok()),
        ("an empty body", post(CONFIG, ""), ok()),
        ("a body that is null", post(CONFIG, "null"), ok()),
        ("an empty event", post(PUBLISH, ""), ok()),
        ("an empty action", post(ACTION, ""), Says(404, "there is no action")),
        (
            "null fields",
            post(ACTION, r#"{"Model":null,"Params":null,"Command":null}"#),
            Says(404, "there is no action"),
        ),
        ("fields of a newer server", post(ACTION, r#"{"Command":"x","Job":"j","CommandSet":"c"}"#), Says(404, "`x`")),
        ("a null parameter and no Name", post(CONFIG, r#"{"virtual-media/template":null}"#), ok()),
        ("a sealed value", post(CONFIG, r#"{"Name":"v","ipmi/password":{"Key":"a","Nonce":"b","Payload":"c"}}"#), ok()),
        ("a wrong parameter", post(CONFIG, r#"{"virtual-media/poll-interval":"x"}"#), Says(400, r#""Type":"rpc""#)),
        ("chunks", config("Transfer-Encoding: chunked\n\n1\n{\n1;x=y\n}\n0\n\n"), ok()),
        ("chunks with a trailer", config("Transfer-Encoding: chunked\n\n2\n{}\n0\nX: y\n\n"), ok()),
        ("broken chunks", config("Transfer-Encoding: chunked\n\nzz\n{}\n"), Says(400, "could not be read")),
        ("the old version of HTTP", raw(&format!("POST {CONFIG} HTTP/1.0\n{host}Content-Length: 2\n\n{{}}")), ok()),
        ("no Host", raw(&format!("POST {CONFIG} HTTP/1.1\nContent-Type: application/json\n\n")), ok()),
        ("to be continued", post_with(CONFIG, "Expect: 100-continue\r\n", "{}"), ok()),
        ("no JSON", post(CONFIG, "hello"), Says(400, "cannot be decoded")),
        ("half of a value", post(CONFIG, r#"{"a":"#), Says(400, "cannot be decoded: EOF")),
        ("two values", post(CONFIG, "{}{}"), Says(400, "cannot be decoded")),
        ("deep nesting", post(CONFIG, &format!("{{\"a\":{}", "[".repeat(100_000))), Says(400, "cannot be decoded")),
        ("a list", post(CONFIG, "[]"), Says(400, "wrong type")),
        ("a text", post(CONFIG, r#""hunter2""#), Says(400, "wrong type")),
        ("params of the wrong type", post(ACTION, r#"{"Command":"x","Params":"hunter2"}"#), Says(400, "wrong type")),
        ("a command of the wrong type", post(ACTION, r#"{"Command":["hunter2"]}"#), Says(400, "wrong type")),
        (
            "no UTF-8",
            [
                post(CONFIG, "")[..].strip_suffix(b"Content-Length: 0\r\n\r\n").unwrap(),
                b"Content-Length: 9\r\n\r\n{\"a\":\"\xff\"}",
            ]
            .concat(),
            Says(400, "cannot be decoded"),
        ),
        ("a body that is too long", post(CONFIG, &"x".repeat(5 * MIB)), Says(413, "4194304")),
        ("two lengths", config("Content-Length: 2\nContent-Length: 3\n\n{}"), Http(400)),
        ("a negative length", config("Content-Length: -1\n\n{}"), Http(400)),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n".to_vec(), Http(400)),
        ("version 2 of HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Closed),
        ("a head that is too long", config(&format!("X: {}\n\n", "x".repeat(MIB))), Http(431)),
        ("too many headers", config(&format!("{}\n", "X: y\n".repeat(200))), Http(431)),
    ]
}

fn check(what: &str, answer: &Answer, expected: &Expected) {
    match expected {
        Json(body) => assert_eq!((json!(answer.status), &answer.json()), (body["Code"].clone(), body), "{what}"),
        Says(status, text) => {
            assert!(answer.status == *status && answer.json()["Code"] == *status, "{what}: {answer:?}");
            assert!(answer.body.contains(text), "{what}: {answer:?}");
        }
        Closed => panic!("{what}: {answer:?}"),
        Http(status) => assert_eq!((answer.status, answer.body.as_str()), (*status, ""), "{what}"),
    }
    assert!(!answer.body.contains("hunter2"), "{what}: {answer:?}");
}

#[test]
fn an_odd_request_is_answered_and_the_next_is_served() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    for (what, bytes, expected) in cases() {
        let mut client = plugin.connect();
        client.try_send(&bytes);
        match (client.answer(), expected) {
            (None, Closed) => {}
            (None, _) => panic!("{what}: no answer"),
            (Some(answer), expected) => check(what, &answer, &expected),
        }
        plugin.is_alive();
    }
    assert!(!plugin.end().contains("hunter2"));
}

#[test]
fn head_is_answered_without_a_body() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let mut client = plugin.send(&raw(&format!("HEAD {CONFIG} HTTP/1.1\nHost: unix\n\n")));
    assert_eq!(client.answer_to("HEAD").unwrap().status, 404);
    client.send(&post(CONFIG, "{}"));
    assert_eq!(client.answer().unwrap().status, 200);
}

#[test]
fn a_connection_is_kept_for_many_calls_and_for_calls_in_advance() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let mut client = plugin.connect();
    for _ in 0..100 {
        client.send(&post(CONFIG, "{}"));
        assert_eq!(client.answer().unwrap().status, 200);
    }
    client.send(&[post(CONFIG, "{}"), post(ACTION, "{}"), post("/x", "{}")].concat());
    let statuses: Vec<u16> = (0..3).map(|_| client.answer().unwrap().status).collect();
    assert_eq!(statuses, [200, 404, 404]);
}

#[test]
fn a_client_that_sends_no_more_is_answered() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let mut client = plugin.send(&post(CONFIG, "{}"));
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().unwrap().status, 200);
    assert!(client.is_closed());
}

#[test]
fn a_client_that_leaves_anywhere_harms_nobody() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let request = post(CONFIG, &json!({ "Name": "vmedia" }).to_string());
    for length in 0..=request.len() {
        drop(plugin.send(&request[..length]));
    }
    plugin.is_alive();
}

/// Half a head, half a body, nothing at all, and an answer that is not read: none of it ends by itself.
#[test]
fn silent_clients_keep_nobody_from_service() {
    let place = Place::new();
    // So few files that there are sixteen connections.
    let plugin = Plugin::spawn(&place, &mut crate::host::command_in_shell(&place, "ulimit -n 300; exec \"$@\""));
    let request = post(CONFIG, "{\"Name\":\"vmedia\"}");
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(plugin.connect());
        silent.push(plugin.send(&request[..20]));
        silent.push(plugin.send(&request));
    }
    plugin.is_alive();
    // The last to come were not made to give way.
    assert_eq!(silent.last_mut().unwrap().answer().unwrap().status, 200);
    let stderr = plugin.end();
    assert!(!stderr.contains("ERROR"), "{stderr}");
}

#[test]
fn a_slow_body_keeps_nobody_waiting() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let request = post(CONFIG, "{\"Name\":\"vmedia\"}");
    let (head, rest) = request.split_at(request.len() - 5);
    let mut slow = plugin.send(head);
    plugin.is_alive();
    slow.send(rest);
    assert_eq!(slow.answer().unwrap().status, 200);
}

#[test]
fn a_parameter_that_is_null_is_one_that_is_absent() {
    let definition: Value = serde_json::from_str(include_str!("../../plugin-manifest/definition.json")).unwrap();
    let mut actions = definition["AvailableActions"].as_array().unwrap().iter();
    let declared = &actions.find(|action| action["Command"] == "mountVirtualMedia").unwrap()["OptionalParams"];
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut action = json!({
        "Command": "mountVirtualMedia", "Plugin": "vmedia",
        "Model": { "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Name": "m", "Params": null },
        "Params": {
            "ipmi/address": "127.0.0.1", "ipmi/username": "root", "ipmi/password": "calvin",
            "ipmi/port-redfish": nobody, "ipmi/virtual-media-url": "http://127.0.0.1/x.iso"
        }
    });
    let without = plugin.call(ACTION, &action);
    assert_eq!(without.status, 502, "{}", without.json());
    for name in declared.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
        let params = action["Params"].as_object_mut().unwrap();
        params.entry(name).or_insert(Value::Null);
    }
    assert!(action["Params"].as_object().unwrap().values().filter(|value| value.is_null()).count() > 10);
    assert_eq!(plugin.call(ACTION, &action).json(), without.json());
    action["Params"]["ipmi/address"] = Value::Null;
    let answer = plugin.call(ACTION, &action);
    assert_eq!(answer.status, 400);
    assert!(answer.json()["Messages"][0].as_str().unwrap().contains("ipmi/address is missing"), "{}", answer.json());
}
