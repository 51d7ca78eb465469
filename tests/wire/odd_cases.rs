//! Behaviour in odd cases: what a host gets for input that is wrong, unusual, or both.

use serde_json::{Value, json};

use crate::host::{INITIALIZE, Plugin, quick};

struct Case {
    name: &'static str,
    /// Sent before the input; empty where the handshake itself is odd.
    before: &'static str,
    input: Vec<u8>,
    /// What is answered to the input, in any order. What a pattern does not name may be anything.
    answers: Value,
}

fn case(name: &'static str, input: impl AsRef<[u8]>, answers: Value) -> Case {
    Case { name, before: INITIALIZE, input: input.as_ref().to_vec(), answers }
}

fn unconnected(name: &'static str, input: impl AsRef<[u8]>, answers: Value) -> Case {
    Case { before: "", ..case(name, input, answers) }
}

/// `{"jsonrpc":"2.0",MEMBERS}`
fn object(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0",{members}}}"#)
}

fn error(id: impl Into<Value>, code: i32) -> Value {
    json!({ "id": id.into(), "error": { "code": code } })
}

/// An error whose request's id could not be read.
fn nobody(code: i32) -> Value {
    error(Value::Null, code)
}

fn done(id: impl Into<Value>) -> Value {
    json!({ "id": id.into(), "result": null })
}

