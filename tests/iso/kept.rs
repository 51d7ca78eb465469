//! Plans that outlive a process: the same bytes after a restart, or none.

use std::fs;
use std::path::PathBuf;

use drp_virtual_media::iso::volume::ReadAt;
use drp_virtual_media::iso::{Error, Image, KeptPlan, KeptPlans, Templates};
use drp_virtual_media::operation::Operation;
use tempfile::TempDir;

use crate::images::{self, applied, open, uuid};

struct Site {
    dir: TempDir,
    template: PathBuf,
    plans: KeptPlans,
}

impl Site {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let template = images::file(&dir, "cdboot.iso", &images::fixture("grub"));
        let plans = KeptPlans::new(dir.path().join("cache/plans"));
        Self { dir, template, plans }
    }

    fn image(&self, line: &str) -> Image {
        images::image(&open(&self.template), line)
    }

    fn keep(&self, token: &str, line: &str) -> KeptPlan {
        let kept = KeptPlan::new(uuid(), "sledgehammer", token, &self.image(line));
        self.plans.keep(&kept).unwrap();
        kept
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("cache/plans")
    }

    /// The same file, as another process has it open.
    fn other(&self) -> KeptPlans {
        KeptPlans::new(self.file())
    }
}

fn tokens(plans: &KeptPlans) -> Vec<String> {
    plans.load().unwrap().into_iter().map(|plan| plan.token).collect()
}

fn bytes(image: &Image) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(image.size()).unwrap()];
    image.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn again(kept: &KeptPlan) -> Result<Image, Error> {
    kept.image(&Templates::default(), &Operation::unwatched())
}

#[test]
fn what_is_kept_is_the_same_image_byte_for_byte() {
    let site = Site::new();
    let mut kept = site.keep("a1", "rs.uuid=1");
    kept.clients = vec!["10.0.1.20".parse().unwrap(), "fd00::1".parse().unwrap()];
    kept.until = Some("2027-01-01T00:00:00Z".parse().unwrap());
    site.plans.keep(&kept).unwrap();
    let other = site.keep("b2", "rs.uuid=2");
    let loaded = site.other().load().unwrap();
    assert_eq!(loaded, [kept.clone(), other]);
    let image = again(&loaded[0]).unwrap();
    assert!(bytes(&image) == applied(&images::fixture("grub"), site.image("rs.uuid=1").plan()));
    assert_eq!((image.made(), image.digest()), (kept.made, kept.digest.as_str()));
    site.plans.forget("a1").unwrap();
    site.plans.forget("a1").unwrap();
    assert_eq!(tokens(&site.plans), ["b2"]);
    assert_eq!(tokens(&site.other()), ["b2"]);
}

#[test]
fn a_plan_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.keep("a1", "rs.uuid=1");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.file()), 0o600);
    assert_eq!(mode(site.file().parent().unwrap()), 0o700);
}

#[test]
fn a_plan_that_was_torn_at_any_place_is_none_and_no_harm_to_others() {
    let site = Site::new();
    let kept = site.keep("a1", "rs.uuid=1");
    let before = fs::metadata(site.file()).unwrap().len();
    let torn = site.keep("b2", "rs.uuid=2");
    let whole = fs::read(site.file()).unwrap();
    let cuts = (usize::try_from(before).unwrap()..whole.len()).step_by(7).chain([whole.len() - 1]);
    let next = KeptPlan::new(uuid(), "sledgehammer", "c3", &site.image("rs.uuid=3"));
    for len in cuts {
        fs::write(site.file(), &whole[..len]).unwrap();
        site.other().keep(&next).unwrap();
        assert_eq!(site.other().load().unwrap(), [kept.clone(), next.clone()], "{len} of {} bytes", whole.len());
    }
    fs::write(site.file(), &whole).unwrap();
    assert_eq!(site.other().load().unwrap(), [kept, torn]);
}

