//! A provisioning server as dr-provision 4.x is one, as far as its public clients, models and recordings tell: HTTPS API,
//! websocket, static files, and plugin providers over their two unix sockets.
//!
//! dr-provision's source is not public, so each belief names its section of the fact sheet `drp-protocol`; what is not
//! known is said to be our guess, and [`Options`] has a switch where it matters which way a server behaves.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use drp_virtual_media_sim::dr_provision::{DrProvision, Options};
//! use serde_json::json;
//!
//! let options = Options::new("/srv/tftpboot").program("target/debug/virtual-media");
//! let server = DrProvision::start(options).await?;
//! let machine = server.add_machine(&json!({ "Name": "m1", "Params": { "boot-virtual-iso": true } }))?;
//! server.set_bootenv(&machine, "sledgehammer")?;
//! server.until(|server| server.param(&machine, "virtual-media/state")["Phase"] == "Mounted").await;
//! println!("{}", server.action(&machine, "statusVirtualMedia", json!({})).await?);
//! server.stop().await?;
//! # Ok(())
//! # }
//! ```

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

pub use self::agent::{AgentRun, AgentStop};
use self::auth::Principal;
pub use self::auth::{PASSWORD, USERNAME};
pub use self::builtin::CONTENT as BUILTIN_ISO;
pub use self::error::Error;
pub use self::log::Request;
use self::objects::{Change, params_of};
pub use self::options::{Options, Telling};
pub use self::sealed::seal_for;
use self::server::Server;
use crate::bmc::certificate::Certificate;
use crate::files::FileServer;

mod actions;
mod admit;
mod agent;
mod auth;
mod builtin;
mod bundle;
mod call;
mod callback;
mod contents_api;
mod defaults;
mod error;
mod faults;
mod files_api;
mod filter;
mod hub;
mod jobs;
mod jobs_api;
mod judge;
mod listen;
mod log;
mod machines;
mod names;
mod objects;
mod objects_api;
mod options;
mod own_content;
mod params_api;
mod patch;
mod plugin;
mod prerequisites;
mod provider;
mod resolve;
mod route;
mod schema;
mod sealed;
mod selector;
mod server;
mod server_api;
mod websocket;

/// The server. A clone is the same server. Its tasks and its plugins end when the last clone is dropped;
/// [`DrProvision::stop`] stops the plugins in order and waits.
#[derive(Clone)]
pub struct DrProvision(Arc<Inner>);

struct Inner {
    server: Arc<Server>,
    files: FileServer,
    certificate: Arc<str>,
    /// A user's token that never expires, as `RS_KEY` and a login would get one.
    token: String,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.server.stop.cancel();
    }
}

/// Life cycle.
impl DrProvision {
    /// Starts the server with the content that every dr-provision has, and its provider.
    ///
    /// # Errors
    /// No port can be bound, or the provider does not start; what it says to that is in the error.
    pub async fn start(options: Options) -> Result<DrProvision, Error> {
        let broken = |error: io::Error| Error::new(500, "START", "", "", error.to_string());
        let certificate =
            tokio::task::spawn_blocking(Certificate::generate).await.map_err(|error| broken(error.into()))?;
        let certificate = certificate.map_err(broken)?;
        let files = FileServer::start(&options.webroot).await.map_err(broken)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
        let address = listener.local_addr().map_err(broken)?;
        let pem = Arc::clone(&certificate.pem);
        let server = Arc::new(Server::new(options, address, files.url(), certificate).map_err(broken)?);
        server.change(|objects| own_content::load(objects, &server.options))?;
        server.spawn(listen::listen(Arc::clone(&server), listener));
        if server.options.builtin_virtual_iso {
            server.spawn(builtin::watch(Arc::clone(&server)));
        }
        let token = server.tokens().issue(Principal::User(USERNAME.to_owned()));
        let running = DrProvision(Arc::new(Inner { server: Arc::clone(&server), files, certificate: pem, token }));
        if let Some(program) = &server.options.program {
            provider::install(&server, &server.options.provider, program).await.map_err(|mut error| {
                error.messages.push(server.log(|log| log.stderr()));
                error
            })?;
        }
        Ok(running)
    }

    /// Stops every plugin in order, then the server.
    ///
    /// # Errors
    /// A plugin did not end, or not with success.
    pub async fn stop(&self) -> Result<(), Error> {
        let server = &self.0.server;
        let plugins = std::mem::take(&mut *server.plugins());
        let mut outcome = Ok(());
        for plugin in plugins.values() {
            let ended = plugin.stop().await.and_then(|status| match status {
                Some(status) if !status.success() => {
                    Err(Error::new(500, "STOP", "plugins", &plugin.name, format!("it ended with {status}")))
                }
                _ => Ok(()),
            });
            outcome = outcome.and(ended);
        }
        server.stop.cancel();
        server.tracker.close();
        server.tracker.wait().await;
        outcome
    }

