//! What users of others complain about in the field, by its number in the list of twenty: each has a test whose comment says
//! "Complaint" and its number. Here are those that no other file is about.

use drp_virtual_media::bmc::{BootDevice, BootMode, Error, Lasting, Power};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Device, Fault, Matcher, Personality, Request};
use serde_json::{Value, json};

use crate::bench::{Bench, target, told};

const IDRACS: [Personality; 4] =
    [Personality::Idrac8, Personality::Idrac9Early, Personality::Idrac9, Personality::Idrac10];
const ILOS: [Personality; 4] = [Personality::Ilo4, Personality::Ilo5, Personality::Ilo6, Personality::Ilo7];

/// Mounts an image, sets boot-once and power cycles the machine.
async fn boot(bench: &Bench, bmc: &Bmc) -> Result<(), Error> {
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(bmc), &operation).await?;
    session.mount(&bench.image_for(bmc)).await?;
    session.boot_once_from_cd().await?;
    session.power(Power::Cycle).await.map(|_| ())
}

fn sent(bmc: &Bmc, method: &str, path_part: &str) -> Vec<Request> {
    let requests = bmc.requests().into_iter();
    requests.filter(|request| request.method == method && request.path.contains(path_part)).collect()
}

fn refusal(status: u16, id: &str) -> Fault {
    Fault::Status(status, json!({"error": {"@Message.ExtendedInfo": [{"MessageId": id}]}}).to_string())
}

#[test]
fn each_of_the_twenty_has_a_test_that_names_it() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bmc");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let rust = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let text: String = rust.map(|path| std::fs::read_to_string(path).unwrap().to_lowercase()).collect();
    let comments = text.lines().map(str::trim).filter(|line| line.starts_with("///"));
    let named: Vec<u32> = comments
        .flat_map(|line| line.split("complaint ").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect();
    let missing: Vec<u32> = (1..=20).filter(|number| !named.contains(number)).collect();
    assert_eq!(missing, Vec::<u32>::new());
}

/// Complaint 2: Cd boots a physical drive or the disk, not the virtual CD (community.general#3423).
#[tokio::test]
async fn the_virtual_cd_is_what_boots_on_each_generation_of_idrac() {
    let bench = Bench::start().await;
    for personality in IDRACS {
        let bmc = bench.bmc(personality).await;
        boot(&bench, &bmc).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        bmc.until(|bmc| bmc.state().boots.last().is_some_and(|boot| boot.device == Device::VirtualCd)).await;
    }
}

/// Complaint 3: an iDRAC 10 takes boot settings on its settings object alone, and lists no values
/// (community.general#11297).
#[tokio::test]
async fn boot_settings_of_an_idrac_10_go_to_its_settings_object() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Idrac10).await;
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
    let patched: Vec<String> = sent(&bmc, "PATCH", "/Systems/").into_iter().map(|request| request.path).collect();
    assert!(!patched.is_empty() && patched.iter().all(|path| path.ends_with("/Settings")), "{patched:?}");
    assert_eq!(bmc.boot(), Some(Device::Pxe));
}

/// Complaint 4: of an iDRAC 10's slots 2 is listed first, and never boots (iDRAC-Redfish-Scripting#324).
#[tokio::test]
async fn an_image_goes_to_slot_1_of_an_idrac_10_wherever_that_is_listed() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Idrac10).await;
    boot(&bench, &bmc).await.unwrap();
    let slots: Vec<(String, bool)> = bmc.state().slots.iter().map(|slot| (slot.id.clone(), slot.inserted)).collect();
    assert!(slots.iter().all(|(id, inserted)| *inserted == (id == "1")), "{slots:?}");
}

/// Complaint 5: an import is refused while a change is pending (LC068), for a moment with 503, and for a Target that is no
/// array (iDRAC-Redfish-Scripting#116, #90, #318).
#[tokio::test]
async fn an_import_sends_an_array_waits_a_busy_moment_out_and_tells_what_is_pending() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Idrac8).await;
    bmc.fault(Matcher::any().method("POST").path_contains("Import").times(2), Fault::status(503));
    boot(&bench, &bmc).await.unwrap();
    let imports = sent(&bmc, "POST", "Import");
    assert_eq!(imports.len(), 3, "refused twice");
    assert!(imports.iter().all(|import| import.body["ShareParameters"]["Target"].is_array()), "{imports:?}");

    let bmc = bench.bmc(Personality::Idrac8).await;
    bmc.fault(Matcher::any().method("POST").path_contains("Import"), refusal(400, "IDRAC.2.8.LC068"));
    let error = boot(&bench, &bmc).await.unwrap_err();
    told(&error, 409, &["LC068", "pending", "reboot the machine to apply them, or delete the pending job"]);
    assert_eq!(sent(&bmc, "POST", "Import").len(), 1, "once is enough to know");
}

