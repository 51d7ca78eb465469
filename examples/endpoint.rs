//! A dr-provision to play with: simulated, with this plugin in it and machines with simulated BMCs. Point `drpcli`, the
//! portal's client or curl at it; it runs until Ctrl-C. Needs nothing but Rust's toolchain.
//!
//! ```sh
//! cargo run --example endpoint
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;

use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::dr_provision::{DrProvision, Options, PASSWORD, USERNAME};
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Value, json};

mod built;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const VENDORS: [(Personality, &str); 3] =
    [(Personality::Idrac9, "Dell iDRAC 9"), (Personality::Ilo5, "HPE iLO 5"), (Personality::Generic, "generic")];

#[tokio::main]
async fn main() -> Outcome<()> {
    let plugin = built::plugin("endpoint")?;
    let webroot = tempfile::tempdir()?;
    let sledgehammer = webroot.path().join("sledgehammer/3f1c0ffee");
    fs::create_dir_all(&sledgehammer)?;
    template::write(&sledgehammer.join("cdboot.iso"), Family::Grub)?;
    let server = DrProvision::start(Options::new(webroot.path()).program(plugin)).await?;
    let fleet = Fleet::start().await?;
    let mut machines = Vec::new();
    for (number, (personality, vendor)) in (1..).zip(VENDORS) {
        let bmc = fleet.add(personality).await?;
        let uuid = server.add_machine(&machine(number, &bmc))?;
        machines.push(format!("  mach-{number:02}  {uuid}  {vendor}, BMC at {}", bmc.url()));
    }

    println!("A simulated dr-provision is running, with the plugin and {} machines:\n", machines.len());
    println!("{}\n", machines.join("\n"));
    println!("Point a client at it:\n");
    println!("  export RS_ENDPOINT={} RS_KEY={USERNAME}:{PASSWORD}\n", server.url());
    println!("With drpcli:\n");
    for line in [
        "machines runaction Name:mach-01 statusVirtualMedia",
        "machines bootenv Name:mach-01 sledgehammer",
        "machines get Name:mach-01 param virtual-media/state",
        "machines runaction Name:mach-01 powercycle",
        "machines bootenv Name:mach-01 local",
    ] {
        println!("  drpcli {line}");
    }
    let api = "\"$RS_ENDPOINT\"/api/v3/machines/Name:mach-01";
    println!("\nOr with curl:\n");
    println!("  curl -sku \"$RS_KEY\" -X POST -d '{{}}' {api}/actions/statusVirtualMedia");
    println!(
        "  curl -sku \"$RS_KEY\" -X PATCH -d '[{{\"op\":\"replace\",\"path\":\"/BootEnv\",\"value\":\"sledgehammer\"}}]' {api}"
    );
    println!("  curl -sku \"$RS_KEY\" {api}/params/virtual-media/state\n");
    println!("Images lie in {}/dynamic_isos, the file server is {}", webroot.path().display(), server.fileserver());
    println!("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    server.stop().await?;
    fleet.shutdown().await;
    Ok(())
}

fn machine(number: u32, bmc: &Bmc) -> Value {
    json!({
        "Name": format!("mach-{number:02}"),
        "Params": {
            "boot-virtual-iso": true,
            "ipmi/mode": "redfish",
            "ipmi/address": bmc.address().ip().to_string(),
            "ipmi/port-redfish": bmc.address().port(),
            "ipmi/username": bmc.username(),
            "ipmi/password": bmc.password(),
            "network-data": {"prov": {
                "address": format!("10.0.0.{number}"), "netmask": "255.255.255.0", "gateway": "10.0.0.254",
                "interface": "eth0",
            }},
        },
    })
}
