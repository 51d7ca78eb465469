//! A provisioning server at the other end of stdio: it starts the plugin, holds machines, tells of their changes,
//! runs actions, and keeps what the plugin publishes.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use drp_virtual_media_sim::endpoint::{Endpoint, Options};
//! use serde_json::json;
//!
//! let options = Options::new("/srv/www".into(), "http://127.0.0.1:8091".parse()?);
//! let server = Endpoint::start("target/debug/virtual-media".as_ref(), options).await?;
//! let machine = server.add_machine(&json!({ "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Params": {} }))?;
//! let answer = server.set_bootenv(&machine, "sledgehammer").await?;
//! println!("{}: {}", answer.machine, answer.outcome);
//! server.stop().await?;
//! # Ok(())
//! # }
//! ```

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use url::Url;

use self::connection::{Connection, Stdin};
pub use self::connection::{Notice, RpcError, Sent};
use self::machines::Machines;
use crate::lock::lock;

mod connection;
mod machines;

/// The Param that holds what the plugin did on a machine.
pub const STATE: &str = "virtual-media/state";

/// How a plugin is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the static file server serves: `RS_WEBROOT`.
    pub webroot: PathBuf,
    /// Where BMCs reach it: `RS_FILESERVER`.
    pub fileserver: Url,
    /// Arguments of the program; `stdio` unless changed.
    pub args: Vec<OsString>,
    /// More variables for the program.
    pub env: Vec<(OsString, OsString)>,
    /// Whether the plugin's stderr goes to ours instead of being kept for [`Endpoint::stderr`].
    pub inherit_stderr: bool,
    /// Whether a state that the plugin publishes is told back as a change of the machine, as a server does that
    /// stores it as a Param.
    pub echo: bool,
}

impl Options {
    /// Options of an ordinary server.
    #[must_use]
    pub fn new(webroot: PathBuf, fileserver: Url) -> Self {
        let args = vec!["stdio".into()];
        Self { webroot, fileserver, args, env: Vec::new(), inherit_stderr: false, echo: true }
    }
}

/// What came of an event.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// The machine's UUID.
    pub machine: String,
    /// The BootEnv that it is in.
    pub boot_env: String,
    /// `Mounted`, `Unmounted`, `Cleaned`, `Ignored` or `Superseded`.
    pub outcome: String,
    /// The mounted image.
    #[serde(default)]
    pub url: Option<String>,
    /// Why nothing was done.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The server. A clone is the same server, so that many machines can change at once.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    connection: Connection,
    machines: Arc<Mutex<Machines>>,
    handshake: Value,
}

impl Endpoint {
    /// Starts the plugin and shakes hands. The process is killed when the last clone is dropped.
    ///
    /// # Errors
    /// The program cannot be started, or the handshake fails; what the plugin says to that is in the error.
    pub async fn start(program: &Path, options: Options) -> io::Result<Self> {
        let machines = Arc::<Mutex<Machines>>::default();
        let mut env = vec![
            ("RS_WEBROOT".into(), options.webroot.into()),
            ("RS_FILESERVER".into(), options.fileserver.as_str().trim_end_matches('/').into()),
        ];
        env.extend(options.env);
        let store = Arc::clone(&machines);
        let received = Box::new(move |notice: &Notice, stdin: &Stdin| {
            let mut machines = lock(&store);
            let event = store_state(&mut machines, notice);
            if let Some(event) = event.filter(|_| options.echo) {
                stdin.notify("event", &event);
            }
        });
        let connection = Connection::start(program, &options.args, &env, options.inherit_stderr, received)?;
        let params = json!({ "protocol": 1, "server": { "name": "simulated", "version": "v4.8.0" } });
        let handshake = connection.send("initialize", &params).answer().await.map_err(|error| {
            let program = program.display();
            io::Error::other(format!("shaking hands with {program}: {error}; it says: {}", connection.stderr()))
        })?;
        Ok(Self(Arc::new(Inner { connection, machines, handshake })))
    }

    /// What the plugin answered to `initialize`.
    #[must_use]
    pub fn handshake(&self) -> &Value {
        &self.0.handshake
    }

    /// Adds a machine, with the defaults of dr-provision for what is absent, and returns its UUID. No event is sent:
    /// the plugin does not ask for `create`.
    ///
    /// # Errors
    /// It has no `Uuid`.
    pub fn add_machine(&self, machine: &Value) -> Result<String, RpcError> {
        lock(&self.0.machines).add(machine).ok_or_else(|| RpcError::no_answer("a machine needs a `Uuid`"))
    }

    /// The machine as it is now, with its Params.
    #[must_use]
    pub fn machine(&self, uuid: &str) -> Option<Value> {
        lock(&self.0.machines).get(uuid)
    }

    /// All machines as they are now.
    #[must_use]
    pub fn machines(&self) -> Vec<Value> {
        lock(&self.0.machines).all()
    }

    /// What the plugin has last published as the machine's state; null where it has not.
    #[must_use]
    pub fn state(&self, uuid: &str) -> Value {
        self.machine(uuid).and_then(|machine| machine.get("Params")?.get(STATE).cloned()).unwrap_or_default()
    }

