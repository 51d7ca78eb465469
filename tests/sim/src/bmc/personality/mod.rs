//! The BMCs there are to simulate: a page each, of what differs from [`Profile::generic`] and where that is known from.
//!
//! A new one is a file here that fills a [`Profile`] (start from the nearest, name the source of each difference, say
//! where none is known), its row here, and a row in `tests/personalities.rs`. What is a value belongs in
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
mod irmc_s4;
mod lenovo;
mod lenovo_tsm;
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

use Evidence::{Documents, Recorded};

use super::profile::Profile;

/// What a personality is made from, and out of which sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Documents, code and threads of others; what it shows is written after them.
    Documents(&'static str),
    /// Answers that were recorded of such a BMC; what it does between two of them is after documents.
    Recorded(&'static str),
}

macro_rules! personalities {
    ($($(#[$about:meta])* $list:ident {
        $($(#[$doc:meta])* $personality:ident: $profile:path, $name:literal, $evidence:expr;)*
    })*) => {
        /// A BMC family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Personality {
            $($($(#[$doc])* $personality,)*)*
        }

        impl Personality {
            $($(#[$about])* pub const $list: &[Personality] = &[$(Personality::$personality),*];)*

            /// What such a BMC believes of itself.
            #[must_use]
            pub fn profile(self) -> Profile {
                match self {
                    $($(Personality::$personality => $profile(),)*)*
                }
            }

            /// What it is made from.
            #[must_use]
            pub const fn evidence(self) -> Evidence {
                match self {
                    $($(Personality::$personality => $evidence,)*)*
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $($(Personality::$personality => $name,)*)*
                }
            }
        }
    };
}

personalities! {
    /// Every one that mounts images.
    ALL {
        /// No vendor: the DMTF schemas and nothing else.
        Generic: Profile::generic, "generic", Documents("DMTF's schemas and DSP0266");
        /// Dell iDRAC 8, firmware 2.86.
        Idrac8: idrac8::profile, "iDRAC 8", Documents("Dell's scripts and their threads, ironic");
        /// Dell iDRAC 9 before 6.00, and before the virtual CD was a boot target.
        Idrac9Early: idrac9_early::profile, "iDRAC 9 before 6.00", Documents("Dell's scripts and their threads, ironic");
        /// Dell iDRAC 9 from 6.00 on.
        Idrac9: idrac9::profile, "iDRAC 9", Recorded("trees of a 15G with 6.00.30.00 and 7.10.30.00 (libredfish)");
        /// Dell iDRAC 10.
        Idrac10: idrac10::profile, "iDRAC 10", Documents("Dell's scripts and their threads, ironic; a 17G's manager (bmclib)");
        /// HPE iLO 4.
        Ilo4: ilo4::profile, "iLO 4", Documents("ilorest, community.general's threads");
        /// HPE iLO 5.
        Ilo5: ilo5::profile, "iLO 5", Recorded("a tree of a DL385 Gen10 Plus v2 (libredfish)");
        /// HPE iLO 6.
        Ilo6: ilo6::profile, "iLO 6", Documents("HPE's redfishdocs, after iLO 5");
        /// HPE iLO 7.
        Ilo7: ilo7::profile, "iLO 7", Documents("HPE's redfishdocs, after iLO 6");
        /// Lenovo XCC from 2.50 on.
        Xcc: xcc::profile, "XCC", Recorded("a tree of an SR670 V2");
        /// Lenovo XCC2.
        Xcc2: xcc2::profile, "XCC2", Recorded("a tree of an SR655 V3 (another project's fixtures)");
        /// Lenovo XCC3.
        Xcc3: xcc3::profile, "XCC3", Documents("Lenovo's guides and scripts, community.general's threads");
        /// Lenovo TSM, an AMI `MegaRAC`.
        LenovoTsm: lenovo_tsm::profile, "Lenovo TSM", Documents("Lenovo's scripts and its manual of the TSM, other MegaRACs");
        /// Supermicro X10, and X11 with early firmware.
        SupermicroX10: supermicro_x10::profile, "Supermicro X10", Recorded("answers in the fixtures of redfish_ctl and badfish, two field reports");
        /// Supermicro X12, and X11 with late firmware.
        SupermicroX12: supermicro_x12::profile, "Supermicro X12", Recorded("a tree with Redfish 1.9.0 (bmclib)");
        /// Supermicro X13.
        SupermicroX13: supermicro_x13::profile, "Supermicro X13", Recorded("trees of a SYS-821GE-TNHR (libredfish) and with Redfish 1.14.0 (bmclib)");
        /// Cisco CIMC of a C240 M6.
        Cimc: cimc::profile, "Cisco CIMC", Recorded("trees of a C220 M5 and a C240 M6, transcripts of insert and eject (iserver)");
        /// Cisco CIMC of a UCS X blade.
        Ucsx: ucsx::profile, "Cisco UCS X", Recorded("a tree of a UCSX-210C (iserver)");
        /// AMI `MegaRAC` 13 on a Gigabyte board.
        MegaRac: megarac::profile, "AMI MegaRAC", Recorded("a field record of 13.06.10 on a Gigabyte board, a tree of a DGX H100 (libredfish)");
        /// NVIDIA DGX H100, an AMI `MegaRAC`.
        DgxH100: dgx_h100::profile, "NVIDIA DGX H100", Recorded("a tree of a DGX H100 (libredfish)");
        /// `OpenBMC` with bmcweb.
        OpenBmc: openbmc::profile, "OpenBMC", Documents("bmcweb's source");
        /// NVIDIA GB200, an `OpenBMC`.
        Gb200: gb200::profile, "NVIDIA GB200", Recorded("trees of a GB200 and a GH200 (libredfish); bmcweb's source");
        /// Fujitsu iRMC S4.
        IrmcS4: irmc_s4::profile, "Fujitsu iRMC S4", Documents("scripts and reports of a TX1320 M3 with 9.08F and 9.69F (pvese), Fsas's Ansible collections");
        /// Fujitsu iRMC S6.
        Irmc: irmc::profile, "Fujitsu iRMC", Documents("Fsas's Terraform provider and Ansible collections");
        /// Huawei iBMC.
        Ibmc: ibmc::profile, "Huawei iBMC", Documents("a field record of a 2288H V5 with 6.41 (mammoth's vendor notes)");
        /// xFusion iBMC.
        Xfusion: xfusion::profile, "xFusion iBMC", Recorded("captures of a 2288H V7 with 3.08.05.85 (bootwright's notes)");
        /// H3C HDM.
        Hdm: hdm::profile, "H3C HDM", Documents("H3C's manual V3.35, a field page on the action's payload");
        /// Inspur M6.
        InspurM6: inspur_m6::profile, "Inspur M6", Documents("a field table of payloads");
    }
    /// Every one that does all but mount images.
    WITHOUT_MEDIA {
        /// Lenovo XCC before 2.50, whose virtual media Redfish does not reach.
        XccEarly: xcc_early::profile, "XCC before 2.50", Documents("python-redfish-lenovo's threads");
    }
}

impl Personality {
    /// Whether a boot device can be set for more than one boot.
    #[must_use]
    pub fn boots_always(self) -> bool {
        self.profile().boot.enabled.contains(&"Continuous")
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
