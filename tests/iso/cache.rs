//! The cache of templates: each unpacked once, by whichever process, up to a limit, and none deleted while it is used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use drp_virtual_media::iso::{Cache, Error, Template, Templates};
use drp_virtual_media::operation::Operation;
use tempfile::TempDir;

use crate::images::{self, fixture, gz, tarball};

/// Tarballs of a template, and a cache for them.
struct Site {
    dir: TempDir,
    len: u64,
}

impl Site {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), len: fixture("grub").len() as u64 }
    }

    fn tarball(&self, name: &str) -> PathBuf {
        let packed = gz(&tarball(&[("abc/vmlinuz0", name.as_bytes()), ("abc/cdboot.iso", &fixture("grub"))]));
        images::file(&self.dir, name, &packed)
    }

    /// A process's templates, with a cache that holds so many of them.
    fn templates(&self, most: u64) -> Templates {
        Templates::new(Some(Cache::new(self.cache(), most * self.len)))
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache/templates")
    }

    /// What is in the cache, with when it was used.
    fn kept(&self) -> Vec<PathBuf> {
        let mut kept: Vec<PathBuf> =
            fs::read_dir(self.cache()).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        kept.sort();
        kept
    }
}

fn open(templates: &Templates, path: &Path) -> Result<(Arc<Template>, bool), Error> {
    let (operation, unpacked) = watched();
    let template = templates.open(path, &operation)?;
    Ok((template, unpacked.load(std::sync::atomic::Ordering::Relaxed)))
}

/// An operation that says whether something was unpacked.
fn watched() -> (Operation, Arc<std::sync::atomic::AtomicBool>) {
    let unpacked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&unpacked);
    let operation = Operation::new(move |progress| {
        seen.fetch_or(progress.step == "extract", std::sync::atomic::Ordering::Relaxed);
    });
    (operation, unpacked)
}

fn used_at(path: &Path, seconds_ago: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::open(path).unwrap().set_times(fs::FileTimes::new().set_accessed(then)).unwrap();
}

#[test]
fn a_template_is_opened_once_until_it_changes() {
    let site = Site::new();
    let templates = site.templates(9);
    let path = site.tarball("a.tar.gz");
    let (first, unpacked) = open(&templates, &path).unwrap();
    assert!(unpacked);
    let (again, unpacked) = open(&templates, &path).unwrap();
    assert!(Arc::ptr_eq(&first, &again) && !unpacked);
    fs::write(&path, gz(&fixture("isolinux"))).unwrap();
    let (changed, unpacked) = open(&templates, &path).unwrap();
    assert!(unpacked && changed.areas().len() != first.areas().len());
    // As long as before, and another one nevertheless.
    File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_mins(1)).unwrap();
    let (touched, unpacked) = open(&templates, &path).unwrap();
    assert!(unpacked && !Arc::ptr_eq(&touched, &changed));
    // What was made of the first one still has its bytes.
    assert_eq!(images::image(&first, "a=b").template().areas().len(), 3);
}

#[test]
fn a_directory_gives_its_newest_image_each_time() {
    let site = Site::new();
    let templates = site.templates(9);
    let root = site.dir.path().join("sledgehammer");
    let old = images::file(&site.dir, "sledgehammer/old/cdboot.iso", &fixture("grub"));
    assert_eq!(open(&templates, &root).unwrap().0.path(), old);
    let new = images::file(&site.dir, "sledgehammer/new/cdboot.iso", &fixture("grub"));
    File::open(&old).unwrap().set_modified(SystemTime::now() - Duration::from_mins(1)).unwrap();
    assert_eq!(open(&templates, &root).unwrap().0.path(), new);
}

#[test]
fn a_second_process_finds_what_the_first_unpacked() {
    let site = Site::new();
    let path = site.tarball("a.tar.gz");
    let (first, second) = (site.templates(9), site.templates(9));
    let (one, unpacked) = open(&first, &path).unwrap();
    assert!(unpacked);
    let (two, unpacked) = open(&second, &path).unwrap();
    assert!(!unpacked);
    assert_eq!(one.digest(&Operation::unwatched()).unwrap(), two.digest(&Operation::unwatched()).unwrap());
    assert_eq!(site.kept().len(), 1);
}

