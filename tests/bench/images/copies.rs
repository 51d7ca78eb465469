//! `file` on the ordinary file system, beside what else makes such a file. Each waits for the disk.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drp_virtual_media::iso::write_image;
use drp_virtual_media::operation::Operation;

use crate::site::{Site, image};
use crate::{middle, milliseconds, timed};

type Make = fn(&Site, &Path, &Path);

const WAYS: [(&str, Make); 5] = [
    ("bare copy_file_range", bare),
    ("ours", ours),
    ("cp", |site, _, to| run(Command::new("cp").arg("--reflink=never").arg(&site.path).arg(to))),
    ("genisoimage, staged tree", |_, tree, to| {
        run(Command::new("genisoimage").args(["-quiet", "-R", "-J", "-o"]).args([to, tree]));
    }),
    ("xorriso, staged tree", |_, tree, to| {
        run(Command::new("xorriso").args(["-as", "mkisofs", "-quiet", "-R", "-J", "-o"]).args([to, tree]));
    }),
];

fn ours(site: &Site, _tree: &Path, to: &Path) {
    write_image(to, &image(&site.template, 1), &Operation::unwatched()).unwrap();
}

fn bare(site: &Site, _tree: &Path, to: &Path) {
    let (from, to) = (File::open(&site.path).unwrap(), File::create(to).unwrap());
    let mut left = usize::try_from(site.template.size()).unwrap();
    while left > 0 {
        left -= rustix::fs::copy_file_range(&from, None, &to, None, left).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn measure(site: &Site, rounds: u32) {
    let tree = site.directory.path().join("tree");
    fs::create_dir(&tree).unwrap();
    // A tree with the same bytes in a file: what these programs read and write is as much.
    fs::hard_link(&site.path, tree.join("stage1.img")).unwrap();
    let to = site.directory.path().join("boot.iso");
    let mut times = [const { Vec::<Duration>::new() }; WAYS.len()];
    let mut space = [0; WAYS.len()];
    for round in 0..rounds as usize {
        // Each is once first: what the one before left to the disk is work in its time.
        for number in (0..WAYS.len()).map(|number| (number + round) % WAYS.len()) {
            let make = WAYS[number].1;
            times[number].push(timed(|| {
                make(site, &tree, &to);
                File::open(&to).unwrap().sync_all().unwrap();
            }));
            space[number] = fs::metadata(&to).unwrap().blocks() * 512;
            fs::remove_file(&to).unwrap();
        }
    }
    println!("| `file`, copies | a machine | beside copy_file_range | written, and on disk |\n|---|---|---|---|");
    let bare = milliseconds(middle(times[0].clone()));
    for ((name, _), (times, space)) in WAYS.iter().zip(times.into_iter().zip(space)) {
        let time = milliseconds(middle(times));
        println!("| {name} | {time:.0} ms | {:.2} | {} MiB |", time / bare, space >> 20);
    }
    println!();
}
