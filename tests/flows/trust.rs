//! Certificates of BMCs: accepted and remembered, pinned, verified; and no password anywhere.

use drp_virtual_media_sim::bmc::Personality;
use serde_json::{Value, json};

use crate::site::Site;

fn fingerprint(state: &Value) -> String {
    state["Fingerprint"].as_str().unwrap_or_default().replace(':', "")
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_certificate_is_recorded_and_its_change_is_a_loud_warning() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
    site.server.action(&uuid, "powerstatus", json!({})).await.unwrap();
    assert_eq!(fingerprint(&site.server.state(&uuid)), bmc.certificate_sha256());
    assert!(!site.server.stderr().contains("certificate"), "{}", site.server.stderr());

    bmc.renew_certificate().unwrap();
    bmc.drop_connections();
    bmc.until(|bmc| bmc.counts().open == 0).await;
    site.server.action(&uuid, "powerstatus", json!({})).await.unwrap();
    assert_eq!(fingerprint(&site.server.state(&uuid)), bmc.certificate_sha256());
    let warned = site.server.stderr();
    let warned = warned.lines().find(|line| line.contains("certificate")).unwrap_or_default();
    assert!(warned.contains("WARN") && warned.contains(&bmc.address().to_string()), "{warned:?}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_tls_is_spoken_with_the_bmc_of_the_machine_that_allows_it_alone_and_with_a_warning() {
    let site = Site::start().await;
    let (old, bmc) = site.machine(1, Personality::Generic).await;
    let (other, _) = site.machine(2, Personality::Generic).await;
    site.server.set_param(&old, "virtual-media/tls-legacy", json!(true)).await.unwrap();
    for uuid in [&old, &other] {
        site.server.action(uuid, "powerstatus", json!({})).await.unwrap();
    }
    // Whatever is logged in a call comes before its answer.
    let logged = site.server.notices().into_iter().map(|notice| notice.params.to_string());
    let warnings: Vec<_> = logged.filter(|line| line.contains("old TLS is allowed")).collect();
    let of = bmc.address().to_string();
    assert!(matches!(&warnings[..], [one] if one.contains("warn") && one.contains(&of)), "{of}: {warnings:?}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_certificate_that_changed_is_refused() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Ilo5).await;
    site.server.set_param(&uuid, "virtual-media/tls-policy", json!("pin")).await.unwrap();
    // The first certificate seen is the one that is recorded, and then pinned.
    site.server.action(&uuid, "powerstatus", json!({})).await.unwrap();
    site.server.action(&uuid, "powerstatus", json!({})).await.unwrap();
    let known = bmc.certificate_sha256();

    bmc.renew_certificate().unwrap();
    bmc.drop_connections();
    bmc.until(|bmc| bmc.counts().open == 0).await;
    let error = site.server.action(&uuid, "powerstatus", json!({})).await.unwrap_err();
    assert_eq!(error.data["Code"], 502);
    let plain = error.message.replace(':', "");
    assert!(plain.contains(&known) && plain.contains(&bmc.certificate_sha256()), "{}", error.message);
    assert_eq!(fingerprint(&site.server.state(&uuid)), known, "a refused certificate was recorded");

    // An operator who has looked gives the new one.
    let new = json!({"virtual-media/tls-fingerprint": bmc.certificate_sha256()});
    site.server.action(&uuid, "powerstatus", new).await.unwrap();
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_wants_a_chain_to_what_it_trusts() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    let error =
        site.server.action(&uuid, "powerstatus", json!({"virtual-media/tls-policy": "verify"})).await.unwrap_err();
    assert_eq!(error.data["Code"], 502);
    let trusted = json!({"virtual-media/tls-policy": "verify", "virtual-media/tls-ca": bmc.certificate_pem()});
    site.server.action(&uuid, "powerstatus", trusted).await.unwrap();
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_nowhere() {
    let site = Site::start_with(|options| options.env.push(("VIRTUAL_MEDIA_LOG".into(), "trace".into()))).await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9Early).await;
    bmc.set_password("hunter2-and-more");
    site.server.set_param(&uuid, "ipmi/password", json!("hunter2-and-more")).await.unwrap();
    site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
    bmc.set_password("another");
    let error = site.server.action(&uuid, "powerstatus", json!({})).await.unwrap_err();
    let misplaced = json!({"Command": "powerstatus", "Params": "hunter2"});
    let misplaced = site.server.call_raw("action", misplaced).await.unwrap_err();
    assert_eq!(misplaced.code, -32602);
    let said = format!("{error:?} {misplaced:?} {:?} {}", site.server.notices(), site.server.stderr());
    assert!(said.contains("powerstatus"));
    assert!(!said.contains("hunter2"), "a password got out");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_object_sets_defaults_and_nothing_that_belongs_to_one_machine() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    let error = site.server.configure(json!({"virtual-media/tls-policy": 7})).await.unwrap_err();
    assert_eq!(error.data["Code"], 400);
    assert!(error.message.contains("virtual-media/tls-policy"), "{}", error.message);

    let defaults =
        json!({"Name": "virtual-media", "virtual-media/tls-policy": "verify", "ipmi/password": "everybody's"});
    assert_eq!(site.server.configure(defaults).await.unwrap(), Value::Null);
    let error = site.server.action(&uuid, "powerstatus", json!({})).await.unwrap_err();
    assert!(error.message.contains("certificate"), "{}", error.message);
    let accept = json!({"virtual-media/tls-policy": "accept"});
    site.server.action(&uuid, "powerstatus", accept).await.unwrap();

    let error = site.server.action(&uuid, "powerstatus", json!({"ipmi/password": null})).await.unwrap_err();
    assert!(error.message.contains("ipmi/password is missing"), "{}", error.message);
    assert_eq!(bmc.counts().unauthorized, 0);
    site.end().await;
}
