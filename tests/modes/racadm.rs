//! Mode `racadm` against a racadm of our own.

use std::time::Duration;

use drp_virtual_media::bmc::{
    BootDevice, BootMode, Driver, Identify, Lasting, Limits, Part, Power, PowerState, Target, TlsPolicy,
};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::bench::{PASSWORD, Tool, limits, runs, target, told, until, with};

fn idrac() -> Target {
    target(Driver::Racadm)
}

fn image() -> Url {
    Url::parse("http://10.0.0.5:8091/dynamic_isos/x/boot.iso").unwrap()
}

#[tokio::test]
async fn power_is_switched_and_what_is_so_already_is_left() {
    let tool = Tool::new("racadm");
    let bmcs = tool.bmcs();
    let power = async |wanted| {
        let powered = with(&bmcs, idrac(), async |bmc| bmc.power(wanted).await).await.unwrap();
        (powered.state, powered.reset_type)
    };
    assert_eq!(power(Power::Cycle).await, (PowerState::On, Some("On".to_owned())));
    assert_eq!(power(Power::On).await, (PowerState::On, None));
    assert_eq!(power(Power::Cycle).await, (PowerState::On, Some("PowerCycle".to_owned())));
    assert_eq!(power(Power::Off).await, (PowerState::Off, Some("ForceOff".to_owned())));
    assert_eq!(power(Power::Off).await, (PowerState::Off, None));
    assert_eq!(tool.state("power"), "OFF");
}

#[tokio::test]
async fn an_image_is_mounted_in_place_of_another_and_looked_for() {
    let tool = Tool::new("racadm");
    let bmcs = tool.bmcs();
    tool.set("image", "//10.0.0.9/old/share.iso");
    let (mounted, media) = with(&bmcs, idrac(), async |bmc| {
        let mounted = bmc.mount(&image()).await?;
        bmc.boot_once_from_cd().await?;
        Ok((mounted, bmc.media().await?))
    })
    .await
    .unwrap();
    assert_eq!((mounted.slot.as_str(), mounted.image.as_str()), ("remoteimage", image().as_str()));
    assert_eq!((media.image.as_str(), media.inserted), (image().as_str(), true));
    assert_eq!((tool.state("once"), tool.state("device")), ("Enabled".to_owned(), "VCD-DVD".to_owned()));

    let calls = tool.calls();
    let place = |part: &str| calls.iter().position(|call| call.contains(part)).unwrap();
    assert!(place("remoteimage -d") < place("remoteimage -c"), "{calls:?}");

    for there in [true, false] {
        let ejected = with(&bmcs, idrac(), async |bmc| {
            let ejected = bmc.unmount(|_| true).await?;
            bmc.clear_boot_once().await?;
            Ok(ejected)
        });
        assert_eq!(ejected.await.unwrap(), there);
    }
    assert_eq!((tool.state("image"), tool.state("device")), (String::new(), "Normal".to_owned()));
}

#[tokio::test]
async fn only_what_is_ours_is_ejected_and_another_boot_device_stays() {
    let tool = Tool::new("racadm");
    let bmcs = tool.bmcs();
    tool.set("image", "//10.0.0.9/theirs.iso");
    tool.set("once", "Enabled");
    tool.set("device", "PXE");
    with(&bmcs, idrac(), async |bmc| {
        assert!(!bmc.unmount_image(Some(&image()), |_| false).await?);
        bmc.clear_boot_once().await
    })
    .await
    .unwrap();
    assert_eq!((tool.state("image").as_str(), tool.state("device").as_str()), ("//10.0.0.9/theirs.iso", "PXE"));
    let nfs = Url::parse("nfs://10.0.0.9/export/theirs.iso").unwrap();
    tool.set("image", "10.0.0.9:/export/theirs.iso");
    assert!(with(&bmcs, idrac(), async |bmc| bmc.unmount_image(Some(&nfs), |_| false).await).await.unwrap());
}

#[tokio::test]
async fn old_idracs_are_told_in_their_own_words() {
    let tool = Tool::new("racadm");
    let bmcs = tool.bmcs();
    tool.set("fault", "idrac8");
    with(&bmcs, idrac(), async |bmc| bmc.mount(&image()).await).await.unwrap();
    assert_eq!(tool.state("image"), image().as_str());

    tool.set("fault", "idrac6");
    with(&bmcs, idrac(), async |bmc| bmc.boot_once_from_cd().await).await.unwrap();
    assert_eq!((tool.state("once").as_str(), tool.state("device").as_str()), ("1", "vCD-DVD"));
    with(&bmcs, idrac(), async |bmc| bmc.clear_boot_once().await).await.unwrap();
    assert_eq!(tool.state("device"), "No-Override");
}

