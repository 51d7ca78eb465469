//! iLO 6, firmware 1.59 (Gen11): iLO 5 with a slash at the end of every link and target.

use super::super::light::{LightProperty, LightRules};
use super::super::profile::{Http, Identity, Profile};
use super::hpe;
use super::ilo5::ILO5;

pub(super) fn profile() -> Profile {
    let hpe = hpe::profile(&ILO5, "Base.1.18", "iLO.2.23");
    Profile {
        identity: Identity {
            product: Some("ProLiant DL360 Gen11"),
            redfish_version: "1.20.0",
            model: "ProLiant DL360 Gen11",
            manager_model: "iLO 6",
            firmware: "iLO 6 v1.59",
            ..hpe.identity
        },
        light: LightRules {
            // Believed: the newer property beside the older, as of Redfish 1.20.
            system: &[LightProperty::Led, LightProperty::Location],
            ..hpe.light
        },
        // Seen on links and on targets from iLO 5 3.06 on (a field log); sushy knows it of iLO.
        http: Http { trailing_slash: true, ..hpe.http },
        ..hpe
    }
}
