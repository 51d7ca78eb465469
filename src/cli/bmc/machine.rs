//! `bmc boot-next`, `bmc identify`, `bmc get`: what a BMC is told or asked about its machine.

use std::io::Write;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{BmcArgs, Failure, print_json};
use crate::bmc::{BootDevice, BootMode, Identified, Identify, Lasting, Part};
use crate::operation::Operation;

/// Arguments of `bmc boot-next`.
#[derive(Debug, Args)]
pub struct BootArgs {
    /// What to boot from
    #[arg(value_enum)]
    device: BootDevice,
    /// From now on, not once
    #[arg(long)]
    always: bool,
    #[command(flatten)]
    pub(super) bmc: BmcArgs,
}

/// Arguments of `bmc identify`.
#[derive(Debug, Args)]
pub struct IdentifyArgs {
    /// For how long, where the BMC has a timer; 0: off
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    seconds: Option<u64>,
    #[command(flatten)]
    pub(super) bmc: BmcArgs,
}

/// Arguments of `bmc get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Which part of its description
    #[arg(value_enum)]
    part: Part,
    #[command(flatten)]
    pub(super) bmc: BmcArgs,
}

impl BootArgs {
    pub(super) async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let lasting = if self.always { Lasting::Always } else { Lasting::Once };
        self.bmc.open(operation).await?.boot_from(self.device, lasting, BootMode::Current).await?;
        if self.bmc.json {
            return print_json(out, &json!({"BootDevice": self.device.name(), "Enabled": lasting.name()}));
        }
        writeln!(out, "{} ({})", self.device.name(), lasting.name())?;
        Ok(())
    }
}

impl IdentifyArgs {
    pub(super) async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let identify = match self.seconds {
            None => Identify::Usual,
            Some(0) => Identify::Off,
            Some(seconds) => Identify::For(Duration::from_secs(seconds)),
        };
        let identified = self.bmc.open(operation).await?.identify(identify).await?;
        let (light, seconds, said) = match identified {
            Identified::No => ("Off", None, "off".to_owned()),
            Identified::UntilSwitchedOff => ("On", None, "on until it is switched off (--seconds 0)".to_owned()),
            Identified::For(time) => ("On", Some(time.as_secs()), format!("on for {} s", time.as_secs())),
        };
        if self.bmc.json {
            return print_json(out, &json!({"Light": light, "Seconds": seconds}));
        }
        writeln!(out, "the light is {said}")?;
        Ok(())
    }
}

impl GetArgs {
    /// JSON with and without `--json`: it is the BMC's own.
    pub(super) async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let value = self.bmc.open(operation).await?.read(self.part).await?;
        print_json(out, &value)
    }
}

impl ValueEnum for BootDevice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Cd, Self::Pxe, Self::Disk]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Cd => "cd",
            Self::Pxe => "pxe",
            Self::Disk => "disk",
        }))
    }
}

impl ValueEnum for Part {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
