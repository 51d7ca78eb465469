//! A template out of a tar.gz, beside tar.

use std::fs::{self, File};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::site::Site;
use crate::{memory, milliseconds, timed};

pub(crate) fn measure(site: &Site, rounds: u32) {
    let path = site.directory.path().join("sledgehammer.tar.gz");
    let mut tar = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
    tar.append_path_with_name(&site.path, "abc/cdboot.iso").unwrap();
    tar.into_inner().unwrap().finish().unwrap();

    let (mut ours, mut theirs, mut most) = (Vec::new(), Vec::new(), 0_f64);
    for _ in 0..rounds {
        let directory = tempfile::tempdir_in(site.directory.path()).unwrap();
        let [time, memory, _] = memory::child("unpack", &path, directory.path());
        ours.push(time);
        most = most.max(memory);
        drop(directory);

        let directory = tempfile::tempdir_in(site.directory.path()).unwrap();
        let mut command = Command::new("tar");
        command.arg("-C").arg(directory.path()).arg("-xzf").arg(&path).arg("abc/cdboot.iso");
        theirs.push(milliseconds(timed(|| {
            assert!(command.status().unwrap().success());
            File::open(directory.path().join("abc/cdboot.iso")).unwrap().sync_all().unwrap();
        })));
    }
    fs::remove_file(path).unwrap();
    let middle = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (ours, theirs) = (middle(ours), middle(theirs));
    println!("| template in a tar.gz, to the disk | time | beside tar | peak memory |\n|---|---|---|---|");
    println!("| `tar xzf` of the member, fsync | {theirs:.0} ms | 1.00 | |");
    println!("| ours: unpacked, kept, opened | {ours:.0} ms | {:.2} | {:.1} MiB |", ours / theirs, most / 1024.0);
}
