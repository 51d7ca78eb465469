//! Parameters as they arrive: absent, null, or a value whose type may be wrong; and the names we read.
//!
//! A wrong type is told with the parameter's name, the type found and the type expected; the value itself is not
//! repeated, because it may be a secret.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// The BMC driver: `redfish`, `redfish-dell`, `ipmitool`, …
pub const MODE: &str = "ipmi/mode";
/// The BMC's host name or address.
pub const ADDRESS: &str = "ipmi/address";
/// The BMC's user.
pub const USERNAME: &str = "ipmi/username";
/// That user's password; a secure parameter.
pub const PASSWORD: &str = "ipmi/password";
/// The BMC's HTTPS port.
pub const PORT_REDFISH: &str = "ipmi/port-redfish";
/// The BMC's RMCP+ port, for mode `ipmitool`.
pub const PORT_IPMITOOL: &str = "ipmi/port-ipmitool";
/// The BMC's port for mode `racadm`.
pub const PORT_RACADM: &str = "ipmi/port-racadm";
/// The port of the management console's web services, for mode `lpar`.
pub const PORT_LPAR: &str = "ipmi/port-lpar";
/// The UUID of the logical partition that the machine is, for mode `lpar`.
pub const LPAR_ID: &str = "ipmi/lpar-id";
/// Seconds that `identify` lights the machine up.
pub const IDENTIFY_DURATION: &str = "ipmi/identify-duration";
/// `uefi` or something else: the firmware that the machine was seen to boot with.
pub const BIOS_MODE: &str = "detected-bios-mode";
/// Whether `nextbootpxe` leaves a boot from our mounted image alone that is still to come.
pub const KEEP_BOOT_ONCE: &str = "virtual-media/keep-boot-once";
/// The image to mount by hand.
pub const MEDIA_URL: &str = "ipmi/virtual-media-url";
/// Whether a mount by hand also sets boot-once.
pub const MEDIA_BOOT: &str = "ipmi/virtual-media-boot";
/// Whether BootEnv changes of this machine go through virtual media.
pub const BOOT_VIRTUAL_ISO: &str = "boot-virtual-iso";
/// The machine's networks; ours is its key `prov`.
pub const NETWORK_DATA: &str = "network-data";
/// Name servers; the first goes to the kernel line.
pub const DNS_SERVERS: &str = "dns-servers";
/// Kernel arguments before `--`, verbatim.
pub const KERNEL_OPTIONS: &str = "kernel-options";
/// Kernel arguments after `--`, verbatim.
pub const KERNEL_CONSOLE: &str = "kernel-console";
/// The BootEnv to generate for, where it is not the machine's own.
pub const BOOTENV: &str = "virtual-media/bootenv";
/// The template: a path, a Sledgehammer signature, or absent for the newest.
pub const TEMPLATE: &str = "virtual-media/template";
/// The directory with boot loaders for templates that the plugin makes.
pub const LOADERS: &str = "virtual-media/loaders";
/// The static file server as the machine reaches it, where it is not `RS_FILESERVER`.
pub const PROVISIONER_URL: &str = "virtual-media/provisioner-url";
/// The static file server as the BMC reaches it, where it is not `RS_FILESERVER`.
pub const IMAGE_URL: &str = "virtual-media/image-url";
/// `none`, `on` or `cycle`: what to do with the power after a transition.
pub const POWER_ON_TRANSITION: &str = "virtual-media/power-on-transition";
/// `accept`, `pin` or `verify`: how a BMC's certificate is judged.
pub const TLS_POLICY: &str = "virtual-media/tls-policy";
/// The SHA-256 of the certificate to pin.
pub const TLS_FINGERPRINT: &str = "virtual-media/tls-fingerprint";
/// PEM certificates that `verify` trusts instead of the system's.
pub const TLS_CA: &str = "virtual-media/tls-ca";
/// Whether TLS that is too old to be safe is spoken with the BMC.
pub const TLS_LEGACY: &str = "virtual-media/tls-legacy";
/// Seconds that a BMC may take to answer one request.
pub const REQUEST_TIMEOUT: &str = "virtual-media/request-timeout";
/// Seconds that all BMC work of one action may take.
pub const ACTION_TIMEOUT: &str = "virtual-media/action-timeout";
/// Seconds that a BMC may take from accepting an image to showing it.
pub const MOUNT_TIMEOUT: &str = "virtual-media/mount-timeout";
/// Milliseconds between two looks at a BMC's state that is awaited.
pub const POLL_INTERVAL: &str = "virtual-media/poll-interval";
/// `auto`, `plugin` or `server`: which of the two mechanisms for virtual media acts on BootEnv changes of the machine.
pub const MECHANISM: &str = "virtual-media/mechanism";
/// Seconds between two looks at all machines, for changes whose event was lost; a parameter of the plugin object.
pub const RECONCILE_INTERVAL: &str = "virtual-media/reconcile-interval";
/// `accept` or `verify`: how the provisioning server's own certificate is judged; a parameter of the plugin object.
pub const SERVER_TLS: &str = "virtual-media/server-tls";
/// PEM certificates that `verify` of the server trusts instead of the system's; a parameter of the plugin object.
pub const SERVER_CA: &str = "virtual-media/server-ca";
/// The directory that the static file server serves, where it is not `RS_WEBROOT`; a parameter of the plugin object.
pub const WEBROOT: &str = "virtual-media/webroot";
/// `file` or `serve`: who serves the machine's image.
pub const ISO_DELIVERY: &str = "virtual-media/iso-delivery";
/// `http` or `https`: how a BMC fetches an image that the plugin serves.
pub const IMAGE_SCHEME: &str = "virtual-media/image-scheme";
/// `any` or `bmc`: who may fetch an image that the plugin serves.
pub const SERVE_CLIENTS: &str = "virtual-media/serve-clients";
/// Seconds after which the URL of an image that the plugin serves ends; 0 is never.
pub const SERVE_MAX_AGE: &str = "virtual-media/serve-max-age";
/// Whether `bootVirtualMedia` ends only when the initrd was read whole.
pub const BOOT_WAIT: &str = "virtual-media/boot-wait";
/// Seconds that such a boot may take in all.
pub const BOOT_TIMEOUT: &str = "virtual-media/boot-timeout";
/// Seconds without a read after which such a boot is stuck, from the boot loader on.
pub const BOOT_STALL: &str = "virtual-media/boot-stall";
/// The address that the image server listens on; all where there is none. A parameter of the plugin object.
pub const SERVE_ADDRESS: &str = "virtual-media/serve-address";
/// The image server's port for HTTP, 0 for none; a parameter of the plugin object.
pub const SERVE_HTTP_PORT: &str = "virtual-media/serve-http-port";
/// The image server's port for HTTPS, 0 for none; a parameter of the plugin object.
pub const SERVE_HTTPS_PORT: &str = "virtual-media/serve-https-port";
/// The image server's certificate with what leads to it, PEM; a parameter of the plugin object.
pub const SERVE_CERTIFICATE: &str = "virtual-media/serve-certificate";
/// Its private key, PEM; a secure parameter of the plugin object.
pub const SERVE_KEY: &str = "virtual-media/serve-key";
/// Where templates that were unpacked or made are kept, and what the image server must remember; a parameter of the plugin
/// object.
pub const CACHE_DIRECTORY: &str = "virtual-media/cache-directory";
/// Mebibytes of such templates; a parameter of the plugin object.
pub const CACHE_LIMIT: &str = "virtual-media/cache-limit";
/// Mebibytes of all machines' images that are files; a parameter of the plugin object.
pub const IMAGES_LIMIT: &str = "virtual-media/images-limit";
/// What the plugin did on this machine; written by the plugin.
pub const STATE: &str = "virtual-media/state";

