//! Dell's remote racadm: everything that an iDRAC can be told on its command line, virtual media included, for machines
//! whose Redfish is switched off or too old.
//!
//! racadm takes the password as an argument, or asks for it at a terminal (`-i`); Dell documents no file, no variable and
//! no stdin for it. So it stands in the child's arguments, which every user of the provisioning server can read while it
//! runs, unless `/proc` is mounted with `hidepid`. Mode redfish has no such weakness.

use serde_json::Value;
use tracing::debug;

use super::answered::{Identity, PowerState};
use super::asked::{Identified, Identify, Part};
use super::command::{Call, Program, Programs};
use super::error::{Error, Kind, quoted};
use super::limits::Deadline;
use super::power::{self, Switch, Switched};
use super::redfish::{Plan, PlannedStep, SlotSeen, Vendor};
use super::status::status;
use super::target::{Target, TlsPolicy};
use super::work::Work;
use crate::operation::Operation;

mod boot;
mod complaint;
mod media;
mod text;

use boot::Dialect;

const RACADM: Program = Program {
    name: "racadm",
    // What Dell's packages call it; a link named racadm is not always there.
    alias: Some("idracadm7"),
    beside: &["/opt/dell/srvadmin/bin", "/opt/dell/srvadmin/sbin"],
    packages: "Dell's package srvadmin-idracadm7 or srvadmin-idracadm8 (from linux.dell.com for Debian, Ubuntu and RHEL)",
};

/// What to do where racadm does not say what is wrong.
const BY_HAND: &str =
    "run racadm by hand on the provisioning server, or set ipmi/mode to redfish where the iDRAC speaks it";

/// One operation on one iDRAC through racadm.
pub(super) struct Racadm<'op> {
    work: Work<'op>,
    programs: Programs,
    /// Host and, where it is not 443, port.
    address: String,
    username: String,
    /// What racadm is to think of the iDRAC's certificate.
    certificate: &'static str,
    /// How this iDRAC is told its boot device, once that is known.
    dialect: Option<Dialect>,
    identity: Identity,
}

impl<'op> Racadm<'op> {
    pub(super) fn new(
        target: &Target,
        programs: Programs,
        deadline: Deadline,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let work = Work::new("racadm", target, deadline, operation);
        let certificate = match target.tls {
            TlsPolicy::Accept => "--nocertwarn",
            // "Stop on certificate errors".
            TlsPolicy::Verify { ca_pem: None } => "-S",
            TlsPolicy::Verify { ca_pem: Some(_) } | TlsPolicy::Pin(_) => {
                let answer = "cannot be held to this certificate by racadm, which only knows the system's roots";
                let advice =
                    "set virtual-media/tls-policy to verify without virtual-media/tls-ca, or ipmi/mode to redfish";
                return Err(work.error(Kind::Parameter, answer).advise(advice));
            }
        };
        let (host, username) = (target.host()?, target.username.clone());
        let address = match (target.port == target.driver.usual_port(), host.contains(':')) {
            (true, _) => host,
            (false, true) => format!("[{host}]:{}", target.port),
            (false, false) => format!("{host}:{}", target.port),
        };
        let identity = Identity { maker: "Dell Inc.".to_owned(), ..Identity::unread(Some(Vendor::Dell)) };
        Ok(Self { work, programs, address, username, certificate, dialect: None, identity })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Lights the machine up, or no longer.
    pub(super) async fn identify(&mut self, identify: Identify) -> Result<Identified, Error> {
        self.work.begin("identify", "switching the indicator light");
        let (state, effect, identified) = match identify {
            Identify::Off => ("0", "light is off", Identified::No),
            // racadm has no timer for it.
            Identify::Usual | Identify::For(_) => {
                ("1", "light blinks until it is switched off", Identified::UntilSwitchedOff)
            }
        };
        self.run(&["setled", "-l", state]).await?;
        self.work.done(effect);
        Ok(identified)
    }

    /// A part of the iDRAC's description of the machine.
    pub(super) async fn read(&mut self, part: Part) -> Result<Value, Error> {
        let doing = format!("reading its {}", part.spoken());
        self.work.begin("read", doing.clone());
        let kinds: &[&str] = match part {
            Part::Status => return self.status().await,
            Part::Info => return Ok(Value::Object(text::sections(&self.run(&["getsysinfo"]).await?))),
            Part::SecureBoot => {
                let said = self.run(&["get", "BIOS.SysSecurity.SecureBoot"]).await?;
                return Ok(Value::Object(text::fields(&said)));
            }
            Part::Boot => return Ok(self.server_boot().await?.to_json()),
            Part::Bios => return Err(self.work.unsupported(&doing, "redfish")),
            Part::Memory => &["Memory"],
            Part::Processor => &["CPU"],
            Part::Storage | Part::SimpleStorage => {
                &["Controller", "PhysicalDisk", "VirtualDisk", "Enclosure", "PCIeSSD"]
            }
            Part::NetworkInterfaces | Part::EthernetInterfaces => &["NIC"],
        };
        let mut devices = text::inventory(&self.run(&["hwinventory"]).await?);
        devices.retain(|device| kinds.iter().any(|kind| device["Device Type"] == *kind));
        Ok(Value::Array(devices))
    }

    async fn status(&mut self) -> Result<Value, Error> {
        let sections = text::sections(&self.run(&["getsysinfo"]).await?);
        let shown = sections.get("System Information").and_then(|section| section["Power Status"].as_str());
        let power = match shown.unwrap_or_default().to_ascii_uppercase().as_str() {
            "ON" => Some(PowerState::On),
            "OFF" => Some(PowerState::Off),
            _ => None,
        };
        let boot = match self.server_boot().await {
            Ok(boot) => boot.to_json(),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                debug!(%error, "the boot device is left out");
                Value::Null
            }
        };
        Ok(status(power, &boot, sections))
    }

