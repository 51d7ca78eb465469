//! A running plugin: the `listen` process of one Plugin object, and what the server asks of it (drp-protocol 1.3 to 1.6).

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::auth::Principal;
use super::callback;
use super::error::Error;
use super::objects::params_of;
use super::server::Server;

/// How long a plugin may take until `READY!`, and to its end after a stop. A server's own limits are not known
/// (drp-protocol 8.7); this one is longer than the plugin's.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each start has sockets of its own.
static STARTS: AtomicU64 = AtomicU64::new(0);

/// A `listen` process.
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) pid: Option<u32>,
    client: reqwest::Client,
    kill: CancellationToken,
    life: watch::Receiver<Life>,
}

/// What is known of the process.
#[derive(Clone, Copy)]
enum Life {
    Running,
    /// How it ended, as far as the system tells.
    Ended(Option<ExitStatus>),
}

impl Life {
    fn has_ended(self) -> bool {
        matches!(self, Life::Ended(_))
    }
}

impl Plugin {
    /// Starts the process, waits until it is ready, and configures it.
    ///
    /// # Errors
    /// It does not start, never gets ready, or refuses its configuration; it is ended then.
    pub(super) async fn start(server: &Arc<Server>, name: &str, program: &Path) -> Result<Arc<Plugin>, Error> {
        let failed = |why: String| Error::new(500, "POST", "plugins", name, why);
        let broken = |error: io::Error| failed(format!("starting {}: {error}", program.display()));
        let (mut command, to) = prepare(server, name, program).map_err(broken)?;
        let mut child = command.spawn().map_err(broken)?;
        let ready = watch_output(server, &mut child);
        let client = reqwest::Client::builder().unix_socket(to).no_proxy().build();
        let client = client.map_err(|error| failed(error.to_string()))?;
        let (pid, kill) = (child.id(), CancellationToken::new());
        let life = watch_end(server, child, kill.clone());
        let plugin = Arc::new(Plugin { name: name.to_owned(), pid, client, kill, life });

        let mut gone = plugin.life.clone();
        let ready = tokio::select! {
            ready = timeout(PATIENCE, ready) => matches!(ready, Ok(Ok(()))),
            _ = gone.wait_for(|life| life.has_ended()) => false,
        };
        if !ready {
            plugin.kill().await;
            return Err(failed("the plugin never said READY!".to_owned()));
        }
        if let Err(error) = plugin.configure(server).await {
            plugin.stop().await?;
            return Err(error);
        }
        Ok(plugin)
    }

    /// Sends the Plugin object's params, and its name (drp-protocol 1.6). Defaults are not filled in and secure values
    /// stay sealed: neither is known of a server, and a plugin that copes with this copes with more.
    pub(super) async fn configure(&self, server: &Server) -> Result<(), Error> {
        let object = server.read(|objects| objects.get("plugins", &self.name).cloned().unwrap_or_default());
        let mut config = params_of(&object);
        config.insert("Name".to_owned(), json!(self.name));
        self.post("config", &Value::Object(config)).await.map(drop)
    }

    /// Asks the plugin for something; anything but 200 is an error, as the plugin words it.
    pub(super) async fn post(&self, what: &str, body: &Value) -> Result<Value, Error> {
        let url = format!("http://unix/api-plugin/v4/{what}");
        let lost = |why: String| {
            Error::new(500, "INVOKE", "plugins", &self.name, format!("asking the plugin to {what}: {why}"))
        };
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.map_err(|error| lost(root(&error)))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| lost(root(&error)))?;
        if status == 200 {
            return serde_json::from_str(&text).map_err(|error| lost(format!("it answers `{text}`: {error}")));
        }
        let error: Error =
            serde_json::from_str(&text).map_err(|error| lost(format!("it answers {status} and `{text}`: {error}")))?;
        if error.code == status {
            Err(error)
        } else {
            Err(lost(format!("its status is {status}, its Code {}", error.code)))
        }
    }

    /// Stops it in order and waits for its end.
    ///
    /// # Errors
    /// It did not end in time; it is killed then.
    pub(super) async fn stop(&self) -> Result<Option<ExitStatus>, Error> {
        // The reply may never arrive, because the plugin ends (drp-protocol 1.5); its end tells.
        let _ = timeout(PATIENCE, self.post("stop", &json!({}))).await;
        let mut life = self.life.clone();
        if let Ok(Ok(Life::Ended(status))) =
            timeout(PATIENCE, life.wait_for(|life| life.has_ended())).await.map(|life| life.map(|life| *life))
        {
            return Ok(status);
        }
        self.kill().await;
        Err(Error::new(
            504,
            "STOP",
            "plugins",
            &self.name,
            format!("it did not end within {PATIENCE:?} and was killed"),
        ))
    }

    /// Kills it, as a crash would.
    pub(super) async fn kill(&self) {
        self.kill.cancel();
        // The sender is dropped when the process is gone, if not before.
        let _ = self.life.clone().wait_for(|life| life.has_ended()).await;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.life.borrow().has_ended()
    }
}

