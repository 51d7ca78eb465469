//! How a machine's image reaches its BMC, as its parameters say.

use std::time::Duration;

use super::Params;
use super::params::{
    BOOT_STALL, BOOT_TIMEOUT, BOOT_WAIT, IMAGE_SCHEME, ISO_DELIVERY, ParamError, SERVE_CLIENTS, SERVE_MAX_AGE, unusable,
};

/// How an image is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsoDelivery {
    /// A file that the server's own file server serves.
    #[default]
    File,
    /// Template and plan, put together by the plugin's own server while they are read.
    Serve,
}

/// How the plugin's own server serves an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServeTerms {
    /// By which scheme, where one is asked for.
    pub scheme: Option<ImageScheme>,
    /// Whether the machine's own BMC alone may read it.
    pub bmc_only: bool,
    /// When its URL ends, where that is not with the mount.
    pub max_age: Option<Duration>,
}

/// How the plugin's own server is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageScheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

/// How long a boot is waited for, where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootWait {
    /// From the power cycle to the last byte of the initrd.
    pub timeout: Duration,
    /// Without a read, from the boot loader on: before it, firmware tests itself for minutes.
    pub stall: Duration,
}

impl IsoDelivery {
    /// Reads the parameter; absent is `file`.
    ///
    /// # Errors
    /// It is no string or neither of the two words.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        match params.filled_text(ISO_DELIVERY)? {
            None | Some("file") => Ok(Self::File),
            Some("serve") => Ok(Self::Serve),
            Some(other) => Err(unusable(ISO_DELIVERY, other, "expected file or serve")),
        }
    }
}

impl ServeTerms {
    /// Reads the parameters; absent: any scheme, any reader, until the image is taken out.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        let scheme = match params.filled_text(IMAGE_SCHEME)? {
            None => None,
            Some("http") => Some(ImageScheme::Http),
            Some("https") => Some(ImageScheme::Https),
            Some(other) => return Err(unusable(IMAGE_SCHEME, other, "expected http or https")),
        };
        let bmc_only = match params.filled_text(SERVE_CLIENTS)? {
            None | Some("any") => false,
            Some("bmc") => true,
            Some(other) => return Err(unusable(SERVE_CLIENTS, other, "expected any or bmc")),
        };
        let max_age = params.seconds_from_zero(SERVE_MAX_AGE)?.filter(|age| !age.is_zero());
        Ok(Self { scheme, bmc_only, max_age })
    }
}

impl BootWait {
    /// Reads the parameters; `None` where the boot is not waited for.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn from_params(params: &Params) -> Result<Option<Self>, ParamError> {
        let timeout = params.seconds(BOOT_TIMEOUT)?.unwrap_or(Duration::from_mins(20));
        let stall = params.seconds(BOOT_STALL)?.unwrap_or(Duration::from_mins(2));
        Ok(params.flag(BOOT_WAIT)?.unwrap_or(false).then_some(Self { timeout, stall }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BootWait, ImageScheme, IsoDelivery, ServeTerms};
    use crate::machine::Params;

    fn params(value: &Value) -> Params {
        Params::new(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn what_is_not_said_is_as_it_was_before_there_was_a_choice() {
        let none = params(&json!({}));
        assert_eq!(IsoDelivery::from_params(&none), Ok(IsoDelivery::File));
        assert_eq!(ServeTerms::from_params(&none), Ok(ServeTerms::default()));
        assert_eq!(BootWait::from_params(&none), Ok(None));
    }

    #[test]
    fn each_word_is_read_and_another_one_is_told_with_its_parameter() {
        let said = params(&json!({"virtual-media/iso-delivery": "serve", "virtual-media/image-scheme": "https",
            "virtual-media/serve-clients": "bmc", "virtual-media/serve-max-age": 0}));
        assert_eq!(IsoDelivery::from_params(&said), Ok(IsoDelivery::Serve));
        let terms = ServeTerms { scheme: Some(ImageScheme::Https), bmc_only: true, max_age: None };
        assert_eq!(ServeTerms::from_params(&said), Ok(terms));
        for (name, value) in [
            ("iso-delivery", json!("nfs")),
            ("image-scheme", json!("ftp")),
            ("serve-clients", json!("me")),
            ("serve-max-age", json!(-1)),
        ] {
            let odd = params(&json!({format!("virtual-media/{name}"): value}));
            let error = IsoDelivery::from_params(&odd).map(drop).and_then(|()| ServeTerms::from_params(&odd).map(drop));
            assert!(error.unwrap_err().to_string().contains(name), "{name}");
        }
        let waits = params(&json!({"virtual-media/boot-wait": true, "virtual-media/boot-stall": 5}));
        let wait = BootWait::from_params(&waits).unwrap().unwrap();
        assert_eq!((wait.timeout.as_secs(), wait.stall.as_secs()), (1200, 5));
    }
}
