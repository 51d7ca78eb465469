//! The template that everything is measured with, and images of it.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use drp_virtual_media::iso::{Image, Template};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::template::{self, Family};
use tempfile::TempDir;

use crate::{middle, timed};

/// Bytes of the template's initrd.
const INITRD: usize = 500 << 20;

/// Plans in one measurement.
const PLANS: u32 = 10_000;

pub(crate) struct Site {
    pub(crate) directory: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) template: Arc<Template>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cdboot.iso");
        template::write_with(&path, Family::Grub, INITRD).unwrap();
        scramble(&path);
        let template = open(&path);
        template.digest(&Operation::unwatched()).unwrap();
        Self { directory, path, template }
    }

    pub(crate) fn plans(&self) {
        let operation = Operation::unwatched();
        let args: Vec<_> = (0..PLANS).map(args).collect();
        let batch = || {
            timed(|| {
                for args in &args {
                    black_box(Image::render(Arc::clone(&self.template), args, &operation).unwrap());
                }
            }) / PLANS
        };
        let time = middle((0..9).map(|_| batch()).collect());
        println!("| Plan for a machine on an open template | time |\n|---|---|");
        println!("| `Image::render`, with its digest | {:.1} µs |", time.as_secs_f64() * 1e6);
        println!();
    }
}

/// A kernel's initrd hardly packs; the simulated one is a single letter. Six random bits of each byte are worse for who unpacks
/// than none, which would be stored as it is.
fn scramble(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let mut random = fastrand::Rng::with_seed(5);
    let mut block = vec![0; 2048];
    for at in (0..len / 2048).map(|sector| sector * 2048) {
        file.read_exact_at(&mut block, at).unwrap();
        if block.iter().all(|byte| *byte == b'.') {
            random.fill(&mut block);
            for byte in &mut *block {
                *byte = *byte & 0x3f | 0x40;
            }
            file.write_all_at(&block, at).unwrap();
        }
    }
    file.sync_all().unwrap();
}

pub(crate) fn open(path: &Path) -> Arc<Template> {
    Arc::new(Template::open(path, &Operation::unwatched()).unwrap())
}

pub(crate) fn machine(number: u32) -> MachineUuid {
    MachineUuid::parse(&format!("9f0c2a4e-1111-4222-8333-{number:012x}")).unwrap()
}

/// Of the length that Sledgehammer's have.
fn args(number: u32) -> KernelArgs {
    let line = format!(
        "BOOTIF=discovery provisioner.web=http://10.0.0.5:8091 rs.api=https://10.0.0.5:8092 rs.uuid={} rs.ntp=10.0.0.5 \
         rs.token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lIjp0cnVlfQ.0123456789abcdef0123456789abcdef -- console=ttyS0,115200",
        machine(number)
    );
    KernelArgs::parse(&line).unwrap()
}

pub(crate) fn image(template: &Arc<Template>, number: u32) -> Image {
    Image::render(Arc::clone(template), &args(number), &Operation::unwatched()).unwrap()
}

pub(crate) fn print_machine(rounds: u32, site: &Site) {
    let output = |program: &str, argument: &str| {
        String::from_utf8(Command::new(program).arg(argument).output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    println!(
        "{}, {} processors ({}), Linux {}; a template of {} MiB; {rounds} times each, in turns.\n",
        output("date", "+%Y-%m-%d"),
        std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        model.trim_start_matches([':', ' ', '\t']),
        output("uname", "-r"),
        site.template.size() >> 20,
    );
}