/// A set of parameters by name.
#[derive(Clone, Default, PartialEq)]
pub struct Params(Map<String, Value>);

/// Why a parameter cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// Absent, null or an empty string.
    #[error("the parameter {name} is missing; set it on the machine or one of its profiles")]
    Missing {
        /// The parameter.
        name: &'static str,
    },
    /// Of another type than its schema says.
    #[error("the parameter {name} is {found}, expected {expected}")]
    Type {
        /// The parameter, and the place in it.
        name: String,
        /// What the schema asks for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Of the right type, with a value that cannot be used.
    #[error("the parameter {name} is `{value}`: {reason}")]
    Value {
        /// The parameter, and the place in it.
        name: String,
        /// What is there; never of a secret parameter.
        value: String,
        /// Why it cannot be used, and what can.
        reason: String,
    },
    /// A secure value that the server did not decrypt.
    #[error(
        "the parameter {name} arrived encrypted; set it anew on this machine, because a value that was sealed for another \
         one opens nowhere else, or let the plugin read secure parameters"
    )]
    Sealed {
        /// The parameter.
        name: &'static str,
    },
}

impl Params {
    /// Wraps parameters that the server resolved.
    #[must_use]
    pub fn new(params: Map<String, Value>) -> Self {
        Self(params)
    }

