//! The actions: one file each, or one for those that differ in a word; typed parameters in, typed answer out,
//! orchestration only.
//!
//! What an action needs of the server's parameters is declared in `SPECS`, from which the provider's definition is
//! made: the server hands over declared parameters alone.

mod boot;
mod boot_device;
mod bootenv;
mod call;
mod error;
mod generate;
mod identify;
mod memory;
mod mount;
mod power;
mod powerstatus;
mod read;
mod serving;
mod site;
mod status;
mod target;
pub(crate) mod transition;
mod unmount;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::bmc::{BootDevice, Part};
use crate::drp::models::{Action, AvailableAction};
use crate::machine::params as p;
use crate::operation::Operation;

pub(crate) use bootenv::boots_from_media;
pub use call::Call;
pub(crate) use call::within;
pub use error::Error;
pub use memory::Memory;
pub use serving::{SERVING_PARAMS, Serving};
pub use site::{Link, Site};

/// What an action does.
#[derive(Clone, Copy)]
enum Command {
    Generate,
    Mount,
    Unmount,
    MediaStatus,
    Boot,
    PowerStatus,
    PowerOn,
    PowerOff,
    PowerCycle,
    NextBoot(BootDevice),
    ForceBoot(BootDevice),
    Identify,
    Read(Part),
}

/// An action as the provider's definition declares it.
struct Spec {
    name: &'static str,
    command: Command,
    required: &'static [&'static str],
    optional: &'static [&'static [&'static str]],
}

impl Spec {
    /// An action that needs the BMC alone.
    const fn of_bmc(name: &'static str, command: Command) -> Self {
        Self { name, command, required: BMC, optional: &[BMC_OPTIONAL] }
    }

    /// An action that sets what is booted, for a firmware.
    const fn of_boot(name: &'static str, command: Command) -> Self {
        Self { name, command, required: BMC, optional: &[BMC_OPTIONAL, &[p::BIOS_MODE]] }
    }
}

/// Without these no BMC can be asked anything.
const BMC: &[&str] = &[p::ADDRESS, p::USERNAME, p::PASSWORD];

/// How the BMC is reached; the state holds the certificate seen last.
const BMC_OPTIONAL: &[&str] = &[
    p::MODE,
    p::PORT_REDFISH,
    p::PORT_IPMITOOL,
    p::PORT_RACADM,
    p::PORT_LPAR,
    p::LPAR_ID,
    p::TLS_POLICY,
    p::TLS_FINGERPRINT,
    p::TLS_CA,
    p::TLS_LEGACY,
    p::REQUEST_TIMEOUT,
    p::ACTION_TIMEOUT,
    p::MOUNT_TIMEOUT,
    p::POLL_INTERVAL,
    p::STATE,
];

/// Where an image comes from and what stands in its kernel line.
const IMAGE: &[&str] = &[
    p::BOOTENV,
    p::TEMPLATE,
    p::LOADERS,
    p::BIOS_MODE,
    p::PROVISIONER_URL,
    p::IMAGE_URL,
    p::ISO_DELIVERY,
    p::IMAGE_SCHEME,
    p::SERVE_CLIENTS,
    p::SERVE_MAX_AGE,
    p::NETWORK_DATA,
    p::DNS_SERVERS,
    p::KERNEL_OPTIONS,
    p::KERNEL_CONSOLE,
];

/// What the plugin object may set for every machine that does not set it itself. Nothing else of its parameters counts: a
/// password or a state belongs to one machine.
pub const DEFAULTS: [&str; 18] = [
    p::TEMPLATE,
    p::LOADERS,
    p::PROVISIONER_URL,
    p::IMAGE_URL,
    p::ISO_DELIVERY,
    p::IMAGE_SCHEME,
    p::SERVE_CLIENTS,
    p::SERVE_MAX_AGE,
    p::BOOT_TIMEOUT,
    p::BOOT_STALL,
    p::POWER_ON_TRANSITION,
    p::MECHANISM,
    p::TLS_POLICY,
    p::TLS_CA,
    p::REQUEST_TIMEOUT,
    p::ACTION_TIMEOUT,
    p::MOUNT_TIMEOUT,
    p::POLL_INTERVAL,
];

