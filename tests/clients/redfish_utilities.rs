//! DMTF's `redfish_utilities`: what it does with each personality.

use drp_virtual_media_sim::bmc::{Device, Personality};

use crate::course::{self, Row};

/// Said by the tool where it finds no drive for CDs without an image. An iLO shows `""` as the image of an empty one (recorded
/// trees), and all but `null` is an image to it.
const FULL: (&str, &str) = (
    "insert",
    "RedfishNoAcceptableVirtualMediaError: No acceptable virtual media: No available slots of types CD, DVD",
);

/// A session is opened with Huawei's own `Domain` alone (redfish-vendors 1.11), and the tools log in by session.
const NO_LOGIN: &[(&str, &str)] = &[
    ("find", "InvalidCredentialsError: HTTP 401 Unauthorized returned: Invalid credentials supplied"),
    ("cold_power", "InvalidCredentialsError: HTTP 401 Unauthorized returned: Invalid credentials supplied"),
];

/// An insert that is refused: the tool tries one slot, with what it is told.
macro_rules! refused {
    ($message:literal) => {
        &[("insert", concat!("RedfishOperationFailedError: Operation failed: HTTP 400\n\n", $message, "\n"))]
    };
}

const ROWS: &[Row] = &[
    Row::works(Personality::Generic),
    // "Cd" is the drive in the chassis until 4.40.10 (redfish-vendors 1.2).
    Row { personality: Personality::Idrac8, fails: &[], boots: Some(Device::PhysicalCd) },
    Row { personality: Personality::Idrac9Early, fails: &[], boots: Some(Device::PhysicalCd) },
    Row::works(Personality::Idrac9),
    // The first member listed is slot 2, which never boots.
    Row { personality: Personality::Idrac10, fails: &[], boots: Some(Device::Disk) },
    Row { personality: Personality::Ilo4, fails: &[FULL], boots: None },
    Row { personality: Personality::Ilo5, fails: &[FULL], boots: None },
    Row { personality: Personality::Ilo6, fails: &[FULL], boots: None },
    // An empty slot's Image is "" here as well (a recorded stand-in of a Gigabyte's answers).
    Row { personality: Personality::MegaRac, fails: &[FULL], boots: None },
    // An empty slot has no Image at all (bmcweb, virtual_media.hpp).
    Row { personality: Personality::OpenBmc, fails: &[("insert", "KeyError: 'Image'")], boots: None },
    // RDOC1 is listed first, and takes no URL (python-redfish-lenovo#21).
    Row {
        personality: Personality::Xcc,
        fails: refused!("Base.1.8.PropertyNotWritable: The property cannot be written."),
        boots: None,
    },
    Row {
        personality: Personality::Xcc2,
        fails: refused!("Base.1.12.PropertyNotWritable: The property cannot be written."),
        boots: None,
    },
    Row {
        personality: Personality::Xcc3,
        fails: refused!("Base.1.18.PropertyNotWritable: The property cannot be written."),
        boots: None,
    },
    // Its slot is listed while it holds an image (recorded); what fills it is a configuration of Supermicro's own.
    Row { personality: Personality::SupermicroX10, fails: &[FULL], boots: None },
    // "Cd" is the drive in the chassis, the virtual one is "UsbCd" (sushy); the tool is told one name for all.
    Row { personality: Personality::SupermicroX12, fails: &[], boots: Some(Device::PhysicalCd) },
    Row { personality: Personality::SupermicroX13, fails: &[], boots: Some(Device::PhysicalCd) },
    Row { personality: Personality::Ibmc, fails: NO_LOGIN, boots: None },
    Row { personality: Personality::Xfusion, fails: NO_LOGIN, boots: None },
    // It is told no TransferProtocolType, and adds none.
    Row {
        personality: Personality::Cimc,
        fails: refused!("Base.1.10.ActionParameterMissing: The action requires the parameter TransferProtocolType."),
        boots: None,
    },
    // The first slot is a console's (ironic, LP 2031595).
    Row {
        personality: Personality::Ucsx,
        fails: refused!("Base.1.14.OperationNotAllowed: This resource does not take that method."),
        boots: None,
    },
    // It has an action of its own (VmmControl), and takes no PATCH.
    Row {
        personality: Personality::Hdm,
        fails: refused!("Base.1.0.PropertyNotWritable: The property cannot be written."),
        boots: None,
    },
    Row { personality: Personality::Ilo7, fails: &[FULL], boots: None },
    // They are told no TransferProtocolType either.
    Row {
        personality: Personality::InspurM6,
        fails: refused!("Base.1.15.ActionParameterMissing: The action requires the parameter TransferProtocolType."),
        boots: None,
    },
    Row {
        personality: Personality::Irmc,
        fails: refused!("Base.1.18.ActionParameterMissing: The action requires the parameter TransferProtocolType."),
        boots: None,
    },
    // As OpenBMC's.
    Row { personality: Personality::Gb200, fails: &[("insert", "KeyError: 'Image'")], boots: None },
    Row { personality: Personality::DgxH100, fails: &[FULL], boots: None },
    Row { personality: Personality::LenovoTsm, fails: &[FULL], boots: None },
    // No collection lists its slot.
    Row { personality: Personality::IrmcS4, fails: &[FULL], boots: None },
];

#[test]
fn every_personality_has_a_row_for_redfish_utilities() {
    course::check_table("redfish_utilities", ROWS);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redfish_utilities: see tests/clients/install"]
async fn redfish_utilities_boots_machines_from_an_image_as_far_as_the_table_says() {
    let courses = course::run("with_redfish_utilities.py").await;
    course::compare(&courses, ROWS);
}
