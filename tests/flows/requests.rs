//! How many requests an action costs, counted by the BMC, beside what the provider before and sushy ask for the same:
//! `docs/requests.md` is what this counts.

use std::fmt::Write;

use drp_virtual_media_sim::bmc::{Bmc, Personality};
use serde_json::json;

use crate::site::Site;

/// Where the tables are, from the checkout.
const TABLE: &str = "docs/requests.md";
const WRITTEN: &str = include_str!("../../docs/requests.md");
/// What sushy asks, as `tests/clients` measures it.
const SUSHY: &str = include_str!("../clients/requests.md");

/// The actions, in the order of the table's columns.
const ACTIONS: [&str; 5] =
    ["powerstatus", "statusVirtualMedia", "mountVirtualMedia", "unmountVirtualMedia", "powercycle"];

/// What the provider before asked, each time and each request on a TLS connection of its own (measured, branch v4 of `ipmi`).
const BEFORE: &str = "| *`ipmi` v4, any BMC* | *5 5* | *9 9* | *11 11* | *9 9* | *6 6* |\n";

/// A count that sushy has too: the action's column, whether it is warm, and the column of sushy's table.
const COMPARED: [(&str, usize, Warmth, usize); 6] = [
    ("powerstatus, cold", 0, Warmth::Cold, 0),
    ("powerstatus, warm", 0, Warmth::Warm, 1),
    ("statusVirtualMedia, cold", 1, Warmth::Cold, 2),
    ("statusVirtualMedia, warm", 1, Warmth::Warm, 3),
    ("mountVirtualMedia, warm", 2, Warmth::Warm, 4),
    ("unmountVirtualMedia, warm", 3, Warmth::Warm, 5),
];

/// Where ours may be more, and why: what an operator gets for it.
const MORE: &[(&[Personality], usize, &str)] = &[
    (
        &[Personality::Ucsx],
        2,
        "With several slots for CDs, the service root is asked whether the next look can be one request; here it cannot.",
    ),
    (
        &[Personality::Irmc],
        5,
        "Its own BootConfig may hold the boot as well, and it does not take back an override in the usual words.",
    ),
    (&[Personality::Xfusion], 5, "An eject that is only accepted is followed to its end; sushy looks at no task."),
];

const BESIDE: &str = "
## Beside sushy

Requests of ours / of sushy 5.14.0 for the same, on the same simulated BMCs; `tests/clients` measures sushy's, each on a TLS
connection of its own. sushy is told the path of the system, and keeps what it read of system and drives; so do ours when warm.
A mount is for both: look at the drives, insert, look, set the boot once, look; an unmount: look at the drives, eject, look,
look whether the boot is still to come, take it back, look. Ours begin both with a look whether the BMC is still the one that
is known. A dash: sushy cannot do it, or what it does boots something else (`tests/clients/sushy.rs` says how). The test fails
where ours are more without a reason below.

";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Warmth {
    Cold,
    Warm,
}

/// Cold and warm, an action each.
type Counts = [(usize, usize); 5];

#[tokio::test(flavor = "multi_thread")]
async fn no_action_costs_more_requests_than_the_table_says_and_each_takes_one_connection() {
    let site = Site::start().await;
    let mut rows: Vec<(Personality, Counts)> = Vec::new();
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let mut counts = Counts::default();
        for ((action, counts), column) in ACTIONS.iter().zip(&mut counts).zip(0..) {
            let (uuid, bmc) = site.machine(number * 10 + column, *personality).await;
            bmc.set_power(true);
            site.server.set_param(&uuid, "ipmi/virtual-media-boot", json!(true)).await.unwrap();
            site.server.action(&uuid, "generateVirtualMedia", json!({})).await.unwrap();
            if *action == "unmountVirtualMedia" {
                // By a plugin of its own, so that this one does not know the BMC yet.
                let other = site.restart().await;
                other.action(&uuid, "mountVirtualMedia", json!({})).await.unwrap();
                assert!(other.stop().await.unwrap().success());
            }
            let cold = cost(&site, &bmc, &uuid, action).await;
            // What the first call did is undone, so that the second has the same to do.
            match *action {
                "mountVirtualMedia" => drop(site.server.action(&uuid, "unmountVirtualMedia", json!({})).await.unwrap()),
                "unmountVirtualMedia" => drop(site.server.action(&uuid, "mountVirtualMedia", json!({})).await.unwrap()),
                _ => {}
            }
            let warm = cost(&site, &bmc, &uuid, action).await;
            *counts = (cold, warm);
        }
        rows.push((*personality, counts));
    }
    site.end().await;
    let counted = format!("{}{BESIDE}{}", of_actions(&rows), beside_sushy(&rows));
    let (head, written) = WRITTEN.split_at(WRITTEN.find("| BMC |").unwrap());
    if std::env::var_os("WRITE_TABLES").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
        std::fs::write(path, format!("{head}{counted}")).unwrap();
        return;
    }
    assert!(written == counted, "{TABLE} is not what is counted; WRITE_TABLES=1 writes it anew:\n{counted}");
}

