//! What no action of the plugin shows: the wire around a service made for it, in this process.

use std::future::pending;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Sockets, SocketsError};
use crate::drp::models::{Action, Error, Event, PluginProvider};
use crate::operation::Operation;
use crate::plugin::definition;
use crate::wire::Service;
use crate::wire::lifecycle::Signals;

/// A service that notes what begins and ends, in order. It leaves when it is told to, and its own work never ends.
#[derive(Clone, Default)]
struct Noted {
    notes: Arc<Mutex<Vec<String>>>,
    leave: Arc<Notify>,
    configured: Arc<Notify>,
}

/// Notes that the future which holds it was dropped.
struct Dropped(Noted);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note("stop dropped");
    }
}

impl Noted {
    fn note(&self, note: impl Into<String>) {
        self.notes.lock().unwrap().push(note.into());
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

fn failure(code: u16) -> Error {
    let (model, key, r#type) = ("plugin".to_owned(), "test".to_owned(), "rpc".to_owned());
    Error { model, key, r#type, messages: vec!["the token is refused".to_owned()], code }
}

impl Service for Noted {
    fn definition(&self) -> PluginProvider {
        definition("test")
    }

    async fn configure(&self, params: Map<String, Value>) -> Result<(), Error> {
        self.note("config begins");
        if params.contains_key("wait") {
            self.configured.notified().await;
        }
        self.note("config ends");
        if params.contains_key("fail") { Err(failure(0)) } else { Ok(()) }
    }

    async fn action(&self, action: Action, _: &Arc<Operation>) -> Result<Value, Error> {
        self.note(&action.command);
        if action.command == "huge" { Ok("x".repeat(11 * 1024 * 1024).into()) } else { Ok(Value::Null) }
    }

    async fn event(&self, event: Event, _: &Arc<Operation>) -> Result<Value, Error> {
        self.note(event.key);
        Ok(json!({ "Outcome": "Ignored" }))
    }

    async fn stop(&self) {
        self.note("stop begins");
        let _dropped = Dropped(self.clone());
        pending::<()>().await;
    }

    async fn gave_up(&self) -> Error {
        self.leave.notified().await;
        failure(401)
    }
}

/// Tells when `READY!` is written.
struct Stdout(Arc<Notify>, Vec<u8>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        assert_eq!(self.1, b"READY!\n");
        self.0.notify_one();
        Ok(())
    }
}

/// A wire around a service, once it is ready.
async fn start(directory: &Path) -> (Noted, JoinHandle<Result<(), SocketsError>>, PathBuf) {
    let to = directory.join("to");
    let (service, ready) = (Noted::default(), Arc::new(Notify::new()));
    let wire = Sockets::new("test", to.clone(), directory.join("from"), Duration::ZERO);
    let running = tokio::spawn(wire.run_on(service.clone(), Signals::none(), Stdout(Arc::clone(&ready), Vec::new())));
    ready.notified().await;
    (service, running, to)
}

fn send(to: &Path, path: &str, body: &Value) -> UnixStream {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = UnixStream::connect(to).unwrap();
    let head = "Host: unix\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "POST /api-plugin/v4/{path} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    stream
}

async fn answer(mut stream: UnixStream) -> String {
    let read = move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    spawn_blocking(read).await.unwrap()
}

async fn call(to: &Path, path: &str, body: Value) -> String {
    answer(send(to, path, &body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_config_sees_it() {
    let directory = tempfile::tempdir().unwrap();
    let (service, running, to) = start(directory.path()).await;
    call(&to, "action", json!({ "Command": "a" })).await;
    let config = send(&to, "config", &json!({ "wait": true }));
    while service.notes().len() < 2 {
        tokio::task::yield_now().await;
    }
    let (action, event) =
        (send(&to, "action", &json!({ "Command": "b" })), send(&to, "publish", &json!({ "Key": "c" })));
    // Neither waits for its own turn: a look at the service, which they do not reach, shows that.
    call(&to, "dance", Value::Null).await;
    assert_eq!(service.notes(), ["a", "config begins"]);
    service.configured.notify_one();
    for stream in [config, action, event] {
        let answer = answer(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let mut notes = service.notes();
    notes[3..].sort();
    assert_eq!(notes, ["a", "config begins", "config ends", "b", "c"]);
    call(&to, "stop", Value::Null).await;
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_config_is_one_error_and_a_code_of_0_never_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let (_, running, to) = start(directory.path()).await;
    let failed = call(&to, "config", json!({ "fail": true })).await;
    assert!(
        failed.starts_with("HTTP/1.1 500 ") && failed.contains("[\"the token is refused\"],\"Code\":500}"),
        "{failed}"
    );
    let huge = call(&to, "action", json!({ "Command": "huge" })).await;
    assert!(huge.starts_with("HTTP/1.1 500 ") && huge.contains("at most"), "{huge}");
    let nothing = call(&to, "action", json!({ "Command": "x" })).await;
    assert!(nothing.ends_with("\r\n\r\nnull\n"), "{nothing}");
    call(&to, "stop", Value::Null).await;
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_stopped_once_and_dropped_where_it_does_not_end() {
    let directory = tempfile::tempdir().unwrap();
    let (service, running, to) = start(directory.path()).await;
    let stopped = call(&to, "stop", Value::Null).await;
    assert!(stopped.starts_with("HTTP/1.1 200 "), "{stopped}");
    running.await.unwrap().unwrap();
    assert_eq!(service.notes(), ["stop begins", "stop dropped"]);
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_gives_up_says_so_to_the_server_and_ends_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let server = UnixListener::bind(directory.path().join("from")).unwrap();
    let heard = thread::spawn(move || {
        loop {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            if request.starts_with("POST /api-server-plugin/v4/leaving ") {
                return request;
            }
        }
    });
    let (service, running, to) = start(directory.path()).await;
    service.leave.notify_one();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(&error, SocketsError::GaveUp(error) if error.code == 401), "{error}");
    let request = spawn_blocking(|| heard.join().unwrap()).await.unwrap();
    assert!(request.contains("\"Code\":401") && request.contains("the token is refused"), "{request}");
    assert_eq!(service.notes(), ["stop begins", "stop dropped"]);
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_gives_up_ends_though_nobody_hears_it() {
    let directory = tempfile::tempdir().unwrap();
    let (service, running, _) = start(directory.path()).await;
    service.leave.notify_one();
    assert!(matches!(running.await.unwrap(), Err(SocketsError::GaveUp(_))));
}
