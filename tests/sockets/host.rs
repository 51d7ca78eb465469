//! Starts the real plugin as dr-provision does, and calls it.
//!
//! Every wait ends two minutes after the plugin's start at the latest, so that a hang is a failure and not a hanging
//! test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{ACTION, Answer, CONFIG, Client, STOP, post};

pub(crate) const WATCHDOG: Duration = Duration::from_mins(2);

/// A drain limit that no test waits for.
pub(crate) const LONG: [&str; 2] = ["--drain-seconds", "600"];
/// A drain limit that is over at once.
pub(crate) const NONE: [&str; 2] = ["--drain-seconds", "0"];

/// An action that is answered at once: 404, because there is none of this name.
pub(crate) fn quick() -> Vec<u8> {
    post(ACTION, r#"{"Command":"noSuchAction"}"#)
}

/// Where a plugin's sockets are.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn to(&self) -> PathBuf {
        self.0.path().join("to")
    }

    pub(crate) fn from(&self) -> PathBuf {
        self.0.path().join("from")
    }
}

/// The plugin's process. It is killed when dropped.
pub(crate) struct Plugin {
    pub(crate) to: PathBuf,
    pid: u32,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    exited: Receiver<ExitStatus>,
    deadline: Instant,
    has_exited: bool,
}

pub(crate) fn command(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    command.arg("listen").arg(place.to()).arg(place.from());
    clean(&mut command);
    command
}

/// The plugin behind a line of shell, in which `"$@"` is its command.
pub(crate) fn command_in_shell(place: &Place, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh", env!("CARGO_BIN_EXE_virtual-media"), "listen"]).arg(place.to()).arg(place.from());
    clean(&mut command);
    command
}

fn clean(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["VIRTUAL_MEDIA_LOG", "RS_ENDPOINT", "RS_TOKEN", "RS_WEBROOT", "RS_FILESERVER"] {
        command.env_remove(name);
    }
}

impl Plugin {
    pub(crate) fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    pub(crate) fn start_with(place: &Place, args: &[&str]) -> Self {
        Self::spawn(place, command(place).args(args))
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn spawn(place: &Place, command: &mut Command) -> Self {
        let plugin = Self::from_child(place, command.spawn().unwrap());
        assert_eq!(plugin.line().as_deref(), Some("READY!"));
        plugin
    }

    pub(crate) fn from_child(place: &Place, mut child: Child) -> Self {
        let (lines, stdout) = channel();
        let pipe = child.stdout.take().unwrap();
        thread::spawn(move || BufReader::new(pipe).lines().try_for_each(|line| lines.send(line.unwrap())));
        let (text, stderr) = channel();
        let mut pipe = child.stderr.take().unwrap();
        thread::spawn(move || {
            let mut all = String::new();
            pipe.read_to_string(&mut all).unwrap();
            let _ = text.send(all);
        });
        let pid = child.id();
        let (status, exited) = channel();
        thread::spawn(move || status.send(child.wait().unwrap()));
        let deadline = Instant::now() + WATCHDOG;
        Self { to: place.to(), pid, stdout, stderr, exited, deadline, has_exited: false }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The next line on stdout; `None` at its end.
    pub(crate) fn line(&self) -> Option<String> {
        match self.stdout.recv_timeout(self.time_left()) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing on stdout"),
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.to)
    }

    /// Sends a request on a connection of its own.
    pub(crate) fn send(&self, request: &[u8]) -> Client {
        let mut client = self.connect();
        client.send(request);
        client
    }

    /// Calls it on a connection of its own.
    pub(crate) fn call(&self, path: &str, body: &Value) -> Answer {
        self.send(&post(path, &body.to_string())).answer().expect("an answer")
    }

    pub(crate) fn stop(&self) {
        let answer = self.call(STOP, &Value::Null);
        assert_eq!((answer.status, answer.json()), (200, done()));
    }

    /// Shows that it still serves.
    pub(crate) fn is_alive(&self) {
        let answer = self.call(CONFIG, &json!({ "Name": "vmedia" }));
        assert_eq!((answer.status, answer.json()), (200, done()));
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(signal(self.pid, name), "the plugin has ended");
    }

    /// Its exit code. On stdout there was `READY!`, and nothing else.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = self.exited.recv_timeout(self.time_left()).expect("the plugin does not end");
        self.has_exited = true;
        assert_eq!(self.line(), None);
        status.code()
    }

    /// Its stderr, after it has ended.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.recv_timeout(self.time_left()).unwrap()
    }

    /// Stops it and returns its stderr.
    pub(crate) fn end(mut self) -> String {
        self.stop();
        assert_eq!(self.exit_code(), Some(0));
        assert!(!self.to.exists(), "its socket is still there");
        self.stderr()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if !self.has_exited && self.exited.try_recv().is_err() {
            // It may have ended just now.
            signal(self.pid, "KILL");
        }
    }
}

/// The pid is the plugin's until its exit has been waited for.
fn signal(pid: u32, name: &str) -> bool {
    let kill = format!("kill -{name} {pid}");
    Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().unwrap().success()
}

/// What a success without a result is answered.
pub(crate) fn done() -> Value {
    json!({ "Model": "", "Key": "", "Type": "", "Messages": null, "Code": 200 })
}

/// Waits for what another process does to a file.
pub(crate) fn until(path: &Path, wanted: impl Fn(&Path) -> bool) {
    let deadline = Instant::now() + WATCHDOG;
    while !wanted(path) {
        assert!(Instant::now() < deadline, "{} is not as expected", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}
