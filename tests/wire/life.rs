//! How the plugin ends, and what becomes of work in flight.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::host::{INITIALIZE, Plugin, Silent, call, command, notification, quick};

/// A drain limit that no test waits for.
const LONG: [&str; 2] = ["--drain-seconds", "600"];
/// A drain limit that is over at once.
const NONE: [&str; 2] = ["--drain-seconds", "0"];

fn is_cancelled(answer: &Value) -> bool {
    answer["error"]["code"] == -32800 && answer["error"]["data"]["Done"].is_array()
}

#[test]
fn stdin_closed_at_once_is_a_clean_end() {
    let mut plugin = Plugin::start();
    plugin.close_stdin();
    assert_eq!(plugin.message(), None);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn end_of_input_lets_work_in_flight_end() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.line(&bmc.action(1));
    let connection = bmc.connection();
    plugin.close_stdin();
    plugin.notified("log", "EndOfInput");
    // The BMC gives up; so does the action, in its own words.
    drop((connection, bmc));
    assert_eq!(plugin.answer_to(1)["error"]["code"], -32000);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn work_that_outlives_the_drain_is_cancelled_and_says_what_it_did() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&["--drain-seconds", "1"]);
    plugin.line(&bmc.action(1));
    let _connection = bmc.connection();
    plugin.close_stdin();
    assert!(is_cancelled(&plugin.answer_to(1)));
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn sigterm_when_idle_is_a_clean_end() {
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.signal("TERM");
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn sigterm_before_the_handshake_is_a_clean_end_though_stdin_stays_open() {
    let mut plugin = Plugin::start_with(&LONG);
    plugin.line(r#"{"jsonrpc":"2.0","id":1,"method":"bogus"}"#);
    plugin.answer_to(1);
    plugin.signal("TERM");
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn sigterm_with_work_in_flight_waits_for_it() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.line(&bmc.action(1));
    let connection = bmc.connection();
    plugin.signal("TERM");
    plugin.notified("log", "Signal");
    // New work is refused, what is in flight can still be cancelled.
    plugin.line(&quick(2));
    assert_eq!(plugin.answer_to(2)["error"]["code"], -32600);
    plugin.line(&notification("cancel", &json!({ "id": 1 })));
    assert!(is_cancelled(&plugin.answer_to(1)));
    assert_eq!(plugin.exit_code(), Some(0));
    drop(connection);
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.line(&bmc.action(1));
    let _connection = bmc.connection();
    plugin.signal("TERM");
    plugin.notified("log", "Signal");
    plugin.signal("TERM");
    assert_eq!(plugin.exit_code(), Some(1));
    assert_eq!(plugin.answers(), [Value::Null; 0]);
    assert!(plugin.stderr().contains("second signal"));
}

#[test]
fn sigterm_after_end_of_input_cuts_the_drain_short() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.line(&bmc.action(1));
    let _connection = bmc.connection();
    plugin.close_stdin();
    plugin.notified("log", "EndOfInput");
    plugin.signal("TERM");
    assert!(is_cancelled(&plugin.answer_to(1)));
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn sigint_is_ignored_where_stdin_is_no_terminal() {
    let mut plugin = Plugin::connected();
    plugin.signal("INT");
    plugin.line(&quick(1));
    plugin.answer_to(1);
    plugin.close_stdin();
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn stop_is_answered_and_then_ends() {
    let mut plugin = Plugin::connected();
    plugin.line(&call(1, "stop", &json!({})));
    assert_eq!(plugin.answer_to(1)["result"], Value::Null);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn stop_with_work_in_flight_is_answered_first_and_drains() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&LONG);
    plugin.line(&bmc.action(1));
    let _connection = bmc.connection();
    plugin.line(&call(2, "stop", &json!({})));
    assert_eq!(plugin.answer_to(2)["result"], Value::Null);
    plugin.line(&quick(3));
    assert_eq!(plugin.answer_to(3)["error"]["code"], -32600);
    plugin.line(&notification("cancel", &json!({ "id": 1 })));
    assert!(is_cancelled(&plugin.answer_to(1)));
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn stop_as_a_notification_ends_without_an_answer() {
    let mut plugin = Plugin::connected();
    plugin.line(&notification("stop", &json!({})));
    assert_eq!(plugin.answers(), [Value::Null; 0]);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn neither_cancel_nor_stop_waits_behind_actions() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&NONE);
    // More than run at once.
    let ids = 0..600;
    let lines: Vec<String> = ids.clone().map(|id| bmc.action(id)).collect();
    plugin.bytes(format!("{}\n", lines.join("\n")).as_bytes());
    let _connection = bmc.connection();
    plugin.line(&notification("cancel", &json!({ "id": 599 })));
    assert!(is_cancelled(&plugin.answer_to(599)));
    plugin.line(&call("stop", "stop", &json!({})));
    assert_eq!(plugin.answer_to("stop")["result"], Value::Null);
    let mut answers = plugin.answers();
    answers.sort_by_key(|answer| answer["id"].as_i64());
    let answered: Vec<_> = answers.iter().filter(|answer| is_cancelled(answer)).map(|answer| &answer["id"]).collect();
    assert_eq!(answered, (0..599).map(Value::from).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn a_closed_stdout_ends_the_process() {
    let mut child = command().spawn().unwrap();
    drop(child.stdout.take());
    let mut plugin = Plugin::from_child(child);
    plugin.line(INITIALIZE);
    assert_eq!(plugin.exit_code(), Some(1));
    let stderr = plugin.stderr();
    assert!(stderr.contains("writing to the server"), "{stderr}");
}

#[test]
fn a_host_that_reads_nothing_does_not_keep_the_process() {
    let mut child = command().args(NONE).spawn().unwrap();
    let stdout = child.stdout.take();
    let mut plugin = Plugin::from_child(child);
    // Their answers are more than the pipe and the plugin's queue hold.
    let calls: Vec<String> = std::iter::once(INITIALIZE.to_owned()).chain((0..5000).map(quick)).collect();
    let stdin = plugin.bytes_aside(calls.join("\n").into_bytes()).join().unwrap();
    plugin.signal("TERM");
    assert_eq!(plugin.exit_code(), Some(1));
    assert!(plugin.stderr().contains("did not read"));
    drop((stdin, stdout));
}

#[test]
fn a_host_that_never_reads_stderr_is_served_all_the_same() {
    let mut child = command().spawn().unwrap();
    let _unread = child.stderr.take();
    let mut plugin = Plugin::from_child(child);
    // Each wrong line is a warning in the log; these are more than the pipe and the queue of lines hold.
    let calls: Vec<String> = (0..4000).map(quick).collect();
    let lines = format!("{INITIALIZE}\nnonsense\n{}\n", calls.join("\nnonsense\n"));
    drop(plugin.bytes_aside(lines.into_bytes()));
    assert_eq!(plugin.answers().len(), 1 + 2 * 4000);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [["stdio", "--bogus"].as_slice(), &["stdio", "--drain-seconds", "x"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
        let output = program.args(args).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}
