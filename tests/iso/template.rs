//! From a template, wherever it is kept, to a machine's image.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use drp_virtual_media::iso::{Error, Template, locate_template};
use drp_virtual_media::machine::{KernelArgs, Loader};
use drp_virtual_media::operation::Operation;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::images::{self, applied, args, gz, open, tarball};

/// What the vendor's document has for its machine.
const DOCUMENT: &str = "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS rd_NO_MD rd_NO_DM \
                        provisioner.web=http://10.10.10.10:8091 rs.uuid=bb1eadf9-4b5e-46a7-a577-d07e2a33138f provisioner.ip=10.10.10.199/24 \
                        provisioner.gw=10.10.10.254 provisioner.interface=eth10 -- console=ttyS0,115200 console=tty0";

fn plan_in_memory(image: &[u8], line: &str) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let template = open(&images::file(&dir, "t.iso", image));
    applied(image, &template.plan(&args(line)).unwrap())
}

fn refused(path: &Path) -> Error {
    Template::open(path, &Operation::unwatched()).map(|template| template.path().to_owned()).unwrap_err()
}

#[test]
fn every_marked_file_of_both_families_is_an_area() {
    let grub = ["/EFI/BOOT/BOOT.conf", "/EFI/BOOT/grub.cfg", "/boot/grub/grub.cfg"];
    for (name, image) in images::all() {
        let dir = TempDir::new().unwrap();
        let template = open(&images::file(&dir, "t.iso", &image));
        let mut found: Vec<(&str, Loader)> = template.areas().iter().map(|area| (area.file(), area.loader())).collect();
        found.sort_by_key(|(file, _)| *file);
        let mut expected: Vec<_> = grub.map(|file| (file, Loader::Grub)).to_vec();
        if !name.ends_with("grub") {
            expected.push(("/isolinux/isolinux.cfg", Loader::Isolinux));
        }
        assert_eq!(found, expected, "{name}");
        for area in template.areas() {
            assert!((1300..1500).contains(&area.room()), "{name}: {} has room for {}", area.file(), area.room());
            assert_eq!(area.kernel(), "/vmlinuz0");
        }
    }
}

#[test]
fn the_documents_machine_gets_its_line_in_every_area() {
    for (name, image) in images::all() {
        let dir = TempDir::new().unwrap();
        let generated = open(&images::file(&dir, "m.iso", &plan_in_memory(&image, DOCUMENT)));
        for area in generated.areas() {
            assert_eq!(area.arguments(), DOCUMENT, "{name}: {}", area.file());
        }
    }
}

#[test]
fn an_image_in_a_tarball_is_found_by_content_whatever_the_file_is_called() {
    let image = images::fixture("grub");
    let dir = TempDir::new().unwrap();
    let tar = tarball(&[("abc/vmlinuz0", b"kernel"), ("abc/cdboot.iso", &image), ("abc/root.squashfs", b"rest")]);
    for (name, bytes) in [("t.iso", image.clone()), ("t.bin", tar.clone()), ("t.tar", gz(&tar)), ("u.iso", gz(&image))]
    {
        let template = open(&images::file(&dir, name, &bytes));
        let plan = template.plan(&args(DOCUMENT)).unwrap();
        assert_eq!(template.size(), image.len() as u64, "{name}");
        let digest = template.digest_of_image(&plan, &Operation::unwatched()).unwrap();
        assert_eq!(digest, sha256(&applied(&image, &plan)), "{name}");
        assert_eq!(
            digest,
            template.digest_of_image(&plan, &Operation::unwatched()).unwrap(),
            "{name}, from the cached half"
        );
    }
}

#[test]
fn an_exploded_directory_gives_its_own_or_the_newest_image() {
    let dir = TempDir::new().unwrap();
    let old = images::file(&dir, "sledgehammer/b-old/cdboot.iso", &images::fixture("isolinux"));
    let new = images::file(&dir, "sledgehammer/a-new/cdboot.iso", &images::fixture("grub"));
    age(&old, 100);
    let root = dir.path().join("sledgehammer");
    assert_eq!(open(&root).path(), new);
    assert_eq!(open(&root.join("b-old")).path(), old);
    age(&new, 200);
    assert_eq!(open(&root).path(), old);
}

