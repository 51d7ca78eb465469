//! `bmc …`: one BMC asked or told by hand, without a server.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{Failure, Usage};
use crate::bmc::{
    Bmc, Bmcs, Driver, Fingerprint, Identity, Limits, Plan, PlannedStep, Power, PowerState, Target, TlsPolicy, Vendor,
    without_password,
};
use crate::operation::Operation;

mod machine;
mod status;

pub use machine::{BootArgs, GetArgs, IdentifyArgs};
pub use status::StatusArgs;

/// Ask or tell a BMC by hand. The password comes from `BMC_PASSWORD` or --password-file.
#[derive(Debug, Subcommand)]
pub enum BmcCommand {
    /// Show what this BMC is, its slots, and the steps the plugin would take; changes nothing
    Probe(BmcArgs),
    /// Show what is mounted, and with --watch how far the boot from it comes
    Status(StatusArgs),
    /// Eject what is mounted, insert an image, and wait until the BMC shows it
    Mount(MountArgs),
    /// Eject every CD image and take a boot from it back
    Unmount(BmcArgs),
    /// Show whether the machine is on
    PowerStatus(BmcArgs),
    /// Turn the machine on
    PowerOn(BmcArgs),
    /// Turn the machine off at once
    PowerOff(BmcArgs),
    /// Restart the machine; one that is off is turned on
    PowerCycle(BmcArgs),
    /// Set what the machine boots from next
    BootNext(BootArgs),
    /// Switch the machine's light on, or off with --seconds 0
    Identify(IdentifyArgs),
    /// Print a part of the BMC's own description of the machine
    Get(GetArgs),
}

/// Which BMC, as whom, and how much its certificate is trusted.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[command(after_help = "The password comes from the environment variable BMC_PASSWORD or from --password-file.")]
pub struct BmcArgs {
    /// The BMC's host name or IP address
    #[arg(long, value_name = "HOST")]
    address: String,
    /// Its port, where that is not the mode's usual one
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The account on the BMC
    #[arg(long, value_name = "NAME")]
    username: String,
    /// A file that holds the password alone
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// `redfish`, `redfish-<vendor>` to name the vendor instead of recognising it, `ipmitool`, `racadm` or `lpar`
    #[arg(long, default_value = "redfish", value_parser = mode)]
    mode: Mode,
    /// The UUID of the logical partition, for mode `lpar`
    #[arg(long, value_name = "UUID", required_if_eq("mode", "lpar"))]
    lpar_id: Option<String>,
    /// Accept any certificate; the default, because BMCs come with self-signed ones
    #[arg(long, conflicts_with_all = ["tls_pin", "tls_verify"])]
    insecure: bool,
    /// Accept the certificate with this SHA-256 fingerprint alone
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "tls_verify")]
    tls_pin: Option<Fingerprint>,
    /// Accept only a certificate that chains to the system's roots and names the address
    #[arg(long)]
    tls_verify: bool,
    /// The CA in place of the system's roots, PEM
    #[arg(long, value_name = "FILE", requires = "tls_verify")]
    tls_ca: Option<PathBuf>,
    /// Also speak TLS that is too old to be safe: RSA key exchange, CBC suites, TLS 1.0 and 1.1
    #[arg(long)]
    tls_legacy: bool,
    /// How long the whole command may take
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().total.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    bmcs: Bmcs,
}

/// Arguments of `bmc mount`.
#[derive(Debug, Args)]
pub struct MountArgs {
    /// The image's URL as the BMC reaches it
    #[arg(value_name = "URL")]
    image: Url,
    /// Also make the next boot go to it
    #[arg(long)]
    boot_once: bool,
    #[command(flatten)]
    bmc: BmcArgs,
}

/// The mode by its name; a partition's UUID is an argument of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Redfish(Option<Vendor>),
    Ipmitool,
    Racadm,
    Lpar,
}

fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "redfish" => Ok(Mode::Redfish(None)),
        "ipmitool" => Ok(Mode::Ipmitool),
        "racadm" | "racadmn" => Ok(Mode::Racadm),
        "lpar" => Ok(Mode::Lpar),
        _ => {
            let vendor = name.strip_prefix("redfish-").and_then(|vendor| vendor.parse().ok());
            vendor.map(|vendor| Mode::Redfish(Some(vendor))).ok_or_else(|| {
                let modes: Vec<String> = Vendor::ALL.iter().map(|vendor| format!("redfish-{vendor}")).collect();
                format!("the modes are redfish, {}, ipmitool, racadm, lpar", modes.join(", "))
            })
        }
    }
}