const SPECS: &[Spec] = &[
    Spec {
        name: "generateVirtualMedia",
        command: Command::Generate,
        required: &[],
        optional: &[IMAGE, &[p::ADDRESS, p::ACTION_TIMEOUT, p::STATE]],
    },
    Spec {
        name: "mountVirtualMedia",
        command: Command::Mount,
        required: BMC,
        optional: &[BMC_OPTIONAL, &[p::MEDIA_URL, p::MEDIA_BOOT], IMAGE],
    },
    Spec::of_bmc("unmountVirtualMedia", Command::Unmount),
    Spec::of_bmc("statusVirtualMedia", Command::MediaStatus),
    Spec {
        name: "bootVirtualMedia",
        command: Command::Boot,
        required: BMC,
        optional: &[BMC_OPTIONAL, IMAGE, &[p::BOOT_WAIT, p::BOOT_TIMEOUT, p::BOOT_STALL]],
    },
    Spec::of_bmc("powerstatus", Command::PowerStatus),
    Spec::of_bmc("poweron", Command::PowerOn),
    Spec::of_bmc("poweroff", Command::PowerOff),
    Spec::of_bmc("powercycle", Command::PowerCycle),
    Spec::of_boot("nextbootcd", Command::NextBoot(BootDevice::Cd)),
    Spec {
        name: "nextbootpxe",
        command: Command::NextBoot(BootDevice::Pxe),
        required: BMC,
        optional: &[BMC_OPTIONAL, &[p::BIOS_MODE, p::KEEP_BOOT_ONCE]],
    },
    Spec::of_boot("nextbootdisk", Command::NextBoot(BootDevice::Disk)),
    Spec::of_boot("forcebootpxe", Command::ForceBoot(BootDevice::Pxe)),
    Spec::of_boot("forcebootdisk", Command::ForceBoot(BootDevice::Disk)),
    Spec {
        name: "identify",
        command: Command::Identify,
        required: BMC,
        optional: &[BMC_OPTIONAL, &[p::IDENTIFY_DURATION]],
    },
    Spec::of_bmc("status", Command::Read(Part::Status)),
    Spec::of_bmc("getInfo", Command::Read(Part::Info)),
    Spec::of_bmc("getBios", Command::Read(Part::Bios)),
    Spec::of_bmc("getMemory", Command::Read(Part::Memory)),
    Spec::of_bmc("getStorage", Command::Read(Part::Storage)),
    Spec::of_bmc("getSimpleStorage", Command::Read(Part::SimpleStorage)),
    Spec::of_bmc("getProcessor", Command::Read(Part::Processor)),
    Spec::of_bmc("getNetworkInterfaces", Command::Read(Part::NetworkInterfaces)),
    Spec::of_bmc("getEthernetInterfaces", Command::Read(Part::EthernetInterfaces)),
    Spec::of_bmc("getSecureBoot", Command::Read(Part::SecureBoot)),
    Spec::of_bmc("getBoot", Command::Read(Part::Boot)),
];

/// The actions for the provider's definition.
#[must_use]
pub fn available() -> Vec<AvailableAction> {
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let declare = |spec: &Spec| AvailableAction {
        provider: String::new(),
        model: "machines".to_owned(),
        command: spec.name.to_owned(),
        required_params: names(spec.required),
        optional_params: names(&spec.optional.concat()),
    };
    SPECS.iter().map(declare).collect()
}

/// Runs one action and logs how it ended. Dropping the future cancels it; what was done until then is in the operation.
///
/// # Errors
/// What is wrong with the call, the machine, the image or the BMC, with the server's code for it.
pub async fn run(site: &Arc<Site>, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
    let Action { model, command, params, .. } = action;
    let prepared = spec(&command).and_then(|spec| Ok((spec, Call::of_action(site, &model, params, operation)?)));
    let (spec, mut call) = prepared.inspect_err(|error| {
        tracing::warn!(command, code = error.code, %error, "the action failed");
    })?;
    let span = tracing::info_span!(
        "action",
        command,
        machine = %call.machine.uuid,
        name = call.machine.name,
        operation = %operation.id()
    );
    let work = async {
        let limit = call.time_limit()?;
        call::within(limit, operation, perform(spec.command, &mut call)).await
    };
    let result = work.instrument(span.clone()).await.map_err(|error| error.on(&call.machine));
    let _entered = span.enter();
    match &result {
        Ok(_) => tracing::info!("done"),
        Err(error) => tracing::warn!(code = error.code, %error, "the action failed"),
    }
    result
}

fn spec(command: &str) -> Result<&'static Spec, Error> {
    SPECS.iter().find(|spec| spec.name == command).ok_or_else(|| {
        let known: Vec<&str> = SPECS.iter().map(|spec| spec.name).collect();
        Error::unsupported(format!("there is no action `{command}`; there are {}", known.join(", ")))
    })
}

async fn perform(command: Command, call: &mut Call<'_>) -> Result<Value, Error> {
    match command {
        Command::Generate => answer(generate::run(call).await),
        Command::Mount => answer(mount::run(call).await),
        Command::Unmount => answer(unmount::run(call).await),
        Command::MediaStatus => answer(status::run(call).await),
        Command::Boot => answer(boot::run(call).await),
        Command::PowerStatus => answer(powerstatus::run(call).await),
        Command::PowerOn => answer(power::on(call).await),
        Command::PowerOff => answer(power::off(call).await),
        Command::PowerCycle => answer(power::cycle(call).await),
        Command::NextBoot(device) => answer(boot_device::next(call, device).await),
        Command::ForceBoot(device) => answer(boot_device::force(call, device).await),
        Command::Identify => answer(identify::run(call).await),
        Command::Read(part) => read::run(call, part).await,
    }
}

fn answer<T: Serialize>(result: Result<T, Error>) -> Result<Value, Error> {
    serde_json::to_value(result?).map_err(|error| Error::internal(format!("writing the answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::available;

    #[test]
    fn no_action_declares_a_parameter_twice() {
        for action in available() {
            let mut names: Vec<_> = action.required_params.iter().chain(&action.optional_params).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", action.command);
        }
    }
}