#[tokio::test]
async fn boot_devices_the_light_and_the_description_are_to_be_had() {
    let tool = Tool::new("racadm");
    let bmcs = tool.bmcs();
    let table = [
        (BootDevice::Pxe, Lasting::Once, "PXE", "Once", "Pxe"),
        (BootDevice::Disk, Lasting::Always, "HDD", "Continuous", "Hdd"),
        (BootDevice::Cd, Lasting::Once, "VCD-DVD", "Once", "Cd"),
    ];
    for (device, lasting, name, enabled, target) in table {
        let shown = with(&bmcs, idrac(), async |bmc| {
            bmc.boot_from(device, lasting, BootMode::Uefi).await?;
            bmc.read(Part::Boot).await
        });
        let wanted = json!({"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target});
        assert_eq!((shown.await.unwrap(), tool.state("device").as_str()), (wanted, name));
    }
    for (identify, led) in [(Identify::Usual, "1"), (Identify::Off, "0"), (Identify::For(Duration::from_secs(5)), "1")]
    {
        with(&bmcs, idrac(), async |bmc| bmc.identify(identify).await).await.unwrap();
        assert_eq!(tool.state("led"), led);
    }
    let read = async |part| with(&bmcs, idrac(), async |bmc| bmc.read(part).await).await;
    assert_eq!(read(Part::Info).await.unwrap()["RAC Information"]["Firmware Version"], "2.84.84.84");
    assert_eq!(read(Part::Status).await.unwrap()["System Information"]["Power Status"], "OFF");
    assert_eq!(read(Part::SecureBoot).await.unwrap(), json!({"SecureBoot": "Disabled"}));
    for (part, id) in [
        (Part::Memory, "DIMM.Socket.A1"),
        (Part::Processor, "CPU.Socket.1"),
        (Part::Storage, "Disk.Bay.0:Enclosure.Internal.0-1"),
        (Part::NetworkInterfaces, "NIC.Integrated.1-1-1"),
    ] {
        let members = read(part).await.unwrap();
        assert_eq!((members.as_array().map(Vec::len), &members[0]["InstanceID"]), (Some(1), &json!(id)));
    }
    told(&read(Part::Bios).await.unwrap_err(), 404, &["mode racadm", "ipmi/mode to redfish"]);
}

#[tokio::test]
async fn each_trouble_is_told_for_what_it_is() {
    let table: [(&str, u16, &[&str]); 8] = [
        ("busy", 503, &["RAC0218", "try again"]),
        ("unreachable", 502, &["cannot be reached", "ipmi/port-racadm"]),
        ("licence", 404, &["licence", "Enterprise"]),
        ("garbage", 502, &["remote file share"]),
        ("silent-failure", 502, &["did not do it", "nothing"]),
        ("huge", 502, &["more than 1 MiB"]),
        ("hang", 504, &["gave racadm no answer within 2 s", "request-timeout"]),
        ("unfetched", 504, &["accepted it", "nothing is shared", "can fetch the image from 10.0.0.5"]),
    ];
    for (fault, code, parts) in table {
        let tool = Tool::new("racadm");
        tool.set("fault", fault);
        let request = if fault == "hang" { Duration::from_secs(2) } else { limits().request };
        let media = Duration::from_millis(50);
        let target = Target { limits: Limits { request, media, ..limits() }, ..idrac() };
        let error = with(&tool.bmcs(), target, async |bmc| bmc.mount(&image()).await).await.unwrap_err();
        told(&error, code, parts);
        // As often as Redfish's "not now" is repeated, and no other failure at all.
        assert!(fault != "busy" || tool.calls().len() == 6, "{:?}", tool.calls());
    }
}

#[tokio::test]
async fn a_passing_trouble_passes() {
    let tool = Tool::new("racadm");
    tool.set("fault", "busy 2");
    let state = with(&tool.bmcs(), idrac(), async |bmc| bmc.power_state().await).await;
    assert_eq!((state.unwrap(), tool.calls().len()), (PowerState::Off, 3));
}

#[tokio::test]
async fn a_boot_device_that_is_not_kept_is_an_error() {
    let tool = Tool::new("racadm");
    tool.set("fault", "forgetful");
    let error = with(&tool.bmcs(), idrac(), async |bmc| bmc.boot_once_from_cd().await).await.unwrap_err();
    told(&error, 504, &["VCD-DVD", "shows Normal"]);
}

#[tokio::test]
async fn credentials_that_are_refused_name_their_parameters() {
    let tool = Tool::new("racadm");
    let wrong = Target { password: SecretString::from("wrong-secret"), ..idrac() };
    let error = with(&tool.bmcs(), wrong, async |bmc| bmc.power_state().await).await.unwrap_err();
    told(&error, 502, &["Login failed", "ipmi/username", "ipmi/password"]);
    assert!(!error.to_string().contains("wrong-secret"), "{error}");
}

#[tokio::test]
async fn the_tls_policy_is_kept_or_refused() {
    let tool = Tool::new("racadm");
    let state = async |tls| {
        let target = Target { tls, ..idrac() };
        with(&tool.bmcs(), target, async |bmc| bmc.power_state().await).await
    };
    told(&state(TlsPolicy::Verify { ca_pem: None }).await.unwrap_err(), 502, &["certificate", "tls-policy"]);
    for tls in [TlsPolicy::Pin(None), TlsPolicy::Verify { ca_pem: Some("pem".to_owned()) }] {
        told(&state(tls).await.unwrap_err(), 400, &["racadm", "ipmi/mode to redfish"]);
    }
    assert_eq!(tool.calls().len(), 1, "nothing is sent where the policy cannot be kept");
}

#[tokio::test]
async fn an_image_that_racadm_cannot_take_is_refused_before_anything_is_done() {
    let tool = Tool::new("racadm");
    for (url, code) in [("ftp://h/x.iso", 404), ("http://u:image-secret@h/x.iso", 400)] {
        let url = Url::parse(url).unwrap();
        let error = with(&tool.bmcs(), idrac(), async |bmc| bmc.mount(&url).await).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("image-secret"), "{error}");
    }
    assert_eq!(tool.calls().len(), 0);
}

/// The one place where a password is in a child's arguments, because racadm takes it in no other way; and nowhere else.
#[tokio::test]
async fn the_password_is_where_the_documentation_says() {
    let tool = Tool::new("racadm");
    let target = Target { port: 8443, ..idrac() };
    with(&tool.bmcs(), target, async |bmc| bmc.power_state().await).await.unwrap();
    let cmdline: Vec<String> = tool.state("cmdline").lines().map(str::to_owned).collect();
    let ours = cmdline.iter().position(|argument| argument == "-r").unwrap();
    let call = ["-r", "127.0.0.1:8443", "-u", "root", "-p", PASSWORD, "--nocertwarn", "serveraction", "powerstatus"];
    assert_eq!(cmdline[ours..], call);
    let names: Vec<String> =
        tool.state("environment").lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
    assert!(
        names.iter().all(|name| matches!(name.as_str(), "PATH" | "HOME" | "LC_ALL" | "PWD" | "SHLVL" | "_")),
        "{names:?}"
    );
    assert!(!tool.state("environment").contains(PASSWORD));
}

#[tokio::test]
async fn dells_own_name_for_the_program_does_as_well() {
    let tool = Tool::named("racadm", "idracadm7");
    let state = with(&tool.bmcs(), idrac(), async |bmc| bmc.power_state().await).await;
    assert_eq!(state.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_its_operation_and_so_does_what_it_started() {
    for cancelled in [false, true] {
        let tool = Tool::new("racadm");
        tool.set("fault", "hang");
        let request = if cancelled { limits().request } else { Duration::from_secs(2) };
        let target = Target { limits: Limits { request, ..limits() }, ..idrac() };
        let bmcs = tool.bmcs();
        let running =
            tokio::spawn(async move { with(&bmcs, target, async |bmc| bmc.power_state().await).await.map(|_| ()) });
        let pids = tool.pids().await;
        if cancelled {
            running.abort();
        } else {
            told(&running.await.unwrap().unwrap_err(), 504, &["no answer"]);
        }
        until("the whole group is gone", || pids.iter().all(|pid| !runs(*pid))).await;
    }
}
