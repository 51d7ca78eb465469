//! Which BMC, as whom, and how much its certificate is trusted.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv6Addr;
use std::str::FromStr;

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::error::{Error, Kind};
use super::limits::Limits;
use super::redfish::Vendor;

/// A BMC and how to reach it. Its `Debug` never shows the password.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host name or IP address; IPv6 with or without brackets.
    pub address: String,
    /// The port that the driver connects to.
    pub port: u16,
    /// The account on the BMC.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The way to speak with it.
    pub driver: Driver,
    /// How the BMC's certificate is judged.
    pub tls: TlsPolicy,
    /// Whether TLS that is refused elsewhere is spoken with this BMC: RSA key exchange, CBC suites, TLS 1.0 and 1.1. Over
    /// Redfish alone.
    pub tls_legacy: bool,
    /// The fingerprint seen on an earlier operation.
    pub recorded_fingerprint: Option<Fingerprint>,
    /// Time limits.
    pub limits: Limits,
}

impl Target {
    /// The root of the HTTPS service's address space.
    pub(crate) fn base(&self) -> Result<Url, Error> {
        let host = self.parsed_host()?;
        Url::parse(&format!("https://{host}:{}/", self.port))
            .map_err(|e| self.no_address(&format!("is no address: {e}")))
    }

    /// The host as a program's argument: a name, or an address without brackets.
    pub(super) fn host(&self) -> Result<String, Error> {
        match self.parsed_host()? {
            // It would be taken for an option.
            Host::Domain(name) if name.starts_with('-') => Err(self.no_address("is no address: it starts with a dash")),
            Host::Domain(name) => Ok(name),
            Host::Ipv4(address) => Ok(address.to_string()),
            Host::Ipv6(address) => Ok(address.to_string()),
        }
    }

    /// What tells this BMC from every other: its address, and its port where that is not the driver's usual one, so that
    /// a turn on it is one turn whatever it is spoken with.
    pub(super) fn key(&self) -> Result<String, Error> {
        let host = self.parsed_host()?;
        Ok(if self.port == self.driver.usual_port() { host.to_string() } else { format!("{host}:{}", self.port) })
    }

    fn parsed_host(&self) -> Result<Host, Error> {
        let bare = self.address.trim();
        if bare.is_empty() {
            return Err(self.no_address("is no address: it is empty"));
        }
        let bare = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
        match bare.parse::<Ipv6Addr>() {
            Ok(v6) => Ok(Host::Ipv6(v6)),
            Err(_) => Host::parse(bare).map_err(|e| self.no_address(&format!("is no address: {e}"))),
        }
    }

    fn no_address(&self, why: &str) -> Error {
        Error::new(Kind::Parameter, "reading the BMC's address", format!("{:?}", self.address), why)
            .advise("set ipmi/address to a host name or an IP address alone; the port has a parameter of its own")
    }

    /// The BMC as messages name it: its address, and its port where that is not the driver's usual one.
    pub(crate) fn name(&self) -> String {
        let bare = self.address.trim().trim_matches(['[', ']']);
        match (self.port, bare.contains(':')) {
            (port, _) if port == self.driver.usual_port() => bare.to_owned(),
            (port, true) => format!("[{bare}]:{port}"),
            (port, false) => format!("{bare}:{port}"),
        }
    }
}

/// A way to speak with a BMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Redfish over HTTPS; the vendor where it is given, else it is recognised.
    Redfish(Option<Vendor>),
    /// IPMI over LAN, through the program `ipmitool`.
    Ipmitool,
    /// Dell's remote racadm, through the program `racadm`.
    Racadm,
    /// A logical partition of an IBM Power machine, through its management console (HMC).
    Lpar {
        /// The partition's UUID.
        id: String,
    },
}

impl Driver {
    /// The Redfish vendor that is given.
    #[must_use]
    pub const fn vendor(&self) -> Option<Vendor> {
        match self {
            Self::Redfish(vendor) => *vendor,
            _ => None,
        }
    }

    /// The port where nobody says: HTTPS, RMCP+ (IANA `asf-rmcp`), the port of an HMC's web services.
    #[must_use]
    pub const fn usual_port(&self) -> u16 {
        match self {
            Self::Redfish(_) | Self::Racadm => 443,
            Self::Ipmitool => 623,
            Self::Lpar { .. } => 12443,
        }
    }
}

/// How a BMC's certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Any certificate: BMCs come with self-signed ones. The fingerprint is reported, and a changed one is a loud warning.
    #[default]
    Accept,
    /// This certificate alone: the one given, else the recorded one, else the first seen, which is reported for recording.
    Pin(Option<Fingerprint>),
    /// A certificate that chains to the system's roots, or to this CA alone, and names the address.
    Verify {
        /// PEM of one or more CA certificates, in place of the system's roots.
        ca_pem: Option<String>,
    },
}

