//! The first thing to run: six simulated machines of different vendors go into Sledgehammer and back to local, and you
//! watch. Needs nothing but Rust's toolchain.
//!
//! ```sh
//! cargo run --release --example demo
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_table::{ContentArrangement, Table, presets};
use drp_virtual_media::iso::show::Report;
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Fault, Fleet, Matcher, Personality};
use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use drp_virtual_media_sim::files::FileServer;
use drp_virtual_media_sim::template::{self, Family};
use futures_util::future::try_join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

mod built;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const VENDORS: [(Personality, &str); 6] = [
    (Personality::Idrac8, "Dell iDRAC 8"),
    (Personality::Idrac9, "Dell iDRAC 9"),
    (Personality::Idrac10, "Dell iDRAC 10"),
    (Personality::Ilo4, "HPE iLO 4"),
    (Personality::Ilo5, "HPE iLO 5"),
    (Personality::Generic, "generic"),
];

/// The kernel arguments that differ from machine to machine.
const OWN: [&str; 4] = ["rs.uuid=", "provisioner.ip=", "provisioner.gw=", "provisioner.interface="];

/// The steps of a transition that everybody takes, in order, for the bars.
const STEPS: [&str; 6] = ["generate", "insert", "boot-once", "power-cycle", "eject", "clear-boot-once"];

struct Machine {
    uuid: String,
    name: String,
    vendor: &'static str,
    bmc: Bmc,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let target = built::target_directory()?;
    let plugin = built::plugin("demo")?;
    let webroot = prepare_the_web_root(&target)?;
    let files = FileServer::start(&webroot).await?;
    let fleet = Fleet::start().await?;
    let server = Endpoint::start(&plugin, Options::new(webroot.clone(), files.url())).await?;
    let mut machines = Vec::new();
    for (number, (personality, vendor)) in (1..).zip(VENDORS) {
        machines.push(add_machine(&server, &fleet, number, personality, vendor).await?);
    }
    println!("A provisioning server, six BMCs and the plugin are running on loopback.\n");

    println!("Into Sledgehammer: kernel arguments, boot.iso, mount, boot once, power cycle.");
    let began = Instant::now();
    change_all(&server, &machines, "sledgehammer", &STEPS[..4]).await?;
    println!(
        "{}\nSix machines booted in {:.1} s.\n",
        table(&server, &webroot, &machines).await?,
        began.elapsed().as_secs_f32()
    );

    println!("Back to local: medium out, boot-once cleared, ISO deleted.");
    change_all(&server, &machines, "local", &STEPS[4..]).await?;
    println!("{}\n", table(&server, &webroot, &machines).await?);

    let left = generate_all(&server, &machines).await?;
    server.stop().await?;
    fleet.shutdown().await;

    println!(
        "Generated once more for you to look at: {}/<uuid>/sledgehammer/boot.iso",
        webroot.join("dynamic_isos").display()
    );
    println!("Try next:\n");
    println!("  {} iso show {left}", plugin.display());
    println!("  {} bmc --help", plugin.display());
    println!("  tests/run        # every test, and real kernels that boot what the plugin mounted");
    Ok(())
}

/// A web root as the server has one, with a Sledgehammer exploded in it.
fn prepare_the_web_root(target: &Path) -> Outcome<PathBuf> {
    let webroot = target.join("demo");
    match fs::remove_dir_all(&webroot) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let sledgehammer = webroot.join("sledgehammer/3f1c0ffee");
    fs::create_dir_all(&sledgehammer)?;
    template::write(&sledgehammer.join("cdboot.iso"), Family::Grub)?;
    Ok(webroot)
}

async fn add_machine(
    server: &Endpoint,
    fleet: &Fleet,
    number: u32,
    personality: Personality,
    vendor: &'static str,
) -> Outcome<Machine> {
    let bmc = fleet.add(personality).await?;
    // Real BMCs take a while over an insert and a reset; long enough here that a person can follow.
    bmc.fault(Matcher::any().method("POST"), Fault::Delay(Duration::from_millis(400 + 150 * u64::from(number))));
    bmc.fault(Matcher::any().method("PATCH"), Fault::Delay(Duration::from_millis(600)));
    let name = format!("node{number}.example.net");
    let uuid = server.add_machine(&json!({
        "Uuid": format!("c0ffee{number:02}-0000-4000-8000-000000000000"),
        "Name": name,
        "BootEnv": "local",
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
            "virtual-media/power-on-transition": "cycle",
            "virtual-media/poll-interval": 100,
        },
    }))?;
    Ok(Machine { uuid, name, vendor, bmc })
}