impl BmcCommand {
    /// Does what was asked and writes the result to `out`; steps on the way go to `operation`.
    ///
    /// # Errors
    /// Whatever went wrong, as one sentence for people.
    pub async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let bmcs = self.args().bmcs.clone();
        let done = tokio::select! {
            done = self.perform(operation, out) => done,
            stopped = stopped() => Err(stopped),
        };
        bmcs.let_go().await;
        done
    }

    fn args(&self) -> &BmcArgs {
        match self {
            Self::Probe(args)
            | Self::Unmount(args)
            | Self::PowerStatus(args)
            | Self::PowerOn(args)
            | Self::PowerOff(args)
            | Self::PowerCycle(args) => args,
            Self::Mount(MountArgs { bmc, .. })
            | Self::Status(StatusArgs { bmc, .. })
            | Self::BootNext(BootArgs { bmc, .. })
            | Self::Identify(IdentifyArgs { bmc, .. })
            | Self::Get(GetArgs { bmc, .. }) => bmc,
        }
    }

    async fn perform(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Mount(args) => args.run(operation, out).await,
            Self::Probe(args) => args.probe(operation, out).await,
            Self::Status(args) => args.run(operation, out).await,
            Self::Unmount(args) => args.unmount(operation, out).await,
            Self::PowerStatus(args) => args.power_status(operation, out).await,
            Self::PowerOn(args) => args.power(Power::On, operation, out).await,
            Self::PowerOff(args) => args.power(Power::Off, operation, out).await,
            Self::PowerCycle(args) => args.power(Power::Cycle, operation, out).await,
            Self::BootNext(args) => args.run(operation, out).await,
            Self::Identify(args) => args.run(operation, out).await,
            Self::Get(args) => args.run(operation, out).await,
        }
    }
}

/// Waits for a signal that asks this process to end: what was begun on a BMC is let go before it does.
async fn stopped() -> Failure {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    "stopped by a signal".into()
}

impl MountArgs {
    async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let mut bmc = self.bmc.open(operation).await?;
        let mounted = bmc.mount(&self.image).await?;
        if self.boot_once {
            bmc.boot_once_from_cd().await?;
        }
        if self.bmc.json {
            return print_json(
                out,
                &json!({"Slot": mounted.slot, "Image": without_password(&mounted.image), "BootOnce": self.boot_once}),
            );
        }
        let next = if self.boot_once { "; the next boot goes to it" } else { "" };
        writeln!(out, "{} is in slot {}{next}", without_password(&mounted.image), mounted.slot)?;
        print_certificate(out, bmc.identity())
    }
}

impl BmcArgs {
    async fn open<'op>(&self, operation: &'op Operation) -> Result<Bmc<'op>, Failure> {
        Ok(self.bmcs.open(self.target()?, operation).await?)
    }

    fn target(&self) -> Result<Target, Failure> {
        let driver = match self.mode {
            Mode::Redfish(vendor) => Driver::Redfish(vendor),
            Mode::Ipmitool => Driver::Ipmitool,
            Mode::Racadm => Driver::Racadm,
            Mode::Lpar => Driver::Lpar { id: self.lpar_id.clone().unwrap_or_default() },
        };
        Ok(Target {
            address: self.address.clone(),
            port: self.port.unwrap_or(driver.usual_port()),
            username: self.username.clone(),
            password: self.password()?,
            driver,
            tls: self.tls()?,
            tls_legacy: self.tls_legacy,
            recorded_fingerprint: None,
            limits: Limits { total: Duration::from_secs(self.timeout), ..Limits::default() },
        })
    }

    /// From the file, else from the environment; never from an argument, which every user of the machine can read.
    fn password(&self) -> Result<SecretString, Failure> {
        let password = match &self.password_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("reading the password from {}: {error}", file.display()))?,
            None => std::env::var("BMC_PASSWORD")
                .map_err(|_| Usage("no password: set the environment variable BMC_PASSWORD or give --password-file"))?,
        };
        Ok(SecretString::from(password.trim_end_matches(['\r', '\n'])))
    }

    fn tls(&self) -> Result<TlsPolicy, Failure> {
        if let Some(pin) = self.tls_pin {
            return Ok(TlsPolicy::Pin(Some(pin)));
        }
        if !self.tls_verify {
            return Ok(TlsPolicy::Accept);
        }
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file).map_err(|error| format!("reading the CA from {}: {error}", file.display()))
        };
        Ok(TlsPolicy::Verify { ca_pem: self.tls_ca.as_ref().map(read).transpose()? })
    }

    async fn probe(&self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let mut bmc = self.open(operation).await?;
        let power = bmc.power_state().await?;
        let plan = bmc.plan().await?;
        if self.json {
            return print_json(out, &Probed { identity: bmc.identity(), power, plan: &plan });
        }
        write!(out, "{}", told(&self.address, bmc.identity(), power, &plan))?;
        Ok(())
    }

    async fn unmount(&self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let mut bmc = self.open(operation).await?;
        let ejected = bmc.unmount(|_| true).await?;
        bmc.clear_boot_once().await?;
        if self.json {
            return print_json(out, &json!({"Image": "", "Inserted": false, "Ejected": ejected}));
        }
        writeln!(out, "{}", if ejected { "ejected; nothing is mounted" } else { "nothing was mounted" })?;
        Ok(())
    }

    async fn power_status(&self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let state = self.open(operation).await?.power_state().await?;
        if self.json {
            return print_json(out, &state);
        }
        writeln!(out, "{}", state.name())?;
        Ok(())
    }

    async fn power(&self, wanted: Power, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let powered = self.open(operation).await?.power(wanted).await?;
        if self.json {
            return print_json(out, &powered);
        }
        match powered.reset_type {
            Some(reset_type) => writeln!(out, "{} ({reset_type})", powered.state.name())?,
            None => writeln!(out, "{} already", powered.state.name())?,
        }
        Ok(())
    }
}