    /// The same with `beneath` used for every name that is absent here: the parameters set directly on a machine
    /// stand in for those that a server did not resolve.
    #[must_use]
    pub fn over(mut self, beneath: &Self) -> Self {
        for (name, value) in &beneath.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// Those of the given names alone.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| names.contains(&name.as_str()));
        self
    }

    /// The value of `name`; null is the same as absent.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A string, empty ones included.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ParamError> {
        self.value(name).map(|value| value.as_str().ok_or_else(|| wrong_type(name, "a string", value))).transpose()
    }

    /// A string; an empty one is absent.
    pub fn filled_text(&self, name: &'static str) -> Result<Option<&str>, ParamError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A string that must be there and hold something.
    pub fn required_text(&self, name: &'static str) -> Result<&str, ParamError> {
        self.filled_text(name)?.ok_or(ParamError::Missing { name })
    }

    /// A boolean.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, ParamError> {
        self.value(name).map(|value| value.as_bool().ok_or_else(|| wrong_type(name, "a boolean", value))).transpose()
    }

    /// A TCP or UDP port, 1 to 65535. 0 is the same as absent: the old provider's content has it as the default of
    /// `ipmi/port-ipmitool` and `ipmi/port-racadm`, so a server fills it in where nobody set anything.
    pub fn port(&self, name: &'static str) -> Result<Option<u16>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u16::try_from(number) {
            Ok(port) => Ok(Some(port).filter(|port| *port > 0)),
            Err(_) => Err(unusable(name, number, "a port is a number from 1 to 65535")),
        }
    }

    /// A duration in whole seconds, 1 to 86,400.
    pub fn seconds(&self, name: &'static str) -> Result<Option<Duration>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(seconds @ 1..=86_400) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(unusable(name, number, "a time is a number of seconds from 1 to 86400")),
        }
    }

    /// A duration in whole milliseconds, 10 to 60,000.
    pub fn milliseconds(&self, name: &'static str) -> Result<Option<Duration>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(milliseconds @ 10..=60_000) => Ok(Some(Duration::from_millis(milliseconds))),
            _ => Err(unusable(name, number, "an interval is a number of milliseconds from 10 to 60000")),
        }
    }

    /// A duration in whole seconds, 0 to 86,400.
    pub fn seconds_from_zero(&self, name: &'static str) -> Result<Option<Duration>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(seconds @ 0..=86_400) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(unusable(name, number, "this time is a number of seconds from 0 to 86400")),
        }
    }

    /// A port, 0 to 65535, where 0 means something.
    pub fn port_or_zero(&self, name: &'static str) -> Result<Option<u16>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        u16::try_from(number).map(Some).map_err(|_| unusable(name, number, "a port is a number from 0 to 65535"))
    }

    /// A number of mebibytes, 1 to 1,073,741,824, in bytes.
    pub fn mebibytes(&self, name: &'static str) -> Result<Option<u64>, ParamError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(mebibytes @ 1..=0x4000_0000) => Ok(Some(mebibytes << 20)),
            _ => Err(unusable(name, number, "a size is a number of mebibytes from 1 to 1073741824")),
        }
    }

    /// A secret that may be absent; a value that is still encrypted is told apart.
    pub fn secret(&self, name: &'static str) -> Result<Option<SecretString>, ParamError> {
        if self.value(name).is_some_and(is_sealed) {
            return Err(ParamError::Sealed { name });
        }
        Ok(self.filled_text(name)?.map(SecretString::from))
    }

    /// A secret that must be there; a value that is still encrypted is told apart.
    pub fn required_secret(&self, name: &'static str) -> Result<SecretString, ParamError> {
        self.secret(name)?.ok_or(ParamError::Missing { name })
    }

    /// A URL with a host, and without a user or password: an image is fetched by a BMC, which logs what it fetches.
    pub fn url(&self, name: &'static str) -> Result<Option<url::Url>, ParamError> {
        let Some(text) = self.filled_text(name)? else { return Ok(None) };
        let url = url::Url::parse(text).map_err(|error| unusable(name, text, &format!("it is no URL ({error})")))?;
        if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(unusable(name, text_without_userinfo(&url), "a URL has a host and no user or password here"));
        }
        Ok(Some(url))
    }

    fn integer(&self, name: &'static str) -> Result<Option<i64>, ParamError> {
        self.value(name)
            .map(|value| value.as_i64().ok_or_else(|| wrong_type(name, "a whole number", value)))
            .transpose()
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// JSON's name for the type of `value`, with its article.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn wrong_type(name: impl Into<String>, expected: &'static str, value: &Value) -> ParamError {
    ParamError::Type { name: name.into(), expected, found: type_name(value) }
}

