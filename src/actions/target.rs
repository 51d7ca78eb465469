//! From a machine's parameters to the BMC that they describe.

use super::Error;
use crate::bmc::{Driver, Fingerprint, Limits, Target, TlsPolicy, Vendor};
use crate::machine::{Params, State, params as p};

/// The port of HTTPS, which every Redfish service listens on unless somebody moved it.
const REDFISH_PORT: u16 = 443;

/// Reads who and where the BMC is, and how it is to be trusted.
pub(super) fn from_params(params: &Params, state: &State) -> Result<Target, Error> {
    let mut target = Target {
        address: params.required_text(p::ADDRESS)?.to_owned(),
        port: params.port(p::PORT_REDFISH)?.unwrap_or(REDFISH_PORT),
        username: params.required_text(p::USERNAME)?.to_owned(),
        password: params.required_secret(p::PASSWORD)?,
        driver: Driver::Redfish(vendor(params)?),
        tls: tls_policy(params)?,
        recorded_fingerprint: None,
        limits: limits(params)?,
    };
    // Another address is another BMC, whose certificate was never seen.
    if state.bmc.is_empty() || state.bmc == target.name() {
        target.recorded_fingerprint = state.fingerprint.parse().ok();
    }
    Ok(target)
}

/// The limits of BMC work, each with its default where no parameter sets it.
pub(super) fn limits(params: &Params) -> Result<Limits, Error> {
    let defaults = Limits::default();
    Ok(Limits {
        request: params.seconds(p::REQUEST_TIMEOUT)?.unwrap_or(defaults.request),
        total: params.seconds(p::ACTION_TIMEOUT)?.unwrap_or(defaults.total),
        media: params.seconds(p::MOUNT_TIMEOUT)?.unwrap_or(defaults.media),
        poll: params.milliseconds(p::POLL_INTERVAL)?.unwrap_or(defaults.poll),
        connect: defaults.connect,
    })
}

/// `redfish` leaves the vendor to be recognised; `redfish-<vendor>` gives it.
fn vendor(params: &Params) -> Result<Option<Vendor>, Error> {
    let Some(mode) = params.filled_text(p::MODE)? else { return Ok(None) };
    let known = || {
        let vendors: Vec<String> = Vendor::ALL.iter().map(|vendor| format!("redfish-{vendor}")).collect();
        format!("redfish, {}", vendors.join(", "))
    };
    match mode.split_once('-') {
        None if mode == "redfish" => Ok(None),
        Some(("redfish", name)) => match name.parse() {
            Ok(vendor) => Ok(Some(vendor)),
            Err(_) => Err(Error::unsupported(format!("{} is `{mode}`; the modes are {}", p::MODE, known()))),
        },
        _ if matches!(mode, "ipmitool" | "racadm" | "racadmn" | "lpar") => Err(Error::unsupported(format!(
            "{} is `{mode}`, which cannot do this; set it to redfish where the BMC speaks it",
            p::MODE
        ))),
        _ => Err(Error::unsupported(format!("{} is `{mode}`; the modes are {}", p::MODE, known()))),
    }
}

/// How the BMC's certificate is judged.
pub(super) fn tls_policy(params: &Params) -> Result<TlsPolicy, Error> {
    let pin = params.filled_text(p::TLS_FINGERPRINT)?.map(str::parse::<Fingerprint>).transpose();
    let pin = pin.map_err(|error| Error::parameter(format!("the parameter {}: {error}", p::TLS_FINGERPRINT)))?;
    match params.filled_text(p::TLS_POLICY)?.unwrap_or("accept") {
        "accept" => Ok(TlsPolicy::Accept),
        "pin" => Ok(TlsPolicy::Pin(pin)),
        "verify" => Ok(TlsPolicy::Verify { ca_pem: params.filled_text(p::TLS_CA)?.map(str::to_owned) }),
        other => Err(Error::parameter(format!(
            "the parameter {} is `{other}`, expected accept, pin or verify",
            p::TLS_POLICY
        ))),
    }
}
