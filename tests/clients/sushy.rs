//! OpenStack's sushy: what it does with each personality.

use drp_virtual_media_sim::bmc::{Device, Personality};

use crate::course::{self, Row};
use crate::requests;

/// Cisco shows the links of the root to who is logged in (`check_redfish#148`), and sushy reads it before; told the path of
/// the system, as ironic tells it, it does not need them.
const BARE_ROOT: &[(&str, &str)] =
    &[("find", "MissingAttributeError: The attribute Systems/@odata.id is missing from the resource /redfish/v1/")];

const ROWS: &[Row] = &[
    Row::works(Personality::Generic),
    // Until 4.40.10 "Cd" is the drive in the chassis (redfish-vendors 1.2), and sushy has no other way.
    Row { personality: Personality::Idrac8, fails: &[], boots: Some(Device::PhysicalCd) },
    Row { personality: Personality::Idrac9Early, fails: &[], boots: Some(Device::PhysicalCd) },
    Row::works(Personality::Idrac9),
    // The first member listed is slot 2, which never boots; ironic has a rule of its own for that, sushy none.
    Row { personality: Personality::Idrac10, fails: &[], boots: Some(Device::Disk) },
    Row {
        personality: Personality::Ilo4,
        // There is no InsertMedia action; sushy's PATCH has properties that an iLO 4 does not know (community.general#4595).
        fails: &[(
            "insert",
            "BadRequestError: HTTP PATCH /redfish/v1/Managers/1/VirtualMedia/2 returned code 400. iLO.0.10.ExtendedInfo: \
             See @Message.ExtendedInfo. Extended information: [{'MessageArgs': ['Inserted'], 'MessageId': \
             'Base.0.10.PropertyUnknown'}]",
        )],
        boots: None,
    },
    Row::works(Personality::Ilo5),
    Row::works(Personality::Ilo6),
    Row::works(Personality::MegaRac),
    Row::works(Personality::OpenBmc),
    Row::works(Personality::Xcc),
    Row::works(Personality::Xcc2),
    Row::works(Personality::Xcc3),
    // Its slot is listed while it holds an image (recorded); what fills it is a configuration of Supermicro's own.
    Row {
        personality: Personality::SupermicroX10,
        fails: &[("cold_media", "LookupError: there is no virtual CD")],
        boots: None,
    },
    Row::works(Personality::SupermicroX12),
    Row::works(Personality::SupermicroX13),
    Row {
        personality: Personality::Ibmc,
        // It has an action of Huawei's own (VmmControl), and takes no PATCH.
        fails: &[(
            "insert",
            "MissingActionError: The action #VirtualMedia.InsertMedia is missing from the resource \
             /redfish/v1/Managers/1/VirtualMedia/CD",
        )],
        boots: None,
    },
    Row::works(Personality::Xfusion),
    Row { personality: Personality::Cimc, fails: BARE_ROOT, boots: Some(Device::VirtualCd) },
    Row { personality: Personality::Ucsx, fails: BARE_ROOT, boots: Some(Device::VirtualCd) },
    Row {
        personality: Personality::Hdm,
        // As Huawei's.
        fails: &[(
            "insert",
            "MissingActionError: The action #VirtualMedia.InsertMedia is missing from the resource \
             /redfish/v1/Managers/1/VirtualMedia/CD",
        )],
        boots: None,
    },
    Row::works(Personality::Ilo7),
    Row {
        personality: Personality::InspurM6,
        // It takes NFS alone, with its TransferProtocolType; sushy adds that for HTTP and HTTPS, and gives up without a word.
        fails: &[("see_inserted", "AssertionError: False is shown, not True")],
        boots: None,
    },
    Row::works(Personality::Irmc),
    Row::works(Personality::Gb200),
    Row::works(Personality::DgxH100),
    Row {
        personality: Personality::LenovoTsm,
        // As of the Inspur: images on shares alone.
        fails: &[("see_inserted", "AssertionError: False is shown, not True")],
        boots: None,
    },
    Row {
        personality: Personality::IrmcS4,
        // No collection lists its slot.
        fails: &[("cold_media", "LookupError: there is no virtual CD")],
        boots: None,
    },
];

#[test]
fn every_personality_has_a_row_for_sushy() {
    course::check_table("sushy", ROWS);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs sushy: see tests/clients/install"]
async fn sushy_boots_machines_from_an_image_as_far_as_the_table_says() {
    let courses = course::run("with_sushy.py").await;
    course::compare(&courses, ROWS);
    requests::compare(&courses);
}
