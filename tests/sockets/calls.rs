//! The wire's ordinary work: many calls at once, configurations in between, panics, callers that leave.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::bmc::{Silent, is_closed_by_the_plugin};
use crate::client::{ACTION, CONFIG, Client, PUBLISH, post};
use crate::host::{LONG, Place, Plugin, done, quick};
use crate::server::Server;

#[test]
fn a_thousand_calls_at_once_are_answered_once_each_with_configurations_in_between() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let requests = (0..1000).map(|number| if number % 10 == 0 { post(CONFIG, "{\"Name\":\"v\"}") } else { quick() });
    let mut clients: Vec<Client> = requests.map(|request| plugin.send(&request)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let status = if number % 10 == 0 { 200 } else { 404 };
        assert_eq!(client.answer().unwrap().status, status, "call {number}");
    }
    drop(clients);
    plugin.end();
}

#[test]
fn a_slow_action_delays_neither_another_nor_a_configuration() {
    let place = Place::new();
    let (plugin, bmc) = (Plugin::start(&place), Silent::start());
    let mut slow = plugin.send(&bmc.request());
    let connection = bmc.connection();
    assert_eq!(plugin.call(ACTION, &json!({ "Command": "x" })).status, 404);
    plugin.is_alive();
    // The BMC gives up; so does the action, in its own words and with its own code.
    drop((connection, bmc));
    let answer = slow.answer().unwrap();
    assert_eq!((answer.status, answer.json()["Code"].as_u64()), (502, Some(502)), "{answer:?}");
    let error = answer.json();
    assert_eq!(
        (&error["Model"], &error["Key"], &error["Type"]),
        (&json!("plugin"), &json!("virtual-media"), &json!("rpc"))
    );
}

#[test]
fn more_actions_than_run_at_once_keep_stop_from_nothing() {
    let place = Place::new();
    let (mut plugin, bmc) = (Plugin::start_with(&place, &["--drain-seconds", "0"]), Silent::start());
    let mut clients: Vec<Client> = (0..600).map(|_| plugin.send(&bmc.request())).collect();
    let _connection = bmc.connection();
    let mut cancelled = 0;
    plugin.stop();
    for client in &mut clients {
        // A request that the plugin had not read yet is answered by the end of its connection.
        let Some(answer) = client.answer() else { continue };
        assert!(answer.status == 503 && answer.body.contains("The plugin "), "{answer:?}");
        cancelled += usize::from(answer.body.contains("cancelled"));
    }
    assert!(cancelled > 0);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn a_caller_that_leaves_changes_nothing_and_the_bmc_is_let_go_in_time() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let (plugin, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = bmc.action();
    action["Params"]["virtual-media/request-timeout"] = json!(1);
    let caller = plugin.send(&post(ACTION, &action.to_string()));
    let connection = bmc.connection();
    drop(caller);
    // Not cut short by the caller's leave, but ended by its own limit.
    let line = server.line("the action failed");
    assert_eq!(line["Data"][0]["code"], 504, "{line}");
    is_closed_by_the_plugin(connection);
    plugin.is_alive();
}

#[test]
fn an_event_is_handled_though_none_is_asked_for() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    let uuid = "9f0c2a4e-1111-4222-8333-444455556666";
    let event = json!({ "Type": "machines", "Action": "update", "Key": uuid, "Object": { "Uuid": uuid } });
    let answer = plugin.call(PUBLISH, &event);
    assert_eq!((answer.status, answer.json()), (200, done()));
    let wrong = json!({ "Type": "machines", "Action": "update", "Key": uuid, "Object": { "Uuid": "x" } });
    let answer = plugin.call(PUBLISH, &wrong);
    assert_eq!((answer.status, &answer.json()["Type"]), (400, &json!("rpc")), "{answer:?}");
}

/// A release has no action that panics.
#[cfg(debug_assertions)]
#[test]
fn a_panic_is_an_error_of_its_call_alone_and_is_in_the_log() {
    let place = Place::new();
    let server = Server::start(&place.from());
    let plugin = Plugin::start(&place);
    let answer = plugin.call(ACTION, &json!({ "Command": "panic", "Params": { "p": "hunter2" } }));
    let error = answer.json();
    assert_eq!((answer.status, &error["Type"], &error["Key"]), (500, &json!("POST"), &json!(ACTION)));
    assert_eq!((&error["Code"], &error["Model"]), (&json!(500), &Value::from("")));
    let line = server.line("panic");
    assert!(line["Level"] == "error" && line.to_string().contains("asked to"), "{line}");
    plugin.is_alive();
    assert!(!plugin.end().contains("hunter2"));
}
