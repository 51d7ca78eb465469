//! What of the driver no action shows (`tests/flows/table` has those): routes, a boot taken back, turns.

use drp_virtual_media::bmc::{Driver, Limits, Vendor};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Device, Personality};
use url::Url;

use crate::bench::{Bench, target};

fn holds(bmc: &Bmc, image: &Url) -> bool {
    bmc.state().slots.iter().any(|slot| slot.inserted && slot.image.as_deref() == Some(image.as_str()))
}

async fn one_bmc(bench: &Bench, personality: Personality) {
    let bmc = bench.bmc(personality).await;
    bmc.set_power(true);
    let image = bench.image_for(&bmc);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let mounted = session.mount(&image).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    assert_eq!(session.identity().slot.as_deref(), Some(mounted.slot.as_str()));

    // By the route that the plan names first: the ones after it are for firmware that differs from what is known.
    session.boot_once_from_cd().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    let first = session.plan().await.unwrap().boot_once.remove(0).name;
    let by_first = format!("set to boot once from virtual CD by {first}");
    assert!(operation.steps_done().contains(&by_first), "{personality}: {:?}", operation.steps_done());
    for _ in 0..2 {
        session.clear_boot_once().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
    }
    assert_eq!(bmc.boot(), Some(Device::Disk), "{personality}");

    // What is not picked stays.
    assert!(!session.unmount(|shown| shown.contains("elsewhere")).await.unwrap());
    assert!(holds(&bmc, &image), "{personality}");
    assert!(session.unmount(|shown| shown == image.as_str()).await.unwrap(), "{personality}");
    assert!(!holds(&bmc, &image), "{personality}");

    // One connection for all of it.
    drop(session);
    assert_eq!(bmc.connections(), 1, "{personality}");
}

#[tokio::test]
async fn a_boot_once_goes_by_the_route_planned_first_and_is_taken_back_on_every_bmc() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        one_bmc(&bench, *personality).await;
    }
}

#[tokio::test]
async fn looks_as_far_apart_as_they_are_by_default_share_a_connection() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.alter(|profile| profile.media.late_reads = 2);
    let mut target = target(&bmc);
    target.limits.poll = Limits::default().poll;
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target, &operation).await.unwrap();
    session.mount(&bench.image()).await.unwrap();
    assert_eq!(bmc.connections(), 1);
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
