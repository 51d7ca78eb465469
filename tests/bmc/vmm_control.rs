//! Images connected by `VmmControl` or in a task: what fails now and then, what is taken, what is not fetched.

use drp_virtual_media::bmc::{Error, Mounted};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Fault, Matcher, Personality};
use serde_json::json;
use url::Url;

use crate::bench::{Bench, target, told};

async fn mount(bench: &Bench, bmc: &Bmc, image: &Url) -> Result<Mounted, Error> {
    let operation = Operation::unwatched();
    bench.bmcs.open(target(bmc), &operation).await?.mount(image).await
}

/// The `VmmControlType`s, and inserts by the standard action, that were sent.
fn sent(bmc: &Bmc) -> Vec<String> {
    let posts = bmc.requests().into_iter().filter(|request| request.method == "POST");
    posts
        .map(|request| match request.body["VmmControlType"].as_str() {
            Some(kind) => kind.to_owned(),
            None => request.path.rsplit('.').next().unwrap_or_default().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_connect_that_fails_for_no_reason_is_sent_up_to_three_times() {
    let bench = Bench::start().await;
    let table: [(Personality, &str); 2] = [(Personality::Ibmc, "Connect"), (Personality::Xfusion, "InsertMedia")];
    for (personality, insert) in table {
        let bmc = bench.bmc(personality).await;
        bmc.fail_inserts(2);
        mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        assert_eq!(sent(&bmc), [insert; 3], "{personality}");

        let bmc = bench.bmc(personality).await;
        bmc.fail_inserts(u32::MAX);
        let error = mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err();
        told(&error, 502, &["its task /redfish/v1/TaskService/Tasks/3 ended as Exception", "ConnectionFailed"]);
        told(&error, 502, &["check that the BMC itself can fetch the image", "route"]);
        assert_eq!(sent(&bmc).iter().filter(|kind| *kind == insert).count(), 3, "{personality}");
    }
}

#[tokio::test]
async fn a_slot_that_is_taken_behind_its_back_is_disconnected_first() {
    let bench = Bench::start().await;
    for personality in [Personality::Ibmc, Personality::Xfusion] {
        let bmc = bench.bmc(personality).await;
        bmc.mount_foreign("nfs://10.0.0.9/iso/other.iso");
        let (owner, key) = match personality {
            Personality::Ibmc => ("Managers", "Huawei"),
            _ => ("Systems", "xFusion"),
        };
        let control = format!("/redfish/v1/{owner}/1/VirtualMedia/CD/Oem/{key}/Actions/VirtualMedia.VmmControl");
        let empty = json!({"Id": "CD", "MediaTypes": ["CD"], "Inserted": false,
            "Oem": {key: {"Actions": {"#VirtualMedia.VmmControl": {"target": control}}}}});
        let first_look = Matcher::any().method("GET").path_ends("VirtualMedia/CD").times(1);
        bmc.fault(first_look, Fault::Status(200, empty.to_string()));
        let image = bench.image_for(&bmc);
        mount(&bench, &bmc, &image).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        assert_eq!(sent(&bmc), ["Connect", "Disconnect", "Connect"], "{personality}");
        assert_eq!(bmc.state().slots[0].image.as_deref(), Some(image.as_str()), "{personality}");
    }
}

#[tokio::test]
async fn an_image_over_http_is_told_with_what_to_set() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Ibmc).await;
    let error = mount(&bench, &bmc, &bench.image()).await.unwrap_err();
    told(&error, 404, &["FileTransferProtocolMismatch", "NFS or CIFS", "virtual-media/image-url"]);
    assert_eq!(sent(&bmc), ["Connect"]);

    let bmc = bench.bmc(Personality::Hdm).await;
    let error = mount(&bench, &bmc, &bench.image()).await.unwrap_err();
    told(&error, 502, &["PropertyValueFormatError", "NFS and CIFS alone", "virtual-media/image-url"]);
    assert_eq!(sent(&bmc), ["Connect"]);

    // Told by its ActionInfo, before anything is sent.
    let bmc = bench.bmc(Personality::Xfusion).await;
    let error = mount(&bench, &bmc, &bench.image()).await.unwrap_err();
    told(&error, 404, &["takes images by", "NFS", "HTTPS only, not HTTP"]);
    assert_eq!(sent(&bmc), [""; 0]);
}
