//! Plugin providers: a program is taken in, asked for its definition, unpacked, and its plugins are started
//! (drp-protocol 1.1, 2.1).

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use super::auth::Principal;
use super::bundle::Bundle;
use super::call::Reply;
use super::error::Error;
use super::objects::Change;
use super::plugin::{self, Plugin};
use super::server::Server;

/// How long `define` and `unpack` may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The only version of the plugin protocol that servers of v4 take (drp-protocol 2.1, 10).
const PLUGIN_VERSION: i64 = 4;

/// Takes in a program that is a file already, without copying it where that can be.
pub(super) async fn install(server: &Arc<Server>, name: &str, program: &Path) -> Result<(), Error> {
    let place = place(server, name).map_err(|error| failed(name, error.to_string()))?;
    let linked = fs::hard_link(program, &place).or_else(|_| fs::copy(program, &place).map(drop));
    linked.map_err(|error| failed(name, format!("taking {}: {error}", program.display())))?;
    load(server, name, &place).await
}

/// Takes in a program that was uploaded; one of the same name that runs is replaced (drp-protocol 3.5).
pub(super) async fn upload(server: &Arc<Server>, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let broken = |error: io::Error| failed(name, format!("storing the program: {error}"));
    let place = place(server, name).map_err(broken)?;
    fs::write(&place, bytes).map_err(broken)?;
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).map_err(broken)?;
    load(server, name, &place).await
}

/// Where a provider's program lies, under its name; an older one is out of the way.
fn place(server: &Server, name: &str) -> io::Result<PathBuf> {
    let directory = server.plugins_directory();
    fs::create_dir_all(&directory)?;
    let place = directory.join(name);
    match fs::remove_file(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(place),
    }
}

async fn load(server: &Arc<Server>, name: &str, program: &Path) -> Result<(), Error> {
    let definition = define(server, name, program).await?;
    unload(server, name).await;
    unpack(server, name, program).await?;
    let principal = Principal::System.to_string();
    let bundle = content(name, &definition)?;
    let features = server.features().clone();
    let shown = shown(name, definition, &bundle);
    server.change(|objects| {
        objects.load(&bundle, &features)?;
        objects.create("plugin_providers", &shown, &principal)
    })?;
    if shown["AutoStart"] == true && server.read(|objects| objects.get("plugins", name).is_none()) {
        let object = json!({ "Name": name, "Provider": name });
        server.change(|objects| objects.create("plugins", &object, &principal))?;
    }
    start_plugins(server, name).await
}

/// Starts a process for each Plugin object of the provider (drp-protocol 1.1). One that does not start says so in its
/// object (drp-protocol 1.5, 1.6); the last failure is also answered.
pub(super) async fn start_plugins(server: &Arc<Server>, provider: &str) -> Result<(), Error> {
    let mut outcome = Ok(());
    for name in plugins_of(server, provider) {
        outcome = start_plugin(server, &name).await.and(outcome);
    }
    outcome
}

/// Has a plugin's process follow its object: started where there is none, configured anew where it runs (drp-protocol
/// 1.6), stopped where the object is gone. What goes wrong stands in the object.
pub(super) async fn follow(server: &Arc<Server>, name: &str) {
    let running = server.plugins().get(name).filter(|plugin| !plugin.has_ended()).cloned();
    let exists = server.read(|objects| objects.get("plugins", name).is_some());
    let outcome = match running {
        Some(plugin) if exists => plugin.configure(server).await,
        Some(plugin) => {
            server.plugins().remove(name);
            plugin.stop().await.map(drop)
        }
        None if exists => start_plugin(server, name).await,
        None => Ok(()),
    };
    if exists {
        record(server, name, outcome.as_ref().err());
    }
    server.bump();
}

/// Writes into a Plugin object what is wrong with its process.
fn record(server: &Server, name: &str, error: Option<&Error>) {
    let errors: Vec<String> = error.map(ToString::to_string).into_iter().collect();
    server.change(|objects| {
        if objects.get("plugins", name).is_some_and(|plugin| plugin["PluginErrors"] != json!(errors)) {
            // It is there: that was just seen.
            let _ = objects.change("plugins", name, Change::Save, &Principal::System.to_string(), |plugin| {
                plugin["PluginErrors"] = json!(errors);
                Ok(())
            });
        }
    });
}

/// Starts the process of one Plugin object.
pub(super) async fn start_plugin(server: &Arc<Server>, name: &str) -> Result<(), Error> {
    let object = server.read(|objects| objects.get("plugins", name).cloned());
    let object = object.ok_or_else(|| Error::not_found("GET", "plugins", name))?;
    let program = server.plugins_directory().join(object["Provider"].as_str().unwrap_or_default());
    let started = Plugin::start(server, name, &program).await;
    record(server, name, started.as_ref().err());
    let plugin = started?;
    server.plugins().insert(name.to_owned(), plugin);
    server.bump();
    Ok(())
}

