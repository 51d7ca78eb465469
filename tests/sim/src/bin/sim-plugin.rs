//! A plugin provider as small as one can be: what the tests of the simulated server start, so that they need no other.
//!
//! Actions: `echo`, `mountVirtualMedia` and `nextbootpxe` answer the Params, `fail` an Error, `crash` ends the process, `info` what `GET /info` says.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Plugin {
    config: Mutex<Value>,
    from: reqwest::Client,
    stop: mpsc::Sender<()>,
}

impl Plugin {
    async fn log(&self, message: &str, data: &Value) {
        let line = json!({
            "Group": 1, "Seq": 1, "Time": "2026-01-01T00:00:00Z", "Service": "sim-plugin", "Principal": "",
            "Level": "info", "File": file!(), "Line": line!(), "Message": message, "Data": [data], "IgnorePublish": false
        });
        let url = "http://unix/api-server-plugin/v4/log";
        // A log line that cannot be delivered is nobody's failure.
        let _ = self.from.post(url).header("content-type", "application/json").body(line.to_string()).send().await;
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let name = args.first().and_then(|path| Path::new(path).file_name()?.to_str()).unwrap_or_default();
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let done = match args.as_slice() {
        ["define"] => define(name),
        ["unpack", directory] => unpack(Path::new(directory)),
        ["listen", to, from] => listen(to, from).await,
        _ => Err("usage: define | unpack DIR | listen TO FROM".into()),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    // Without stderr there is nobody to tell; the exit code says it too.
    let _ = writeln!(io::stderr(), "Error: {error}");
    ExitCode::FAILURE
}

fn define(name: &str) -> Outcome<()> {
    let action = |model: &str, command: &str, required: &[&str], optional: &[&str]| {
        json!({
            "Provider": "", "Model": model, "Command": command, "RequiredParams": required, "OptionalParams": optional
        })
    };
    let content = json!({
        "meta": { "Name": name, "Version": "v0.1.0" },
        "sections": {
        "stages": {
            "sim-mount": { "Name": "sim-mount", "Tasks": [format!("action:{name}:mountVirtualMedia"), "gohai"] },
            "sim-fail": { "Name": "sim-fail", "Tasks": [format!("action:{name}:fail")] },
            "sim-discover": { "Name": "sim-discover", "BootEnv": "sledgehammer", "Tasks": ["gohai"] },
        },
        "workflows": {
            "sim-boot": { "Name": "sim-boot", "Stages": ["sim-mount", "sim-discover"] },
            "sim-fail": { "Name": "sim-fail", "Stages": ["sim-fail"] },
        },
        "params": {
            "sim/count": { "Name": "sim/count", "Schema": { "type": "integer", "default": 3 } },
            "sim/secret": { "Name": "sim/secret", "Secure": true, "Schema": { "type": "string" } },
        } },
    });
    let definition = json!({
        "Meta": null, "Name": name, "Version": "v0.1.0", "PluginVersion": 4, "AutoStart": true, "HasPublish": false,
        "AvailableActions": [
            action("machines", "echo", &["sim/required"], &["sim/count", "sim/secret"]),
            action("machines", "fail", &[], &[]),
            action("machines", "crash", &[], &[]),
            action("machines", "mountVirtualMedia", &["ipmi/virtual-media-url", "ipmi/virtual-media-boot"], &[]),
            action("machines", "nextbootpxe", &[], &[]),
            action("plugins", "config", &[], &[]),
            action("", "info", &[], &[]),
        ],
        "RequiredParams": null, "OptionalParams": null, "StoreObjects": {}, "Documentation": "",
        "Content": content.to_string(),
    });
    writeln!(io::stdout(), "{definition}")?;
    Ok(())
}

fn unpack(directory: &Path) -> Outcome<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("asset.txt"), "an asset\n")?;
    Ok(())
}

async fn listen(to: &str, from: &str) -> Outcome<()> {
    let (stop, mut stopped) = mpsc::channel(1);
    let from = reqwest::Client::builder().unix_socket(from).no_proxy().build()?;
    let plugin = Arc::new(Plugin { config: Mutex::default(), from, stop });
    let router = Router::new()
        .route("/api-plugin/v4/config", post(config))
        .route("/api-plugin/v4/action", post(action))
        .route("/api-plugin/v4/stop", post(stop_all))
        .with_state(plugin);
    let listener = UnixListener::bind(to)?;
    writeln!(io::stdout(), "READY!")?;
    let ended = async move {
        // All its senders gone is as good as a stop.
        let _ = stopped.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(ended).await?;
    Ok(())
}

async fn config(State(plugin): State<Arc<Plugin>>, Json(config): Json<Value>) -> Response {
    if config["refuse"] == true {
        return error(400, "told to refuse");
    }
    *plugin.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    plugin.log("configured", &json!(null)).await;
    Json(json!({ "Model": "", "Key": "", "Type": "", "Messages": null, "Code": 200 })).into_response()
}

async fn action(State(plugin): State<Arc<Plugin>>, Json(action): Json<Value>) -> Response {
    let command = action["Command"].as_str();
    plugin.log(command.unwrap_or_default(), &action["Params"]).await;
    match command {
        Some("echo" | "mountVirtualMedia" | "nextbootpxe") => Json(action["Params"].clone()).into_response(),
        Some("config") => Json(plugin.config.lock().unwrap_or_else(PoisonError::into_inner).clone()).into_response(),
        Some("info") => info().await.map_or_else(|why| error(502, &why.to_string()), |info| Json(info).into_response()),
        Some("crash") => std::process::exit(3),
        _ => error(409, "told to fail"),
    }
}

async fn info() -> Outcome<Value> {
    let (endpoint, token) = (std::env::var("RS_ENDPOINT")?, std::env::var("RS_TOKEN")?);
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build()?;
    let answer = client.get(format!("{endpoint}/api/v3/info")).bearer_auth(token).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

async fn stop_all(State(plugin): State<Arc<Plugin>>) -> Response {
    // A second stop changes nothing.
    let _ = plugin.stop.try_send(());
    Json(json!({ "Model": "", "Key": "", "Type": "", "Messages": null, "Code": 200 })).into_response()
}

fn error(code: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "Model": "plugin", "Key": "sim", "Type": "rpc", "Messages": [message], "Code": code });
    (status, Json(body)).into_response()
}
