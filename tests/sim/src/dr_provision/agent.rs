//! The agent on a machine, as far as the server sees it (drp-protocol 7.4): it asks for work, and stops to reboot when the
//! BootEnv is no longer the one that it was booted in.

use std::sync::Arc;

use serde_json::json;

use super::auth::Principal;
use super::error::Error;
use super::jobs::{self, Next};
use super::server::Server;

/// What an agent did until it had nothing more to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRun {
    /// The tasks that it ran, by name.
    pub tasks: Vec<String>,
    /// Why it stopped.
    pub stop: AgentStop,
}

/// Why an agent stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentStop {
    /// All steps are done.
    Done,
    /// The BootEnv changed: the machine reboots. Where the server does not choose boot targets itself, the agent has the
    /// machine boot from the network before that, which may fail without harm (drp-protocol 7.4.3).
    Reboot {
        /// Whether it asked for a boot from the network.
        next_boot_pxe: bool,
    },
    /// An action or the machine says that somebody has to look: the log of the last job.
    Failed(String),
}

/// Runs a machine's agent until it stops. Its tasks are not run but recorded.
pub(super) async fn run(server: &Arc<Server>, uuid: &str) -> Result<AgentRun, Error> {
    let principal = Principal::Machine(uuid.to_owned()).to_string();
    let machine = || server.read(|objects| objects.get("machines", uuid).cloned()).unwrap_or_default();
    let booted = machine()["BootEnv"].clone();
    let mut tasks = Vec::new();
    loop {
        match jobs::next(server, uuid, &principal).await {
            Ok(Next::Job(job, _)) => {
                tasks.push(job["Task"].as_str().unwrap_or_default().to_owned());
                let key = job["Uuid"].as_str().unwrap_or_default();
                jobs::conclude(server, key, &principal, |job| {
                    job["State"] = json!("finished");
                    job["ExitState"] = json!("complete");
                })?;
            }
            Ok(Next::Nothing) if machine()["BootEnv"] != booted => {
                let next_boot_pxe = !server.features().iter().any(|feature| feature == "auto-boot-target");
                if next_boot_pxe {
                    // The agent does not look at what comes of it.
                    let _ = super::actions::run(server, "machines", uuid, "nextbootpxe", None, json!({})).await;
                }
                return Ok(AgentRun { tasks, stop: AgentStop::Reboot { next_boot_pxe } });
            }
            Ok(Next::Nothing) if machine()["Runnable"] == true => return Ok(AgentRun { tasks, stop: AgentStop::Done }),
            Ok(Next::Nothing) => {
                let log = server.job_log(machine()["CurrentJob"].as_str().unwrap_or_default());
                let stop = AgentStop::Failed(String::from_utf8_lossy(&log).into_owned());
                return Ok(AgentRun { tasks, stop });
            }
            Err(error) => return Err(error),
        }
    }
}
