//! The actions: one file each, typed parameters in, typed answer out, orchestration only.
//!
//! What an action needs of the server's parameters is declared in `SPECS`, from which the provider's definition is
//! made: the server hands over declared parameters alone.

mod boot;
mod bootenv;
mod call;
mod error;
mod generate;
mod memory;
mod mount;
mod power;
mod powerstatus;
mod site;
mod status;
mod target;
pub(crate) mod transition;
mod unmount;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::drp::models::{Action, AvailableAction};
use crate::machine::params as p;
use crate::operation::Operation;

pub(crate) use bootenv::boots_from_media;
pub use call::Call;
pub(crate) use call::within;
pub use error::Error;
pub use memory::Memory;
pub use site::{Link, Site};

/// An action as the provider's definition declares it.
struct Spec {
    command: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static [&'static str]],
}

/// Without these no BMC can be asked anything.
const BMC: &[&str] = &[p::ADDRESS, p::USERNAME, p::PASSWORD];

/// How the BMC is reached; the state holds the certificate seen last.
const BMC_OPTIONAL: &[&str] = &[
    p::MODE,
    p::PORT_REDFISH,
    p::TLS_POLICY,
    p::TLS_FINGERPRINT,
    p::TLS_CA,
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
    p::PROVISIONER_URL,
    p::IMAGE_URL,
    p::NETWORK_DATA,
    p::DNS_SERVERS,
    p::KERNEL_OPTIONS,
    p::KERNEL_CONSOLE,
];

/// What the plugin object may set for every machine that does not set it itself. Nothing else of its parameters counts: a
/// password or a state belongs to one machine.
pub const DEFAULTS: [&str; 11] = [
    p::TEMPLATE,
    p::PROVISIONER_URL,
    p::IMAGE_URL,
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
    Spec { command: "generateVirtualMedia", required: &[], optional: &[IMAGE, &[p::ACTION_TIMEOUT, p::STATE]] },
    Spec {
        command: "mountVirtualMedia",
        required: BMC,
        optional: &[BMC_OPTIONAL, &[p::MEDIA_URL, p::MEDIA_BOOT, p::BOOTENV, p::IMAGE_URL]],
    },
    Spec { command: "unmountVirtualMedia", required: BMC, optional: &[BMC_OPTIONAL] },
    Spec { command: "statusVirtualMedia", required: BMC, optional: &[BMC_OPTIONAL] },
    Spec { command: "bootVirtualMedia", required: BMC, optional: &[BMC_OPTIONAL, IMAGE] },
    Spec { command: "powerstatus", required: BMC, optional: &[BMC_OPTIONAL] },
    Spec { command: "poweron", required: BMC, optional: &[BMC_OPTIONAL] },
    Spec { command: "poweroff", required: BMC, optional: &[BMC_OPTIONAL] },
    Spec { command: "powercycle", required: BMC, optional: &[BMC_OPTIONAL] },
];

/// The actions for the provider's definition.
#[must_use]
pub fn available() -> Vec<AvailableAction> {
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let declare = |spec: &Spec| AvailableAction {
        provider: String::new(),
        model: "machines".to_owned(),
        command: spec.command.to_owned(),
        required_params: names(spec.required),
        optional_params: names(&spec.optional.concat()),
    };
    SPECS.iter().map(declare).collect()
}

/// Runs one action. Dropping the future cancels it; what was done until then is in the operation.
///
/// # Errors
/// What is wrong with the call, the machine, the image or the BMC, with the server's code for it.
pub async fn run(site: &Arc<Site>, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
    let Action { model, command, params, .. } = action;
    if !SPECS.iter().any(|spec| spec.command == command) {
        let known: Vec<&str> = SPECS.iter().map(|spec| spec.command).collect();
        return Err(Error::unsupported(format!("there is no action `{command}`; there are {}", known.join(", "))));
    }
    let mut call = Call::of_action(site, &model, params, operation)?;
    let span = tracing::info_span!(
        "action",
        command,
        machine = %call.machine.uuid,
        name = call.machine.name,
        operation = %operation.id()
    );
    let limit = call.time_limit().map_err(|error| error.on(&call.machine))?;
    let work = async {
        match command.as_str() {
            "generateVirtualMedia" => answer(generate::run(&mut call).await),
            "mountVirtualMedia" => answer(mount::run(&mut call).await),
            "unmountVirtualMedia" => answer(unmount::run(&mut call).await),
            "statusVirtualMedia" => answer(status::run(&mut call).await),
            "bootVirtualMedia" => answer(boot::run(&mut call).await),
            "powerstatus" => answer(powerstatus::run(&mut call).await),
            "poweron" => answer(power::on(&mut call).await),
            "poweroff" => answer(power::off(&mut call).await),
            _ => answer(power::cycle(&mut call).await),
        }
    };
    let result = call::within(limit, operation, work).instrument(span.clone()).await;
    let result = result.map_err(|error| error.on(&call.machine));
    let _entered = span.enter();
    match &result {
        Ok(_) => tracing::info!("done"),
        Err(error) => tracing::warn!(code = error.code, %error, "failed"),
    }
    result
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
