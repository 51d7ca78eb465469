//! What a BMC answers, in terms that every driver shares.

use super::redfish::Vendor;
use super::target::Fingerprint;

/// What a BMC turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identity {
    /// Whose differences are applied; `None` where the BMC was not asked who it is.
    pub vendor: Option<Vendor>,
    /// The maker as the BMC names it.
    pub maker: String,
    /// The product as the service root names it; on HPE that is the server.
    pub product: String,
    /// What the vendor calls this generation, such as `iDRAC 10`, where the model does not say it.
    pub generation: Option<&'static str>,
    /// The BMC's own model, such as `iLO 5` or `15G Monolithic`.
    pub model: String,
    /// Its firmware version as it names it.
    pub firmware: String,
    /// The id of the manager.
    pub manager: String,
    /// SHA-256 of the certificate it showed.
    pub fingerprint: Option<Fingerprint>,
    /// Whether that differs from the recorded one.
    pub fingerprint_changed: bool,
    /// The slot that holds our image, once one was chosen.
    pub slot: Option<String>,
}

impl Identity {
    /// Of a BMC that was not asked: drivers that run programs do not spend a call on it.
    pub(super) fn unread(vendor: Option<Vendor>) -> Self {
        Self {
            vendor,
            maker: String::new(),
            product: String::new(),
            generation: None,
            model: String::new(),
            firmware: String::new(),
            manager: String::new(),
            fingerprint: None,
            fingerprint_changed: false,
            slot: None,
        }
    }
}

/// What the BMC shows as its virtual CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Media {
    /// The URL, without a password in it, or file name of the image; empty when nothing is inserted or the BMC does not say.
    pub image: String,
    /// Whether something is inserted.
    pub inserted: bool,
}

/// An image that the BMC shows as inserted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mounted {
    /// The slot's id.
    pub slot: String,
    /// The image as it was asked for.
    pub image: String,
}

/// Whether the machine is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum PowerState {
    /// On, or on its way there.
    On,
    /// Off, or on its way there.
    Off,
}

impl PowerState {
    /// The state as Redfish and our answers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::Off => "Off",
        }
    }
}

/// What was done to the machine's power.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Powered {
    /// The state afterwards.
    #[serde(rename = "PowerState")]
    pub state: PowerState,
    /// The reset type or types used, in order; none when the machine was there already.
    pub reset_type: Option<String>,
}
