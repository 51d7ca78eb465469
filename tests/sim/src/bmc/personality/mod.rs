//! The BMCs there are to simulate: a page each, of what differs from [`Profile::generic`] and where that is known from.
//!
//! A new one is a file here that fills a [`Profile`] (start from the nearest, name the source of each difference, say
//! where none is known), a variant of [`Personality`], and a row in `tests/personalities.rs`. What is a value belongs in
//! the profile; what is a way of its own (another action, another place for the boot device) is a hook of `oem`. Where
//! nothing is known, refuse: a test must not pass on what only the simulator takes.

mod ami;
mod cimc;
mod cisco;
mod dell;
mod dgx_h100;
mod gb200;
mod generic;
mod hdm;
mod hpe;
mod ibmc;
mod idrac10;
mod idrac8;
mod idrac9;
mod idrac9_early;
mod ilo4;
mod ilo5;
mod ilo6;
mod ilo7;
mod inspur_m6;
mod irmc;
mod lenovo;
mod megarac;
mod openbmc;
mod supermicro;
mod supermicro_x10;
mod supermicro_x12;
mod supermicro_x13;
mod ucsx;
mod vmm_control;
mod xcc;
mod xcc2;
mod xcc3;
mod xcc_early;
mod xfusion;

use std::fmt;

use super::profile::Profile;

/// A BMC family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Personality {
    /// No vendor: the DMTF schemas and nothing else.
    Generic,
    /// Dell iDRAC 8, firmware 2.86.
    Idrac8,
    /// Dell iDRAC 9 before 6.00, and before the virtual CD was a boot target.
    Idrac9Early,
    /// Dell iDRAC 9 from 6.00 on.
    Idrac9,
    /// Dell iDRAC 10.
    Idrac10,
    /// HPE iLO 4.
    Ilo4,
    /// HPE iLO 5.
    Ilo5,
    /// HPE iLO 6.
    Ilo6,
    /// AMI `MegaRAC` 13 on a Gigabyte board.
    MegaRac,
    /// `OpenBMC` with bmcweb.
    OpenBmc,
    /// Lenovo XCC from 2.50 on.
    Xcc,
    /// Lenovo XCC2.
    Xcc2,
    /// Lenovo XCC3.
    Xcc3,
    /// Lenovo XCC before 2.50, whose virtual media Redfish does not reach.
    XccEarly,
    /// Supermicro X10, and X11 with early firmware.
    SupermicroX10,
    /// Supermicro X12, and X11 with late firmware.
    SupermicroX12,
    /// Supermicro X13.
    SupermicroX13,
    /// H3C HDM.
    Hdm,
    /// Huawei iBMC.
    Ibmc,
    /// HPE iLO 7.
    Ilo7,
    /// Inspur M6.
    InspurM6,
    /// Fujitsu iRMC S6.
    Irmc,
    /// xFusion iBMC.
    Xfusion,
    /// Cisco CIMC of a C240 M6.
    Cimc,
    /// Cisco CIMC of a UCS X blade.
    Ucsx,
    /// NVIDIA GB200, an `OpenBMC`.
    Gb200,
    /// NVIDIA DGX H100, an AMI `MegaRAC`.
    DgxH100,
}

impl Personality {
    /// Every one that mounts images.
    pub const ALL: &[Personality] = &[
        Personality::Generic,
        Personality::Idrac8,
        Personality::Idrac9Early,
        Personality::Idrac9,
        Personality::Idrac10,
        Personality::Ilo4,
        Personality::Ilo5,
        Personality::Ilo6,
        Personality::MegaRac,
        Personality::OpenBmc,
        Personality::Xcc,
        Personality::Xcc2,
        Personality::Xcc3,
        Personality::SupermicroX10,
        Personality::SupermicroX12,
        Personality::SupermicroX13,
        Personality::Hdm,
        Personality::Ibmc,
        Personality::Ilo7,
        Personality::InspurM6,
        Personality::Irmc,
        Personality::Xfusion,
        Personality::Cimc,
        Personality::Ucsx,
        Personality::Gb200,
        Personality::DgxH100,
    ];

    /// Every one that does all but mount images.
    pub const WITHOUT_MEDIA: &[Personality] = &[Personality::XccEarly];

    /// What such a BMC believes of itself.
    #[must_use]
    pub fn profile(self) -> Profile {
        match self {
            Personality::Generic => Profile::generic(),
            Personality::Idrac8 => idrac8::profile(),
            Personality::Idrac9Early => idrac9_early::profile(),
            Personality::Idrac9 => idrac9::profile(),
            Personality::Idrac10 => idrac10::profile(),
            Personality::Ilo4 => ilo4::profile(),
            Personality::Ilo5 => ilo5::profile(),
            Personality::Ilo6 => ilo6::profile(),
            Personality::MegaRac => megarac::profile(),
            Personality::OpenBmc => openbmc::profile(),
            Personality::Xcc => xcc::profile(),
            Personality::Xcc2 => xcc2::profile(),
            Personality::Xcc3 => xcc3::profile(),
            Personality::XccEarly => xcc_early::profile(),
            Personality::SupermicroX10 => supermicro_x10::profile(),
            Personality::SupermicroX12 => supermicro_x12::profile(),
            Personality::SupermicroX13 => supermicro_x13::profile(),
            Personality::Hdm => hdm::profile(),
            Personality::Ibmc => ibmc::profile(),
            Personality::Ilo7 => ilo7::profile(),
            Personality::InspurM6 => inspur_m6::profile(),
            Personality::Irmc => irmc::profile(),
            Personality::Xfusion => xfusion::profile(),
            Personality::Cimc => cimc::profile(),
            Personality::Ucsx => ucsx::profile(),
            Personality::Gb200 => gb200::profile(),
            Personality::DgxH100 => dgx_h100::profile(),
        }
    }

