//! The image server as a process of its own: this program, started again.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use drp_virtual_media::iso::{Image, Template, write_image};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::serve::{Config, Images, Limits, Listen, Mount, Server, Tls, Token};
use drp_virtual_media_sim::template::{self, Family};
use tempfile::TempDir;

use crate::memory;

/// The variable that tells the program to serve what is in that directory.
pub(crate) const SERVE: &str = "SERVE_BENCH_DIRECTORY";

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The image in both forms, and the certificate that both servers show.
pub(crate) struct Site {
    pub(crate) directory: TempDir,
    pub(crate) certificate: PathBuf,
    pub(crate) len: u64,
}

fn machine() -> MachineUuid {
    MachineUuid::parse("9f0c2a4e-1111-4222-8333-444455556666").unwrap()
}

fn tls(directory: &Path) -> Tls {
    Tls::kept(&directory.join("tls"), &["127.0.0.1".to_owned()]).unwrap()
}

fn image(directory: &Path) -> Image {
    let operation = Operation::unwatched();
    let template = Arc::new(Template::open(&directory.join("cdboot.iso"), &operation).unwrap());
    Image::render(template, &KernelArgs::parse("BOOTIF=discovery rs.uuid=1").unwrap(), &operation).unwrap()
}

/// Makes a template with an initrd of so many bytes, and the image as a file for nginx.
pub(crate) fn make(initrd: usize) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    // As the image is copied for nginx: the size of the writes decides how a file lies in memory, and with it a few percent.
    let (made, template) = (path.join("made.iso"), path.join("cdboot.iso"));
    template::write_with(&made, Family::Grub, initrd).unwrap();
    std::fs::copy(&made, template).unwrap();
    std::fs::remove_file(made).unwrap();
    let image = image(path);
    let www = path.join("www");
    std::fs::create_dir(&www).unwrap();
    write_image(&www.join("boot.iso"), &image, &Operation::unwatched()).unwrap();
    tls(path);
    let certificate = std::fs::read_dir(path.join("tls")).unwrap().next().unwrap().unwrap().path();
    Site { len: image.plan().len(), certificate, directory }
}

/// Serves until stdin ends; says where on stdout.
pub(crate) fn serve(directory: &Path) {
    let images = Images::new();
    let mount = Mount {
        image: Arc::new(image(directory)),
        machine: machine(),
        bootenv: "bench".to_owned(),
        clients: None,
        expires: None,
        watch: None,
    };
    images.insert(TOKEN.parse().unwrap(), mount);
    let listen = Listen { address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), param: "" };
    let limits = Limits { connections: 1024, per_client: 1024, ..Limits::default() };
    let server =
        Server::start(Config { http: Some(listen), https: Some((listen, tls(directory))), limits }, images).unwrap();
    let addresses = server.addresses();
    println!("{} {}", addresses.http.unwrap(), addresses.https.unwrap());
    let _ = std::io::stdin().read(&mut [0]);
}

/// The server's process, which ends with this.
pub(crate) struct Ours {
    process: Child,
    http: String,
    https: String,
    at_the_start: u64,
}

impl Ours {
    pub(crate) fn start(site: &Site) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(SERVE, site.directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (http, https) = line.trim().split_once(' ').unwrap();
        let at_the_start = memory(process.id(), "VmRSS");
        Self { process, http: http.to_owned(), https: https.to_owned(), at_the_start }
    }

    pub(crate) fn url(&self, scheme: &str, _site: &Site) -> String {
        let address = if scheme == "https" { &self.https } else { &self.http };
        format!("{scheme}://{address}{}", Images::path(machine(), "bench", &TOKEN.parse::<Token>().unwrap()))
    }

    pub(crate) fn grown(&self) -> String {
        let pid = self.process.id();
        format!("{} KiB ({} KiB before)", memory(pid, "VmHWM").saturating_sub(self.at_the_start), self.at_the_start)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
