//! The image server beside Debian's nginx with the same bytes in a file, in turns, by wrk: `tests/bench/run serve`.
//!
//! Both run with as many threads as the server takes, as processes of their own, and show the same certificate. Each pair
//! of measurements is one ratio; the table has the middle one, and the middle of each server's figures.

#![allow(clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod nginx;
mod ours;
mod table;
mod wrk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::nginx::Nginx;
use self::ours::Ours;
use self::table::{Measured, Row};

/// Bytes of the template's initrd.
const INITRD: usize = 256 << 20;

/// Ranges; 0 is the whole image.
const SIZES: [(&str, u64); 4] = [("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("whole", 0)];

const CONNECTIONS: [u32; 3] = [1, 32, 256];

fn main() {
    if let Some(directory) = std::env::var_os(ours::SERVE) {
        return ours::serve(Path::new(&directory));
    }
    let rounds = number("BENCH_ROUNDS", 5);
    let time = Duration::from_secs(number("BENCH_SECONDS", 1));
    let lab = lab();
    let site = ours::make(INITRD);
    let ours = Ours::start(&site);
    let nginx = Nginx::start(&lab, &site);

    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let mut rows = Vec::new();
    for scheme in ["http", "https"] {
        for (name, size) in SIZES {
            for connections in CONNECTIONS {
                let what = format!("{scheme} {name} x {connections}");
                if !what.contains(&only) {
                    continue;
                }
                let wrk = |server: &str| wrk::run(&lab, server, connections, time, size, site.len);
                let pairs = (0..rounds).map(|round| {
                    let measure_ours = || wrk(&ours.url(scheme, &site));
                    let measure_nginx = || wrk(&nginx.url(scheme));
                    // Who is first has the caches as the other left them.
                    if round % 2 == 0 {
                        let nginx = measure_nginx();
                        (measure_ours(), nginx)
                    } else {
                        let ours = measure_ours();
                        (ours, measure_nginx())
                    }
                });
                let measured = Measured::of(&pairs.collect::<Vec<_>>(), size == 0);
                eprintln!("{what}: {measured:?}");
                rows.push(Row { scheme, name, connections, measured });
            }
        }
    }
    // What nginx does with the access log that Debian's configuration has.
    let logged = wrk::run(&lab, &nginx.url("logged"), 32, time, 4 << 10, site.len);
    table::print(&rows, rounds, time, &site, &lab);
    println!();
    println!("nginx with its access log on, 4 KiB over 32 connections by HTTP: {:.0} a second.", logged.requests);
    println!();
    println!("Memory, highest minus at the start: ours {}, nginx {}.", ours.grown(), nginx.grown());
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Where `tests/bench/install` puts the programs.
fn lab() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/serve-lab");
    std::env::var_os("SERVE_LAB_DIR").map_or_else(default, PathBuf::from)
}

/// A figure of `/proc/PID/status` in KiB.
fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
