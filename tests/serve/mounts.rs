//! What is served to which machine, by a process and by the one after it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drp_virtual_media::iso::{Image, KeptPlans, Template, Templates};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::serve::{Boot, Images, Mounts};
use drp_virtual_media_sim::template::{self, Family};
use jiff::Timestamp;

use crate::site::{BOOTENV, Site, machine};

/// What a process serves whose plans are beside the site's template.
fn process(site: &Site) -> Mounts {
    Mounts::new(Images::new(), plans(site)).0
}

fn plans(site: &Site) -> KeptPlans {
    KeptPlans::new(site.directory.path().join("plans"))
}

fn restore(mounts: &Mounts) -> usize {
    mounts.restore(&Templates::new(None), &Operation::unwatched()).unwrap()
}

fn url(boot: &Boot) -> String {
    format!("http://10.0.0.1:8096{}", boot.path())
}

/// Another image of the site's template.
fn image(site: &Site, args: &str) -> Arc<Image> {
    let args = KernelArgs::parse(args).unwrap();
    Arc::new(Image::render(Arc::clone(site.image.template()), &args, &Operation::unwatched()).unwrap())
}

fn kept(site: &Site) -> usize {
    plans(site).load().unwrap().len()
}

#[test]
fn an_url_is_lost_when_it_is_among_what_is_kept_no_longer_and_not_before_that_was_looked_at() {
    let site = Site::start();
    let first = process(&site);
    let boot = first.publish(machine(), BOOTENV, Arc::clone(&site.image), &[], None, "").unwrap();
    let url = url(&boot);
    assert!(!first.has_lost(machine(), &url), "it is served");
    let next = process(&site);
    assert!(!next.has_lost(machine(), &url), "its plan is there and was not read yet");
    assert_eq!(restore(&next), 1);
    assert!(!next.has_lost(machine(), &url), "it is served again");
    assert_eq!(next.find(machine(), &url).unwrap().path(), boot.path());
    let other = MachineUuid::parse("9f0c2a4e-1111-4222-8333-444455556667").unwrap();
    assert!(!next.has_lost(other, &url), "it was never the other machine's");

    fs::remove_file(site.directory.path().join("plans")).unwrap();
    let without = process(&site);
    assert!(without.has_lost(machine(), &url), "there is nothing to be read");
    assert_eq!(restore(&without), 0);
    assert!(without.has_lost(machine(), &url));
    // Of another machine's plan nobody knows before it was read what it is.
    without.publish(other, BOOTENV, image(&site, "a=b"), &[], None, "").unwrap();
    let later = process(&site);
    assert!(!later.has_lost(machine(), &url), "a plan was not read yet");
    assert_eq!(restore(&later), 1);
    assert!(later.has_lost(machine(), &url));
}

#[test]
fn what_cannot_be_served_any_more_is_forgotten_and_the_rest_is_served_again() {
    let site = Site::start();
    let mounts = process(&site);
    let uuid = |last: u8| MachineUuid::parse(&format!("9f0c2a4e-1111-4222-8333-44445555666{last}")).unwrap();
    let hour = Duration::from_hours(1);
    let (past, future) = (Timestamp::now() - hour, Timestamp::now() + hour);
    mounts.publish(uuid(1), BOOTENV, image(&site, "a=1"), &[], None, "").unwrap();
    mounts.publish(uuid(2), BOOTENV, image(&site, "a=2"), &[], Some(past), "").unwrap();
    mounts.publish(uuid(3), BOOTENV, image(&site, "a=3"), &[], Some(future), "").unwrap();
    let path = site.directory.path().join("other.iso");
    template::write(&path, Family::Grub).unwrap();
    let other = Arc::new(Template::open(&path, &Operation::unwatched()).unwrap());
    let args = KernelArgs::parse("a=4").unwrap();
    let other = Image::render(other, &args, &Operation::unwatched()).unwrap();
    mounts.publish(uuid(4), BOOTENV, Arc::new(other), &[], None, "").unwrap();
    template::write(&path, Family::Isolinux).unwrap();
    assert_eq!(kept(&site), 4);

    let next = process(&site);
    assert_eq!(restore(&next), 2);
    let served = [1, 2, 3, 4].map(|number| next.latest(uuid(number), BOOTENV).is_some());
    assert_eq!((served, kept(&site)), ([true, false, true, false], 2));
}

#[test]
fn a_machine_has_what_is_mounted_and_what_was_made_last() {
    let site = Site::start();
    let mounts = process(&site);
    let publish = |args: &str, mounted: &str| {
        url(&mounts.publish(machine(), BOOTENV, image(&site, args), &[], None, mounted).unwrap())
    };
    let has = |url: &str| mounts.find(machine(), url).is_some();
    let first = publish("a=1", "");
    assert_eq!(publish("a=1", ""), first, "the same image stays where it is");
    let second = publish("a=2", &first);
    assert!(has(&first) && has(&second) && first != second);
    let third = publish("a=3", &first);
    assert!(has(&first) && !has(&second) && has(&third), "the second was never mounted");
    mounts.only(machine(), &third).unwrap();
    assert!(!has(&first) && has(&third));
    assert_eq!((mounts.images().len(), kept(&site)), (1, 1));
    mounts.end(machine()).unwrap();
    assert_eq!((has(&third), mounts.images().len(), kept(&site)), (false, 0, 0));
}
