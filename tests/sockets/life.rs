//! How the plugin starts and ends, and what becomes of work in flight.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::bmc::{Silent, is_closed_by_the_plugin};
use crate::client::{ACTION, CONFIG, post, post_with};
use crate::host::{LONG, NONE, Place, Plugin, command, command_in_shell, done, quick, until};
use crate::server::Server;

#[test]
fn ready_comes_before_any_connection_and_the_socket_is_its_owners_alone() {
    let place = Place::new();
    let plugin = Plugin::spawn(&place, &mut command_in_shell(&place, "umask 0; exec \"$@\""));
    let file = fs::symlink_metadata(place.to()).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    plugin.end();
}

#[test]
fn a_socket_that_a_killed_plugin_left_is_taken_over() {
    let place = Place::new();
    let mut killed = Plugin::start(&place);
    killed.signal("KILL");
    assert_eq!(killed.exit_code(), None);
    assert!(place.to().exists());
    Plugin::start(&place).end();
}

#[test]
fn what_is_in_the_way_of_the_socket_is_an_error_that_says_so_and_stays() {
    let place = Place::new();
    let refused = |says: &str| {
        let output = command(&place).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
        let to = place.to().display().to_string();
        assert!(stderr.lines().last().unwrap().contains(says) && stderr.contains(&to), "{stderr}");
    };
    fs::write(place.to(), "precious").unwrap();
    refused("is no socket");
    assert_eq!(fs::read_to_string(place.to()).unwrap(), "precious");
    fs::remove_file(place.to()).unwrap();

    std::os::unix::fs::symlink("/dev/null", place.to()).unwrap();
    refused("is no socket");
    fs::remove_file(place.to()).unwrap();

    let plugin = Plugin::start(&place);
    refused("another plugin process answers on it");
    plugin.is_alive();
    drop(plugin);

    let nowhere = Place::new();
    let output = command(&nowhere).args(["--drain-seconds", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn each_plugin_object_has_a_process_of_its_own() {
    let (one, two) = (Place::new(), Place::new());
    let (first, second) = (Plugin::start(&one), Plugin::start(&two));
    first.is_alive();
    second.is_alive();
    first.end();
    second.is_alive();
    second.end();
}

#[test]
fn stop_is_answered_whatever_comes_with_it_and_then_ends() {
    for request in [
        post("/api-plugin/v4/stop", ""),
        post("/api-plugin/v4/stop", "no JSON"),
        b"POST /api-plugin/v4/stop HTTP/1.1\r\nHost: unix\r\nContent-Length: 0\r\n\r\n".to_vec(),
        post_with("/api-plugin/v4/stop", "Connection: close\r\n", "{}"),
    ] {
        let place = Place::new();
        let mut plugin = Plugin::start(&place);
        let answer = plugin.send(&request).answer().unwrap();
        assert_eq!((answer.status, answer.json()), (200, done()));
        assert_eq!(plugin.exit_code(), Some(0));
        assert!(!place.to().exists());
    }
}

#[test]
fn stop_with_an_action_in_flight_is_answered_first_and_the_action_ends_in_its_own_words() {
    let place = Place::new();
    let (mut plugin, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let connection = bmc.connection();
    let mut another = plugin.connect();
    another.send(&post(CONFIG, "{}"));
    assert_eq!(another.answer().unwrap().status, 200);
    plugin.stop();
    // A successor could start now.
    until(&place.to(), |to| !to.exists());
    drop((connection, bmc));
    let answer = action.answer().unwrap();
    assert!(answer.status == 502 && answer.json()["Type"] == "rpc", "{answer:?}");
    assert!(another.is_closed());
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn a_successor_can_take_the_socket_while_the_work_of_the_stopped_one_ends() {
    let place = Place::new();
    let (mut plugin, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let connection = bmc.connection();
    plugin.stop();
    until(&place.to(), |to| !to.exists());
    let successor = Plugin::start(&place);
    drop((connection, bmc));
    assert_eq!(action.answer().unwrap().status, 502);
    assert_eq!(plugin.exit_code(), Some(0));
    successor.is_alive();
    successor.end();
}

#[test]
fn an_action_that_outlives_the_drain_is_cancelled_and_answered_and_the_bmc_is_let_go() {
    let place = Place::new();
    let (mut plugin, bmc) = (Plugin::start_with(&place, &["--drain-seconds", "1"]), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let connection = bmc.connection();
    plugin.stop();
    let answer = action.answer().unwrap();
    assert_eq!((answer.status, answer.json()["Code"].as_u64()), (503, Some(503)));
    assert!(answer.body.contains("The plugin stops; cancelled"), "{answer:?}");
    is_closed_by_the_plugin(connection);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn sigterm_is_as_stop() {
    let place = Place::new();
    let mut idle = Plugin::start_with(&place, &LONG);
    idle.signal("TERM");
    assert_eq!(idle.exit_code(), Some(0));
    assert!(!place.to().exists());

    let (mut busy, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = busy.send(&bmc.request());
    let connection = bmc.connection();
    busy.signal("TERM");
    until(&place.to(), |to| !to.exists());
    drop((connection, bmc));
    assert_eq!(action.answer().unwrap().status, 502);
    assert_eq!(busy.exit_code(), Some(0));
}

#[test]
fn a_second_signal_hurries() {
    let place = Place::new();
    // After a stop, one signal is enough to have what is in flight cancelled.
    let (mut plugin, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let _connection = bmc.connection();
    plugin.stop();
    until(&place.to(), |to| !to.exists());
    plugin.signal("TERM");
    assert_eq!(action.answer().unwrap().status, 503);
    assert_eq!(plugin.exit_code(), Some(0));

    let (mut plugin, bmc) = (Plugin::start_with(&place, &LONG), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let _connection = bmc.connection();
    plugin.signal("TERM");
    until(&place.to(), |to| !to.exists());
    plugin.signal("TERM");
    assert!(action.answer().is_none());
    assert_eq!(plugin.exit_code(), Some(1));
    assert!(plugin.stderr().contains("second signal"));
}

#[test]
fn sigint_is_the_servers_own_business() {
    let place = Place::new();
    let plugin = Plugin::start(&place);
    plugin.signal("INT");
    plugin.is_alive();
    plugin.end();
}

#[test]
fn calls_on_an_open_connection_after_the_stop_are_refused_or_the_connection_is_closed() {
    let place = Place::new();
    let (mut plugin, bmc) = (Plugin::start_with(&place, &NONE), Silent::start());
    let mut action = plugin.send(&bmc.request());
    let _connection = bmc.connection();
    let mut late = plugin.connect();
    plugin.stop();
    late.try_send(&quick());
    if let Some(answer) = late.answer() {
        assert!(answer.status == 503 && answer.body.contains("stopping"), "{answer:?}");
    }
    assert_eq!(action.answer().unwrap().status, 503);
    assert_eq!(plugin.exit_code(), Some(0));
}

#[test]
fn a_plugin_whose_server_has_died_ends_and_one_that_a_shell_started_goes_on() {
    let place = Place::new();
    // The shell stands for the server.
    let start = || Plugin::spawn(&place, &mut command_in_shell(&place, "\"$@\" & wait"));
    let mut server = start();
    server.signal("KILL");
    assert_eq!(server.exit_code(), None);
    assert!(server.stderr().contains("has ended, and nobody answers on"));
    assert!(!place.to().exists());

    let from = Server::start(&place.from());
    let mut shell = start();
    shell.signal("KILL");
    from.line("its server still answers");
    shell.is_alive();
    shell.stop();
    assert_eq!(shell.exit_code(), None);
    assert!(!place.to().exists());
}

#[test]
fn nobody_connects_to_a_socket_that_was_there_before_for_another() {
    let place = Place::new();
    // Stale: bound by a process that ended without removing it.
    drop(UnixListener::bind(place.to()).unwrap());
    let plugin = Plugin::start(&place);
    assert_eq!(plugin.call(ACTION, &json!({ "Command": "x" })).status, 404);
    plugin.end();
}
