//! The Redfish lab as the tests use it (see `tests/boot/lab`), and what it shows to somebody who is not the plugin.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::scripts::{Firmware, script};
use crate::serial::tail_of_file;

/// The lab gives each of its services 10 s to end.
const STOP: Duration = Duration::from_mins(1);

/// A machine that was told to switch itself off, or was asked about it, has done so within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// One machine of the lab, with a Redfish service of its own.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Machine {
    /// The port of its Redfish service.
    port: u16,
    /// Its Redfish system.
    uuid: String,
    /// Its serial port's output since it was last powered on.
    pub(crate) serial: PathBuf,
    /// Where its Redfish service logs.
    log: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Machines {
    uefi: Machine,
    bios: Machine,
}

/// What the lab says of itself.
#[derive(Debug, Deserialize)]
struct Access {
    address: String,
    username: String,
    password: String,
    /// Where libvirtd logs.
    log: PathBuf,
    machines: Machines,
}

/// A running lab; it ends, with all it started, when this is dropped.
#[derive(Debug)]
pub(crate) struct Lab {
    access: Access,
    client: reqwest::Client,
    // Last: the client's connections are closed before the services end.
    _process: Process,
}

impl Lab {
    pub(crate) fn start() -> Result<Self> {
        let mut process = Process(script("lab").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        if let Some(stdout) = process.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let access = serde_json::from_str(&line).map_err(|error| format!("lab did not start: {error}: {line:?}"))?;
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().timeout(PATIENCE);
        Ok(Self { access, client: client.build()?, _process: process })
    }

    pub(crate) fn machine(&self, firmware: Firmware) -> &Machine {
        match firmware {
            Firmware::Bios => &self.access.machines.bios,
            Firmware::Uefi | Firmware::SecureBoot => &self.access.machines.uefi,
        }
    }

    /// The Params by which the plugin reaches the machine's BMC.
    pub(crate) fn params(&self, machine: &Machine) -> Value {
        let Access { address, username, password, .. } = &self.access;
        json!({"ipmi/mode": "redfish", "ipmi/address": address, "ipmi/port-redfish": machine.port,
               "ipmi/username": username, "ipmi/password": password})
    }

    /// The medium in the machine's CD drive, by the service's own word: its URL, and whether it is inserted.
    pub(crate) async fn medium(&self, machine: &Machine) -> Result<(String, bool)> {
        let drive = self.get(machine, &format!("Systems/{}/VirtualMedia/Cd", machine.uuid)).await?;
        Ok((drive["Image"].as_str().unwrap_or_default().to_owned(), drive["Inserted"] == true))
    }

    /// Waits until the machine has switched itself off. At that very moment the service may answer 500: it asks libvirt
    /// about a machine that has just gone.
    pub(crate) async fn off(&self, machine: &Machine) -> Result {
        let began = Instant::now();
        loop {
            let seen = self.get(machine, &format!("Systems/{}", machine.uuid)).await;
            match seen {
                Ok(system) if system["PowerState"] == "Off" => return Ok(()),
                Ok(_) if began.elapsed() > PATIENCE => {
                    return Err(format!("it is not off after {} s", PATIENCE.as_secs()).into());
                }
                Err(failure) if began.elapsed() > PATIENCE => return Err(failure),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// How many systems the machine's service lists.
    pub(crate) async fn systems(&self, machine: &Machine) -> Result<usize> {
        Ok(self.get(machine, "Systems").await?["Members"].as_array().map_or(0, Vec::len))
    }

    async fn get(&self, machine: &Machine, path: &str) -> Result<Value> {
        let Access { address, username, password, .. } = &self.access;
        let url = format!("https://{address}:{}/redfish/v1/{path}", machine.port);
        let answer = self.client.get(url).basic_auth(username, Some(password)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// The last of what the machine and the services behind it said.
    pub(crate) fn said_last(&self, machine: &Machine) -> String {
        [&self.access.log, &machine.log, &machine.serial].map(|path| tail_of_file(path)).concat()
    }
}

/// The lab's process: asked to end by closing its stdin, and killed if it does not.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let began = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && began.elapsed() < STOP {
            std::thread::sleep(Duration::from_millis(100));
        }
        // Nothing to be done where these fail: it has ended by itself, as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