/// SHA-256 of a certificate's DER encoding. Shown as `aa:bb:…`, read with or without colons in either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A text that is no SHA-256 fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 fingerprint is 64 hexadecimal digits, with or without colons; this has {digits} of them{}", if *.foreign { " and other characters" } else { "" })]
pub struct NoFingerprint {
    digits: usize,
    foreign: bool,
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Reads what `openssl x509 -fingerprint -sha256`, a browser or our own `Display` writes.
    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let text = text.trim();
        let text = match text.rsplit_once('=') {
            Some((label, digits)) if label.to_ascii_lowercase().contains("fingerprint") => digits,
            _ => text,
        };
        let text = text.get(..7).filter(|label| label.eq_ignore_ascii_case("sha256:")).map_or(text, |_| &text[7..]);
        let mut digits = Vec::with_capacity(64);
        let mut foreign = false;
        for c in text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')) {
            match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
                Some(digit) => digits.push(digit),
                None => foreign = true,
            }
        }
        let wrong = NoFingerprint { digits: digits.len(), foreign };
        let (pairs, rest) = digits.as_chunks::<2>();
        if foreign || !rest.is_empty() {
            return Err(wrong);
        }
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        bytes.try_into().map(Self).map_err(|_| wrong)
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{Driver, Fingerprint, Target, TlsPolicy};
    use crate::bmc::limits::Limits;

    fn target(address: &str, port: u16) -> Target {
        Target {
            address: address.to_owned(),
            port,
            username: "root".to_owned(),
            password: SecretString::from("calvin-secret"),
            driver: Driver::Redfish(None),
            tls: TlsPolicy::Accept,
            tls_legacy: false,
            recorded_fingerprint: None,
            limits: Limits::default(),
        }
    }

    #[test]
    fn addresses_of_every_form_give_one_base() {
        let base = |address: &str, port| target(address, port).base().unwrap().to_string();
        assert_eq!(base("10.0.0.1", 443), "https://10.0.0.1/");
        assert_eq!(base("bmc.example", 8443), "https://bmc.example:8443/");
        assert_eq!(base("fd00::1", 443), "https://[fd00::1]/");
        assert_eq!(base(" [fd00::1] ", 8443), "https://[fd00::1]:8443/");
        assert_eq!(target("fd00::1", 8443).name(), "[fd00::1]:8443");
        assert_eq!(target("10.0.0.1", 443).name(), "10.0.0.1");
    }

    #[test]
    fn an_address_that_holds_more_than_an_address_is_a_parameter_error() {
        for address in ["", " ", "https://10.0.0.1", "10.0.0.1/redfish", "user@host", "10.0.0.1:443", "a b"] {
            for error in [target(address, 443).base().unwrap_err(), target(address, 443).host().unwrap_err()] {
                assert_eq!(error.code(), 400, "{address}");
            }
        }
        assert_eq!(target("-oProxyCommand", 443).host().unwrap_err().code(), 400);
    }

    #[test]
    fn a_bmc_on_its_drivers_usual_port_is_one_bmc_whatever_it_is_spoken_with() {
        let drivers = [Driver::Redfish(None), Driver::Ipmitool, Driver::Racadm, Driver::Lpar { id: String::new() }];
        for driver in drivers {
            let usual = Target { driver: driver.clone(), ..target("Bmc.Example", driver.usual_port()) };
            assert_eq!((usual.key().unwrap().as_str(), usual.name().as_str()), ("bmc.example", "Bmc.Example"));
            let other = Target { driver, ..target("fd00::1", 7) };
            assert_eq!((other.key().unwrap().as_str(), other.name().as_str()), ("[fd00::1]:7", "[fd00::1]:7"));
        }
    }

    #[test]
    fn a_program_is_given_an_address_without_brackets() {
        let host = |address| target(address, 443).host().unwrap();
        assert_eq!(
            [host(" [fd00::1] "), host("fd00::1"), host("10.0.0.1"), host("bmc")],
            ["fd00::1", "fd00::1", "10.0.0.1", "bmc"]
        );
    }

    #[test]
    fn debug_never_shows_the_password() {
        assert!(!format!("{:?}", target("10.0.0.1", 443)).contains("calvin"));
    }

    #[test]
    fn fingerprints_are_read_leniently_and_written_one_way() {
        let shown = Fingerprint::of(b"certificate").to_string();
        let bare = shown.replace(':', "");
        for form in [
            shown.clone(),
            bare.clone(),
            shown.to_uppercase(),
            format!("SHA256:{bare}"),
            format!("sha256 Fingerprint={}", shown.to_uppercase()),
            format!(" {shown}\n"),
        ] {
            assert_eq!(form.parse::<Fingerprint>().unwrap().to_string(), shown, "{form}");
        }
        for wrong in ["", "aa:bb", &bare[1..], &format!("{bare}aa"), &format!("{}zz", &bare[2..]), "häßlich"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
