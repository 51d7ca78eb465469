//! What sushy asks of each personality, as the table `requests.md`: the measure for our own requests.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use drp_virtual_media_sim::bmc::Device;

use crate::course::{Cost, Course};

/// The columns, each with the steps that it counts.
const COLUMNS: &[(&str, &[&str])] = &[
    ("power, cold", &["cold_power"]),
    ("power, warm", &["power"]),
    ("media, cold", &["cold_media"]),
    ("media, warm", &["media"]),
    ("mount, warm", MOUNT),
    ("unmount, warm", UNMOUNT),
    ("insert + look", &["insert", "see_inserted"]),
    ("boot once + look", BOOT_ONCE),
    ("eject + look", &["eject", "see_ejected"]),
];

const BOOT_ONCE: &[&str] = &["boot_once", "see_boot_once"];
const MOUNT: &[&str] = &["media", "insert", "see_inserted", "boot_once", "see_boot_once"];
/// The boot is taken back, if it is still to come, for what it cost to set.
const UNMOUNT: &[&str] = &["media", "eject", "see_ejected", "power", "boot_once", "see_boot_once"];

const HEAD: &str = "\
# What sushy asks of a BMC

Requests / TLS connections of sushy 5.14.0 with Basic credentials against the simulated BMCs. The path of the system is
known; cold: nothing else is; warm: system and drives were read before; look: the effect is read until it shows, which
counts once. Mount: look at the drives, insert, look, boot once, look; unmount: look at the drives, eject, look, look whether
the boot is still to come, take it back, look, for what setting it costs.
A dash: sushy cannot do it there, in the words that `sushy.rs` has. A star: it is told that all is well, and the machine
boots something else than the image. The test in `sushy.rs` measures this anew and compares.

";

const TABLE: &str = "tests/clients/requests.md";

/// Compares the table with what was measured.
pub(crate) fn compare(courses: &[Course]) {
    let measured = table(courses);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("WRITE_TABLES").is_some() {
        fs::write(path, measured).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == measured, "{TABLE} is not what is measured; WRITE_TABLES=1 writes it anew:\n{measured}");
}

fn table(courses: &[Course]) -> String {
    let mut text = HEAD.to_owned();
    let titles: Vec<&str> = COLUMNS.iter().map(|(title, _)| *title).collect();
    writeln!(text, "| BMC | {} |", titles.join(" | ")).unwrap();
    writeln!(text, "|---|{}", "---:|".repeat(COLUMNS.len())).unwrap();
    for course in courses {
        let cells: Vec<String> = COLUMNS.iter().map(|(_, steps)| cell(course, steps)).collect();
        writeln!(text, "| {} | {} |", course.personality, cells.join(" | ")).unwrap();
    }
    text
}

fn cell(course: &Course, steps: &[&str]) -> String {
    let Some(Cost { requests, connections }) = course.cost(steps) else { return "–".to_owned() };
    let in_vain = [BOOT_ONCE, MOUNT, UNMOUNT].contains(&steps) && course.boots != Some(Device::VirtualCd);
    format!("{requests} / {connections}{}", if in_vain { "*" } else { "" })
}
