//! The wire's ordinary work: many calls at once, cancel, order, panics, progress, the log.

use std::collections::HashSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::host::{INITIALIZE, Plugin, Silent, call, notification, quick};

#[test]
fn ten_thousand_pipelined_calls_are_answered_once_each() {
    let mut plugin = Plugin::connected();
    let lines: Vec<String> = (0..10_000).map(quick).collect();
    drop(plugin.bytes_aside(lines.join("\n").into_bytes()));
    let answers = plugin.answers();
    assert!(answers.iter().all(|answer| answer["error"]["data"]["Code"] == 404));
    let ids: HashSet<_> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    assert_eq!((answers.len(), ids.len()), (10_000, 10_000));
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn a_slow_action_delays_no_other() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    plugin.line(&bmc.action("slow"));
    let _connection = bmc.connection();
    plugin.line(&quick("quick"));
    plugin.answer_to("quick");
}

#[test]
fn a_cancelled_request_is_answered_and_its_id_is_free_again() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    for _ in 0..2 {
        plugin.line(&bmc.action(1));
        let _connection = bmc.connection();
        plugin.line(&notification("cancel", &json!({ "id": 1 })));
        let answer = plugin.answer_to(1);
        assert_eq!(answer["error"]["code"], -32800);
        assert!(answer["error"]["data"]["Done"].is_array(), "{answer}");
    }
    plugin.line(&quick(1));
    assert_eq!(plugin.answer_to(1)["error"]["code"], -32000);
}

#[test]
fn cancel_finds_negative_and_escaped_ids() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    for (id, cancelled) in [("-1", "-1"), ("\"a\"", "\"\\u0061\"")] {
        plugin.line(&bmc.action(serde_json::from_str::<Value>(id).unwrap()));
        let _connection = bmc.connection();
        plugin.line(&format!(r#"{{"jsonrpc":"2.0","method":"cancel","params":{{"id":{cancelled}}}}}"#));
        assert_eq!(plugin.answer_to(serde_json::from_str::<Value>(id).unwrap())["error"]["code"], -32800);
    }
}

#[test]
fn a_duplicate_id_in_flight_is_refused_and_the_first_goes_on() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    plugin.line(&bmc.action(1));
    let _connection = bmc.connection();
    for method in ["action", "config", "stop", "bogus"] {
        plugin.line(&call(1, method, &json!({ "Command": "x" })));
        let answer = plugin.answer_to(1);
        assert_eq!(answer["error"]["code"], -32600, "{method}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("duplicate"), "{method}");
    }
    plugin.line(&notification("cancel", &json!({ "id": 1 })));
    assert_eq!(plugin.answer_to(1)["error"]["code"], -32800);
}

#[test]
fn calls_with_the_id_null_are_no_duplicates() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&["--drain-seconds", "0"]);
    plugin.line(&bmc.action(Value::Null));
    let _connection = bmc.connection();
    plugin.line(&quick(Value::Null));
    assert_eq!(plugin.answer_to(Value::Null)["error"]["code"], -32000);
    plugin.close_stdin();
    assert_eq!(plugin.answer_to(Value::Null)["error"]["code"], -32800);
}

#[test]
fn a_batch_is_answered_when_its_slowest_entry_is() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    plugin.line(&format!("[{},{}]", bmc.action("slow"), quick("quick")));
    let _connection = bmc.connection();
    plugin.line(&quick("after"));
    plugin.answer_to("after");
    plugin.line(&notification("cancel", &json!({ "id": "slow" })));
    let batch = plugin.answer().unwrap();
    let ids: HashSet<_> = batch.as_array().unwrap().iter().filter_map(|answer| answer["id"].as_str()).collect();
    assert_eq!(ids, HashSet::from(["quick", "slow"]));
}

