//! `file` on file systems that share extents: what an image costs, and which part of it is the wait for the disk.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use drp_virtual_media::iso::{Store, Template};
use drp_virtual_media::operation::Operation;
use url::Url;

use crate::disk::Disk;
use crate::site::{Site, image, machine, open};
use crate::{milliseconds, timed};

/// What follows the areas' bytes before an image gets its name.
#[derive(Clone, Copy)]
enum Sync {
    No,
    Data,
    /// For all of them, at the end.
    Once,
}

/// A disk, and the template on it, which is closed first.
struct Clones {
    template: Arc<Template>,
    store: Store,
    disk: Disk,
}

impl Clones {
    fn new(kind: &str, site: &Site) -> Self {
        let disk = Disk::new(kind, 2048);
        let path = disk.path().join("cdboot.iso");
        fs::copy(&site.path, &path).unwrap();
        let template = open(&path);
        template.digest(&Operation::unwatched()).unwrap();
        let store = Store::new(disk.path(), &Url::parse("http://10.0.0.5:8091").unwrap());
        Self { template, store, disk }
    }

    /// As the plugin writes them, by so many at once.
    fn write(&self, machines: u32, writers: u32) -> Duration {
        timed(|| {
            std::thread::scope(|scope| {
                for writer in 0..writers {
                    scope.spawn(move || {
                        for number in (writer..machines).step_by(writers as usize) {
                            let image = image(&self.template, number);
                            let operation = Operation::unwatched();
                            self.store.write(machine(number), "sledgehammer", &image, &operation).unwrap();
                        }
                    });
                }
            });
        })
    }

    /// The same steps with another wait, or none.
    fn bare(&self, machines: u32, sync: Sync) -> Duration {
        let template = File::open(self.disk.path().join("cdboot.iso")).unwrap();
        let directory = self.disk.path().join("bare");
        let time = timed(|| {
            for number in 0..machines {
                let directory = directory.join(number.to_string());
                fs::create_dir_all(&directory).unwrap();
                let temp = tempfile::NamedTempFile::new_in(&directory).unwrap();
                rustix::fs::ioctl_ficlone(temp.as_file(), &template).unwrap();
                for patch in image(&self.template, number).plan().patches() {
                    temp.as_file().write_all_at(&patch.bytes, patch.offset).unwrap();
                }
                temp.as_file().set_permissions(Permissions::from_mode(0o644)).unwrap();
                if let Sync::Data = sync {
                    temp.as_file().sync_data().unwrap();
                }
                temp.persist(directory.join("boot.iso")).unwrap();
            }
            if let Sync::Once = sync {
                rustix::fs::syncfs(File::open(&directory).unwrap()).unwrap();
            }
        });
        fs::remove_dir_all(directory).unwrap();
        self.disk.used();
        time
    }

    fn clear(&self, machines: u32) {
        for number in 0..machines {
            self.store.remove_machine(machine(number)).unwrap();
        }
        self.disk.used();
    }

    /// Bytes that were written to the device so far.
    fn written(&self) -> u64 {
        let path: PathBuf = self.disk.path();
        let output = Command::new("findmnt").args(["-no", "SOURCE"]).arg(path).output().unwrap();
        let device = String::from_utf8(output.stdout).unwrap();
        let name = Path::new(device.trim()).file_name().unwrap().to_owned();
        let stat = fs::read_to_string(Path::new("/sys/block").join(name).join("stat")).unwrap();
        stat.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * 512
    }
}

pub(crate) fn measure(site: &Site) {
    println!("| `file`, clones | machines | a machine | written a machine | space a machine |\n|---|---|---|---|---|");
    for kind in ["xfs", "btrfs"] {
        let clones = Clones::new(kind, site);
        for (machines, writers) in [(1, 1), (1_000, 1), (1_000, 8), (1_000, 64)] {
            let (used, written) = (clones.disk.used(), clones.written());
            let time = milliseconds(clones.write(machines, writers) / machines);
            let (used, written) = (clones.disk.used() - used, clones.written() - written);
            let each = |bytes: u64| bytes as f64 / 1024.0 / f64::from(machines);
            let (written, used) = (each(written), each(used));
            println!("| {kind}, {writers} at once | {machines} | {time:.3} ms | {written:.0} KiB | {used:.0} KiB |");
            clones.clear(machines);
        }
        for (name, sync) in
            [("no wait for the disk", Sync::No), ("`fdatasync`", Sync::Data), ("one `syncfs` for all", Sync::Once)]
        {
            let time = milliseconds(clones.bare(1_000, sync) / 1_000);
            println!("| {kind}, the same steps, {name} | 1000 | {time:.3} ms | | |");
        }
    }
    println!();
}