#[test]
fn what_was_used_longest_ago_makes_room_and_nothing_that_is_used() {
    let site = Site::new();
    let paths = ["a.tar.gz", "b.tar.gz", "c.tar.gz"].map(|name| site.tarball(name));
    // Each opened by a process that has ended.
    let mut kept = Vec::new();
    for path in &paths[..2] {
        open(&site.templates(2), path).unwrap();
        kept.push(site.kept().into_iter().find(|path| !kept.contains(path)).unwrap());
    }
    used_at(&kept[0], 10);
    used_at(&kept[1], 20);
    open(&site.templates(2), &paths[2]).unwrap();
    assert!(kept[0].exists() && !kept[1].exists(), "b goes first");

    let other = site.templates(2);
    let (in_use, unpacked) = open(&other, &paths[0]).unwrap();
    assert!(!unpacked);
    used_at(&kept[0], 100);
    open(&site.templates(2), &paths[1]).unwrap();
    assert!(kept[0].exists(), "the oldest, which another process uses");
    let error = open(&site.templates(1), &paths[2]).unwrap_err();
    assert!(matches!(error, Error::CacheFull { .. }), "{error}");
    assert!(error.to_string().contains("virtual-media/cache-limit"), "{error}");
    drop(in_use);
    drop(other);
    open(&site.templates(1), &paths[2]).unwrap();
    assert_eq!(site.kept().len(), 1);
}

#[test]
fn a_use_makes_young_again() {
    let site = Site::new();
    let paths = ["a.tar.gz", "b.tar.gz", "c.tar.gz"].map(|name| site.tarball(name));
    open(&site.templates(2), &paths[0]).unwrap();
    let [first] = site.kept().try_into().unwrap();
    open(&site.templates(2), &paths[1]).unwrap();
    used_at(&first, 20);
    site.kept().iter().filter(|path| **path != first).for_each(|path| used_at(path, 10));
    let (_, unpacked) = open(&site.templates(2), &paths[0]).unwrap();
    assert!(!unpacked);
    open(&site.templates(2), &paths[2]).unwrap();
    assert!(first.exists() && site.kept().len() == 2, "b goes, which nobody used since");
}

#[test]
fn the_last_32_templates_stay_open() {
    let site = Site::new();
    let templates = site.templates(9);
    let opened: Vec<_> = (0..33)
        .map(|number| images::file(&site.dir, &format!("{number}/cdboot.iso"), &fixture("grub")))
        .map(|path| Arc::downgrade(&open(&templates, &path).unwrap().0))
        .collect();
    let closed: Vec<usize> = (0..33).filter(|number| opened[*number].upgrade().is_none()).collect();
    assert_eq!(closed, [0]);
}

#[test]
fn a_template_that_nothing_is_made_of_makes_room_in_its_own_process() {
    let site = Site::new();
    let templates = site.templates(1);
    let paths = ["a.tar.gz", "b.tar.gz"].map(|name| site.tarball(name));
    drop(open(&templates, &paths[0]).unwrap());
    let (held, _) = open(&templates, &paths[1]).unwrap();
    assert!(matches!(open(&templates, &paths[0]).unwrap_err(), Error::CacheFull { .. }));
    let (again, _) = open(&templates, &paths[1]).unwrap();
    assert!(Arc::ptr_eq(&held, &again), "what images are made of stays open");
    drop((held, again));
    open(&templates, &paths[0]).unwrap();
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed_and_a_failure_leaves_nothing() {
    let site = Site::new();
    let path = site.tarball("a.tar.gz");
    open(&site.templates(9), &path).unwrap();
    let kept = site.kept().remove(0);
    fs::remove_file(&kept).unwrap();
    let name = kept.file_name().unwrap().to_str().unwrap();
    fs::write(site.cache().join(format!(".{name}.x1.unfinished")), "half").unwrap();
    open(&site.templates(9), &path).unwrap();
    assert_eq!(site.kept(), std::slice::from_ref(&kept));

    let broken = gz(&tarball(&[("abc/cdboot.iso", &fixture("grub"))]));
    let broken = images::file(&site.dir, "broken.tar.gz", &broken[..broken.len() / 2]);
    assert!(matches!(open(&site.templates(9), &broken).unwrap_err(), Error::Archive { .. }));
    assert_eq!(site.kept(), [kept]);
}

#[test]
fn many_who_want_one_template_at_once_unpack_it_once() {
    let site = Site::new();
    let path = site.tarball("a.tar.gz");
    let templates = site.templates(9);
    let unpacked = std::thread::scope(|scope| {
        let open = || scope.spawn(|| open(&templates, &path).unwrap().1);
        let threads: Vec<_> = (0..8).map(|_| open()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|unpacked| *unpacked).count()
    });
    assert_eq!(unpacked, 1);
}