#[test]
fn config_may_come_again_at_any_time() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    plugin.line(&call(1, "config", &json!({ "Name": "vmedia" })));
    assert_eq!(plugin.answer_to(1), json!({ "jsonrpc": "2.0", "id": 1, "result": null }));
    plugin.line(&bmc.action("busy"));
    let _connection = bmc.connection();
    plugin.line(&call(2, "config", &json!({ "Name": "vmedia" })));
    assert_eq!(plugin.answer_to(2)["result"], Value::Null);
}

#[test]
fn a_notification_is_worked_on_without_an_answer() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&["--drain-seconds", "0"]);
    plugin.line(&notification("action", &bmc.params()));
    let _connection = bmc.connection();
    plugin.close_stdin();
    assert_eq!(plugin.answers(), [Value::Null; 0]);
    assert_eq!(plugin.exit_code(), Some(0));
}

/// A release has no action that panics.
#[cfg(debug_assertions)]
#[test]
fn a_panic_is_an_error_of_its_call_alone_and_is_in_the_log() {
    let mut plugin = Plugin::connected();
    plugin.line(&call("boom", "action", &json!({ "Command": "panic" })));
    let line = plugin.notified("log", "panic");
    assert_eq!(line["params"]["Level"], "error");
    assert!(line["params"].to_string().contains("asked to"), "{line}");
    assert_eq!(plugin.answer_to("boom")["error"]["code"], -32603);
    plugin.line(&quick("after"));
    plugin.answer_to("after");
    plugin.close_stdin();
    assert_eq!(plugin.exit_code(), Some(0));
    assert!(plugin.stderr().contains("asked to"));
}

#[test]
fn work_in_flight_reports_progress_under_its_id() {
    let bmc = Silent::start();
    let mut plugin = Plugin::connected();
    plugin.line(&bmc.action("slow"));
    let progress = plugin.notified("progress", "");
    assert_eq!(progress["params"]["id"], "slow");
    assert!(progress["params"]["Step"].is_string() && progress["params"]["Message"].is_string(), "{progress}");
}

#[test]
fn the_log_goes_to_the_server_with_the_fields_of_its_own_lines() {
    let mut plugin = Plugin::connected();
    plugin.line("nonsense");
    let line = plugin.notified("log", "refusing a line");
    let line = line["params"].as_object().unwrap();
    let fields: HashSet<_> = line.keys().map(String::as_str).collect();
    let described =
        ["Group", "Seq", "Time", "Service", "Principal", "Level", "File", "Line", "Message", "Data", "IgnorePublish"];
    assert_eq!(fields, HashSet::from(described));
    assert_eq!((&line["Level"], &line["Service"]), (&json!("warn"), &json!("virtual-media")));
    assert_eq!(line["Data"], json!([{ "code": -32700 }]));
}

#[test]
fn what_waits_has_a_limit_and_the_rest_is_told_to_come_again() {
    const MEGABYTE: usize = 1_000_000;
    let bmc = Silent::start();
    let mut plugin = Plugin::connected_with(&["--drain-seconds", "0"]);
    let mut large = bmc.params();
    large["Plugin"] = "x".repeat(MEGABYTE).into();
    let lines: Vec<String> = (0..150).map(|id| call(id, "action", &large)).collect();
    let stdin = plugin.bytes_aside(format!("{}\n", lines.join("\n")).into_bytes()).join().unwrap();
    let busy = plugin.answer().unwrap();
    assert_eq!(busy["error"]["code"], -32009, "{busy}");
    drop(stdin);
    let answers = plugin.answers();
    assert_eq!(answers.len(), 149);
    let cancelled = answers.iter().filter(|answer| answer["error"]["code"] == -32800).count();
    assert!((100..150).contains(&cancelled), "{cancelled} were taken");
}

#[test]
fn the_handshake_holds_the_definition_that_define_prints_wherever_it_runs() {
    let mut define = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    let printed = define.arg("define").env("RS_TOKEN", "catalog").env("RS_FILESERVER", "no URL").output().unwrap();
    assert!(printed.status.success());
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let mut plugin = Plugin::start();
    plugin.line(INITIALIZE);
    assert_eq!(plugin.answer_to("hello")["result"]["definition"], printed);
}
