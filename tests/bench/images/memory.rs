//! What is measured in a process of its own: images that are served, and a template that is unpacked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use drp_virtual_media::iso::{Cache, KeptPlans, Templates};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::serve::{Images, Mounts};

use crate::site::{self, Site, machine};
use crate::{milliseconds, timed};

/// The variable that says what the process does; its arguments are in the next two.
const TASK: &str = "IMAGES_BENCH_TASK";
const PATH: &str = "IMAGES_BENCH_PATH";
const DIRECTORY: &str = "IMAGES_BENCH_DIRECTORY";

pub(crate) fn is_child() -> bool {
    std::env::var_os(TASK).is_some()
}

/// What the child does; milliseconds and KiB, and bytes on disk, go to stdout.
pub(crate) fn run() {
    let variable = |name| std::env::var(name).unwrap();
    let (path, directory) = (variable(PATH), variable(DIRECTORY));
    match variable(TASK).parse() {
        Ok(machines) => publish(Path::new(&path), Path::new(&directory), machines),
        Err(_) => unpack(Path::new(&path), Path::new(&directory)),
    }
}

fn publish(template: &Path, directory: &Path, machines: u32) {
    let template = site::open(template);
    template.digest(&Operation::unwatched()).unwrap();
    let (mounts, _changes) = Mounts::new(Images::new(), KeptPlans::new(directory.join("plans")));
    let before = kibibytes("VmRSS");
    let time = timed(|| {
        for number in 0..machines {
            let image = Arc::new(site::image(&template, number));
            mounts.publish(machine(number), "sledgehammer", image, &[], None, "").unwrap();
        }
    });
    let grown = kibibytes("VmRSS").saturating_sub(before);
    let disk = fs::metadata(directory.join("plans")).unwrap().blocks() * 512;
    println!("{} {grown} {disk}", milliseconds(time));
}

fn unpack(archive: &Path, directory: &Path) {
    let templates = Templates::new(Some(Cache::new(directory, 4 << 30)));
    let time = timed(|| drop(templates.open(archive, &Operation::unwatched()).unwrap()));
    println!("{} {} 0", milliseconds(time), kibibytes("VmHWM"));
}

/// Has a child do it: milliseconds, KiB, bytes on disk.
pub(crate) fn child(task: &str, path: &Path, directory: &Path) -> [f64; 3] {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.env(TASK, task).env(PATH, path).env(DIRECTORY, directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    figures.try_into().unwrap()
}

pub(crate) fn served(site: &Site) {
    println!("| `serve` | time | memory | on disk (plans) |\n|---|---|---|---|");
    for machines in [1, 1_000] {
        let mut runs: Vec<_> = (0..5)
            .map(|_| {
                let directory = tempfile::tempdir_in(site.directory.path()).unwrap();
                child(&machines.to_string(), &site.path, directory.path())
            })
            .collect();
        runs.sort_by(|one, other| one[0].total_cmp(&other[0]));
        let [time, memory, disk] = runs[runs.len() / 2];
        println!("| {machines} machines | {time:.2} ms | {memory} KiB | {:.0} KiB |", disk / 1024.0);
    }
    println!();
}

fn kibibytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}