    /// What would be done; changes nothing.
    pub(super) async fn plan(&mut self) -> Result<Plan, Error> {
        let share = self.share().await?;
        let step = |name: &str, why: &str| PlannedStep { name: name.to_owned(), why: why.to_owned() };
        Ok(Plan {
            slots: vec![SlotSeen {
                id: media::SLOT.to_owned(),
                path: "racadm remoteimage".to_owned(),
                media_types: vec!["CD".to_owned()],
                inserted: share.enabled,
                image: share.image,
            }],
            mount: vec![step("remote file share", "racadm remoteimage")],
            boot_once: vec![step("first boot device", "racadm set iDRAC.ServerBoot, on old firmware cfgServerInfo")],
            ..power::plan()
        })
    }

    /// Runs a subcommand until the iDRAC has time for it, and answers what it says.
    async fn run(&mut self, subcommand: &[&str]) -> Result<String, Error> {
        let mut again = 0;
        loop {
            let output = self.work.run(&self.programs, &self.call(subcommand)).await?;
            let Some(error) = complaint::read(&output, &self.work, &self.username) else { return Ok(output.stdout) };
            again += 1;
            self.work.wait_to_repeat(again, error).await?;
        }
    }

    fn call(&self, subcommand: &[&str]) -> Call<'_> {
        use secrecy::ExposeSecret;
        let password = self.work.password().expose_secret();
        let before = ["-r", &self.address, "-u", &self.username, "-p", password, self.certificate];
        let arguments = before.iter().chain(subcommand).map(ToString::to_string).collect();
        Call { program: &RACADM, arguments, secret: None }
    }

    fn unreadable(&self, what: &str, said: &str) -> Error {
        let answer = format!("does not tell {what}: racadm says {:?}", quoted(said));
        self.work.error(Kind::Refused, answer).advise(BY_HAND)
    }
}

impl Switched for Racadm<'_> {
    fn work(&self) -> &Work<'_> {
        &self.work
    }

    fn doing(&mut self, doing: &str) {
        self.work.doing(doing);
    }

    async fn look(&mut self) -> Result<PowerState, Error> {
        let said = self.run(&["serveraction", "powerstatus"]).await?;
        text::power_state(&said).ok_or_else(|| self.unreadable("the power state", &said))
    }

    async fn switch(&mut self, switch: Switch) -> Result<(), Error> {
        let word = match switch {
            Switch::On => "powerup",
            Switch::Off => "powerdown",
            Switch::Cycle => "powercycle",
        };
        self.run(&["serveraction", word]).await.map(|_| ())
    }
}
