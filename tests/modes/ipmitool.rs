//! Mode `ipmitool` against an ipmitool of our own; the real one is in `simulator.rs`.

use std::time::Duration;

use drp_virtual_media::bmc::{
    Bmcs, BootDevice, BootMode, Driver, Identify, Lasting, Limits, Part, Power, PowerState, Target,
};
use serde_json::json;
use url::Url;

use crate::bench::{PASSWORD, Tool, limits, runs, target, told, until, with};

fn bmc_target() -> Target {
    target(Driver::Ipmitool)
}

#[tokio::test]
async fn the_password_is_in_the_environment_and_in_no_argument() {
    let tool = Tool::new("ipmitool");
    with(&tool.bmcs(), bmc_target(), async |bmc| bmc.power_state().await).await.unwrap();
    let cmdline = tool.state("cmdline");
    assert!(cmdline.contains("-E") && !cmdline.contains(PASSWORD), "{cmdline}");
    assert!(tool.state("environment").lines().any(|line| line == format!("IPMI_PASSWORD={PASSWORD}")));
}

#[tokio::test]
async fn each_trouble_is_told_for_what_it_is() {
    let table: [(&str, u16, &[&str]); 5] = [
        ("busy", 503, &["Node busy", "try again"]),
        ("garbage", 502, &["does not tell the power state"]),
        ("huge", 502, &["more than 1 MiB"]),
        ("hang", 504, &["gave ipmitool no answer within 2 s"]),
        ("leak", 502, &["could not log on with ***"]),
    ];
    for (fault, code, parts) in table {
        let tool = Tool::new("ipmitool");
        tool.set("fault", fault);
        let request = if fault == "hang" { Duration::from_secs(2) } else { limits().request };
        let target = Target { limits: Limits { request, ..limits() }, ..bmc_target() };
        let error = with(&tool.bmcs(), target, async |bmc| bmc.power_state().await).await.unwrap_err();
        told(&error, code, parts);
    }
}

#[tokio::test]
async fn a_passing_trouble_passes() {
    let tool = Tool::new("ipmitool");
    tool.set("fault", "busy 2");
    let state = with(&tool.bmcs(), bmc_target(), async |bmc| bmc.power_state().await).await;
    assert_eq!((state.unwrap(), tool.calls().len()), (PowerState::Off, 3));
}

#[tokio::test]
async fn a_boot_device_is_looked_for_with_its_options() {
    let tool = Tool::new("ipmitool");
    let bmcs = tool.bmcs();
    for (fault, device, lasting, mode, shown) in [
        ("none", BootDevice::Pxe, Lasting::Always, BootMode::Uefi, ["Continuous", "Pxe", "UEFI"]),
        // One that cannot be told how long a device holds takes it nevertheless.
        ("old", BootDevice::Cd, Lasting::Once, BootMode::Legacy, ["Once", "Cd", "Legacy"]),
    ] {
        tool.set("fault", fault);
        let read = with(&bmcs, bmc_target(), async |bmc| {
            bmc.boot_from(device, lasting, mode).await?;
            bmc.read(Part::Boot).await
        });
        let [enabled, target, mode] = shown;
        let wanted = json!({"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target,
                            "BootSourceOverrideMode": mode});
        assert_eq!(read.await.unwrap(), wanted);
    }
    let forgetful = Tool::new("ipmitool");
    forgetful.set("fault", "forgetful");
    let bmcs = forgetful.bmcs();
    let error =
        with(&bmcs, bmc_target(), async |bmc| bmc.boot_from(BootDevice::Disk, Lasting::Once, BootMode::Uefi).await);
    told(&error.await.unwrap_err(), 504, &["boot from Hdd", "did not show it", "it shows None"]);
}

#[tokio::test]
async fn what_ipmi_has_not_names_the_mode_that_has() {
    let tool = Tool::new("ipmitool");
    let bmcs = tool.bmcs();
    let image = Url::parse("http://h/x.iso").unwrap();
    let errors = [
        with(&bmcs, bmc_target(), async |bmc| bmc.media().await.map(|_| ())).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.mount(&image).await.map(|_| ())).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.unmount(|_| true).await.map(|_| ())).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.unmount_image(None, |_| true).await.map(|_| ())).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.boot_once_from_cd().await).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.clear_boot_once().await).await,
        with(&bmcs, bmc_target(), async |bmc| bmc.read(Part::Storage).await.map(|_| ())).await,
    ];
    for error in errors {
        told(&error.unwrap_err(), 404, &["in mode ipmitool", "ipmi/mode to redfish"]);
    }
    assert_eq!(tool.calls().len(), 0, "nothing is asked for that");
    let long = Identify::For(Duration::from_mins(5));
    let error = with(&bmcs, bmc_target(), async |bmc| bmc.identify(long).await).await.unwrap_err();
    told(&error, 400, &["255 s", "300 s", "ipmi/identify-duration"]);
}

#[tokio::test]
async fn a_missing_program_names_its_package_and_the_mode_that_needs_none() {
    let bmcs = Bmcs::with_programs_in("/nowhere".into());
    for (driver, parts) in [
        (Driver::Ipmitool, ["ipmitool is not installed", "package ipmitool"]),
        (Driver::Racadm, ["racadm is", "srvadmin"]),
    ] {
        let error = with(&bmcs, target(driver), async |bmc| bmc.power(Power::On).await).await.unwrap_err();
        told(&error, 404, &[parts[0], parts[1], "redfish, which needs no program"]);
    }
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_its_operation() {
    let tool = Tool::new("ipmitool");
    tool.set("fault", "hang");
    let bmcs = tool.bmcs();
    let running =
        tokio::spawn(async move { with(&bmcs, bmc_target(), async |bmc| bmc.power_state().await).await.is_ok() });
    let pids = tool.pids().await;
    assert!(pids.iter().all(|pid| runs(*pid)));
    running.abort();
    until("the whole group is gone", || pids.iter().all(|pid| !runs(*pid))).await;
}

#[tokio::test]
async fn operations_on_one_bmc_take_turns_whatever_it_is_spoken_with() {
    let (tool, operation) = (Tool::new("ipmitool"), drp_virtual_media::operation::Operation::unwatched());
    let bmcs = tool.bmcs();
    let first = bmcs.open(bmc_target(), &operation).await.unwrap();
    let short = Limits { total: Duration::from_millis(50), ..limits() };
    let second = Target { limits: short, ..target(Driver::Racadm) };
    let error = with(&bmcs, second, async |bmc| bmc.power_state().await).await.unwrap_err();
    told(&error, 503, &["waiting for a turn"]);
    drop(first);
}
