//! What no action of the plugin shows: the wire around a service made for it, in this process.

use std::future::pending;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Stdio, StdioError};
use crate::drp::models::{Action, Error, Event, PluginProvider};
use crate::drp::publisher::Publisher;
use crate::operation::Operation;
use crate::plugin::definition;
use crate::wire::Service;
use crate::wire::lifecycle::Signals;

/// A service that notes what begins and ends, in order.
#[derive(Clone)]
struct Noted {
    notes: Arc<Mutex<Vec<String>>>,
    publisher: Publisher,
    waiting: Sender<Arc<Operation>>,
    gives_up: bool,
}

impl Noted {
    fn note(&self, note: impl Into<String>) {
        self.notes.lock().unwrap().push(note.into());
    }
}

impl Service for Noted {
    fn definition(&self) -> PluginProvider {
        definition("test")
    }

    async fn configure(&self, _: Map<String, Value>) -> Result<(), Error> {
        self.note("config begins");
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.note("config ends");
        Ok(())
    }

    async fn action(&self, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
        self.note(&action.command);
        match action.command.as_str() {
            "huge" => Ok("x".repeat(11 * 1024 * 1024).into()),
            "publish" => {
                operation.begin("step", "the only step");
                self.publisher.publish(Event { r#type: "virtual-media".to_owned(), ..Event::default() });
                Ok(Value::Null)
            }
            "wait" => {
                operation.begin("write", "writing the image");
                self.waiting.send(Arc::clone(operation)).unwrap();
                pending().await
            }
            _ => Ok(Value::Null),
        }
    }

    async fn event(&self, event: Event, _: &Arc<Operation>) -> Result<Value, Error> {
        self.note(event.key);
        Ok(Value::Null)
    }

    async fn stop(&self) {
        self.note("stop");
    }

    async fn gave_up(&self) -> Error {
        if !self.gives_up {
            return pending().await;
        }
        let (model, key, r#type) = ("plugin".to_owned(), "test".to_owned(), "rpc".to_owned());
        Error { model, key, r#type, messages: vec!["the token is refused".to_owned()], code: 401 }
    }
}

/// Collects what is written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn messages(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// Serves these calls until their end and returns what was noted and what was written.
async fn serve(calls: &[Value]) -> Result<(Vec<String>, Vec<Value>), StdioError> {
    let (waiting, _) = channel();
    serve_input(io::Cursor::new(lines(calls)), waiting).await
}

async fn serve_input(
    input: impl Read + Send + 'static,
    waiting: Sender<Arc<Operation>>,
) -> Result<(Vec<String>, Vec<Value>), StdioError> {
    let wire = Stdio::new("test", Duration::from_mins(1));
    let service = Noted { notes: Arc::default(), publisher: wire.publisher(), waiting, gives_up: false };
    let notes = Arc::clone(&service.notes);
    let output = Output::default();
    wire.run_on(service, Signals::none(), input, output.clone()).await?;
    let mut notes = notes.lock().unwrap().clone();
    let calls = notes.len() - 1;
    // While the last calls end.
    notes.retain(|note| note != "stop");
    assert_eq!(notes.len(), calls, "stopped once");
    Ok((notes, output.messages()))
}

/// The handshake and these calls.
fn lines(calls: &[Value]) -> String {
    let hello = call("hello", "initialize", &json!({ "protocol": 1 }));
    std::iter::once(&hello).chain(calls).fold(String::new(), |lines, call| format!("{lines}{call}\n"))
}

fn call(id: &str, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn action(command: &str) -> Value {
    call(command, "action", &json!({ "Command": command }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_an_error_of_its_own() -> Result<(), StdioError> {
    let (_, messages) = serve(&[action("huge")]).await?;
    let answer = messages.iter().find(|message| message["id"] == "huge").unwrap();
    assert_eq!(answer["error"]["code"], -32008);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_action_publishes_and_its_progress_come_before_its_answer() -> Result<(), StdioError> {
    let (_, messages) = serve(&[action("publish")]).await?;
    let kinds: Vec<_> = messages.iter().map(|message| message.get("method").unwrap_or(&message["id"])).collect();
    assert_eq!(kinds, ["hello", "publish", "progress", "publish"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_begin_in_the_order_in_which_they_came() -> Result<(), StdioError> {
    let keys: Vec<String> = (0..2000).map(|key| key.to_string()).collect();
    let events: Vec<Value> = keys.iter().map(|key| call(key, "event", &json!({ "Key": key }))).collect();
    let (notes, _) = serve(&events).await?;
    assert_eq!(notes, keys);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_config_sees_it() -> Result<(), StdioError> {
    let (notes, _) = serve(&[action("a"), call("1", "config", &json!({})), action("b"), action("c")]).await?;
    assert_eq!(notes, ["a", "config begins", "config ends", "b", "c"]);
    Ok(())
}

/// Input that waits until an action waits, and then cancels it.
struct Cancel {
    waiting: Receiver<Arc<Operation>>,
    operation: Arc<Mutex<Option<Arc<Operation>>>>,
    line: io::Cursor<String>,
}

impl Read for Cancel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut operation = self.operation.lock().unwrap();
        if operation.is_none() {
            *operation = self.waiting.recv().ok();
        }
        self.line.read(buffer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_of_a_cancelled_action_are_told_to_stop() -> Result<(), StdioError> {
    let (waits, waiting) = channel();
    let operation = Arc::default();
    let line = r#"{"jsonrpc":"2.0","method":"cancel","params":{"id":"wait"}}"#.to_owned();
    let cancel = Cancel { waiting, operation: Arc::clone(&operation), line: io::Cursor::new(line) };
    let (_, messages) = serve_input(io::Cursor::new(lines(&[action("wait")])).chain(cancel), waits).await?;
    let answer = messages.iter().find(|message| message["id"] == "wait").unwrap();
    assert_eq!(answer["error"]["data"]["Done"], json!(["unfinished: writing the image"]));
    let operation = operation.lock().unwrap().clone();
    assert!(operation.unwrap().is_cancelled());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_gives_up_is_stopped_and_ends_the_wire() {
    let wire = Stdio::new("test", Duration::from_mins(1));
    let (waiting, _) = channel();
    let service = Noted { notes: Arc::default(), publisher: wire.publisher(), waiting, gives_up: true };
    let notes = Arc::clone(&service.notes);
    let (input, _stays_open) = io::pipe().unwrap();
    let ended = wire.run_on(service, Signals::none(), input, Output::default()).await;
    assert!(matches!(ended, Err(StdioError::GaveUp(error)) if error.code == 401));
    assert_eq!(*notes.lock().unwrap(), ["stop"]);
}
