//! Machines' images on disk: where they lie, what is there at any time, and what is removed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use drp_virtual_media::iso::{Error, Image, Store, Template, write_image};
use drp_virtual_media::machine::MachineUuid;
use drp_virtual_media::operation::Operation;
use tempfile::TempDir;
use url::Url;

use crate::images::{self, UUID, open, uuid};

/// A web root with a template in it.
struct Web {
    dir: TempDir,
    bytes: Vec<u8>,
    template: Arc<Template>,
    store: Store,
}

impl Web {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let bytes = images::fixture("isolinux");
        let template = open(&images::file(&dir, "sledgehammer/abc/cdboot.iso", &bytes));
        let store = Store::new(dir.path(), &Url::parse("http://10.0.0.5:8091/").unwrap());
        Self { dir, bytes, template, store }
    }

    fn image(&self, line: &str) -> Image {
        images::image(&self.template, line)
    }

    fn machine(&self) -> std::path::PathBuf {
        self.dir.path().join("dynamic_isos").join(UUID)
    }
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_image_is_where_the_file_server_finds_it_readable_by_all() {
    let web = Web::new();
    let image = web.image("rs.uuid=1");
    let operation = Operation::unwatched();
    let written = web.store.write(uuid(), "sledgehammer", &image, &operation).unwrap();
    assert_eq!(written.path, web.machine().join("sledgehammer/boot.iso"));
    assert_eq!(written.url, format!("http://10.0.0.5:8091/dynamic_isos/{UUID}/sledgehammer/boot.iso"));
    let bytes = fs::read(&written.path).unwrap();
    assert!(bytes == images::applied(&web.bytes, image.plan()));
    assert_eq!(fs::metadata(&written.path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::metadata(web.machine()).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(listing(&web.machine().join("sledgehammer")), ["boot.iso"]);
    assert_eq!(operation.steps_done(), [format!("wrote {}", written.path.display())]);
}

/// Only root can give files away, and so only root sees this fail.
#[test]
fn an_image_and_its_directories_belong_to_whom_the_web_root_belongs() {
    let web = Web::new();
    let owner = |path: &Path| fs::metadata(path).map(|meta| (meta.uid(), meta.gid())).unwrap();
    let given = chown(web.dir.path(), Some(65_534), Some(65_534)).is_ok();
    assert_eq!(given, owner(web.dir.path()) == (65_534, 65_534));
    let written = web.store.write(uuid(), "sledgehammer", &web.image("a=b"), &Operation::unwatched()).unwrap();
    for path in written.path.ancestors().take(4) {
        assert_eq!(owner(path), owner(web.dir.path()), "{}", path.display());
    }
}

#[test]
fn a_reader_of_the_old_image_keeps_it() {
    let web = Web::new();
    let operation = Operation::unwatched();
    let first = web.store.write(uuid(), "sledgehammer", &web.image("rs.uuid=1"), &operation).unwrap();
    let mut reader = File::open(&first.path).unwrap();
    let second = web.store.write(uuid(), "sledgehammer", &web.image("rs.uuid=2"), &operation).unwrap();
    assert_eq!(first, second);
    let mut old = Vec::new();
    reader.read_to_end(&mut old).unwrap();
    assert!(old == images::applied(&web.bytes, web.image("rs.uuid=1").plan()));
}

#[test]
fn an_image_from_a_tarball_is_the_same() {
    let web = Web::new();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(web.bytes.len() as u64);
    tar.append_data(&mut header, "abc/cdboot.iso", &web.bytes[..]).unwrap();
    let packed = open(&images::file(&web.dir, "isos/sledgehammer.tar", &tar.into_inner().unwrap()));
    let image = images::image(&packed, "rs.uuid=1");
    assert_eq!(image.plan(), web.image("rs.uuid=1").plan());
    assert_eq!(image.digest(), web.image("rs.uuid=1").digest());
    let out = web.dir.path().join("x.iso");
    write_image(&out, &image, &Operation::unwatched()).unwrap();
    assert!(fs::read(&out).unwrap() == images::applied(&web.bytes, image.plan()));
}

#[test]
fn a_name_that_is_no_bootenv_name_never_becomes_a_path() {
    let web = Web::new();
    let image = web.image("a=b");
    let long = format!("a{}", "b".repeat(255));
    for name in ["", "a", "..", ".", "../x", "a/b", "a\0b", "1st", " x", "-x", "a%2fb", "é-env", "a\\b", &long] {
        let written = web.store.write(uuid(), name, &image, &Operation::unwatched());
        assert!(matches!(written.unwrap_err(), Error::BootEnvName { .. }), "{name:?}");
        assert!(matches!(web.store.remove_image(uuid(), name).unwrap_err(), Error::BootEnvName { .. }), "{name:?}");
    }
    assert!(!web.dir.path().join("dynamic_isos").exists());
    assert!(web.store.url(uuid(), "my env-1.2_x").unwrap().ends_with("/my%20env-1.2_x/boot.iso"));
}

#[test]
fn removing_an_image_leaves_its_directory_and_removing_a_machine_nothing() {
    let web = Web::new();
    let operation = Operation::unwatched();
    for bootenv in ["sledgehammer", "sledgehammer-x"] {
        web.store.write(uuid(), bootenv, &web.image("a=b"), &operation).unwrap();
    }
    assert_eq!(web.store.images(uuid()).unwrap(), ["sledgehammer", "sledgehammer-x"]);
    web.store.remove_image(uuid(), "sledgehammer").unwrap();
    web.store.remove_image(uuid(), "sledgehammer").unwrap();
    web.store.remove_image(uuid(), "never-there").unwrap();
    assert_eq!(listing(&web.machine()), ["sledgehammer", "sledgehammer-x"]);
    assert_eq!(listing(&web.machine().join("sledgehammer")), [""; 0]);
    assert_eq!(web.store.images(uuid()).unwrap(), ["sledgehammer-x"]);
    let other = images::file(&web.dir, "dynamic_isos/00000000-0000-4000-8000-000000000000/sledgehammer/boot.iso", b"x");
    web.store.remove_machine(uuid()).unwrap();
    web.store.remove_machine(uuid()).unwrap();
    assert!(!web.machine().exists() && other.exists());
    assert_eq!(web.store.images(uuid()).unwrap(), [""; 0]);
}

#[test]
fn symbolic_links_lead_nowhere() {
    let web = Web::new();
    let outside = TempDir::new().unwrap();
    let precious = images::file(&outside, "sledgehammer/boot.iso", b"precious");
    fs::create_dir(web.dir.path().join("dynamic_isos")).unwrap();
    symlink(outside.path(), web.machine()).unwrap();
    let write = || web.store.write(uuid(), "sledgehammer", &web.image("a=b"), &Operation::unwatched());
    assert!(matches!(write().unwrap_err(), Error::NoDirectory { .. }));
    assert!(matches!(web.store.remove_image(uuid(), "sledgehammer").unwrap_err(), Error::NoDirectory { .. }));
    web.store.remove_machine(uuid()).unwrap();
    assert!(!web.machine().exists());

    fs::create_dir(web.machine()).unwrap();
    symlink(outside.path().join("sledgehammer"), web.machine().join("sledgehammer")).unwrap();
    assert!(matches!(write().unwrap_err(), Error::NoDirectory { .. }));
    assert!(matches!(web.store.remove_image(uuid(), "sledgehammer").unwrap_err(), Error::NoDirectory { .. }));
    web.store.remove_machine(uuid()).unwrap();

    // A link in the image's place is replaced, not written through.
    fs::create_dir_all(web.machine().join("sledgehammer")).unwrap();
    symlink(&precious, web.machine().join("sledgehammer/boot.iso")).unwrap();
    write().unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn dynamic_isos_may_be_on_another_disk() {
    let web = Web::new();
    let disk = TempDir::new().unwrap();
    symlink(disk.path(), web.dir.path().join("dynamic_isos")).unwrap();
    web.store.write(uuid(), "sledgehammer", &web.image("a=b"), &Operation::unwatched()).unwrap();
    assert!(disk.path().join(UUID).join("sledgehammer/boot.iso").exists());
}

#[test]
fn our_media_are_told_by_their_path() {
    let ours = |url: &str| Store::is_ours(url, uuid());
    for url in [
        format!("http://10.0.0.5:8091/dynamic_isos/{UUID}/sledgehammer/boot.iso"),
        format!("https://other.name/dynamic_isos/{UUID}/my%20env/boot.iso"),
        format!("http://10.0.0.5:8091/dynamic_isos/{UUID}/sledgehammer/unguessable/boot.iso"),
        format!("http://h/dynamic_isos/{}/sledgehammer/boot.iso", UUID.to_uppercase()),
        format!("//10.0.0.5/dynamic_isos/{UUID}/sledgehammer/boot.iso"),
    ] {
        assert!(ours(&url), "{url}");
    }
    for url in [
        String::new(),
        "boot.iso".to_owned(),
        format!("http://h/dynamic_isos/{UUID}/boot.iso"),
        format!("http://h/dynamic_isos/{UUID}/sledgehammer/other.iso"),
        format!("http://h/isos/{UUID}/sledgehammer/boot.iso"),
        "http://h/dynamic_isos/00000000-0000-4000-8000-000000000000/sledgehammer/boot.iso".to_owned(),
        format!("http://h/x.iso?dynamic_isos/{UUID}/sledgehammer/boot.iso"),
    ] {
        assert!(!ours(&url), "{url}");
    }
}

#[test]
fn what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not() {
    let web = Web::new();
    let dead = images::file(&web.dir, &format!("dynamic_isos/{UUID}/sledgehammer/.boot.iso.dead.unfinished"), b"half");
    let alive = images::file(&web.dir, &format!("dynamic_isos/{UUID}/sledgehammer/.boot.iso.live.unfinished"), b"half");
    let foreign = images::file(&web.dir, &format!("dynamic_isos/{UUID}/sledgehammer/notes.txt"), b"mine");
    let lock = File::open(&alive).unwrap();
    lock.lock().unwrap();
    web.store.write(uuid(), "sledgehammer", &web.image("a=b"), &Operation::unwatched()).unwrap();
    assert!(!dead.exists() && alive.exists() && foreign.exists());
    drop(lock);
    web.store.remove_image(uuid(), "sledgehammer").unwrap();
    assert!(!alive.exists() && foreign.exists());
}

#[test]
fn all_images_stay_within_their_limit() {
    let web = Web::new();
    let size = web.bytes.len() as u64;
    let store = web.store.clone().with_limit(Some(2 * size + size / 2));
    let (one, other) = (uuid(), MachineUuid::parse("00000000-0000-4000-8000-000000000000").unwrap());
    let write =
        |machine, bootenv| store.write(machine, bootenv, &web.image("a=b"), &Operation::unwatched()).map(|_| ());
    write(one, "sledgehammer").unwrap();
    write(other, "sledgehammer").unwrap();
    write(other, "sledgehammer").expect("it takes the place of the one before");
    let error = write(one, "another").unwrap_err();
    assert!(matches!(error, Error::ImagesFull { used, .. } if used == 2 * size), "{error}");
    assert!(error.to_string().contains("virtual-media/images-limit"), "{error}");
    assert_eq!(store.images(one).unwrap(), ["sledgehammer"]);
    store.remove_machine(other).unwrap();
    write(one, "another").unwrap();
}

#[test]
fn a_template_that_is_written_to_meanwhile_leaves_the_old_image() {
    let web = Web::new();
    let old = web.store.write(uuid(), "sledgehammer", &web.image("a=b"), &Operation::unwatched()).unwrap().path;
    let next = web.image("a=c");
    let template = web.template.path().to_owned();
    let operation = Operation::new(move |progress| {
        assert_eq!(progress.step, "write");
        File::open(&template).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    });
    let error = web.store.write(uuid(), "sledgehammer", &next, &operation).unwrap_err();
    assert!(matches!(error, Error::TemplateChanged { .. }), "{error}");
    assert!(fs::read(&old).unwrap() == images::applied(&web.bytes, web.image("a=b").plan()));
    assert_eq!(listing(&web.machine().join("sledgehammer")), ["boot.iso"]);
}

#[test]
fn two_writers_of_one_image_leave_one_whole_image() {
    let web = Web::new();
    let made: Vec<Image> = (0..4).map(|number| web.image(&format!("rs.uuid={number}"))).collect();
    std::thread::scope(|scope| {
        for image in &made {
            scope.spawn(|| {
                for _ in 0..5 {
                    web.store.write(uuid(), "sledgehammer", image, &Operation::unwatched()).unwrap();
                }
            });
        }
    });
    let bytes = fs::read(web.machine().join("sledgehammer/boot.iso")).unwrap();
    assert!(made.iter().any(|image| bytes == images::applied(&web.bytes, image.plan())));
    assert_eq!(listing(&web.machine().join("sledgehammer")), ["boot.iso"]);
}