/// Removes a provider: its plugins end, its Plugin objects and its program go too.
pub(super) async fn remove(server: &Arc<Server>, name: &str) {
    unload(server, name).await;
    let principal = Principal::System.to_string();
    for plugin in plugins_of(server, name) {
        // Somebody may have deleted it in the meantime.
        let _ = server.change(|objects| objects.delete("DELETE", "plugins", &plugin, &principal));
    }
    // Nothing runs from it any more, and the directory is temporary.
    let _ = fs::remove_file(server.plugins_directory().join(name));
}

/// The program of a provider.
pub(super) fn binary(server: &Server, name: &str) -> Result<Reply, Error> {
    let missing = || Error::not_found("GET", "plugin_providers", name);
    server.read(|objects| objects.get("plugin_providers", name).map(drop)).ok_or_else(missing)?;
    fs::read(server.plugins_directory().join(name)).map(|bytes| Reply::bytes(bytes.into())).map_err(|_| missing())
}

/// Stops the provider's plugins and forgets its object and its content.
async fn unload(server: &Arc<Server>, name: &str) {
    for plugin in plugins_of(server, name) {
        let running = server.plugins().remove(&plugin);
        if let Some(running) = running {
            // One that does not end was killed: it is gone either way.
            let _ = running.stop().await;
        }
        server.tokens().revoke(&Principal::Plugin(plugin));
    }
    server.change(|objects| {
        objects.unload(name);
        // There may be none yet.
        let _ = objects.delete("DELETE", "plugin_providers", name, &Principal::System.to_string());
    });
}

fn plugins_of(server: &Server, provider: &str) -> Vec<String> {
    server.read(|objects| {
        let plugins = objects.all("plugins").filter(|(_, plugin)| plugin["Provider"] == provider);
        plugins.map(|(name, _)| name.clone()).collect()
    })
}

async fn define(server: &Server, name: &str, program: &Path) -> Result<Value, Error> {
    let output = run(server, name, program, &["define".as_ref()]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let definition: Value =
        serde_json::from_str(&text).map_err(|error| failed(name, format!("define failed: `{text}`: {error}")))?;
    let said = definition["Name"].as_str().unwrap_or_default();
    if said != name {
        return Err(failed(name, format!("define failed: it calls itself `{said}`")));
    }
    if definition["PluginVersion"] != PLUGIN_VERSION {
        return Err(failed(name, format!("define failed: PluginVersion {} is not 4", definition["PluginVersion"])));
    }
    Ok(definition)
}

async fn unpack(server: &Server, name: &str, program: &Path) -> Result<(), Error> {
    let directory = server.options.webroot.join("files/plugin_providers").join(name);
    run(server, name, program, &["unpack".as_ref(), directory.as_os_str()]).await.map(drop)
}

async fn run(server: &Server, name: &str, program: &Path, args: &[&std::ffi::OsStr]) -> Result<Output, Error> {
    let mut command = Command::new(program);
    command.args(args).current_dir(server.root.path()).stdin(Stdio::null()).kill_on_drop(true);
    plugin::environment(server, &mut command, Principal::Plugin(name.to_owned()));
    let what = args.first().map(|arg| arg.to_string_lossy()).unwrap_or_default();
    let ran = timeout(PATIENCE, spawned(&mut command)).await;
    let ran = ran.map_err(|_| failed(name, format!("{what} failed: no end within {PATIENCE:?}")))?;
    let output = ran.map_err(|error| failed(name, format!("{what} failed: {error}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(name, format!("{what} failed with {}: {}", output.status, said.trim())))
}

/// A program that was just written is busy while another thread's child still has it open for writing.
async fn spawned(command: &mut Command) -> io::Result<Output> {
    loop {
        match command.output().await {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => tokio::task::yield_now().await,
            ran => return ran,
        }
    }
}

/// The definition's content, with the meta that the server gives it (drp-protocol 2.3).
fn content(name: &str, definition: &Value) -> Result<Bundle, Error> {
    let text = definition["Content"].as_str().filter(|text| !text.is_empty()).unwrap_or("{}");
    let bundle = Bundle::parse(text).map_err(|why| failed(name, format!("define failed: {why}")))?;
    Ok(bundle.of_provider(name, definition["Version"].as_str().unwrap_or_default()))
}

/// The definition as the API shows it (drp-protocol 2.1): lists instead of nulls, the provider's name in each action, and
/// the content's meta with copies of two fields in lower case.
fn shown(name: &str, mut definition: Value, bundle: &Bundle) -> Value {
    let mut meta = bundle.meta.clone();
    for (from, to) in [("Color", "color"), ("Icon", "icon")] {
        meta.insert(to.to_owned(), json!(bundle.field(from)));
    }
    definition["Meta"] = Value::Object(meta);
    for field in ["AvailableActions", "RequiredParams", "OptionalParams"] {
        if definition[field].is_null() {
            definition[field] = json!([]);
        }
    }
    for action in definition["AvailableActions"].as_array_mut().into_iter().flatten() {
        action["Provider"] = json!(name);
        for field in ["RequiredParams", "OptionalParams"] {
            if action[field].is_null() {
                action[field] = json!([]);
            }
        }
    }
    definition
}

fn failed(name: &str, why: impl Into<String>) -> Error {
    Error::new(400, "POST", "plugin_providers", name, why)
}
