//! One client boots one machine once from an image, and takes the image out again: what it was refused, what the machine
//! booted, and what each step cost.

use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Boot, Device, Fleet, Personality};
use drp_virtual_media_sim::files::FileServer;
use drp_virtual_media_sim::template::{self, Family};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use tokio::time::timeout;

use crate::client::{Client, system};

const IMAGE: &str = "boot.iso";
/// What the project says of each client, in a column of its first table.
const PAGE: &str = include_str!("../../docs/bmcs.md");
const CLIENT_COLUMN: usize = 5;
/// Clients at work at once: each is a Python.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_mins(2);

/// The steps in their order, each with the one without which it is not tried.
const STEPS: &[(&str, Option<&str>)] = &[
    ("find", None),
    ("cold_power", None),
    ("power", Some("cold_power")),
    ("cold_media", Some("cold_power")),
    ("media", Some("cold_media")),
    ("insert", Some("media")),
    ("see_inserted", Some("insert")),
    ("boot_once", Some("see_inserted")),
    ("see_boot_once", Some("boot_once")),
    ("reset", Some("see_inserted")),
    ("eject", Some("see_inserted")),
    ("see_ejected", Some("eject")),
];

/// What is expected of a client on one personality.
pub(crate) struct Row {
    pub(crate) personality: Personality,
    /// Steps that fail, with the client's own words; what needs them is not tried.
    pub(crate) fails: &'static [(&'static str, &'static str)],
    /// What the machine boots after the reset; `None`: it is not reset.
    pub(crate) boots: Option<Device>,
}

impl Row {
    /// Every step succeeds, and the machine boots the image.
    pub(crate) const fn works(personality: Personality) -> Row {
        Row { personality, fails: &[], boots: Some(Device::VirtualCd) }
    }
}

/// What came of a client on one personality.
pub(crate) struct Course {
    pub(crate) personality: Personality,
    fails: Vec<(&'static str, String)>,
    pub(crate) boots: Option<Device>,
    costs: Vec<(&'static str, Cost)>,
}

/// What was asked of a BMC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) requests: usize,
    pub(crate) connections: usize,
}

impl Course {
    /// What these steps cost together; `None`: not all of them were taken and succeeded.
    pub(crate) fn cost(&self, steps: &[&str]) -> Option<Cost> {
        let costs = steps.iter().map(|step| self.costs.iter().find(|(taken, _)| taken == step));
        costs.into_iter().try_fold(Cost::default(), |sum, cost| {
            let (_, cost) = cost?;
            Some(Cost { requests: sum.requests + cost.requests, connections: sum.connections + cost.connections })
        })
    }
}

/// Boots a machine of every personality by a script.
pub(crate) async fn run(script: &str) -> Vec<Course> {
    let webroot = tempfile::tempdir().unwrap();
    template::write(&webroot.path().join(IMAGE), Family::Grub).unwrap();
    let files = FileServer::start(webroot.path()).await.unwrap();
    let fleet = Fleet::start().await.unwrap();
    let courses = stream::iter(Personality::ALL.iter().map(|personality| async {
        let bmc = fleet.add(*personality).await.unwrap();
        let image = files.url_by(bmc.image_scheme()).join(IMAGE).unwrap();
        take(script, *personality, &bmc, image.as_str()).await
    }));
    let courses = courses.buffered(AT_ONCE).collect().await;
    fleet.shutdown().await;
    courses
}

async fn take(script: &str, personality: Personality, bmc: &Bmc, image: &str) -> Course {
    bmc.set_power(true);
    if personality.profile().media.off_at_first {
        // As on the BMC's own page: no client here knows the vendor's action for it.
        bmc.set_media_enabled(true);
    }
    let mut client = Client::start(script, personality, bmc, image);
    let mut course = Course { personality, fails: Vec::new(), boots: None, costs: Vec::new() };
    for (step, needs) in STEPS {
        if needs.is_some_and(|needed| course.cost(&[needed]).is_none()) {
            continue;
        }
        bmc.clear_requests();
        let connections = bmc.connections();
        let answer = client.step(step).await;
        assert_eq!(bmc.state().sessions, 0, "{personality}: {script} leaves a session behind");
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                course.fails.push((step, error));
                continue;
            }
        };
        let requests = bmc.requests_without_repeats().len();
        let cost = Cost { requests, connections: bmc.connections() - connections };
        course.costs.push((step, cost));

        let state = bmc.state();
        match *step {
            "find" => assert_eq!(answer, json!(system(personality)), "{personality}"),
            "cold_power" | "power" => assert_eq!(answer, json!("On"), "{personality}"),
            "cold_media" | "media" => assert_eq!(answer, json!(false), "{personality}"),
            "see_inserted" => {
                let inserted = |wanted: &str| state.slots.iter().any(|slot| slot.image.as_deref() == Some(wanted));
                assert!(inserted(image), "{personality}: {script} sees an image that is not there: {:?}", state.slots);
            }
            "see_boot_once" => assert!(state.boot_once.is_some(), "{personality}: {script} sees what is not set"),
            "reset" => {
                let booted = bmc.until(|bmc| !bmc.state().boots.is_empty());
                timeout(PATIENCE, booted).await.unwrap_or_else(|_| panic!("{personality}: it does not boot"));
                let Boot { device, image: booted } = bmc.state().boots.remove(0);
                assert_eq!(booted.as_deref(), (device == Device::VirtualCd).then_some(image), "{personality}");
                course.boots = Some(device);
            }
            "see_ejected" => assert!(state.slots.iter().all(|slot| slot.image.is_none()), "{personality}"),
            _ => {}
        }
    }
    course
}

/// Compares what came of a client with its table, whole.
pub(crate) fn compare(courses: &[Course], rows: &[Row]) {
    let mut differences = Vec::new();
    for course in courses {
        let works = Row::works(course.personality);
        let row = rows.iter().find(|row| row.personality == course.personality).unwrap_or(&works);
        let failed: Vec<_> = course.fails.iter().map(|(step, words)| (*step, words.as_str())).collect();
        if (failed.as_slice(), course.boots) != (row.fails, row.boots) {
            differences.push(format!(
                "{}: boots {:?} (in the table {:?}); fails:\n  {failed:#?}\n  (in the table: {:#?})",
                course.personality, course.boots, row.boots, row.fails
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A table has each personality once.
pub(crate) fn check_table(client: &str, rows: &[Row]) {
    for personality in Personality::ALL {
        let count = rows.iter().filter(|row| row.personality == *personality).count();
        assert_eq!(
            count, 1,
            "{personality:?} has {count} rows in tests/clients/{client}.rs: begin with Row::works, and the ignored test there \
             says how {client} fares"
        );
        let boots = rows.iter().any(|row| row.personality == *personality && row.boots == Some(Device::VirtualCd));
        let line = PAGE.lines().find(|line| line.starts_with(&format!("| {personality} |"))).unwrap_or_default();
        let column = line.split('|').nth(CLIENT_COLUMN).unwrap_or_default();
        assert_eq!(column.contains(client), boots, "{personality}: see CLIENTS in tests/flows/table/bmcs.rs");
    }
}
