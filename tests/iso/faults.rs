//! File systems that refuse: a full disk, a read-only web root, a cancel in the middle. Nothing half-written is left.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use drp_virtual_media::iso::{Error, Image, Store, Template, write_image};
use drp_virtual_media::operation::Operation;
use jiff::Timestamp;
use tempfile::TempDir;
use url::Url;

use crate::images::{self, args, open, uuid};

/// Set for the process that a test starts of itself, under a limit: the directory to work in.
const LIMITED: &str = "ISO_TEST_LIMITED_DIRECTORY";

fn store(webroot: &Path) -> Store {
    Store::new(webroot, &Url::parse("http://10.0.0.5:8091").unwrap())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A limit on the size of a file ends a write as a full disk does, needs no privilege, and holds for a whole process: so the test runs
/// itself again under one.
#[test]
fn a_full_disk_leaves_the_old_image_and_nothing_else() {
    if let Some(dir) = std::env::var_os(LIMITED) {
        return fill_the_disk(Path::new(&dir));
    }
    let dir = TempDir::new().unwrap();
    images::file(&dir, "templates/cdboot.iso", &images::fixture("grub"));
    images::file(&dir, "templates/packed.iso.gz", &packed(&images::fixture("grub")));
    let name = "faults::a_full_disk_leaves_the_old_image_and_nothing_else";
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(LIMITED, dir.path())
        .env("TMPDIR", dir.path().join("templates"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

/// In the process under a limit of 300 blocks of 512 or 1,024 bytes, which is less than the template has.
fn fill_the_disk(dir: &Path) {
    let template = open(&dir.join("templates/cdboot.iso"));
    let image = images::image(&template, "a=b");
    let store = store(dir);
    let place = store.path(uuid(), "sledgehammer").unwrap();
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "the old image").unwrap();
    let error = store.write(uuid(), "sledgehammer", &image, &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(place.to_str().unwrap()) && text.contains("550912 bytes") && text.contains("free some space"),
        "{text}"
    );
    assert_eq!(fs::read(&place).unwrap(), b"the old image");
    assert_eq!(files(&dir.join("dynamic_isos")), [place]);
    let error = Template::open(&dir.join("templates/packed.iso.gz"), &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert_eq!(files(&dir.join("templates")).len(), 2);
}

fn packed(image: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzEncoder::new(image, flate2::Compression::fast()), &mut packed)
        .unwrap();
    packed
}

/// A name of 256 MiB, packed to 256 KiB, is passed over and not read into memory. The peak is a process's, so the test runs itself again.
#[test]
#[cfg(target_os = "linux")]
fn a_packed_archive_costs_little_memory() {
    if let Some(dir) = std::env::var_os(LIMITED) {
        let error = Template::open(&Path::new(&dir).join("t.tar.gz"), &Operation::unwatched()).unwrap_err();
        assert!(matches!(error, Error::NoImageInside { .. }), "{error}");
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
        assert!(peak.parse::<u64>().unwrap() < 64 << 10, "{peak} kB");
        return;
    }
    let dir = TempDir::new().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(256 << 20);
    header.set_cksum();
    let archive = fs::File::create(dir.path().join("t.tar.gz")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(archive, flate2::Compression::fast());
    packer.write_all(header.as_bytes()).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..256 {
        packer.write_all(&chunk).unwrap();
    }
    packer.write_all(&[0; 1024]).unwrap();
    packer.finish().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::a_packed_archive_costs_little_memory"])
        .env(LIMITED, dir.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

/// Nobody may create anything in /sys, not even root.
#[test]
#[cfg(target_os = "linux")]
fn a_read_only_web_root_is_told_with_its_path() {
    let dir = TempDir::new().unwrap();
    let template = open(&images::file(&dir, "t.iso", &images::fixture("grub")));
    let image = images::image(&template, "a=b");
    for root in [Path::new("/sys"), &dir.path().join("nowhere")] {
        let error = store(root).write(uuid(), "sledgehammer", &image, &Operation::unwatched()).unwrap_err();
        assert!(matches!(error, Error::NotWritable { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(root.to_str().unwrap()) && text.contains("RS_WEBROOT"), "{text}");
    }
    let error = write_image(Path::new("/sys/x.iso"), &image, &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::NotWritable { .. }), "{error}");
}

#[test]
fn a_file_in_the_way_is_told() {
    let dir = TempDir::new().unwrap();
    let template = open(&images::file(&dir, "t.iso", &images::fixture("grub")));
    let image = images::image(&template, "a=b");
    images::file(&dir, "dynamic_isos", b"no directory");
    let error = store(dir.path()).write(uuid(), "sledgehammer", &image, &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::NoDirectory { .. }), "{error}");
    fs::create_dir(dir.path().join("x.iso")).unwrap();
    write_image(&dir.path().join("x.iso"), &image, &Operation::unwatched()).unwrap_err();
    assert_eq!(files(dir.path()).len(), 2, "{:?}", files(dir.path()));
}

/// Cancelled at every report of progress in turn: an error, the old image, nothing else.
#[test]
fn a_cancelled_write_leaves_the_old_image_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("t.iso");
    drp_virtual_media_sim::template::write_with(&source, drp_virtual_media_sim::template::Family::Grub, 20 << 20)
        .unwrap();
    let template = open(&source);
    let image = images::image(&template, "a=b");
    let place = images::file(&dir, "out/boot.iso", b"the old image");
    for reports in 1..4 {
        let slot: Arc<OnceLock<std::sync::Weak<Operation>>> = Arc::default();
        let seen = std::sync::atomic::AtomicUsize::new(0);
        let inner = Arc::clone(&slot);
        let operation = Arc::new(Operation::new(move |_| {
            if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == reports {
                inner.get().and_then(std::sync::Weak::upgrade).unwrap().cancel();
            }
        }));
        slot.set(Arc::downgrade(&operation)).unwrap();
        let error = write_image(&place, &image, &operation).unwrap_err();
        assert!(matches!(error, Error::Cancelled { .. }), "{error}");
        assert_eq!(fs::read(&place).unwrap(), b"the old image");
        assert_eq!(files(&dir.path().join("out")), std::slice::from_ref(&place));
    }
}

#[test]
fn a_plan_of_another_template_is_refused() {
    let dir = TempDir::new().unwrap();
    let one = open(&images::file(&dir, "one.iso", &images::fixture("grub")));
    let other = open(&images::file(&dir, "other.iso", &images::fixture("isolinux")));
    let plan = one.plan(&args("a=b")).unwrap();
    let error = Image::new(other, plan, Timestamp::now(), &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::ForeignPlan { .. }), "{error}");
}
