//! What was measured, as Markdown.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::ours::Site;
use crate::wrk::Rate;

/// A server beside the other: each one's middle figure, and the middle of the ratios.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    ours: f64,
    nginx: f64,
    ratio: f64,
    least: f64,
    most: f64,
}

impl Measured {
    /// Of pairs, ours first; of bytes rather than requests where these are whole images.
    pub(crate) fn of(pairs: &[(Rate, Rate)], whole: bool) -> Self {
        let figure = |rate: Rate| if whole { rate.bytes / f64::from(1 << 20) } else { rate.requests };
        let sorted = |figures: &mut dyn Iterator<Item = f64>| {
            let mut figures: Vec<f64> = figures.collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let middle = |figures: &[f64]| figures[figures.len() / 2];
        let ratios = sorted(&mut pairs.iter().map(|(ours, nginx)| figure(*ours) / figure(*nginx)));
        Self {
            ours: middle(&sorted(&mut pairs.iter().map(|(ours, _)| figure(*ours)))),
            nginx: middle(&sorted(&mut pairs.iter().map(|(_, nginx)| figure(*nginx)))),
            ratio: middle(&ratios),
            least: ratios[0],
            most: ratios[ratios.len() - 1],
        }
    }
}

pub(crate) struct Row {
    pub(crate) scheme: &'static str,
    pub(crate) name: &'static str,
    pub(crate) connections: u32,
    pub(crate) measured: Measured,
}

fn output(program: &Path, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}

pub(crate) fn print(rows: &[Row], rounds: u64, time: Duration, site: &Site, lab: &Path) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "{}, {processors} processors ({}), Linux {}, {}; {}; an image of {} MiB over loopback; {rounds} times {} s each, in turns.",
        output(Path::new("date"), "+%Y-%m-%d"),
        model.trim_start_matches([':', ' ', '\t']),
        output(Path::new("uname"), "-r"),
        output(&lab.join("nginx"), "-v"),
        output(&lab.join("wrk"), "-v").split(" [").next().unwrap_or_default(),
        site.len >> 20,
        time.as_secs(),
    );
    println!();
    println!("| scheme | read | connections | ours | nginx | ratio | lowest to highest |");
    println!("|---|---|---|---|---|---|---|");
    for Row { scheme, name, connections, measured } in rows {
        let Measured { ours, nginx, ratio, least, most } = measured;
        let unit = if *name == "whole" { "MiB/s" } else { "/s" };
        println!(
            "| {} | {name} | {connections} | {ours:.0} {unit} | {nginx:.0} {unit} | {ratio:.2} | {least:.2} to {most:.2} |",
            scheme.to_uppercase()
        );
    }
}