fn lines() -> Vec<Case> {
    let too_long = object(&format!(r#""id":1,"method":"{}""#, "x".repeat(1024 * 1024)));
    vec![
        case("a malformed line", r#"{"jsonrpc":"#, json!([nobody(-32700)])),
        case("text that is no JSON", "hello", json!([nobody(-32700)])),
        case("two texts on a line", format!("{} {}", quick(1), quick(2)), json!([nobody(-32700)])),
        case("an oversize line", too_long, json!([nobody(-32007)])),
        case("bad UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", json!([nobody(-32700)])),
        case("a zero byte", b"\0", json!([nobody(-32700)])),
        case("CRLF", format!("{}\r\n{}\r", quick(1), quick(2)), json!([error(1, -32000), error(2, -32000)])),
        case("blank lines", "\n\r\n \t \n\n", json!([])),
        case("a byte order mark amid the stream", format!("\u{feff}{}", quick(1)), json!([nobody(-32700)])),
        unconnected("a byte order mark", format!("\u{feff}{INITIALIZE}"), json!([{ "id": "hello", "result": {} }])),
    ]
}

fn objects() -> Vec<Case> {
    vec![
        case("a number", "42", json!([nobody(-32600)])),
        case("a string", r#""initialize""#, json!([nobody(-32600)])),
        case("null", "null", json!([nobody(-32600)])),
        case("an empty object", "{}", json!([nobody(-32600)])),
        case("no method", object(r#""id":7"#), json!([error(7, -32600)])),
        case("a method that is a number", object(r#""id":7,"method":5"#), json!([error(7, -32600)])),
        case("no version", r#"{"id":7,"method":"config"}"#, json!([error(7, -32600)])),
        case("version 1.0", r#"{"jsonrpc":"1.0","id":7,"method":"config"}"#, json!([error(7, -32600)])),
        case("no version and no id", r#"{"method":"config"}"#, json!([nobody(-32600)])),
        case("a duplicate key", object(r#""id":7,"method":"config","method":"stop""#), json!([error(7, -32600)])),
        case("a duplicate id key", object(r#""id":7,"id":8,"method":"config""#), json!([nobody(-32600)])),
        case("an unknown member", object(r#""id":7,"method":"config","x":1"#), json!([done(7)])),
        case("a response", object(r#""id":1,"result":null"#), json!([])),
        case("an error response", object(r#""id":1,"error":{"code":1,"message":"x"}"#), json!([])),
    ]
}

fn ids() -> Vec<Case> {
    vec![
        case("a negative id", object(r#""id":-1,"method":"config""#), json!([done(-1)])),
        case("a fractional id", object(r#""id":1.5,"method":"config""#), json!([done(1.5)])),
        case("an id with an exponent", object(r#""id":1e2,"method":"config""#), json!([done(1e2)])),
        case("the id null", object(r#""id":null,"method":"config""#), json!([done(Value::Null)])),
        case("an empty id", object(r#""id":"","method":"config""#), json!([done("")])),
        case("an id that is a list", object(r#""id":[1],"method":"config""#), json!([nobody(-32600)])),
        case("an id that is true", object(r#""id":true,"method":"config""#), json!([nobody(-32600)])),
    ]
}

fn calls() -> Vec<Case> {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = object(&format!(r#""id":7,"method":"action","params":{{"Command":"x","Model":{nested}}}"#));
    vec![
        case("an unknown method", object(r#""id":7,"method":"bogus""#), json!([error(7, -32601)])),
        case("our notification as a call", object(r#""id":7,"method":"progress""#), json!([error(7, -32601)])),
        case("positional params", object(r#""id":7,"method":"action","params":["x"]"#), json!([error(7, -32602)])),
        case("params that are a string", object(r#""id":7,"method":"config","params":"x""#), json!([error(7, -32600)])),
        case("params that are null", object(r#""id":7,"method":"config","params":null"#), json!([done(7)])),
        case("an action without params", object(r#""id":7,"method":"action""#), json!([error(7, -32602)])),
        case(
            "a command that is a number",
            object(r#""id":7,"method":"action","params":{"Command":5}"#),
            json!([error(7, -32602)]),
        ),
        case("params nested too deep", deep, json!([error(7, -32602)])),
        case("a notification", object(r#""method":"event","params":{"Type":"profiles"}"#), json!([])),
        case("a notification that fails", object(r#""method":"action","params":{"Command":"x"}"#), json!([])),
        case("an unknown notification", object(r#""method":"$/x""#), json!([])),
        case("cancel of an unknown id", object(r#""method":"cancel","params":{"id":99}"#), json!([])),
        case("cancel of the handshake", object(r#""method":"cancel","params":{"id":"hello"}"#), json!([])),
        case("cancel without an id", object(r#""method":"cancel""#), json!([])),
        case("cancel as a call", object(r#""id":7,"method":"cancel","params":{"id":99}"#), json!([done(7)])),
    ]
}

fn batches() -> Vec<Case> {
    let config = object(r#""id":"c","method":"config""#);
    let event = object(r#""method":"event""#);
    vec![
        case("an empty batch", "[]", json!([nobody(-32600)])),
        case("a batch of nonsense", "[1,{}]", json!([[nobody(-32600), nobody(-32600)]])),
        case("a batch in a batch", "[[]]", json!([[nobody(-32600)]])),
        case("a list of a call's members in a batch", r#"[["2.0",1,"config"]]"#, json!([[nobody(-32600)]])),
        case("a malformed batch", "[{]", json!([nobody(-32700)])),
        case("a batch that is too long", format!("[{}1]", "1,".repeat(1024)), json!([nobody(-32010)])),
        case("a batch of notifications", format!("[{event}]"), json!([])),
        case(
            "a mixed batch",
            format!("[{},1,{event},{config}]", quick(1)),
            json!([[error(1, -32000), nobody(-32600), done("c")]]),
        ),
    ]
}

fn handshakes() -> Vec<Case> {
    let bogus = object(r#""id":1,"method":"bogus""#);
    let stop = object(r#""method":"stop""#);
    let none = object(r#""id":1,"method":"initialize""#);
    let other = INITIALIZE.replace(":1,", ":2,");
    let unsupported = json!({ "error": { "code": -32602, "data": { "supported": [1] } } });
    let hello = json!({ "id": "hello", "result": { "protocol": 1 } });
    vec![
        case("a second handshake", INITIALIZE, json!([error("hello", -32600)])),
        unconnected("a call before it", format!("{}\n{INITIALIZE}", quick(1)), json!([error(1, -32002), hello])),
        unconnected("an unknown method before it", format!("{bogus}\n{INITIALIZE}"), json!([error(1, -32002), hello])),
        unconnected("a notification before it", format!("{stop}\n{INITIALIZE}"), json!([hello])),
        unconnected("another protocol, then ours", format!("{other}\n{INITIALIZE}"), json!([unsupported, hello])),
        unconnected("no protocol, then ours", format!("{none}\n{INITIALIZE}"), json!([unsupported, hello])),
        unconnected("in a batch", format!("[{INITIALIZE},{}]", quick(1)), json!([[hello, error(1, -32000)]])),
    ]
}

#[test]
fn each_odd_case_is_answered_as_described_and_survived() {
    for case in [lines(), objects(), ids(), calls(), batches(), handshakes()].into_iter().flatten() {
        let mut plugin = Plugin::start();
        let mut input = case.before.as_bytes().to_vec();
        input.extend_from_slice(if case.before.is_empty() { b"" } else { b"\n" });
        input.extend_from_slice(&case.input);
        input.extend_from_slice(format!("\n{}\n", quick("alive")).as_bytes());
        drop(plugin.bytes_aside(input));
        let mut answers = plugin.answers();
        let alive = answers.iter().position(|answer| answer["id"] == "alive");
        let alive = answers.remove(alive.unwrap_or_else(|| panic!("{}: dead; {answers:?}", case.name)));
        assert_eq!(alive["error"]["data"]["Code"], 404, "{}: {alive}", case.name);
        if !case.before.is_empty() {
            assert!(answers.remove(0)["result"].is_object(), "{}", case.name);
        }
        assert!(same_in_any_order(&case.answers, &answers), "{}: {answers:#?}", case.name);
        assert_eq!(plugin.exit_code(), Some(0), "{}", case.name);
    }
}

fn same_in_any_order(patterns: &Value, values: &[Value]) -> bool {
    let patterns = patterns.as_array().unwrap();
    let mut left = values.to_vec();
    patterns.iter().all(|pattern| {
        let found = left.iter().position(|value| matches(pattern, value));
        found.map(|index| left.remove(index)).is_some()
    }) && left.is_empty()
}

/// Whether a value has what the pattern has; lists have the same items in any order.
fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(pattern), Value::Object(value)) => {
            pattern.iter().all(|(key, pattern)| value.get(key).is_some_and(|value| matches(pattern, value)))
        }
        (Value::Array(_), Value::Array(values)) => same_in_any_order(pattern, values),
        _ => pattern == value,
    }
}

#[test]
fn a_last_line_without_a_newline_is_answered() {
    let mut plugin = Plugin::connected();
    plugin.bytes(quick(1).as_bytes());
    plugin.close_stdin();
    assert_eq!(plugin.answer_to(1)["error"]["code"], -32000);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn ids_come_back_to_the_last_digit() {
    let mut plugin = Plugin::connected();
    let id = "123456789012345678901234567890.10";
    plugin.line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"config"}}"#));
    plugin.close_stdin();
    let raw = plugin.answers();
    assert_eq!(raw.len(), 1);
    // A float cannot hold it, so compare what a text reader sees.
    let output = crate::host::command().spawn().and_then(|mut child| {
        use std::io::Write;
        let line = format!("{INITIALIZE}\n{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"config\"}}\n");
        child.stdin.take().unwrap().write_all(line.as_bytes())?;
        child.wait_with_output()
    });
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.contains(&format!("\"id\":{id},\"result\":null")), "{text}");
}

#[test]
fn a_hundred_wrong_lines_in_a_row_are_no_peer() {
    let mut plugin = Plugin::connected();
    plugin.bytes("nonsense\n".repeat(100).as_bytes());
    assert_eq!(plugin.answers().len(), 100);
    assert_eq!(plugin.exit_code(), Some(1));
    let stderr = plugin.stderr();
    assert!(stderr.lines().last().unwrap().contains("no JSON-RPC peer"), "{stderr}");
}

#[test]
fn wrong_lines_are_counted_in_a_row_only() {
    let mut plugin = Plugin::connected();
    let wrong = "nonsense\n".repeat(99);
    plugin.bytes(format!("{wrong}{}\n{wrong}", quick(1)).as_bytes());
    plugin.close_stdin();
    assert_eq!(plugin.answers().len(), 199);
    assert_eq!(plugin.exit_code(), Some(0));
}