/// What `bmc probe --json` prints.
#[derive(Serialize)]
struct Probed<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    #[serde(rename = "PowerState")]
    power: PowerState,
    #[serde(flatten)]
    plan: &'a Plan,
}

fn print_json(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// The fingerprint is shown because nothing else says whether it is the same BMC next time.
fn print_certificate(out: &mut impl Write, identity: &Identity) -> Result<(), Failure> {
    if let Some(fingerprint) = identity.fingerprint {
        writeln!(out, "certificate SHA-256 {fingerprint}")?;
    }
    Ok(())
}

/// What `bmc probe` prints for people.
fn told(address: &str, identity: &Identity, power: PowerState, plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let known = |parts: [&str; 2]| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    line("BMC", address);
    line(
        "Vendor",
        &format!("{} ({})", identity.vendor.unwrap_or(Vendor::Generic), known([&identity.maker, &identity.product])),
    );
    let generation = identity.generation.map(|name| format!("{name}, ")).unwrap_or_default();
    let model = format!("{generation}{}, firmware {}", or_unknown(&identity.model), or_unknown(&identity.firmware));
    line("Model", &model);
    line("Certificate", &identity.fingerprint.map_or("none seen".to_owned(), |seen| format!("SHA-256 {seen}")));
    line("Power", power.name());
    if plan.slots.is_empty() {
        line("Slots", "none for a CD image: virtual media may be switched off or need a licence");
    }
    for (place, slot) in plan.slots.iter().enumerate() {
        let holds = match (slot.inserted, slot.image.as_str()) {
            (false, _) => "empty",
            (true, "") => "an image it does not name",
            (true, image) => image,
        };
        let name = if place == 0 { "Slots" } else { "" };
        line(name, &format!("{} [{}] {holds}, {}", slot.id, slot.media_types.join(" "), slot.path));
    }
    if !plan.protocols.is_empty() {
        line("Images by", &plan.protocols.join(", "));
    }
    for (name, steps) in [("Mount", &plan.mount), ("Boot once", &plan.boot_once), ("Power cycle", &plan.power_cycle)] {
        for (place, PlannedStep { name: step, why }) in steps.iter().enumerate() {
            line(if place == 0 { name } else { "" }, &format!("{}. {step}: {why}", place + 1));
        }
    }
    for (name, listed) in [("Boot targets", &plan.boot_targets), ("Reset types", &plan.reset_types)] {
        line(name, if listed.is_empty() { "not listed".to_owned() } else { listed.join(", ") }.as_str());
    }
    text
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::{BmcCommand, Mode, mode};
    use crate::bmc::Vendor;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: BmcCommand,
    }

    fn parse(words: &str) -> Result<BmcCommand, String> {
        let matches = Cli::command().try_get_matches_from(words.split(' ')).map_err(|e| e.to_string())?;
        Cli::from_arg_matches(&matches).map(|cli| cli.command).map_err(|e| e.to_string())
    }

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
        assert!(parse("bmc status --address 10.0.0.1 --username root --insecure").is_ok());
        assert!(parse("bmc mount http://h/x.iso --boot-once --address fd00::1 --username root --json").is_ok());
        assert!(parse("bmc boot-next pxe --always --address a --username root").is_ok());
        assert!(parse("bmc get simple-storage --address a --username root").is_ok());
        for wrong in [
            "bmc status --username root",
            "bmc status --address a --username root --password secret",
            "bmc status --address a --username root --tls-pin aa --tls-verify",
            "bmc status --address a --username root --insecure --tls-verify",
            "bmc status --address a --username root --tls-ca f",
            "bmc status --address a --username root --mode acme",
            "bmc power-status --address a --username root --mode lpar",
            "bmc mount not-a-url --address a --username root",
            "bmc status --address a --username root --port 0",
            "bmc boot-next usb --address a --username root",
            "bmc get everything --address a --username root",
            "bmc identify --seconds -1 --address a --username root",
            "bmc status --address a --username root --timeout 0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mode_names_its_driver() {
        assert_eq!(mode("redfish"), Ok(Mode::Redfish(None)));
        assert_eq!(mode("redfish-hpe"), Ok(Mode::Redfish(Some(Vendor::Hpe))));
        assert_eq!([mode("ipmitool"), mode("racadm")], [Ok(Mode::Ipmitool), Ok(Mode::Racadm)]);
        assert_eq!([mode("racadmn"), mode("lpar")], [Ok(Mode::Racadm), Ok(Mode::Lpar)]);
        let modes = mode("telnet").unwrap_err();
        assert!(modes.contains("redfish-hpe") && modes.ends_with("ipmitool, racadm, lpar"), "{modes}");
    }
}
