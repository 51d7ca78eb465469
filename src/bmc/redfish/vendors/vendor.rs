//! The vendors whose differences are known: a row each.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::Quirks;

/// What there is of a vendor, beside its name in code.
struct Row {
    name: &'static str,
    /// How a BMC's own words for itself begin, in lower case; a space ends a word that may stand alone.
    words: &'static [&'static str],
    quirks: &'static dyn Quirks,
}

macro_rules! vendors {
    ($($(#[$doc:meta])* $vendor:ident: $name:literal, [$($word:literal),*], $quirks:expr;)*) => {
        /// The vendors whose differences are known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Vendor {
            $($(#[$doc])* $vendor,)*
        }

        impl Vendor {
            /// Every vendor, as `ipmi/mode` may name it after `redfish-`.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$vendor),*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$vendor => Row { name: $name, words: &[$($word),*], quirks: &$quirks },)*
                }
            }
        }
    };
}

vendors! {
    /// Whatever follows the rules of Redfish.
    Generic: "generic", [], super::generic::Generic;
    /// Dell iDRAC 8, 9, 10.
    Dell: "dell", ["dell", "integrated dell"], super::dell::Dell;
    /// HPE iLO 4, 5, 6, 7.
    Hpe: "hpe", ["hp ", "hpe ", "hewlett", "ilo"], super::hpe::Hpe;
    /// Lenovo XCC, XCC2, XCC3.
    Lenovo: "lenovo", ["lenovo"], super::lenovo::Lenovo;
    /// Supermicro X10 to X13.
    Supermicro: "supermicro", ["supermicro", "super micro"], super::supermicro::Supermicro;
    /// Cisco CIMC, of rack servers and UCS X.
    Cisco: "cisco", ["cisco", "cimc"], super::cisco::Cisco;
    /// AMI `MegaRAC`: Gigabyte, `ASRock` Rack, Quanta, NVIDIA DGX, Lenovo TSM and others.
    Ami: "ami", ["ami ", "american megatrends", "gigabyte", "asrock", "quanta"], super::ami::Ami;
    /// `OpenBMC` with bmcweb, NVIDIA's GB200 and GH200 among them.
    OpenBmc: "openbmc", ["openbmc", "nvidia"], super::openbmc::OpenBmc;
    /// Fujitsu iRMC S4, S5 and S6.
    Fujitsu: "fujitsu", ["fujitsu", "ts_fujitsu", "fsas", "irmc"], super::fujitsu::Fujitsu;
    /// Huawei's and xFusion's iBMC.
    Huawei: "huawei", ["huawei", "xfusion", "ibmc"], super::huawei::Huawei;
    /// H3C HDM. The key of its OEM sections, Public, is too common a word to say anything.
    H3c: "h3c", ["h3c", "new h3c", "hdm"], super::h3c::H3c;
}

impl Vendor {
    /// The vendor's name in `ipmi/mode` and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The vendor that a BMC's own word for itself stands for: a vendor's or product's name, an OEM section's key.
    pub(crate) fn recognised_in(word: &str) -> Option<Self> {
        let word = format!("{} ", word.to_ascii_lowercase());
        Self::ALL.into_iter().find(|vendor| vendor.row().words.iter().any(|known| word.starts_with(known)))
    }

    pub(crate) const fn quirks(self) -> &'static dyn Quirks {
        self.row().quirks
    }
}

impl serde::Serialize for Vendor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Display for Vendor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A vendor's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no vendor {0:?} is known; known are {known}", known = Vendor::ALL.map(Vendor::name).join(", "))]
pub struct UnknownVendor(String);

impl FromStr for Vendor {
    type Err = UnknownVendor;

    fn from_str(name: &str) -> Result<Self, UnknownVendor> {
        let found = Self::ALL.into_iter().find(|vendor| vendor.name().eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| UnknownVendor(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Vendor;

    #[test]
    fn a_word_that_a_bmc_has_for_itself_leads_to_its_vendor() {
        for (word, vendor) in [
            ("Huawei", Some(Vendor::Huawei)),
            ("xFusion", Some(Vendor::Huawei)),
            ("iBMC", Some(Vendor::Huawei)),
            ("H3C", Some(Vendor::H3c)),
            ("New H3C Technologies Co., Ltd.", Some(Vendor::H3c)),
            ("HDM", Some(Vendor::H3c)),
            ("ts_fujitsu", Some(Vendor::Fujitsu)),
            ("FUJITSU", Some(Vendor::Fujitsu)),
            ("Fsas", Some(Vendor::Fujitsu)),
            ("iRMC S6", Some(Vendor::Fujitsu)),
            ("iLO 7", Some(Vendor::Hpe)),
            ("HPE", Some(Vendor::Hpe)),
            ("AMI", Some(Vendor::Ami)),
            ("Amigo", None),
            ("Public", None),
            ("Inspur", None),
        ] {
            assert_eq!(Vendor::recognised_in(word), vendor, "{word}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_unknown_ones_list_the_known() {
        for vendor in Vendor::ALL {
            assert_eq!(vendor.name().parse(), Ok(vendor));
        }
        let error = "acme".parse::<Vendor>().map_err(|e| e.to_string());
        let known = Vendor::ALL.map(Vendor::name).join(", ");
        assert_eq!(error, Err(format!("no vendor \"acme\" is known; known are {known}")));
    }
}
