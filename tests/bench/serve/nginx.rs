//! nginx as a plain process with a configuration of its own: the file by `sendfile`, connections kept, no access log but at one port.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::memory;
use crate::ours::Site;

pub(crate) struct Nginx {
    process: Child,
    /// By HTTP, by HTTPS, by HTTP with an access log.
    ports: [u16; 3],
    at_the_start: u64,
}

fn configuration(directory: &Path, certificate: &Path, workers: usize, [http, https, logged]: [u16; 3]) -> String {
    let (directory, certificate) = (directory.display(), certificate.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {directory}/nginx-{name};"))
        .concat();
    // Root's workers would be nobody's, who cannot enter a temporary directory.
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes {workers}; pid {directory}/nginx.pid; error_log {directory}/nginx.log warn;
        events {{ worker_connections 4096; }}
        http {{
          {temporary}
          access_log off; sendfile on; tcp_nopush on; open_file_cache max=16; ssl_session_cache shared:TLS:4m;
          keepalive_timeout 300s; keepalive_requests 1000000000; types {{ application/octet-stream iso; }} root {directory}/www;
          ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_protocols TLSv1.2 TLSv1.3;
          server {{ listen 127.0.0.1:{http} reuseport; }}
          server {{ listen 127.0.0.1:{https} ssl reuseport; }}
          server {{ listen 127.0.0.1:{logged} reuseport; access_log {directory}/nginx-access.log; }}
        }}\n"
    )
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Nginx {
    pub(crate) fn start(lab: &Path, site: &Site) -> Self {
        let directory = site.directory.path();
        let ports = free_ports();
        let workers = std::thread::available_parallelism().unwrap().get().clamp(2, 8);
        let configured = directory.join("nginx.conf");
        std::fs::write(&configured, configuration(directory, &site.certificate, workers, ports)).unwrap();
        let mut command = Command::new(lab.join("nginx"));
        command.arg("-e").arg(directory.join("nginx.log")).arg("-p").arg(directory).arg("-c").arg(configured);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, ports[0])).is_err() {
            let log = || std::fs::read_to_string(directory.join("nginx.log")).unwrap_or_default();
            assert!(process.try_wait().unwrap().is_none(), "nginx ended: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut nginx = Self { process, ports, at_the_start: 0 };
        nginx.at_the_start = nginx.memory("VmRSS");
        nginx
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        let [http, https, logged] = self.ports;
        let (scheme, port) = match scheme {
            "https" => ("https", https),
            "logged" => ("http", logged),
            _ => ("http", http),
        };
        format!("{scheme}://127.0.0.1:{port}/boot.iso")
    }

    /// A figure of all its processes together.
    fn memory(&self, name: &str) -> u64 {
        let pid = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        memory(pid, name) + children.split_whitespace().map(|child| memory(child.parse().unwrap(), name)).sum::<u64>()
    }

    pub(crate) fn grown(&self) -> String {
        format!("{} KiB ({} KiB before)", self.memory("VmHWM").saturating_sub(self.at_the_start), self.at_the_start)
    }
}

impl Drop for Nginx {
    /// Asked to end, it ends its workers; killed, it would leave them.
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
