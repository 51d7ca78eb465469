//! Every action over every personality, from each state that a BMC may be in.

use drp_virtual_media::bmc::{Driver, Media, Power, PowerState, Vendor};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Device, Personality, Power as SimPower};
use url::Url;

use crate::bench::{Bench, target};

fn holds(bmc: &Bmc, image: Option<&Url>) -> bool {
    bmc.state().slots.iter().any(|slot| slot.inserted && slot.image.as_deref() == image.map(Url::as_str))
}

fn is_empty(bmc: &Bmc) -> bool {
    bmc.state().slots.iter().all(|slot| !slot.inserted)
}

async fn whole_story(bench: &Bench, personality: Personality) {
    let bmc = bench.bmc(personality).await;
    bmc.set_power(true);
    let image = bench.image_for(&bmc);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();

    // Fresh: nothing mounted, and nothing to unmount is a success.
    assert_eq!(session.media().await.unwrap(), Media::default(), "{personality}");
    assert!(!session.unmount(|_| true).await.unwrap());
    session.clear_boot_once().await.unwrap();

    // Mount, twice: the second finds its own image in the slot.
    for _ in 0..2 {
        let mounted = session.mount(&image).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        assert_eq!(mounted.image, image.as_str());
        assert!(holds(&bmc, Some(&image)), "{personality}");
        assert_eq!(session.identity().slot.as_deref(), Some(mounted.slot.as_str()));
    }
    let media = session.media().await.unwrap();
    assert!(media.inserted && media.image == image.as_str(), "{personality}: {media:?}");

    // Boot once from it, twice said and once done.
    for _ in 0..2 {
        session.boot_once_from_cd().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    }
    // By the route that the plan names first: the ones after it are for firmware that differs from what is known.
    let first = session.plan().await.unwrap().boot_once.remove(0).name;
    let by_first = format!("set to boot once from virtual CD by {first}");
    assert!(operation.steps_done().contains(&by_first), "{personality}: {:?}", operation.steps_done());
    let powered = session.power(Power::Cycle).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    assert_eq!(powered.state, PowerState::On);
    assert!(powered.reset_type.is_some());
    bmc.until(|bmc| !bmc.state().boots.is_empty()).await;
    let boots = bmc.state().boots;
    assert_eq!(
        boots.last().map(|boot| (boot.device, boot.image.clone())),
        Some((Device::VirtualCd, Some(image.to_string())))
    );

    // The boot after that is the disk's.
    session.power(Power::Off).await.unwrap();
    assert_eq!(session.power_state().await.unwrap(), PowerState::Off);
    assert_eq!(session.power(Power::Off).await.unwrap().reset_type, None);
    let powered = session.power(Power::Cycle).await.unwrap();
    assert_eq!((powered.state, powered.reset_type.as_deref()), (PowerState::On, Some("On")), "{personality}");
    assert_eq!(session.power(Power::On).await.unwrap().reset_type, None);
    assert_eq!(bmc.state().boots.last().map(|boot| boot.device), Some(Device::Disk), "{personality}");
    assert_eq!(bmc.state().power, SimPower::On);

    // A boot once that is taken back is not done.
    session.mount(&image).await.unwrap();
    session.boot_once_from_cd().await.unwrap();
    for _ in 0..2 {
        session.clear_boot_once().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    }
    session.power(Power::Cycle).await.unwrap();
    bmc.until(|bmc| bmc.state().boots.len() == 3).await;
    assert_eq!(bmc.state().boots.last().map(|boot| boot.device), Some(Device::Disk), "{personality}");

    // Unmount what is ours, twice.
    assert!(!session.unmount(|shown| shown.contains("elsewhere")).await.unwrap());
    session.mount(&image).await.unwrap();
    assert!(session.unmount(|shown| shown == image.as_str()).await.unwrap(), "{personality}");
    assert!(is_empty(&bmc), "{personality}");
    assert!(!session.unmount(|_| true).await.unwrap());
    assert_eq!(session.media().await.unwrap(), Media::default(), "{personality}");

    // One connection for all of it; credentials on every request but the root's.
    drop(session);
    assert_eq!(bmc.connections(), 1, "{personality}");
    assert_eq!(bmc.counts().most_at_once, 1);
    assert_eq!(bmc.counts().sessions_opened, 0);
}

#[tokio::test]
async fn every_action_works_on_every_bmc() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        whole_story(&bench, *personality).await;
    }
}

#[tokio::test]
async fn somebody_elses_image_makes_room_for_ours() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.mount_foreign(bench.other_image().as_str());
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert!(!session.unmount(|shown| shown == bench.image_for(&bmc).as_str()).await.unwrap());
        assert!(holds(&bmc, Some(&bench.other_image())), "{personality}: it is not ours to eject");
        session.mount(&bench.image_for(&bmc)).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        assert!(holds(&bmc, Some(&bench.image_for(&bmc))), "{personality}");
        let done = operation.steps_done();
        assert!(done.iter().any(|step| step.contains("ejected") && step.contains("other.iso")), "{done:?}");
        assert!(done.last().is_some_and(|step| step.starts_with("inserted")), "{done:?}");
    }
}

#[tokio::test]
async fn a_given_vendor_is_used_without_recognition() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let mut given = target(&bmc);
    given.driver = Driver::Redfish(Some(Vendor::Hpe));
    let operation = Operation::unwatched();
    let session = bench.bmcs.open(given, &operation).await.unwrap();
    assert_eq!(session.identity().vendor, Some(Vendor::Hpe));
}

#[tokio::test]
async fn a_pending_boot_from_elsewhere_is_left_alone() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.set_boot_once("Pxe");
    let operation = Operation::unwatched();
    bench.bmcs.open(target(&bmc), &operation).await.unwrap().clear_boot_once().await.unwrap();
    assert_eq!(bmc.state().boot_once.as_deref(), Some("Pxe"));
}

#[tokio::test]
async fn one_operation_at_a_time_runs_on_a_bmc_and_others_wait_for_their_turn() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (bmcs, target, image) = (bench.bmcs.clone(), target(&bmc), bench.image());
        crowd.spawn(async move {
            let operation = Operation::unwatched();
            let mut session = bmcs.open(target, &operation).await?;
            session.mount(&image).await?;
            session.unmount(|_| true).await
        });
    }
    while let Some(done) = crowd.join_next().await {
        assert!(done.unwrap().unwrap());
    }
    assert_eq!(bmc.counts().most_at_once, 1);
}