#[test]
fn a_byte_that_was_damaged_is_never_another_image() {
    let site = Site::new();
    let images = [("a1", "rs.uuid=1"), ("b2", "rs.uuid=2")].map(|(token, line)| {
        site.keep(token, line);
        bytes(&site.image(line))
    });
    let whole = fs::read(site.file()).unwrap();
    let templates = Templates::default();
    for at in (0..whole.len()).step_by(11).chain([whole.len() - 1]) {
        let mut odd = whole.clone();
        odd[at] ^= 1;
        fs::write(site.file(), &odd).unwrap();
        let plans = site.other().load().unwrap();
        assert!(!plans.is_empty(), "byte {at}: the other plan is whole");
        for plan in plans {
            match plan.image(&templates, &Operation::unwatched()) {
                Ok(image) => assert!(images.contains(&bytes(&image)), "byte {at}"),
                Err(error) => assert!(matches!(error, Error::TemplateReplaced { .. } | Error::Read { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn two_processes_share_the_file() {
    let site = Site::new();
    let other = site.other();
    site.keep("a1", "rs.uuid=1");
    assert_eq!(tokens(&other), ["a1"]);
    other.keep(&KeptPlan::new(uuid(), "sledgehammer", "b2", &site.image("rs.uuid=2"))).unwrap();
    site.keep("c3", "rs.uuid=3");
    assert_eq!(tokens(&site.plans), ["a1", "b2", "c3"]);
    // What it served before us, and we since.
    other.forget("a1").unwrap();
    site.plans.forget("a1").unwrap();
    assert_eq!(tokens(&other), ["b2", "c3"]);
    // Nobody can make it wait for ever, and nothing is lost that was there.
    let held = fs::File::open(site.file()).unwrap();
    held.lock().unwrap();
    let error = other.forget("b2").unwrap_err().to_string();
    assert!(error.contains("another process has held it for 5 s"), "{error}");
    drop(held);
    assert_eq!(tokens(&other), ["b2", "c3"]);
    // Somebody cleaned up.
    fs::remove_dir_all(site.file().parent().unwrap()).unwrap();
    assert!(site.plans.is_empty());
    other.forget("b2").unwrap();
    site.keep("d4", "rs.uuid=4");
    assert_eq!(tokens(&other), ["d4"]);
}

#[test]
fn what_is_over_takes_no_room_for_long_and_the_rest_is_kept() {
    let site = Site::new();
    let other = site.other();
    let first = site.keep("a0", "rs.uuid=0");
    let one = fs::metadata(site.file()).unwrap().len();
    other.forget("a0").unwrap();
    // Unknown to the other one, which writes the file anew.
    site.keep("a1", "rs.uuid=1");
    // Far more than it may grow to; the file is replaced under each of them.
    let (mut largest, rounds) = (0, (20 << 20) / one);
    for number in 0..rounds {
        let token = format!("b{number}");
        let plans = if number < rounds / 2 { &other } else { &site.plans };
        let mut plan = first.clone();
        plan.token.clone_from(&token);
        plans.keep(&plan).unwrap();
        plans.forget(&token).unwrap();
        largest = largest.max(fs::metadata(site.file()).unwrap().len());
    }
    assert!(largest < 6 << 20, "{largest} bytes");
    site.keep("c3", "rs.uuid=3");
    for plans in [&site.plans, &other, &site.other()] {
        assert_eq!(tokens(plans), ["a1", "c3"]);
    }
    let names = fs::read_dir(site.file().parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["plans"]);
    // Everything is still where it is looked for.
    other.forget("a1").unwrap();
    site.plans.forget("c3").unwrap();
    assert!(site.plans.is_empty() && tokens(&site.other()).is_empty());
}

#[test]
fn a_plan_whose_template_is_another_one_by_now_is_refused() {
    let site = Site::new();
    let kept = site.keep("a1", "rs.uuid=1");
    let mut template = images::fixture("grub");
    template[40_000] ^= 1;
    fs::write(&site.template, &template).unwrap();
    assert!(matches!(again(&kept).unwrap_err(), Error::TemplateReplaced { .. }), "one bit");
    fs::write(&site.template, images::fixture("isolinux")).unwrap();
    assert!(matches!(again(&kept).unwrap_err(), Error::TemplateReplaced { .. }), "another length");
    fs::remove_file(&site.template).unwrap();
    assert!(matches!(again(&kept).unwrap_err(), Error::Read { .. }));
    // The same bytes, copied anew.
    fs::write(&site.template, images::fixture("grub")).unwrap();
    again(&kept).unwrap();
}

#[test]
fn nothing_kept_is_nothing_to_load() {
    let site = Site::new();
    assert!(site.plans.is_empty());
    assert!(site.plans.load().unwrap().is_empty());
    assert!(!site.file().exists());
    // Somebody's, and larger than anything that is read at once.
    fs::create_dir(site.file().parent().unwrap()).unwrap();
    fs::write(site.file(), [b"notes\n+half\n".to_vec(), vec![b'x'; 3 << 20]].concat()).unwrap();
    assert!(site.other().is_empty());
    site.keep("a1", "a=b");
    assert_eq!(tokens(&site.other()), ["a1"]);
}
