//! IPMI 2.0 over LAN (RMCP+), through the program `ipmitool` 1.8.18 or later.
//!
//! It can switch the power, pick a boot device and light a machine up on nearly every server made since 2004. IPMI has no
//! virtual media. The password is given in the child's environment (`-E`), which only root and the same user can read.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::{debug, warn};

use super::answered::{Identity, PowerState};
use super::asked::{BootDevice, BootMode, Identified, Identify, Lasting, Part};
use super::command::{Call, Program, Programs};
use super::error::{Error, Kind};
use super::limits::{Deadline, Patience, spoken};
use super::power::{Switch, Switched};
use super::redfish::Vendor;
use super::status::status;
use super::target::Target;
use super::work::Work;
use crate::operation::Operation;

mod boot_flags;
mod complaint;
mod text;

use boot_flags::BootFlags;
use complaint::Complaint;

const IPMITOOL: Program =
    Program { name: "ipmitool", alias: None, beside: &[], packages: "the package ipmitool (Debian, Ubuntu and RHEL)" };

/// The name that a BMC's cipher suites have in table 22-20 of the specification: RAKP with SHA-256, which ipmitool offers
/// first, and with SHA-1, which is all that BMCs before 2014 or so have.
const SUITES: [&str; 2] = ["17", "3"];

/// The longest time that a Chassis Identify command can name, its interval being one byte (specification 28.5).
const LONGEST_IDENTIFY: u64 = 255;

/// How long a BMC lights up where the command names no interval (specification 28.5).
const USUAL_IDENTIFY: Duration = Duration::from_secs(15);

/// What to do where ipmitool does not say what is wrong.
const BY_HAND: &str =
    "run ipmitool by hand on the provisioning server, or set ipmi/mode to redfish where the BMC speaks it";

/// One operation on one BMC over IPMI.
pub(super) struct Ipmitool<'op> {
    work: Work<'op>,
    programs: Programs,
    host: String,
    port: u16,
    username: String,
    /// The place in [`SUITES`] of the one that this BMC takes.
    suite: usize,
    identity: Identity,
}

impl<'op> Ipmitool<'op> {
    pub(super) fn new(
        target: &Target,
        programs: Programs,
        deadline: Deadline,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let work = Work::new("ipmitool", target, deadline, operation);
        let (host, username) = (target.host()?, target.username.clone());
        Ok(Self {
            work,
            programs,
            host,
            port: target.port,
            username,
            suite: 0,
            identity: Identity::unread(Some(Vendor::Generic)),
        })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why something that needs a virtual CD cannot be done.
    pub(super) fn no_media(&mut self, doing: &str) -> Error {
        self.work.unsupported(doing, "redfish (or racadm on a Dell)")
    }

    /// Makes the machine boot from `device`, and looks whether the BMC noted it.
    ///
    /// Written as raw bytes because releases of ipmitool before 1.8.19 drop one of `efiboot` and `persistent` where both
    /// are asked for.
    pub(super) async fn boot_from(
        &mut self,
        device: BootDevice,
        lasting: Lasting,
        mode: BootMode,
    ) -> Result<(), Error> {
        let wanted = BootFlags::new(device, lasting, mode);
        self.work.begin("boot-device", format!("making the machine boot from {wanted}"));
        // Without this the BMC forgets the device when no power command follows within a minute (specification, table
        // 28-14, parameter 3). Some cannot be told, and do not forget.
        if let Err(error) = self.run(&["raw", "0x00", "0x08", "0x03", "0x08"]).await {
            if !is_about_the_command(&error) {
                return Err(error);
            }
            warn!(bmc = self.work.name(), %error, "a boot device may hold for a minute only");
        }
        let bytes = wanted.bytes().map(|byte| format!("0x{byte:02x}"));
        let mut set = vec!["raw", "0x00", "0x08", "0x05"];
        set.extend(bytes.iter().map(String::as_str));
        self.run(&set).await?;

        let patience = Patience::of(self.work.limits().settle());
        loop {
            let seen = self.boot_flags().await?;
            if seen.device() == wanted.device() {
                if seen != wanted {
                    // Many BMCs show another mode or duration than the one that they go by, or cannot keep it.
                    warn!(bmc = self.work.name(), %wanted, %seen, "the BMC shows the boot device with other options");
                }
                break;
            }
            if patience.is_over() {
                let limit = spoken(patience.limit());
                let answer = format!("accepted it, but did not show it within {limit}; it shows {seen}");
                return Err(self.work.error(Kind::Timeout, answer));
            }
            self.work.pause(self.work.limits().poll, "the boot device to be shown").await?;
        }
        self.work.done(format!("machine boots from {wanted}"));
        Ok(())
    }

    async fn boot_flags(&mut self) -> Result<BootFlags, Error> {
        let answer = self.run(&["raw", "0x00", "0x09", "0x05", "0x00", "0x00"]).await?;
        BootFlags::read(&answer).ok_or_else(|| self.unreadable("its boot flags", &answer))
    }

    /// Lights the machine up, or no longer.
    pub(super) async fn identify(&mut self, identify: Identify) -> Result<Identified, Error> {
        self.work.begin("identify", "switching the indicator light");
        let seconds = match identify {
            Identify::Usual => None,
            Identify::Off => Some(0),
            Identify::For(time) if time.as_secs() > LONGEST_IDENTIFY => {
                let answer = format!("counts up to {LONGEST_IDENTIFY} s, not {}", spoken(time));
                let advice = "give ipmi/identify-duration a shorter time";
                return Err(self.work.error(Kind::Parameter, answer).advise(advice));
            }
            // A part of a second is a second: 0 is off.
            Identify::For(time) => Some(time.as_secs().max(1)),
        };
        let interval = seconds.map(|seconds| seconds.to_string());
        let mut command = vec!["chassis", "identify"];
        command.extend(interval.as_deref());
        let said = self.run(&command).await?;
        self.work.done(said.trim().to_lowercase());
        Ok(match seconds {
            Some(0) => Identified::No,
            Some(seconds) => Identified::For(Duration::from_secs(seconds)),
            None => Identified::For(USUAL_IDENTIFY),
        })
    }

    /// A part of the BMC's description of the machine.
    pub(super) async fn read(&mut self, part: Part) -> Result<Value, Error> {
        let doing = format!("reading its {}", part.spoken());
        self.work.begin("read", doing.clone());
        match part {
            Part::Status => self.status().await,
            Part::Info => {
                let controller = text::fields(&self.run(&["mc", "info"]).await?);
                // The machine's own board; the others are those of its parts.
                let machine = match self.run(&["fru", "print", "0"]).await {
                    Ok(said) => Value::Object(text::fields(&said)),
                    Err(error) if !is_about_the_command(&error) => return Err(error),
                    Err(error) => json!({ "Error": error.to_string() }),
                };
                Ok(json!({ "ManagementController": controller, "Machine": machine }))
            }
            Part::Boot => Ok(self.boot_flags().await?.to_json()),
            _ => Err(self.work.unsupported(&doing, "redfish")),
        }
    }

    async fn status(&mut self) -> Result<Value, Error> {
        let chassis = text::fields(&self.run(&["chassis", "status"]).await?);
        let power = match chassis.get("System Power").and_then(Value::as_str) {
            Some("on") => Some(PowerState::On),
            Some("off") => Some(PowerState::Off),
            _ => None,
        };
        let boot = match self.boot_flags().await {
            Ok(flags) => flags.to_json(),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                debug!(%error, "the boot device is left out");
                Value::Null
            }
        };
        Ok(status(power, &boot, chassis))
    }

