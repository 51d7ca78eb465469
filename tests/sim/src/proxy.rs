//! The proxy environment, which would lead every request, with its credentials, to a proxy. It can be set for a child only.

use std::io;
use std::net::TcpListener;
use std::process::Command;

/// The variables that HTTP clients look for.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Those that would spare a host.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// What came of a test in that environment.
#[derive(Debug)]
pub struct Outcome {
    /// Whether the test was found, and passed.
    pub passed: bool,
    /// Whether the proxy was connected to.
    pub was_used: bool,
    /// What the test printed.
    pub printed: String,
}

/// Runs one ignored test of the calling test's own program in an environment with a proxy.
///
/// # Errors
/// There is no port for the proxy, or the program cannot be started.
pub fn run_behind_one(ignored_test: &str) -> io::Result<Outcome> {
    let proxy = TcpListener::bind("127.0.0.1:0")?;
    proxy.set_nonblocking(true)?;
    let address = format!("http://{}", proxy.local_addr()?);
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--exact", ignored_test, "--ignored"]);
    child.envs(PROXIES.map(|name| (name, &address)));
    for name in EXCEPTIONS {
        child.env_remove(name);
    }
    let output = child.output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = output.status.success() && printed.contains("1 passed");
    Ok(Outcome { passed, was_used: proxy.accept().is_ok(), printed })
}
