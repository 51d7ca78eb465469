//! Machines' images in both deliveries beside other ways of making them: `tests/bench/run images`.
//!
//! What is compared is measured in turns; each figure is the middle one. Memory is that of a process of its own, which does
//! nothing else: this program, started again.

#![allow(clippy::cast_precision_loss, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod archive;
mod clones;
mod copies;
#[path = "../../disk/disk.rs"]
mod disk;
mod memory;
mod site;

use std::time::{Duration, Instant};

use self::site::Site;

fn main() {
    if memory::is_child() {
        return memory::run();
    }
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let site = Site::new();
    site::print_machine(rounds, &site);
    site.plans();
    memory::served(&site);
    clones::measure(&site);
    copies::measure(&site, rounds);
    archive::measure(&site, rounds);
}

/// How long that takes.
fn timed(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
