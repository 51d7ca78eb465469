//! A host that starts the real plugin and speaks with it over pipes, byte by byte where it must.
//!
//! Every wait ends two minutes after the plugin's start at the latest, so that a hang is a failure and not a hanging
//! test. Every line of the plugin's stdout is checked to be a message.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) const WATCHDOG: Duration = Duration::from_mins(2);

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocol":1,"server":{"name":"test","version":"1"}}}"#;

/// A call that is answered at once: -32000, because there is no such action.
pub(crate) fn quick(id: impl Into<Value>) -> String {
    call(id, "action", &json!({ "Command": "noSuchAction" }))
}

pub(crate) fn call(id: impl Into<Value>, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params }).to_string()
}

pub(crate) fn notification(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

/// The plugin's process. It is killed when dropped.
pub(crate) struct Plugin {
    pid: u32,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    stderr: Receiver<String>,
    exited: Receiver<ExitStatus>,
    deadline: Instant,
    has_exited: bool,
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    command.arg("stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("VIRTUAL_MEDIA_LOG").env_remove("RS_WEBROOT").env_remove("RS_FILESERVER");
    command
}

impl Plugin {
    /// Starts it; no line is sent.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(args: &[&str]) -> Self {
        Self::from_child(command().args(args).spawn().unwrap())
    }

    /// Starts it and shakes hands.
    pub(crate) fn connected() -> Self {
        Self::connected_with(&[])
    }

    pub(crate) fn connected_with(args: &[&str]) -> Self {
        let mut plugin = Self::start_with(args);
        plugin.line(INITIALIZE);
        assert!(plugin.answer_to("hello")["result"].is_object());
        plugin
    }

    pub(crate) fn from_child(mut child: Child) -> Self {
        let (messages, stdout) = channel();
        if let Some(pipe) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n') {
                    if messages.send(to_message(&line.unwrap())).is_err() {
                        return;
                    }
                }
            });
        }
        let (text, stderr) = channel();
        if let Some(mut pipe) = child.stderr.take() {
            thread::spawn(move || {
                let mut all = String::new();
                pipe.read_to_string(&mut all).unwrap();
                let _ = text.send(all);
            });
        }
        let pid = child.id();
        let stdin = child.stdin.take();
        let (status, exited) = channel();
        thread::spawn(move || status.send(child.wait().unwrap()));
        Self { pid, stdin, messages: stdout, stderr, exited, deadline: Instant::now() + WATCHDOG, has_exited: false }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.bytes(format!("{line}\n").as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Writes on a thread, for more than a pipe holds.
    pub(crate) fn bytes_aside(&mut self, bytes: Vec<u8>) -> thread::JoinHandle<ChildStdin> {
        let mut stdin = self.stdin.take().unwrap();
        thread::spawn(move || {
            stdin.write_all(&bytes).unwrap();
            stdin
        })
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next message; `None` when the plugin has closed its stdout.
    pub(crate) fn message(&self) -> Option<Value> {
        match self.messages.recv_timeout(self.time_left()) {
            Ok(message) => Some(message),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the plugin does not say what is waited for"),
        }
    }

    /// The next answer, whatever is notified before it.
    pub(crate) fn answer(&self) -> Option<Value> {
        std::iter::from_fn(|| self.message()).find(|message| message.get("method").is_none())
    }

    /// The next answer, which must be this one.
    pub(crate) fn answer_to(&self, id: impl Into<Value>) -> Value {
        let answer = self.answer().expect("an answer");
        assert_eq!(answer["id"], id.into(), "{answer}");
        answer
    }

    /// The next notification of this method whose params hold this text.
    pub(crate) fn notified(&self, method: &str, text: &str) -> Value {
        std::iter::from_fn(|| self.message())
            .find(|message| message["method"] == method && message["params"].to_string().contains(text))
            .unwrap_or_else(|| panic!("no {method} with {text}"))
    }

    /// All answers until the plugin closes its stdout.
    pub(crate) fn answers(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.answer()).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(self.try_signal(name), "the plugin has ended");
    }

    /// The pid is the plugin's until its exit has been waited for.
    fn try_signal(&self, name: &str) -> bool {
        let kill = format!("kill -{name} {}", self.pid);
        Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().unwrap().success()
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = self.exited.recv_timeout(self.time_left()).expect("the plugin does not end");
        self.has_exited = true;
        status.code()
    }

    /// Its stderr, after it has ended.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.recv_timeout(self.time_left()).unwrap()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if !self.has_exited && self.exited.try_recv().is_err() {
            // It may have ended just now.
            self.try_signal("KILL");
        }
    }
}

/// Reads a line as a JSON-RPC message (or a batch of answers); anything else on stdout is a bug.
fn to_message(line: &[u8]) -> Value {
    let text = std::str::from_utf8(line).expect("stdout is UTF-8");
    let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("on stdout: {error}: {text}"));
    let items = message.as_array().cloned().unwrap_or_else(|| vec![message.clone()]);
    assert!(!items.is_empty(), "an empty batch on stdout");
    for item in items {
        assert_eq!(item["jsonrpc"], "2.0", "{text}");
        let is_answer = item.get("id").is_some() && (item.get("result").is_some() ^ item.get("error").is_some());
        let is_notification =
            item.get("id").is_none() && ["log", "publish", "progress"].iter().any(|method| item["method"] == *method);
        assert!(is_answer ^ is_notification, "neither an answer nor a notification: {text}");
    }
    message
}

/// A BMC that takes connections and then says nothing: an action on it stays in flight.
pub(crate) struct Silent {
    listener: TcpListener,
}

impl Silent {
    pub(crate) fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// An action on it.
    pub(crate) fn action(&self, id: impl Into<Value>) -> String {
        call(id, "action", &self.params())
    }

    pub(crate) fn params(&self) -> Value {
        let port = self.listener.local_addr().unwrap().port();
        json!({
            "Command": "powerstatus",
            "Model": { "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Name": "silent", "Params": {} },
            "Params": {
                "ipmi/mode": "redfish", "ipmi/address": "127.0.0.1", "ipmi/port-redfish": port,
                "ipmi/username": "root", "ipmi/password": "calvin"
            }
        })
    }

    /// Waits until an action has come so far. Dropping the stream breaks its connection.
    pub(crate) fn connection(&self) -> TcpStream {
        let (sender, receiver) = channel();
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || sender.send(listener.accept().unwrap().0));
        receiver.recv_timeout(WATCHDOG).expect("no action came to the BMC")
    }
}