/// The process to start, and where it will listen.
fn prepare(server: &Arc<Server>, name: &str, program: &Path) -> io::Result<(Command, std::path::PathBuf)> {
    let number = STARTS.fetch_add(1, Ordering::Relaxed);
    let directory = server.root.path().join(format!("s{number}"));
    let scratch = directory.join("work");
    std::fs::create_dir_all(&scratch)?;
    let (to, from) = (directory.join("to"), directory.join("from"));
    if server.options.callback {
        let (own, leaver) = (Arc::clone(server), name.to_owned());
        callback::serve(server, &from, move || {
            let (server, leaver) = (Arc::clone(&own), leaver.clone());
            own.spawn(async move {
                let leaving = server.plugins().remove(&leaver);
                if let Some(plugin) = leaving {
                    // It wanted to go: how it went is nobody's concern.
                    let _ = plugin.stop().await;
                }
                server.bump();
            });
        })?;
    }
    let principal = Principal::Plugin(name.to_owned());
    let mut command = Command::new(program);
    command.arg("listen").arg(&to).arg(&from).current_dir(scratch);
    environment(server, &mut command, principal);
    // Ctrl-C on a terminal is for the server, which stops its plugins in order.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command.stderr(if server.options.inherit_stderr { Stdio::inherit() } else { Stdio::piped() });
    Ok((command, to))
}

/// What is set in all cases (drp-protocol 1.2).
pub(super) fn environment(server: &Server, command: &mut Command, principal: Principal) {
    command
        .env("RS_ENDPOINT", server.url())
        .env("RS_TOKEN", server.tokens().issue(principal))
        .env("RS_FILESERVER", server.fileserver())
        .env("RS_WEBROOT", &server.options.webroot)
        .envs(server.options.env.iter().map(|(name, value)| (name, value)));
}

/// Keeps what the plugin writes; the receiver hears of `READY!`.
fn watch_output(server: &Arc<Server>, child: &mut Child) -> oneshot::Receiver<()> {
    let (ready, is_ready) = oneshot::channel();
    let mut ready = Some(ready);
    if let Some(stdout) = child.stdout.take() {
        // Nothing should precede the line, and nothing is to follow it (drp-protocol 1.3).
        lines(server, stdout, move |server, line| match (line.as_str(), ready.take()) {
            // Whoever started the plugin may have lost patience.
            ("READY!", Some(ready)) => drop(ready.send(())),
            (_, unready) => {
                ready = unready;
                server.log(|log| log.stray(line));
            }
        });
    }
    if let Some(stderr) = child.stderr.take() {
        lines(server, stderr, |server, line| server.log(|log| log.stderr_line(line)));
    }
    is_ready
}

fn lines(
    server: &Arc<Server>,
    pipe: impl AsyncRead + Send + Unpin + 'static,
    mut take: impl FnMut(&Server, String) + Send + 'static,
) {
    let own = Arc::clone(server);
    server.spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            take(&own, line);
        }
    });
}

/// Waits for the process, or kills it when asked to.
fn watch_end(server: &Arc<Server>, mut child: Child, kill: CancellationToken) -> watch::Receiver<Life> {
    let (ended, end) = watch::channel(Life::Running);
    let own = Arc::clone(server);
    server.spawn(async move {
        let status = tokio::select! {
            status = child.wait() => status,
            () = kill.cancelled() => {
                // It may have ended by itself; then there is nothing to kill.
                let _ = child.kill().await;
                child.wait().await
            }
        };
        ended.send_replace(Life::Ended(status.ok()));
        own.bump();
    });
    end
}

/// The innermost reason of a failed request.
fn root(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}