pub(super) fn unusable(name: impl Into<String>, value: impl std::fmt::Display, reason: &str) -> ParamError {
    ParamError::Value { name: name.into(), value: value.to_string(), reason: reason.to_owned() }
}

/// The server's sealed form: a NaCl box in three base64 fields (models.SecureData).
pub(super) fn is_sealed(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| ["Key", "Nonce", "Payload"].iter().all(|key| fields.contains_key(*key)))
}

fn text_without_userinfo(url: &url::Url) -> String {
    let mut shown = url.clone();
    // Fails only for a URL without a host, which has no user either.
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ADDRESS, MEDIA_BOOT, MEDIA_URL, PASSWORD, PORT_REDFISH, Params};

    fn params(value: Value) -> Params {
        let Value::Object(map) = value else { unreachable!("a test passes an object") };
        Params::new(map)
    }

    #[test]
    fn absent_and_null_are_the_same_and_port_0_is_no_port() {
        for params in [params(json!({})), params(json!({PORT_REDFISH: null})), params(json!({PORT_REDFISH: 0}))] {
            assert_eq!(params.port(PORT_REDFISH), Ok(None));
        }
    }

    #[test]
    fn a_wrong_type_names_the_parameter_and_both_types() {
        let cases = [
            (json!({PORT_REDFISH: "443"}), "the parameter ipmi/port-redfish is a string, expected a whole number"),
            (json!({PORT_REDFISH: -1}), "the parameter ipmi/port-redfish is `-1`: a port is a number from 1 to 65535"),
            (json!({PORT_REDFISH: 44.5}), "the parameter ipmi/port-redfish is a number, expected a whole number"),
        ];
        for (given, message) in cases {
            assert_eq!(params(given).port(PORT_REDFISH).unwrap_err().to_string(), message);
        }
        let error = params(json!({MEDIA_BOOT: "yes"})).flag(MEDIA_BOOT).unwrap_err();
        assert_eq!(error.to_string(), "the parameter ipmi/virtual-media-boot is a string, expected a boolean");
        let error = params(json!({ADDRESS: 5})).required_text(ADDRESS).unwrap_err();
        assert_eq!(error.to_string(), "the parameter ipmi/address is a number, expected a string");
    }

    #[test]
    fn an_empty_address_is_missing() {
        let error = params(json!({ADDRESS: ""})).required_text(ADDRESS).unwrap_err();
        assert!(error.to_string().starts_with("the parameter ipmi/address is missing"));
    }

    #[test]
    fn a_sealed_password_is_told_apart_from_a_missing_one() {
        let sealed = params(json!({PASSWORD: {"Key": "a", "Nonce": "b", "Payload": "c"}}));
        assert!(sealed.required_secret(PASSWORD).unwrap_err().to_string().contains("arrived encrypted"));
    }

    #[test]
    fn no_error_repeats_a_secret() {
        for value in [json!(12345), json!({"Key": "hunter2"}), json!(["hunter2"])] {
            let error = params(json!({PASSWORD: value})).required_secret(PASSWORD).unwrap_err().to_string();
            assert!(!error.contains("12345") && !error.contains("hunter2"), "{error}");
        }
        let error = params(json!({MEDIA_URL: "http://u:hunter2@h/x.iso"})).url(MEDIA_URL).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