/// Changes every machine's BootEnv at once and shows the plugin's progress.
async fn change_all(server: &Endpoint, machines: &[Machine], bootenv: &str, steps: &[&str]) -> Outcome<()> {
    let bars = MultiProgress::new();
    try_join_all(machines.iter().map(|machine| change(server, machine, bootenv, steps, &bars))).await?;
    Ok(())
}

async fn change(
    server: &Endpoint,
    machine: &Machine,
    bootenv: &str,
    steps: &[&str],
    bars: &MultiProgress,
) -> Outcome<()> {
    let style = ProgressStyle::with_template("  {prefix:34} {bar:16} {elapsed:>3}  {wide_msg}")?;
    let bar = bars.add(ProgressBar::new(steps.len() as u64).with_style(style));
    bar.set_prefix(format!("{} ({})", machine.name, machine.vendor));
    bar.enable_steady_tick(Duration::from_millis(100));

    let mut notices = server.subscribe();
    let sent = server.send_bootenv(&machine.uuid, bootenv)?;
    let id = sent.id();
    let mut answer = std::pin::pin!(sent.answer());
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            Ok(notice) = notices.recv() => {
                if notice.method == "progress" && notice.params["id"] == id {
                    if let Some(at) = steps.iter().position(|step| notice.params["Step"] == *step) {
                        bar.set_position(at as u64);
                    }
                    bar.set_message(text(&notice.params["Message"]));
                }
            }
        }
    };
    let answer = answer.map_err(|error| {
        bar.abandon_with_message("failed");
        error.message
    })?;
    bar.finish_with_message(text(&answer["Outcome"]));
    if !io::stderr().is_terminal() {
        println!("  {} ({}): {}", machine.name, machine.vendor, text(&answer["Outcome"]));
    }
    Ok(())
}

/// What the plugin reads off each BMC now, what the machine did, and what stands in the ISO that is mounted.
async fn table(server: &Endpoint, webroot: &Path, machines: &[Machine]) -> Outcome<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(140);
    }
    table.set_header(["machine", "vendor", "BMC state", "ISO", "its kernel arguments"]);
    for machine in machines {
        let status = server.action(&machine.uuid, "statusVirtualMedia", json!({})).await?;
        let recorded = server.state(&machine.uuid);
        let truth = machine.bmc.state();
        let booted =
            truth.boots.last().map_or("not booted".to_owned(), |boot| format!("booted from {:?}", boot.device));
        let image = text(&status["Image"]);
        let iso = image.split_once("-0000-4000-8000-000000000000/");
        let iso = iso.map_or("no medium".to_owned(), |(_, file)| format!("{}-…/{file}", &machine.uuid[..8]));
        table.add_row([
            machine.name.clone(),
            format!("{}\n{}", machine.vendor, text(&recorded["Firmware"])),
            format!("{}\n{booted}", truth.power),
            iso,
            kernel_args(webroot, machine)?,
        ]);
    }
    Ok(table)
}

/// The kernel arguments that are the machine's own, as they stand in its ISO, read back from the file.
fn kernel_args(webroot: &Path, machine: &Machine) -> Outcome<String> {
    let path = webroot.join("dynamic_isos").join(&machine.uuid).join("sledgehammer/boot.iso");
    if !path.exists() {
        return Ok(String::new());
    }
    let report = Report::read(&path, &Operation::unwatched())?;
    let line = report.areas.first().map(|area| area.kernel_args.as_str()).unwrap_or_default();
    let own = line.split(' ').filter(|word| OWN.iter().any(|key| word.starts_with(key)));
    Ok(own.collect::<Vec<_>>().join("\n"))
}

/// Generating touches no BMC, so this leaves something to look at. Answers one image's path.
async fn generate_all(server: &Endpoint, machines: &[Machine]) -> Outcome<String> {
    let generate = |machine: &Machine| server.send_action(&machine.uuid, "generateVirtualMedia", json!({}));
    let mut first = String::new();
    for machine in machines {
        let generated = generate(machine)?.answer().await?;
        if first.is_empty() {
            first = text(&generated["Path"]);
        }
    }
    Ok(first)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
