//! From a machine's parameters to the BMC that they describe.

use super::Error;
use crate::bmc::{Driver, Fingerprint, Limits, Target, TlsPolicy, Vendor};
use crate::machine::{Params, State, params as p};

/// Reads who and where the BMC is, and how it is to be trusted.
pub(super) fn from_params(params: &Params, state: &State) -> Result<Target, Error> {
    let driver = driver(params)?;
    let mut target = Target {
        address: params.required_text(p::ADDRESS)?.to_owned(),
        port: port(params, &driver)?,
        username: params.required_text(p::USERNAME)?.to_owned(),
        password: params.required_secret(p::PASSWORD)?,
        driver,
        tls: tls_policy(params)?,
        tls_legacy: params.flag(p::TLS_LEGACY)?.unwrap_or(false),
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
fn driver(params: &Params) -> Result<Driver, Error> {
    let Some(mode) = params.filled_text(p::MODE)? else { return Ok(Driver::Redfish(None)) };
    match mode {
        "redfish" => Ok(Driver::Redfish(None)),
        "ipmitool" => Ok(Driver::Ipmitool),
        // The second is a slip of the pen that many machines carry.
        "racadm" | "racadmn" => Ok(Driver::Racadm),
        "lpar" => Ok(Driver::Lpar { id: params.required_text(p::LPAR_ID)?.to_owned() }),
        _ => match mode.strip_prefix("redfish-").map(str::parse) {
            Some(Ok(vendor)) => Ok(Driver::Redfish(Some(vendor))),
            _ => Err(Error::unsupported(format!("{} is `{mode}`; the modes are {}", p::MODE, modes()))),
        },
    }
}

/// Every mode, for people.
fn modes() -> String {
    let vendors: Vec<String> = Vendor::ALL.iter().map(|vendor| format!("redfish-{vendor}")).collect();
    format!("redfish, {}, ipmitool, racadm, lpar", vendors.join(", "))
}

/// The driver's port: each has a parameter of its own.
fn port(params: &Params, driver: &Driver) -> Result<u16, Error> {
    let name = match driver {
        Driver::Redfish(_) => p::PORT_REDFISH,
        Driver::Ipmitool => p::PORT_IPMITOOL,
        Driver::Racadm => p::PORT_RACADM,
        Driver::Lpar { .. } => p::PORT_LPAR,
    };
    // 0 is the default in the schema of ipmi/port-racadm as machines have it, and means the usual one.
    let given = if params.value(name).is_some_and(|value| value == 0) { None } else { params.port(name)? };
    Ok(given.unwrap_or(driver.usual_port()))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Driver, Error, Params, Target, from_params, p};
    use crate::machine::State;

    fn target(more: Value) -> Result<Target, Error> {
        let mut all = json!({p::ADDRESS: "10.0.0.1", p::USERNAME: "root", p::PASSWORD: "calvin"});
        let (Value::Object(map), Value::Object(more)) = (&mut all, more) else { unreachable!("both are objects") };
        map.extend(more);
        from_params(&Params::new(map.clone()), &State::default())
    }

    #[test]
    fn each_mode_is_a_driver_with_its_own_port() {
        let table = [
            (json!({}), Driver::Redfish(None), p::PORT_REDFISH, 443),
            (json!({p::MODE: "redfish-dell"}), Driver::Redfish(Some(crate::bmc::Vendor::Dell)), p::PORT_REDFISH, 443),
            (json!({p::MODE: "ipmitool"}), Driver::Ipmitool, p::PORT_IPMITOOL, 623),
            (json!({p::MODE: "racadm"}), Driver::Racadm, p::PORT_RACADM, 443),
            (json!({p::MODE: "racadmn"}), Driver::Racadm, p::PORT_RACADM, 443),
            (json!({p::MODE: "lpar", p::LPAR_ID: "48EB"}), Driver::Lpar { id: "48EB".to_owned() }, p::PORT_LPAR, 12443),
        ];
        for (mut params, driver, name, usual) in table {
            // Another driver's port says nothing.
            for other in [p::PORT_REDFISH, p::PORT_IPMITOOL, p::PORT_RACADM, p::PORT_LPAR] {
                params[other] = json!(1);
            }
            for (given, port) in [(Value::Null, usual), (json!(0), usual), (json!(8443), 8443)] {
                params[name] = given;
                let target = target(params.clone()).unwrap();
                assert_eq!((&target.driver, target.port), (&driver, port), "{params}");
            }
        }
    }

    #[test]
    fn a_mode_that_is_none_is_told_with_all_that_are() {
        for mode in ["telnet", "redfish-acme", "Redfish", "racadmm", "redfish-"] {
            let error = target(json!({p::MODE: mode})).unwrap_err();
            assert_eq!(error.code, 404, "{mode}");
            for word in [mode, "redfish-dell", "ipmitool", "racadm", "lpar"] {
                assert!(error.message.contains(word), "{}", error.message);
            }
        }
        let error = target(json!({p::MODE: "lpar"})).unwrap_err();
        assert_eq!((error.code, error.message.contains(p::LPAR_ID)), (400, true), "{}", error.message);
    }
}
