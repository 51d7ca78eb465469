//! One run of wrk.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What a server did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// A second.
    pub(crate) requests: f64,
    /// Bytes a second.
    pub(crate) bytes: f64,
}

/// Reads ranges of `size` bytes, or all of the file where it is 0.
pub(crate) fn run(lab: &Path, url: &str, connections: u32, time: Duration, size: u64, len: u64) -> Rate {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/serve/wrk.lua");
    let mut command = Command::new(lab.join("wrk"));
    command.args(["-t", if connections == 1 { "1" } else { "2" }, "-c", &connections.to_string(), "--timeout", "60s"]);
    command.args(["-d", &format!("{}s", time.as_secs()), "-s"]).arg(script).args([
        url,
        "--",
        &size.to_string(),
        &len.to_string(),
    ]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_else(|| panic!("{output:?}"));
    let figures: Vec<f64> = result.split(' ').map(|figure| figure.parse().unwrap()).collect();
    let [requests, bytes, microseconds, failed] = figures[..] else { panic!("{result}") };
    assert!(failed == 0.0, "{url}: {text}");
    Rate { requests: requests * 1e6 / microseconds, bytes: bytes * 1e6 / microseconds }
}