    /// Stops the plugin in order and starts it again; one that has ended is only started.
    ///
    /// # Errors
    /// It does not stop, or not start.
    pub async fn restart_plugin(&self) -> Result<(), Error> {
        let name = self.plugin_name().to_owned();
        let running = self.0.server.plugins().remove(&name);
        if let Some(running) = running.filter(|plugin| !plugin.has_ended()) {
            running.stop().await?;
        }
        provider::start_plugin(&self.0.server, &name).await
    }

    /// Kills the plugin, as a crash would. It is not started again: what a server does is not known (drp-protocol 1.5).
    pub async fn kill_plugin(&self) {
        let running = self.0.server.plugins().get(self.plugin_name()).cloned();
        if let Some(running) = running {
            running.kill().await;
        }
    }

    /// The plugin's process id, while it runs.
    #[must_use]
    pub fn plugin_pid(&self) -> Option<u32> {
        self.0.server.plugins().get(self.plugin_name()).filter(|plugin| !plugin.has_ended())?.pid
    }

    /// Whether the plugin's process has ended, or there is none.
    #[must_use]
    pub fn plugin_ended(&self) -> bool {
        self.plugin_pid().is_none()
    }

    /// Sends the plugin its configuration again, as after a change of its params.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn configure_plugin(&self, params: Value) -> Result<(), Error> {
        let (server, name) = (&self.0.server, self.plugin_name());
        server.change(|objects| {
            objects.change("plugins", name, Change::Save, &user(), |plugin| {
                plugin["Params"] = params;
                Ok(())
            })
        })?;
        let running = server.plugins().get(name).cloned();
        let running = running.ok_or_else(|| Error::not_found("POST", "plugins", name))?;
        running.configure(server).await
    }

    /// The provider's name, which is its plugin's too.
    fn plugin_name(&self) -> &str {
        &self.0.server.options.provider
    }
}

/// Where it is, and who may.
impl DrProvision {
    /// `RS_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.server.url()
    }

    /// A user's token: `RS_TOKEN` for a client.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// The static file server's root, with a slash at the end.
    #[must_use]
    pub fn fileserver(&self) -> Url {
        self.0.files.url()
    }

    /// The static file server.
    #[must_use]
    pub fn files(&self) -> &FileServer {
        &self.0.files
    }

    /// The API's self-signed certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.0.certificate
    }
}

/// What a user does. Each is what the API's call of the same name does, without the network between.
impl DrProvision {
    /// Adds any object; what is absent has the type's defaults.
    pub fn add(&self, prefix: &str, object: &Value) -> Result<String, Error> {
        self.0.server.change(|objects| objects.create(prefix, object, &user()))
    }

    /// Adds a machine and returns its UUID; without one it gets one.
    pub fn add_machine(&self, machine: &Value) -> Result<String, Error> {
        let mut machine = machine.clone();
        machines::name_new(&mut machine);
        self.add("machines", &machine)
    }

    /// Any object as it is now; null where there is none.
    #[must_use]
    pub fn object(&self, prefix: &str, key: &str) -> Value {
        self.0.server.read(|objects| objects.get(prefix, key).cloned().unwrap_or_default())
    }

    /// A machine as it is now; null where there is none.
    #[must_use]
    pub fn machine(&self, uuid: &str) -> Value {
        self.object("machines", uuid)
    }

    /// A param that is set on the machine itself; null where it is not.
    #[must_use]
    pub fn param(&self, uuid: &str, key: &str) -> Value {
        params_of(&self.machine(uuid)).remove(key).unwrap_or_default()
    }

