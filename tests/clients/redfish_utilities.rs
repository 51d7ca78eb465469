//! DMTF's `redfish_utilities`: what it does with each personality.

use drp_virtual_media_sim::bmc::{Device, Personality};

use crate::course::{self, Row};

/// An iLO shows `""` as the image of an empty drive (recorded trees); the tool takes all but `null` for an image.
const FULL: (&str, &str) = (
    "insert",
    "RedfishNoAcceptableVirtualMediaError: No acceptable virtual media: No available slots of types CD, DVD",
);

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
