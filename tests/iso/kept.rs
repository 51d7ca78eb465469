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
        let plans = KeptPlans::new(dir.path().join("plans"));
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

    fn file(&self, token: &str) -> PathBuf {
        self.dir.path().join("plans").join(format!("{token}.plan"))
    }
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
    let mut loaded = site.plans.load().unwrap();
    loaded.sort_by(|one, other| one.token.cmp(&other.token));
    assert_eq!(loaded, [kept.clone(), other]);
    let image = again(&loaded[0]).unwrap();
    assert!(bytes(&image) == applied(&images::fixture("grub"), site.image("rs.uuid=1").plan()));
    assert_eq!((image.made(), image.digest()), (kept.made, kept.digest.as_str()));
    site.plans.forget("a1").unwrap();
    site.plans.forget("a1").unwrap();
    assert_eq!(site.plans.load().unwrap().len(), 1);
}

#[test]
fn a_plan_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.keep("a1", "rs.uuid=1");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.file("a1")), 0o600);
    assert_eq!(mode(site.file("a1").parent().unwrap()), 0o700);
}

#[test]
fn a_file_that_was_torn_at_any_place_is_no_plan_and_no_harm_to_others() {
    let site = Site::new();
    let kept = site.keep("a1", "rs.uuid=1");
    let other = site.keep("b2", "rs.uuid=2");
    let whole = fs::read(site.file("a1")).unwrap();
    for len in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(site.file("a1"), &whole[..len]).unwrap();
        assert_eq!(site.plans.load().unwrap(), std::slice::from_ref(&other), "{len} of {} bytes", whole.len());
    }
    // Of the right length, with other bytes: the digest tells.
    for at in (0..whole.len()).step_by(11).chain([whole.len() - 1]) {
        let mut odd = whole.clone();
        odd[at] ^= 1;
        fs::write(site.file("a1"), &odd).unwrap();
        for read in site.plans.load().unwrap().iter().filter(|read| **read != other) {
            match again(read) {
                Ok(image) => assert!(bytes(&image) == bytes(&site.image("rs.uuid=1")), "byte {at}"),
                Err(error) => assert!(matches!(error, Error::TemplateReplaced { .. } | Error::Read { .. }), "{error}"),
            }
        }
    }
    fs::write(site.file("a1"), &whole).unwrap();
    assert!(site.plans.load().unwrap().contains(&kept));
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
    assert!(site.plans.load().unwrap().is_empty());
    site.keep("a1", "a=b");
    fs::write(site.dir.path().join("plans/.plan.half"), "half").unwrap();
    fs::write(site.dir.path().join("plans/README"), "somebody's").unwrap();
    assert_eq!(site.plans.load().unwrap().len(), 1);
}
