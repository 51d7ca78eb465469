//! A logical partition of an IBM Power machine, through the REST interface of its Hardware Management Console (HMC).
//!
//! The partition's power can be switched and its description be read. What it boots from is in its profile on the console,
//! its virtual optical drive on a Virtual I/O Server: neither is reached from here. As the provider before this one did it,
//! and with its parameters: `ipmi/lpar-id` is the partition's UUID, the port is 12443.

use serde_json::{Map, Value};

use super::answered::{Identity, PowerState, Powered};
use super::asked::{Part, Power};
use super::error::{Error, Kind, quoted};
use super::limits::{Deadline, Patience, spoken};
use super::power::{self, Switch, Switched};
use super::redfish::Vendor;
use super::status::status;
use super::target::Target;
use super::tls::Clients;
use super::work::Work;
use crate::operation::Operation;

mod console;
mod xml;

use console::Console;

/// What is told of a partition, by the names of the console's schema.
const TOLD: [&str; 8] = [
    "PartitionName",
    "PartitionState",
    "PartitionType",
    "OperatingSystemVersion",
    "BootMode",
    "ReferenceCode",
    "LogicalSerialNumber",
    "ResourceMonitoringControlState",
];

/// One operation on one partition.
pub(super) struct Lpar<'op> {
    work: Work<'op>,
    console: Console,
    /// The partition's place in the console's address space.
    path: String,
    identity: Identity,
}

impl<'op> Lpar<'op> {
    /// Connects to the console and judges its certificate.
    pub(super) async fn open(
        clients: &Clients,
        target: &Target,
        id: &str,
        deadline: Deadline,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let mut work = Work::new("lpar", target, deadline, operation);
        work.doing("connecting to the console (HMC)");
        if uuid::Uuid::try_parse(id).is_err() {
            let answer = format!("has no partition {:?}: that is no UUID", quoted(id));
            return Err(work.error(Kind::Parameter, answer).advise("set ipmi/lpar-id to the partition's UUID"));
        }
        let mut console = Console::new(clients, target, &work)?;
        console.meet(&work).await?;
        let (fingerprint, fingerprint_changed) = console.fingerprint();
        let maker = "IBM".to_owned();
        let identity = Identity { maker, fingerprint, fingerprint_changed, ..Identity::unread(Some(Vendor::Generic)) };
        Ok(Self { work, console, path: format!("/rest/api/uom/LogicalPartition/{id}"), identity })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why something but power cannot be done.
    pub(super) fn cannot(&mut self, doing: &str) -> Error {
        let answer = "cannot be asked for that in mode lpar: an HMC only switches the partition's power";
        self.work.doing(doing);
        self.work
            .error(Kind::Unsupported, answer)
            .advise("do it on the HMC, or set ipmi/mode to redfish if the machine has a BMC of its own that speaks it")
            .finally()
    }

    /// Whether the partition is running.
    pub(super) async fn power_state(&mut self) -> Result<PowerState, Error> {
        self.work.doing("reading its power state");
        self.console.log_on(&self.work).await?;
        let state = self.look().await;
        self.console.log_off(&self.work).await;
        state
    }

    /// Brings the partition's power to what is wanted and watches it get there.
    pub(super) async fn power(&mut self, wanted: Power) -> Result<Powered, Error> {
        self.work.doing("switching the partition's power");
        self.console.log_on(&self.work).await?;
        let powered = power::power(self, wanted).await;
        self.console.log_off(&self.work).await;
        powered
    }

    /// A part of the console's description of the partition.
    pub(super) async fn read(&mut self, part: Part) -> Result<Value, Error> {
        let doing = format!("reading its {}", part.spoken());
        if !matches!(part, Part::Status | Part::Info) {
            return Err(self.cannot(&doing));
        }
        self.work.begin("read", doing);
        self.console.log_on(&self.work).await?;
        let partition = self.console.get(&self.path, &self.work).await;
        self.console.log_off(&self.work).await;
        let partition = partition?;
        let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), Value::from(xml::text(&partition, name)?))));
        let told: Map<_, _> = told.collect();
        if part == Part::Info {
            return Ok(Value::Object(told));
        }
        let power = told.get("PartitionState").and_then(Value::as_str).and_then(power_state);
        Ok(status(power, &Value::Null, told))
    }
}

impl Switched for Lpar<'_> {
    fn work(&self) -> &Work<'_> {
        &self.work
    }

    fn doing(&mut self, doing: &str) {
        self.work.doing(doing);
    }

    async fn look(&mut self) -> Result<PowerState, Error> {
        let partition = self.console.get(&self.path, &self.work).await?;
        let shown = xml::text(&partition, "PartitionState").unwrap_or_default();
        power_state(&shown).ok_or_else(|| {
            let answer = format!("shows the partition in state {:?}, neither on nor off", quoted(&shown));
            self.work.error(Kind::Conflict, answer).advise("look at the partition on the console")
        })
    }

    /// Starts the console's job for it and waits until that has ended: a job that fails says why.
    async fn switch(&mut self, switch: Switch) -> Result<(), Error> {
        let (job, body) = match switch {
            Switch::On => {
                ("PowerOn", xml::job("PowerOn", &[("novsi", "true"), ("force", "false"), ("bootmode", "norm")]))
            }
            Switch::Off => ("PowerOff", xml::job("PowerOff", &POWER_OFF)),
            Switch::Cycle => ("PowerOff", xml::job("PowerOff", &RESTART)),
        };
        let mut answer = self.console.put(&format!("{}/do/{job}", self.path), &body, &self.work).await?;
        let patience = Patience::of(self.work.limits().media);
        loop {
            let status = xml::text(&answer, "Status").unwrap_or_default();
            match (status.as_str(), xml::text(&answer, "JobID")) {
                ("NOT_STARTED" | "RUNNING", Some(id)) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                    if patience.is_over() {
                        let answer = format!("did not end its job {job} within {}", spoken(patience.limit()));
                        return Err(self
                            .work
                            .error(Kind::Timeout, answer)
                            .advise("look at the console's list of jobs"));
                    }
                    self.work.pause(self.work.limits().poll, &format!("the console's job {job}")).await?;
                    answer = self.console.get(&format!("/rest/api/uom/jobs/{id}"), &self.work).await?;
                }
                (status, _) if ["ERROR", "FAILED", "CANCEL"].iter().any(|word| status.contains(word)) => {
                    let why = xml::text(&answer, "Message").unwrap_or_default();
                    let answer = format!("ended its job {job} with status {}: {}", quoted(status), quoted(&why));
                    return Err(self.work.error(Kind::Refused, answer).advise("look at the partition on the console"));
                }
                // COMPLETED_OK, or a word that is not known here: the partition's state tells.
                _ => return Ok(()),
            }
        }
    }
}

/// Whether a partition in this state is on; none for what is neither.
fn power_state(shown: &str) -> Option<PowerState> {
    match shown {
        "not activated" => Some(PowerState::Off),
        // Until it is not activated it is on; `open firmware` is its boot prompt.
        "running" | "starting" | "shutting down" | "open firmware" | "hardware discovery" => Some(PowerState::On),
        _ => None,
    }
}

/// At once, without asking the operating system.
const POWER_OFF: [(&str, &str); 3] = [("immediate", "true"), ("restart", "false"), ("operation", "shutdown")];
const RESTART: [(&str, &str); 3] = [("immediate", "true"), ("restart", "true"), ("operation", "shutdown")];
