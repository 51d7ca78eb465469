//! A script that holds somebody else's client, at one simulated BMC: a step at a time, so that what a step asked of the
//! BMC and what it did there can be told apart.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Personality, Power};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// No step takes so long unless it hangs; the machines that tests run on are shared.
const PATIENCE: Duration = Duration::from_mins(2);

/// A script at work.
pub(crate) struct Client {
    bmc: Bmc,
    image: String,
    steps: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    // Killed when this is dropped.
    _script: Child,
}

/// What came of a step: its answer, or the client's own error without addresses of this run.
pub(crate) type Said = Result<Value, String>;

impl Client {
    /// Starts a script of this directory at a BMC, for an image.
    pub(crate) fn start(script: &str, personality: Personality, bmc: &Bmc, image: &str) -> Client {
        let mut command = Command::new(installed().join("bin/python"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
        command.args([bmc.url(), system(personality), image.to_owned()]);
        command.env("USERNAME", bmc.username()).env("PASSWORD", bmc.password());
        command.env("NO_PROXY", "127.0.0.1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut script = command.spawn().expect("tests/clients/install installs Python and the clients");
        Client {
            bmc: bmc.clone(),
            image: image.to_owned(),
            steps: script.stdin.take().unwrap(),
            answers: BufReader::new(script.stdout.take().unwrap()).lines(),
            _script: script,
        }
    }

    /// Runs a step, and waits until the BMC has nothing more to do for it.
    pub(crate) async fn step(&mut self, name: &str) -> Said {
        let said = timeout(PATIENCE, self.ask(name)).await.unwrap_or_else(|_| panic!("{name} does not end"));
        let settled = self.bmc.until(|bmc| {
            let state = bmc.state();
            let at_rest = matches!(state.power, Power::On | Power::Off);
            at_rest && !state.tasks.iter().any(|task| matches!(task.state, "New" | "Running"))
        });
        timeout(PATIENCE, settled).await.unwrap_or_else(|_| panic!("the BMC does not come to rest after {name}"));
        said
    }

    async fn ask(&mut self, name: &str) -> Said {
        self.steps.write_all(format!("{name}\n").as_bytes()).await.unwrap();
        let line = self.answers.next_line().await.unwrap().unwrap_or_else(|| panic!("the script ended at {name}"));
        let mut said: Value = serde_json::from_str(&line).unwrap();
        match said["error"].as_str() {
            None => Ok(said["answer"].take()),
            Some(error) => Err(error.replace(&self.image, "IMAGE").replace(&self.bmc.url(), "")),
        }
    }
}

/// Where `tests/clients/install` puts the clients.
pub(crate) fn installed() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    std::env::var_os("CLIENTS_DIR").map_or(usual, PathBuf::from)
}

/// The path of a personality's system.
pub(crate) fn system(personality: Personality) -> String {
    format!("/redfish/v1/Systems/{}", personality.profile().identity.system)
}