    /// Runs ipmitool until the BMC has time for it, and answers what it says.
    async fn run(&mut self, command: &[&str]) -> Result<String, Error> {
        let mut again = 0;
        loop {
            let output = self.work.run(&self.programs, &self.call(command)).await?;
            if output.success {
                return Ok(output.stdout);
            }
            let complaint = Complaint::read(&output.stderr, &output.stdout);
            if complaint.is_about_the_suite() && self.suite + 1 < SUITES.len() {
                self.suite += 1;
                debug!(bmc = self.work.name(), suite = SUITES[self.suite], "the BMC does not take the better suite");
                continue;
            }
            let error = complaint.error(&self.work, &self.username);
            again += 1;
            self.work.wait_to_repeat(again, error).await?;
        }
    }

    /// `-v`, because without it a wrong password and a dead BMC are the same sentence.
    fn call(&self, command: &[&str]) -> Call<'_> {
        let port = self.port.to_string();
        let before = ["-v", "-I", "lanplus", "-H", &self.host, "-p", &port, "-U", &self.username, "-E"];
        let suite = ["-C", SUITES[self.suite]];
        let arguments = before.iter().chain(&suite).chain(command).map(ToString::to_string).collect();
        // The name that every release knows; 1.8.12 and later also look for IPMITOOL_PASSWORD.
        Call { program: &IPMITOOL, arguments, secret: Some(("IPMI_PASSWORD", self.work.password())) }
    }

    fn unreadable(&self, what: &str, said: &str) -> Error {
        let said = super::error::quoted(said);
        self.work.error(Kind::Refused, format!("does not tell {what}: ipmitool says {said:?}")).advise(BY_HAND)
    }
}

/// Whether the BMC answered, and refused this one command: another may still work.
fn is_about_the_command(error: &Error) -> bool {
    !error.is_final() && matches!(error.kind(), Kind::Unsupported | Kind::Refused)
}

impl Switched for Ipmitool<'_> {
    fn work(&self) -> &Work<'_> {
        &self.work
    }

    fn doing(&mut self, doing: &str) {
        self.work.doing(doing);
    }

    async fn look(&mut self) -> Result<PowerState, Error> {
        let said = self.run(&["chassis", "power", "status"]).await?;
        text::power_state(&said).ok_or_else(|| self.unreadable("the power state", &said))
    }

    async fn switch(&mut self, switch: Switch) -> Result<(), Error> {
        let word = match switch {
            Switch::On => "on",
            Switch::Off => "off",
            Switch::Cycle => "cycle",
        };
        self.run(&["chassis", "power", word]).await.map(|_| ())
    }
}