#[test]
fn what_is_no_template_is_told_apart() {
    let dir = TempDir::new().unwrap();
    let image = images::fixture("grub");
    let check = |name: &str, bytes: &[u8], text: &str| {
        let path = images::file(&dir, name, bytes);
        let error = refused(&path).to_string();
        assert!(error.contains(text) && error.contains(path.to_str().unwrap()), "{name}: {error}");
    };
    check("text", b"hello", "neither an ISO 9660 image nor a tar");
    check("empty", b"", "neither an ISO 9660 image nor a tar");
    check("gzipped text", &gz(b"hello"), "neither an ISO 9660 image nor a tar");
    check("tar without it", &tarball(&[("abc/vmlinuz0", b"x")]), "holds no cdboot.iso");
    check("gz without it", &gz(&tarball(&[("abc/vmlinuz0", b"x")])), "holds no cdboot.iso");
    check("another name", &tarball(&[("abc/xcdboot.iso", &image)]), "holds no cdboot.iso");
    check("no image in it", &tarball(&[("abc/cdboot.iso", b"hello")]), "no ISO 9660 volume");
    check("link", &link_tarball(), "a link or no plain file");
    check("cut image", &image[..image.len() - 5000], "truncated image");
    let tar = tarball(&[("abc/cdboot.iso", &image)]);
    check("cut tar", &tar[..tar.len() / 2], "may be incomplete");
    let packed = gz(&tar);
    check("cut gz", &packed[..packed.len() / 2], "may be incomplete");
    let mut broken = packed.clone();
    broken[packed.len() / 2] ^= 0x55;
    check("broken gz", &broken, "may be incomplete");
    let unmarked = replaced(&image, b"REPLACE HERE", b"REPLACE NULL");
    check("no marker", &unmarked, "none of its");
    let no_entry = replaced(&image, b"menuentry", b"menu_entr");
    check("no entry", &no_entry, "there is no menuentry");

    let nowhere = dir.path().join("nowhere");
    assert!(matches!(refused(&nowhere), Error::Read { .. }));
    fs::create_dir(&nowhere).unwrap();
    assert!(matches!(refused(&nowhere), Error::NoImageInside { .. }));
    assert!(matches!(refused(Path::new("/dev/null")), Error::UnknownFormat { .. }));
}

#[test]
fn an_archive_that_claims_huge_names_or_files_costs_no_memory() {
    let dir = TempDir::new().unwrap();
    for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader, tar::EntryType::Regular] {
        let mut header = tar::Header::new_gnu();
        header.set_path("cdboot.iso").unwrap();
        header.set_entry_type(kind);
        header.set_size(1 << 40);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(1 << 20, 0);
        for (name, bytes) in [("t.tar", bytes.clone()), ("t.tar.gz", gz(&bytes))] {
            let error = refused(&images::file(&dir, name, &bytes));
            let expected =
                matches!(error, Error::TooLarge { .. } | Error::Archive { .. } | Error::NoImageInside { .. });
            assert!(expected, "{kind:?} {name}: {error}");
        }
    }
}

#[test]
fn unpacking_is_reported_and_can_be_stopped() {
    let dir = TempDir::new().unwrap();
    let noise: Vec<u8> = (0..700_000_u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(n | 1).to_be_bytes())
        .collect();
    let packed = images::file(
        &dir,
        "t.tar.gz",
        &gz(&tarball(&[("a/root", &noise), ("a/cdboot.iso", &images::fixture("grub"))])),
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = Arc::clone(&seen);
    let operation = Operation::new(move |progress| watch.lock().unwrap().extend(progress.percent));
    Template::open(&packed, &operation).unwrap();
    let percents = seen.lock().unwrap().clone();
    assert!(percents.len() > 3 && percents.is_sorted(), "{percents:?}");
    operation.cancel();
    assert!(matches!(Template::open(&packed, &operation).unwrap_err(), Error::Cancelled { .. }));
}

#[test]
fn one_open_template_serves_many_threads() {
    let dir = TempDir::new().unwrap();
    let image = images::fixture("grub");
    let template = open(&images::file(&dir, "t.iso", &image));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (template, image) = (&template, &image);
            scope.spawn(move || {
                for turn in 0..4 {
                    let plan = template.plan(&args(&format!("rs.uuid={number}-{turn}"))).unwrap();
                    let digest = template.digest_of_image(&plan, &Operation::unwatched()).unwrap();
                    assert_eq!(digest, sha256(&applied(image, &plan)));
                }
            });
        }
    });
}