    /// Changes a machine as a PATCH does.
    pub fn change_machine(&self, uuid: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Error> {
        self.0.server.change(|objects| {
            objects.change("machines", uuid, Change::Update, &user(), |machine| {
                change(machine);
                Ok(())
            })
        })
    }

    /// Changes a machine's BootEnv.
    pub fn set_bootenv(&self, uuid: &str, bootenv: &str) -> Result<Value, Error> {
        self.change_machine(uuid, |machine| machine["BootEnv"] = json!(bootenv))
    }

    /// Sets a param on a machine; null removes it.
    pub fn set_param(&self, uuid: &str, key: &str, value: Value) -> Result<Value, Error> {
        self.0.server.change(|objects| {
            objects.change("machines", uuid, Change::Save, &user(), |machine| {
                objects::set_param(machine, key, value);
                Ok(())
            })
        })
    }

    /// Removes a param from a machine.
    pub fn remove_param(&self, uuid: &str, key: &str) -> Result<Value, Error> {
        self.set_param(uuid, key, Value::Null)
    }

    /// Deletes a machine.
    pub fn delete_machine(&self, uuid: &str) -> Result<Value, Error> {
        self.0.server.change(|objects| objects.delete("DELETE", "machines", uuid, &user()))
    }

    /// Changes any object as an administrator does.
    pub fn change(&self, prefix: &str, key: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Error> {
        self.0.server.change(|objects| {
            objects.change(prefix, key, Change::Update, &user(), |object| {
                change(object);
                Ok(())
            })
        })
    }

    /// All objects of a type.
    #[must_use]
    pub fn objects(&self, prefix: &str) -> Vec<Value> {
        self.0.server.read(|objects| objects.all(prefix).map(|(_, object)| object.clone()).collect())
    }

    /// Runs an action on a machine with the caller's params.
    pub async fn action(&self, uuid: &str, command: &str, params: Value) -> Result<Value, Error> {
        actions::run(&self.0.server, "machines", uuid, command, None, params).await
    }

    /// Runs the machine's agent until it has nothing more to do, or reboots. Its tasks are not run but recorded.
    pub async fn run_agent_once(&self, uuid: &str) -> Result<AgentRun, Error> {
        agent::run(&self.0.server, uuid).await
    }

    /// Adds and removes features; plugins read them in `GET /info`.
    pub fn set_features<T: Into<String>>(&self, features: impl IntoIterator<Item = T>) {
        *self.0.server.features() = features.into_iter().map(Into::into).collect();
    }
}

/// What has happened.
impl DrProvision {
    /// The last 10,000 events, oldest first, those that nobody was told among them.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.0.server.read(|objects| objects.hub.events())
    }

    /// What websockets have registered for at this time.
    #[must_use]
    pub fn registered(&self) -> Vec<String> {
        self.0.server.read(|objects| objects.hub.registered())
    }

    /// The last 10,000 requests to the API.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.server.log(|log| log.requests())
    }

    /// The last 10,000 lines that plugins logged through the server.
    #[must_use]
    pub fn log_lines(&self) -> Vec<Value> {
        self.0.server.log(|log| log.lines())
    }

    /// The last 10,000 events that plugins published on `FROM_SOCKET`.
    #[must_use]
    pub fn published(&self) -> Vec<Value> {
        self.0.server.log(|log| log.published())
    }

    /// The last 10,000 lines of the plugins' stderr, unless that is inherited.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.0.server.log(|log| log.stderr())
    }

    /// Lines on a plugin's stdout that are not `READY!`. There must be none.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.0.server.log(|log| log.strays())
    }

    /// Changes of anything that can be asked here.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.server.changed()
    }

    /// Waits until the server is as wanted; the caller bounds the wait.
    pub async fn until(&self, mut wanted: impl FnMut(&DrProvision) -> bool) {
        let mut changed = self.changed();
        loop {
            changed.mark_unchanged();
            if wanted(self) || changed.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Faults.
impl DrProvision {
    /// Ends every websocket without a word.
    pub fn kill_websockets(&self) {
        self.0.server.drop_websockets();
    }

    /// From now on nobody is told of events, or everybody again; those in between are lost.
    pub fn drop_events(&self, drop: bool) {
        self.0.server.change(|objects| objects.hub.dropping = drop);
    }

    /// Takes the API off the network: connections are ended and refused. Objects stay.
    pub async fn go_offline(&self) {
        self.reach(false).await;
    }

    /// Puts the API back on the same port.
    pub async fn come_back(&self) {
        self.reach(true).await;
    }

    async fn reach(&self, online: bool) {
        let server = &self.0.server;
        server.online.send_replace(online);
        // The sender lives in the server, so waiting cannot fail.
        let _ = server.listening.subscribe().wait_for(|listening| *listening == online).await;
        if !online {
            server.drop_connections();
        }
    }

    /// Makes the plugin's token worthless, as after its time or a rotation of secrets.
    pub fn expire_token(&self) {
        self.0.server.tokens().revoke(&Principal::Plugin(self.plugin_name().to_owned()));
    }

    /// Holds requests whose `METHOD path?query` contains the text, until [`DrProvision::clear_faults`].
    pub fn hold(&self, pattern: &str) {
        self.0.server.faults().hold(pattern);
    }

    /// Answers so many requests whose `METHOD path?query` contains the text with an error.
    pub fn refuse(&self, pattern: &str, times: usize, status: u16) {
        let error = Error::new(status, "FAULT", "", "", "the simulated server was told to refuse this");
        self.0.server.faults().refuse(pattern, times, error);
    }

    /// Holds and refuses nothing any more.
    pub fn clear_faults(&self) {
        self.0.server.faults().clear();
        self.0.server.bump();
    }
}

/// Who the methods here act for.
fn user() -> String {
    Principal::User(USERNAME.to_owned()).to_string()
}
