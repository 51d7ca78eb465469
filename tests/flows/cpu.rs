//! What an action costs the plugin in CPU time: measured on the released file, for `docs/requests.md`. Nothing is asserted of
//! a time; machines differ, and are shared.

use std::fs;
use std::path::{Path, PathBuf};

use drp_virtual_media_sim::bmc::{Bmc, Personality};
use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::site::Site;

/// Machines, each with a BMC of its own: enough for the kernel's clock, which counts hundredths of a second.
const MACHINES: u32 = 100;
/// Actions at once.
const AT_ONCE: usize = 50;
/// An action, and what makes it have the same to do again.
const ACTIONS: [(&str, Option<&str>); 5] = [
    ("powerstatus", None),
    ("statusVirtualMedia", None),
    ("powercycle", None),
    ("mountVirtualMedia", Some("unmountVirtualMedia")),
    ("unmountVirtualMedia", Some("mountVirtualMedia")),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, of the file that dist/build makes"]
#[expect(clippy::print_stdout, reason = "what it measures is for whoever runs it")]
async fn what_an_action_costs_in_cpu_time() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist/virtual-media");
    let program = std::env::var_os("PLUGIN").map_or(released, PathBuf::from);
    let site = Site::start().await;
    let mut machines = Vec::new();
    for number in 1..=MACHINES {
        let (uuid, bmc) = site.machine(number, Personality::Idrac8).await;
        bmc.set_power(true);
        site.server.set_param(&uuid, "ipmi/virtual-media-boot", json!(true)).await.unwrap();
        // As it is by default: each look costs a request.
        site.server.set_param(&uuid, "virtual-media/poll-interval", json!(2000)).await.unwrap();
        site.server.action(&uuid, "generateVirtualMedia", json!({})).await.unwrap();
        machines.push((uuid, bmc));
    }
    println!("CPU of {} an action, ms: cold, warm on a new connection", program.display());
    for (action, again) in ACTIONS {
        if action == "unmountVirtualMedia" {
            run(&site.server, &machines, "mountVirtualMedia").await;
        }
        // A process of its own, which knows no BMC yet.
        let options = Options::new(site.webroot.path().to_owned(), site.files.url());
        let server = Endpoint::start(&program, options).await.unwrap();
        for machine in site.server.machines() {
            server.add_machine(&machine).unwrap();
        }
        let mut measured = Vec::new();
        for _ in ["cold", "warm"] {
            if let Some(again) = again.filter(|_| !measured.is_empty()) {
                run(&server, &machines, again).await;
            }
            measured.push(run(&server, &machines, action).await);
        }
        println!("{action}: {measured:.2?}");
        assert!(server.stop().await.unwrap().success());
        if action == "mountVirtualMedia" {
            run(&site.server, &machines, "unmountVirtualMedia").await;
        }
    }
    site.end().await;
}

/// Runs an action on each machine, on a new connection; the plugin's CPU time of one, in milliseconds.
async fn run(server: &Endpoint, machines: &[(String, Bmc)], action: &str) -> f64 {
    for (_, bmc) in machines {
        bmc.drop_connections();
        bmc.until(|bmc| bmc.counts().open == 0).await;
    }
    let before = ticks(server);
    let all = machines.iter().map(|(uuid, _)| server.action(uuid, action, json!({})));
    for done in stream::iter(all).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
        done.unwrap();
    }
    // The kernel tells them in hundredths of a second (proc(5), sysconf _SC_CLK_TCK).
    10.0 * f64::from(ticks(server) - before) / f64::from(MACHINES)
}

/// Clock ticks that the plugin's process spent, in itself and in the kernel (proc(5), fields 14 and 15 of `stat`).
fn ticks(server: &Endpoint) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid().unwrap())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum()
}