#[test]
fn a_template_that_is_overwritten_is_not_used_on() {
    let dir = TempDir::new().unwrap();
    let path = images::file(&dir, "t.iso", &images::fixture("grub"));
    let template = open(&path);
    let plan = template.plan(&args("a=b")).unwrap();
    age(&path, 5);
    assert!(matches!(
        template.digest_of_image(&plan, &Operation::unwatched()).unwrap_err(),
        Error::TemplateChanged { .. }
    ));
    let template = open(&path);
    fs::remove_file(&path).unwrap();
    images::file(&dir, "t.iso", b"another");
    template.digest_of_image(&plan, &Operation::unwatched()).unwrap();
}

#[test]
fn the_template_is_the_one_asked_for_else_the_newest_exploded_one() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    let locate = |wanted: Option<&str>| locate_template(root, wanted);
    assert!(matches!(locate(None).unwrap_err(), Error::NoTemplate { .. }));
    let old_tar = images::file(&dir, "isos/sledgehammer-aaa.amd64.tar", b"");
    let new_tar = images::file(&dir, "isos/sledgehammer-bbb.amd64.tar.gz", b"");
    images::file(&dir, "isos/sledgehammer-ccc.arm64.tar", b"");
    images::file(&dir, "isos/debian-12.iso", b"");
    age(&old_tar, 100);
    age(&new_tar, 50);
    assert_eq!(locate(None).unwrap(), new_tar);
    let exploded = images::file(&dir, "sledgehammer/ddd/cdboot.iso", b"");
    age(&exploded, 500);
    assert_eq!(locate(None).unwrap(), exploded);

    for (wanted, found) in [
        ("ddd", &exploded),
        ("aaa", &old_tar),
        ("sledgehammer-bbb.amd64.tar.gz", &new_tar),
        ("isos/sledgehammer-aaa.amd64.tar", &old_tar),
        (old_tar.to_str().unwrap(), &old_tar),
        (" ", &exploded),
    ] {
        assert_eq!(&locate(Some(wanted)).unwrap(), found, "{wanted}");
    }
    for (wanted, text) in
        [("eee", "no such file"), ("/nowhere/x.iso", "no such file"), ("../secret", "`..`"), ("isos/../../x", "`..`")]
    {
        let error = locate(Some(wanted)).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains(wanted), "{error}");
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof!["([!-~]{1,30} ?){0,60}", "[a-z]{1300,1400}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A generated image is its template but for the areas, and generated from the template or from another machine's image it has the
    /// same bytes.
    #[test]
    fn nothing_but_the_areas_changes(line in line(), before in line(), which in 0_usize..3) {
        let (Ok(args), Ok(before)) = (KernelArgs::parse(&line), KernelArgs::parse(&before)) else { return Ok(()) };
        let image = images::fixture(images::FIXTURES[which]);
        let dir = TempDir::new().unwrap();
        let template = open(&images::file(&dir, "t.iso", &image));
        let needed = Loader::Grub.quote(&args).len();
        let room = template.areas().iter().map(drp_virtual_media::iso::area::Area::room).min().unwrap();
        let plan = match template.plan(&args) {
            Ok(plan) => plan,
            Err(Error::ArgumentsTooLong { needed, room, .. }) => {
                prop_assert!(needed > room);
                return Ok(());
            }
            Err(error) => panic!("{error}"),
        };
        prop_assert!(needed <= room);
        let generated = applied(&image, &plan);
        prop_assert_eq!(generated.len(), image.len());
        let mut outside = (generated.clone(), image.clone());
        for area in template.areas() {
            let at = usize::try_from(area.offset()).unwrap();
            outside.0[at..at + area.size()].fill(0);
            outside.1[at..at + area.size()].fill(0);
        }
        prop_assert!(outside.0 == outside.1, "bytes outside the areas changed");
        if let Ok(other) = template.plan(&before) {
            let again = open(&images::file(&dir, "other.iso", &applied(&image, &other)));
            let plan = again.plan(&args).unwrap();
            prop_assert!(applied(&applied(&image, &other), &plan) == generated, "another history, other bytes");
        }
    }
}

fn link_tarball() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "abc/cdboot.iso", "/etc/passwd").unwrap();
    tar.into_inner().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn replaced(image: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let places: Vec<usize> = (0..image.len() - from.len()).filter(|at| image[*at..].starts_with(from)).collect();
    for at in places {
        image[at..at + to.len()].copy_from_slice(to);
    }
    image
}

fn age(path: &PathBuf, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}
