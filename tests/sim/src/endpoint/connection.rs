//! A plugin process and the JSON-RPC over its pipes: ids, answers, notifications, stderr.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex as AsyncMutex, broadcast, mpsc, oneshot};
use tokio::time::timeout;

use crate::lock::lock;

/// Notifications and lines that are kept to be looked at.
const KEPT: usize = 10_000;

/// A plugin that does not end after `stop` for so long is killed: longer than its own drain.
const PATIENCE: Duration = Duration::from_secs(30);

/// A notification from the plugin: `log`, `publish` or `progress`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Its method.
    pub method: String,
    /// Its params.
    pub params: Value,
}

/// An error that the plugin answered, or that there will be no answer.
#[derive(Clone, Debug, Deserialize, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// The JSON-RPC code; 0 where the plugin ended without an answer.
    pub code: i64,
    /// What it says to people.
    pub message: String,
    /// Machine-readable details.
    #[serde(default)]
    pub data: Value,
}

impl RpcError {
    pub(super) fn no_answer(why: impl fmt::Display) -> Self {
        Self { code: 0, message: format!("no answer: {why}"), data: Value::Null }
    }
}

/// A request that has been sent.
#[derive(Debug)]
pub struct Sent {
    id: u64,
    answer: oneshot::Receiver<Result<Value, RpcError>>,
}

impl Sent {
    /// Its id, for a cancel.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the answer.
    pub async fn answer(self) -> Result<Value, RpcError> {
        self.answer.await.unwrap_or_else(|_| Err(RpcError::no_answer("the plugin has ended")))
    }
}

/// Where notices and lines go that nobody has asked for.
type Received = Box<dyn Fn(&Notice, &Stdin) + Send + Sync>;

/// The plugin's stdin: lines are queued, so that a caller that loses patience never leaves half of one behind.
#[derive(Clone)]
pub(super) struct Stdin(Arc<Mutex<Option<mpsc::UnboundedSender<String>>>>);

impl Stdin {
    fn start(mut pipe: ChildStdin) -> Self {
        let (sender, mut lines) = mpsc::unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if pipe.write_all(line.as_bytes()).await.is_err() {
                    // The plugin has ended; who waits for its answers learns that from its stdout.
                    return;
                }
            }
        });
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    /// Sends a notification.
    pub(super) fn notify(&self, method: &str, params: &Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn write(&self, message: &Value) {
        if let Some(sender) = lock(&self.0).as_ref() {
            // See the task.
            let _ = sender.send(format!("{message}\n"));
        }
    }

    fn close(&self) {
        lock(&self.0).take();
    }
}

/// The answers that are waited for; `None` once the plugin's stdout has ended.
type Waiting = Option<HashMap<u64, oneshot::Sender<Result<Value, RpcError>>>>;

/// The process and what came from it.
pub(super) struct Connection {
    next: AtomicU64,
    stdin: Stdin,
    child: AsyncMutex<Child>,
    pid: Option<u32>,
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    notices: Mutex<VecDeque<Notice>>,
    live: broadcast::Sender<Notice>,
    strays: Mutex<VecDeque<String>>,
    stderr: Mutex<VecDeque<String>>,
}

impl Connection {
    /// Starts the program. `received` sees each notification before anyone who waits for the answer that follows it.
    pub(super) fn start(
        program: &Path,
        args: &[OsString],
        env: &[(OsString, OsString)],
        inherit_stderr: bool,
        received: Received,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if inherit_stderr { Stdio::inherit() } else { Stdio::piped() })
            .kill_on_drop(true)
            .spawn()?;
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Some(HashMap::new())),
            notices: Mutex::default(),
            live: broadcast::Sender::new(KEPT),
            strays: Mutex::default(),
            stderr: Mutex::default(),
        });
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stdin = Stdin::start(pipe);
        if let Some(stdout) = child.stdout.take() {
            let (shared, stdin) = (Arc::clone(&shared), stdin.clone());
            tokio::spawn(async move {
                shared.read(BufReader::new(stdout), |notice| received(notice, &stdin)).await;
            });
        }
        if let Some(stderr) = child.stderr.take() {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    keep(&shared.stderr, line);
                }
            });
        }
        Ok(Self { next: AtomicU64::new(1), stdin, pid: child.id(), child: AsyncMutex::new(child), shared })
    }

    /// Sends a request. Requests are sent in the order of these calls.
    pub(super) fn send(&self, method: &str, params: &Value) -> Sent {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, receiver) = oneshot::channel();
        if let Some(waiting) = lock(&self.shared.waiting).as_mut() {
            waiting.insert(id, answer);
        }
        self.stdin.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        Sent { id, answer: receiver }
    }

    pub(super) fn stdin(&self) -> &Stdin {
        &self.stdin
    }

    /// Closes the plugin's stdin, as a server does that ends.
    pub(super) fn close(&self) {
        self.stdin.close();
    }

    /// Waits for the process to end; kills it when that takes too long.
    pub(super) async fn wait(&self) -> io::Result<ExitStatus> {
        let mut child = self.child.lock().await;
        if let Ok(status) = timeout(PATIENCE, child.wait()).await {
            return status;
        }
        child.kill().await?;
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("the plugin did not end within {PATIENCE:?}, killed")))
    }

    /// Kills the process, as a crash would.
    pub(super) async fn kill(&self) -> io::Result<ExitStatus> {
        let mut child = self.child.lock().await;
        child.kill().await?;
        child.wait().await
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        lock(&self.shared.notices).iter().cloned().collect()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.shared.live.subscribe()
    }

    pub(super) fn strays(&self) -> Vec<String> {
        lock(&self.shared.strays).iter().cloned().collect()
    }

    pub(super) fn stderr(&self) -> String {
        lock(&self.shared.stderr).iter().fold(String::new(), |text, line| text + line + "\n")
    }
}

impl Shared {
    /// Takes the plugin's lines until its stdout ends.
    async fn read(&self, mut stdout: impl AsyncBufRead + Unpin, received: impl Fn(&Notice)) {
        let mut line = Vec::new();
        while let Ok(1..) = stdout.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if let Err(stray) = self.take(text, &received) {
                keep(&self.strays, stray);
            }
        }
        // Dropping the senders tells everybody who waits.
        lock(&self.waiting).take();
    }

    /// Takes one line of the plugin's; gives it back if it is nothing that a plugin may send.
    fn take(&self, line: String, received: impl Fn(&Notice)) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Message {
            id: Option<u64>,
            method: Option<String>,
            #[serde(default)]
            params: Value,
            #[serde(default)]
            result: Value,
            error: Option<RpcError>,
        }
        let Ok(message) = serde_json::from_str::<Message>(&line) else { return Err(line) };
        if let Some(method) = message.method {
            let notice = Notice { method, params: message.params };
            received(&notice);
            keep(&self.notices, notice.clone());
            // Nobody may be listening.
            let _ = self.live.send(notice);
            return Ok(());
        }
        let waiting = lock(&self.waiting).as_mut().and_then(|waiting| waiting.remove(&message.id?));
        let Some(waiting) = waiting else { return Err(line) };
        // The caller may have lost interest.
        let _ = waiting.send(message.error.map_or(Ok(message.result), Err));
        Ok(())
    }
}

fn keep<T>(kept: &Mutex<VecDeque<T>>, item: T) {
    let mut kept = lock(kept);
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(item);
}