fn of_actions(rows: &[(Personality, Counts)]) -> String {
    let mut table = format!("| BMC | {} |\n|---|---|---|---|---|---|\n{BEFORE}", ACTIONS.join(" | "));
    for (personality, counts) in rows {
        let cells: Vec<String> = counts.iter().map(|(cold, warm)| format!("{cold} {warm}")).collect();
        writeln!(table, "| {personality} | {} |", cells.join(" | ")).unwrap();
    }
    table
}

/// The table beside sushy's; that ours are nowhere more without a reason, and no reason is left over.
fn beside_sushy(rows: &[(Personality, Counts)]) -> String {
    let titles: Vec<&str> = COMPARED.iter().map(|(title, ..)| *title).collect();
    let mut table = format!("| BMC | {} |\n|---|{}\n", titles.join(" | "), "---|".repeat(titles.len()));
    let mut wrong = Vec::new();
    for (personality, counts) in rows {
        write!(table, "| {personality} |").unwrap();
        for (index, (title, action, warmth, column)) in COMPARED.into_iter().enumerate() {
            let (cold, warm) = counts[action];
            let ours = if warmth == Warmth::Cold { cold } else { warm };
            let sushys = asked_by_sushy(*personality, column);
            let reason = MORE.iter().position(|(who, what, _)| *what == index && who.contains(personality));
            let is_more = sushys.is_some_and(|sushys| ours > sushys);
            if is_more != reason.is_some() {
                wrong.push(format!("{personality}, {title}: {ours} of ours, {sushys:?} of sushy, reason {reason:?}"));
            }
            let sushys = sushys.map_or_else(|| "–".to_owned(), |sushys| sushys.to_string());
            let note = reason.map(|reason| format!(" ({})", reason + 1)).unwrap_or_default();
            write!(table, " {ours} / {sushys}{note} |").unwrap();
        }
        table.push('\n');
    }
    assert!(
        wrong.is_empty(),
        "ours are to be no more than sushy's, or to have a reason in MORE:\n{}",
        wrong.join("\n")
    );
    for (number, (_, _, reason)) in MORE.iter().enumerate() {
        write!(table, "\n({}) {reason}\n", number + 1).unwrap();
    }
    table
}

/// What sushy asks in a column of its table; `None` where it cannot, or the machine boots something else.
fn asked_by_sushy(personality: Personality, column: usize) -> Option<usize> {
    let name = format!("| {personality} |");
    let row = SUSHY.lines().find_map(|line| line.strip_prefix(&name)).expect("sushy's table has every BMC");
    let cell = row.split('|').nth(column)?.trim();
    if cell.ends_with('*') { None } else { cell.split(" / ").next()?.parse().ok() }
}

/// The requests of one call; a look that is repeated while something is waited for counts once.
async fn cost(site: &Site, bmc: &Bmc, uuid: &str, action: &str) -> usize {
    bmc.clear_requests();
    let connections = bmc.connections();
    site.server.action(uuid, action, json!({})).await.unwrap();
    assert!(bmc.connections() - connections <= 1, "{action}: TLS connections");
    bmc.requests_without_repeats().len()
}