    /// Changes the machine's BootEnv and waits for what comes of it.
    pub async fn set_bootenv(&self, uuid: &str, bootenv: &str) -> Result<Answer, RpcError> {
        outcome(self.send_bootenv(uuid, bootenv)?).await
    }

    /// Changes the machine's BootEnv without waiting. Events reach the plugin in the order of the changes.
    pub fn send_bootenv(&self, uuid: &str, bootenv: &str) -> Result<Sent, RpcError> {
        self.send_change(uuid, |machines| {
            machines.change(uuid, "update", |machine| {
                machine.insert("BootEnv".to_owned(), bootenv.into());
            })
        })
    }

    /// Sets a Param on the machine and waits for what comes of it.
    pub async fn set_param(&self, uuid: &str, key: &str, value: Value) -> Result<Answer, RpcError> {
        outcome(self.send_change(uuid, |machines| machines.change_param(uuid, "save", key, value))?).await
    }

    /// Removes a Param from the machine and waits for what comes of it.
    pub async fn remove_param(&self, uuid: &str, key: &str) -> Result<Answer, RpcError> {
        self.set_param(uuid, key, Value::Null).await
    }

    /// Deletes the machine and waits for what comes of it.
    pub async fn delete_machine(&self, uuid: &str) -> Result<Answer, RpcError> {
        outcome(self.send_change(uuid, |machines| machines.delete(uuid))?).await
    }

    fn send_change(&self, uuid: &str, change: impl FnOnce(&mut Machines) -> Option<Value>) -> Result<Sent, RpcError> {
        let mut machines = lock(&self.0.machines);
        let event = change(&mut machines).ok_or_else(|| no_machine(uuid))?;
        // Still locked, so that events are sent in the order of the changes.
        Ok(self.send("event", &event))
    }

    /// Runs an action on the machine with its Params and those given, which take precedence.
    pub async fn action(&self, uuid: &str, command: &str, params: Value) -> Result<Value, RpcError> {
        self.send_action(uuid, command, params)?.answer().await
    }

    /// Starts an action without waiting for its end.
    pub fn send_action(&self, uuid: &str, command: &str, params: Value) -> Result<Sent, RpcError> {
        let resolved = lock(&self.0.machines).resolved(uuid, params);
        let (machine, params) = resolved.ok_or_else(|| no_machine(uuid))?;
        let plugin = &self.0.handshake["plugin"]["name"];
        let action = json!({
            "Model": machine, "Plugin": plugin, "Command": command, "CommandSet": "actions", "Params": params
        });
        Ok(self.send("action", &action))
    }

    /// Gives the plugin its parameters.
    pub async fn configure(&self, params: Value) -> Result<Value, RpcError> {
        self.call_raw("config", params).await
    }

    /// Calls any method.
    pub async fn call_raw(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.send(method, &params).answer().await
    }

    /// Calls any method without waiting for the answer.
    #[must_use]
    pub fn send(&self, method: &str, params: &Value) -> Sent {
        self.0.connection.send(method, params)
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: &Value) {
        self.0.connection.stdin().notify(method, params);
    }

    /// Cancels a request; it is still answered.
    pub fn cancel(&self, id: u64) {
        self.notify("cancel", &json!({ "id": id }));
    }

    /// The last 10,000 notifications, oldest first.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.0.connection.notices()
    }

    /// Notifications from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.connection.subscribe()
    }

    /// Lines on the plugin's stdout that are no message, or an answer to nothing. There must be none.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.0.connection.strays()
    }

    /// The last 10,000 lines of the plugin's stderr, unless that is inherited.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.0.connection.stderr()
    }

    /// The plugin's process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.0.connection.pid()
    }

    /// Stops the plugin in order and waits for its end.
    ///
    /// # Errors
    /// It did not end within 30 s; it is killed then.
    pub async fn stop(&self) -> io::Result<ExitStatus> {
        // A plugin that has crashed does not answer; its exit status says so.
        let _ = self.call_raw("stop", json!({})).await;
        self.close().await
    }

    /// Closes the plugin's stdin, as a server does that ends, and waits for its end.
    ///
    /// # Errors
    /// It did not end within 30 s; it is killed then.
    pub async fn close(&self) -> io::Result<ExitStatus> {
        self.0.connection.close();
        self.0.connection.wait().await
    }

    /// Kills the plugin, as a crash would.
    pub async fn kill(&self) -> io::Result<ExitStatus> {
        self.0.connection.kill().await
    }
}

fn no_machine(uuid: &str) -> RpcError {
    RpcError::no_answer(format!("there is no machine {uuid}"))
}

async fn outcome(sent: Sent) -> Result<Answer, RpcError> {
    serde_json::from_value(sent.answer().await?)
        .map_err(|error| RpcError::no_answer(format!("the answer to an event is not as described: {error}")))
}

/// Stores a state that the plugin publishes as the machine's Param: what a server without a REST API does.
fn store_state(machines: &mut Machines, notice: &Notice) -> Option<Value> {
    let event = &notice.params;
    if notice.method != "publish" || event.get("Type")? != "virtual-media" || event.get("Action")? != "state" {
        return None;
    }
    machines.change_param(event.get("Key")?.as_str()?, "save", STATE, event.get("Object")?.clone())
}