    /// Whether a boot device can be set for more than one boot.
    #[must_use]
    pub fn boots_always(self) -> bool {
        self.profile().boot.enabled.contains(&"Continuous")
    }
}

/// What a personality is made from, and out of which sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Documents, code and threads of others; what it shows is written after them.
    Documents(&'static str),
    /// Answers that were recorded of such a BMC; what it does between two of them is after documents.
    Recorded(&'static str),
}

impl Personality {
    /// What it is made from.
    #[must_use]
    pub fn evidence(self) -> Evidence {
        use Evidence::{Documents, Recorded};
        match self {
            Personality::Generic => Documents("DMTF's schemas and DSP0266"),
            Personality::Idrac8 | Personality::Idrac9Early => Documents("Dell's scripts and their threads, ironic"),
            Personality::Idrac9 => Recorded("trees of a 15G with 6.00.30.00 and 7.10.30.00 (libredfish)"),
            Personality::Idrac10 => Documents("Dell's scripts and their threads, ironic; a 17G's manager (bmclib)"),
            Personality::Ilo4 => Documents("ilorest, community.general's threads"),
            Personality::Ilo5 => Recorded("a tree of a DL385 Gen10 Plus v2 (libredfish)"),
            Personality::Ilo6 => Documents("HPE's redfishdocs, after iLO 5"),
            Personality::MegaRac => {
                Recorded("a field record of 13.06.10 on a Gigabyte board, a tree of a DGX H100 (libredfish)")
            }
            Personality::OpenBmc => Documents("bmcweb's source"),
            Personality::Xcc => Recorded("a tree of an SR670 V2"),
            Personality::Xcc2 => Recorded("a tree of an SR655 V3 (another project's fixtures)"),
            Personality::Xcc3 => Documents("Lenovo's guides and scripts, community.general's threads"),
            Personality::XccEarly => Documents("python-redfish-lenovo's threads"),
            Personality::SupermicroX12 => Recorded("a tree with Redfish 1.9.0 (bmclib)"),
            Personality::SupermicroX13 => {
                Recorded("trees of a SYS-821GE-TNHR (libredfish) and with Redfish 1.14.0 (bmclib)")
            }
            Personality::SupermicroX10 => {
                Recorded("answers in the fixtures of redfish_ctl and badfish, two field reports")
            }
            Personality::Hdm => Documents("H3C's manual V3.35, a field page on the action's payload"),
            Personality::Ilo7 => Documents("HPE's redfishdocs, after iLO 6"),
            Personality::InspurM6 => Documents("a field table of payloads"),
            Personality::Cimc => {
                Recorded("trees of a C220 M5 and a C240 M6, transcripts of insert and eject (iserver)")
            }
            Personality::Ucsx => Recorded("a tree of a UCSX-210C (iserver)"),
            Personality::Gb200 => Recorded("trees of a GB200 and a GH200 (libredfish); bmcweb's source"),
            Personality::DgxH100 => Recorded("a tree of a DGX H100 (libredfish)"),
            Personality::Ibmc => Documents("a field record of a 2288H V5 with 6.41 (mammoth's vendor notes)"),
            Personality::Xfusion => Recorded("captures of a 2288H V7 with 3.08.05.85 (bootwright's notes)"),
        }
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Personality::Generic => "generic",
            Personality::Idrac8 => "iDRAC 8",
            Personality::Idrac9Early => "iDRAC 9 before 6.00",
            Personality::Idrac9 => "iDRAC 9",
            Personality::Idrac10 => "iDRAC 10",
            Personality::Ilo4 => "iLO 4",
            Personality::Ilo5 => "iLO 5",
            Personality::Ilo6 => "iLO 6",
            Personality::MegaRac => "AMI MegaRAC",
            Personality::OpenBmc => "OpenBMC",
            Personality::Xcc => "XCC",
            Personality::Xcc2 => "XCC2",
            Personality::Xcc3 => "XCC3",
            Personality::XccEarly => "XCC before 2.50",
            Personality::SupermicroX10 => "Supermicro X10",
            Personality::SupermicroX12 => "Supermicro X12",
            Personality::SupermicroX13 => "Supermicro X13",
            Personality::Hdm => "H3C HDM",
            Personality::Ibmc => "Huawei iBMC",
            Personality::Ilo7 => "iLO 7",
            Personality::InspurM6 => "Inspur M6",
            Personality::Irmc => "Fujitsu iRMC",
            Personality::Xfusion => "xFusion iBMC",
            Personality::Cimc => "Cisco CIMC",
            Personality::Ucsx => "Cisco UCS X",
            Personality::Gb200 => "NVIDIA GB200",
            Personality::DgxH100 => "NVIDIA DGX H100",
        })
    }
}