/// Complaint 8: media that is gone is still "in use" (VRM0021, lisa#4168).
#[tokio::test]
async fn a_slot_that_says_it_is_in_use_is_ejected_and_tried_once_more() {
    let bench = Bench::start().await;
    let in_use = || refusal(400, "IDRAC.2.8.VRM0021");
    let bmc = bench.bmc(Personality::Idrac9).await;
    bmc.fault(Matcher::any().method("POST").path_ends("InsertMedia").times(1), in_use());
    boot(&bench, &bmc).await.unwrap();
    let posts: Vec<String> = sent(&bmc, "POST", "VirtualMedia.").into_iter().map(|request| request.path).collect();
    let names: Vec<&str> = posts.iter().filter_map(|path| path.rsplit('.').next()).collect();
    assert_eq!(names, ["InsertMedia", "EjectMedia", "InsertMedia"]);

    let bmc = bench.bmc(Personality::Idrac9).await;
    bmc.fault(Matcher::any().method("POST").path_ends("InsertMedia"), in_use());
    let error = boot(&bench, &bmc).await.unwrap_err();
    told(&error, 409, &["VRM0021"]);
    let inserts = sent(&bmc, "POST", "InsertMedia").len();
    assert_eq!(inserts, 6, "twice a slot");
    assert_eq!(sent(&bmc, "POST", "Manager.Reset").len(), 0, "a BMC is never reset unasked");
}

/// Complaint 10: an iLO 4 refuses `Inserted` (community.general#4595); complaint 11: an iLO refuses
/// `BootSourceOverrideMode` (community.general#3509).
#[tokio::test]
async fn an_ilo_is_sent_nothing_that_it_refuses() {
    let bench = Bench::start().await;
    for personality in ILOS {
        let bmc = bench.bmc(personality).await;
        let image = bench.image_for(&bmc);
        boot(&bench, &bmc).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
        let inserts: Vec<Value> =
            sent(&bmc, "POST", "InsertVirtualMedia").into_iter().map(|insert| insert.body).collect();
        let standard = sent(&bmc, "POST", "InsertMedia").into_iter().map(|insert| insert.body);
        assert!(
            inserts.into_iter().chain(standard).all(|body| body == json!({"Image": image.as_str()})),
            "{personality}"
        );
        let boots = sent(&bmc, "PATCH", "/Systems/1");
        assert!(!boots.is_empty() && boots.iter().all(|boot| !boot.body.to_string().contains("Mode")), "{boots:?}");
    }
}

/// Complaint 16: a URL that the BMC cannot resolve or does not take is answered as "not found"; complaint 17: a server
/// without byte ranges (eks-anywhere#10484), which is answered no better.
#[tokio::test]
async fn an_image_that_cannot_be_fetched_is_told_with_all_there_is_to_check() {
    let bench = Bench::start().await;
    bench.files.refuse(true);
    let bmc = bench.bmc(Personality::Generic).await;
    let error = boot(&bench, &bmc).await.unwrap_err();
    told(&error, 502, &["boot.iso", "from 127.0.0.1:", "name, route, firewall, certificate, byte ranges"]);
}

/// Complaint 19: an eject of nothing is an error, and needs to know what is there (bmclib#410).
#[tokio::test]
async fn an_unmount_takes_out_whatever_is_there_and_nothing_is_no_error() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.set_media_enabled(true);
        let unmount = async || {
            let operation = Operation::unwatched();
            let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
            session.unmount(|_| true).await.unwrap_or_else(|e| panic!("{personality}: {e}"))
        };
        assert!(!unmount().await, "{personality}: there is nothing");
        bmc.mount_foreign("http://10.0.0.7/other.iso");
        assert!(unmount().await, "{personality}");
        assert!(bmc.state().slots.iter().all(|slot| !slot.inserted), "{personality}");
    }
}

/// Complaint 20: the installer boots again after the installation, or loses its image before it has booted
/// (enclave#554).
#[tokio::test]
async fn the_second_boot_goes_to_the_disk_and_the_image_stays_until_it_is_taken_out() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        boot(&bench, &bmc).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        bmc.until(|bmc| bmc.state().boots.last().is_some_and(|boot| boot.device == Device::VirtualCd)).await;
        assert_eq!(sent(&bmc, "POST", "Eject").len(), 0, "{personality}");
        assert_eq!(bmc.boot(), Some(Device::Disk), "{personality}");
    }
}
