//! How many requests an action costs, counted by the BMC: the table in `docs/requests.md` is what this counts.

use std::fmt::Write;

use drp_virtual_media_sim::bmc::{Bmc, Personality, Request};
use serde_json::json;

use crate::site::Site;

/// Where the table is, from the checkout.
const TABLE: &str = "docs/requests.md";
const WRITTEN: &str = include_str!("../../docs/requests.md");

/// The actions, in the order of the table's columns.
const ACTIONS: [&str; 5] =
    ["powerstatus", "statusVirtualMedia", "mountVirtualMedia", "unmountVirtualMedia", "powercycle"];

#[tokio::test(flavor = "multi_thread")]
async fn no_action_costs_more_requests_than_the_table_says_and_each_takes_one_connection() {
    let site = Site::start().await;
    let mut table = String::new();
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let mut row = format!("| {personality} |");
        for (action, column) in ACTIONS.iter().zip(0..) {
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
            write!(row, " {cold} {warm} |").unwrap();
        }
        writeln!(table, "{row}").unwrap();
    }
    site.end().await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("WRITE_TABLES").is_some() {
        let head = WRITTEN.split_inclusive("|---|---|---|---|---|---|\n").next().unwrap();
        std::fs::write(path, format!("{head}{table}")).unwrap();
        return;
    }
    assert!(WRITTEN.ends_with(&table), "{TABLE} is not what is counted; WRITE_TABLES=1 writes it anew:\n{table}");
}

/// The requests of one call; a look that is repeated while something is waited for counts once.
async fn cost(site: &Site, bmc: &Bmc, uuid: &str, action: &str) -> usize {
    bmc.clear_requests();
    let connections = bmc.connections();
    site.server.action(uuid, action, json!({})).await.unwrap();
    assert!(bmc.connections() - connections <= 1, "{action}: TLS connections");
    let same =
        |one: &Request, other: &Request| one.method == "GET" && one.method == other.method && one.path == other.path;
    let mut requests = bmc.requests();
    requests.dedup_by(|later, earlier| same(later, earlier));
    requests.len()
}
