//! BootEnv changes as the server's events tell them: in, out, cleaned up, told in every way that servers have.

use drp_virtual_media_sim::bmc::{Device, Fault, Matcher, Personality, Power};
use drp_virtual_media_sim::dr_provision::Telling;
use serde_json::json;

use crate::site::{Site, images, sledgehammer};

#[tokio::test(flavor = "multi_thread")]
async fn every_vendor_goes_into_sledgehammer_and_back() {
    let site = Site::start().await;
    let machines = Personality::ALL.iter().map(async |personality| {
        let (machine, bmc) = site.machine(*personality).await;
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        site.until_phase(&machine, "Mounted").await;
        site.until_state(&machine, |state| state["BootOnce"] == true).await;
        assert_eq!(images(&bmc), [site.url(&machine)], "{personality}");
        assert_eq!(site.state(&machine)["Mechanism"], "plugin", "{personality}");

        site.server.action(&machine, "powercycle", json!({})).await.unwrap();
        let boot = bmc.state().boots.last().cloned().unwrap();
        assert_eq!((boot.device, boot.image), (Device::VirtualCd, Some(site.url(&machine))), "{personality}");

        site.server.set_bootenv(&machine, "local").unwrap();
        site.until_phase(&machine, "Unmounted").await;
        assert_eq!(images(&bmc), [""; 0], "{personality}");
        assert!(!site.image(&machine).exists() && site.images_of(&machine).join("sledgehammer").is_dir());
    });
    futures_util::future::join_all(machines).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_server_tells_of_a_change_the_machine_is_mounted_once() {
    for telling in [Telling::UpdateOrSave, Telling::Save, Telling::Twice, Telling::WithoutOriginal] {
        let site = Site::start_with(|mut options| {
            options.telling = telling;
            options
        })
        .await;
        let (machine, bmc) = site.machine(Personality::Ilo5).await;
        site.server.set_param(&machine, "virtual-media/power-on-transition", json!("cycle")).unwrap();
        site.until_state(&machine, |state| state["BootEnv"] == "local").await;
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        site.until_phase(&machine, "Mounted").await;
        site.until("the power", |_| bmc.state().power == Power::On && bmc.state().boots.len() == 1).await;
        // A later change of the same machine has been handled: what came before it has, too.
        site.server.set_bootenv(&machine, "local").unwrap();
        site.until_phase(&machine, "Unmounted").await;
        assert_eq!(bmc.state().boots.len(), 1, "{telling:?}: {:?}", bmc.state().boots);
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_a_profile_counts_like_one_on_the_machine() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine_without_request(Personality::Idrac9).await;
    site.server.add("profiles", &json!({"Name": "media", "Params": {"boot-virtual-iso": true}})).unwrap();
    site.server.change_machine(&machine, |machine| machine["Profiles"] = json!(["media"])).unwrap();
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    site.until_phase(&machine, "Mounted").await;
    assert_eq!(images(&bmc), [site.url(&machine)]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bootenv_of_the_same_sledgehammer_is_booted_with_its_own_arguments() {
    let site = Site::start().await;
    let mut rescue = sledgehammer("rescue");
    rescue["OS"]["SupportedArchitectures"]["amd64"]["BootParams"] = json!("rescue={{.Machine.Name}} -- quiet");
    site.server.add("bootenvs", &rescue).unwrap();
    let (machine, _bmc) = site.machine(Personality::Generic).await;
    let made = site.server.action(&machine, "generateVirtualMedia", json!({"virtual-media/bootenv": "rescue"})).await;
    assert_eq!(made.unwrap()["KernelArgs"], "BOOTIF=discovery rescue=m.example.net -- quiet");
    site.server.set_bootenv(&machine, "rescue").unwrap();
    site.until_phase(&machine, "Mounted").await;
    assert!(site.images_of(&machine).join("rescue/boot.iso").is_file());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_param_and_a_deleted_machine_leave_nothing_of_ours() {
    let site = Site::start().await;
    let (first, first_bmc) = site.machine(Personality::Idrac9).await;
    let (second, second_bmc) = site.machine(Personality::Ilo5).await;
    let (third, third_bmc) = site.machine(Personality::Generic).await;
    for machine in [&first, &second, &third] {
        site.server.set_bootenv(machine, "sledgehammer").unwrap();
        site.until_phase(machine, "Mounted").await;
    }
    site.server.remove_param(&first, "boot-virtual-iso").unwrap();
    site.server.delete_machine(&second).unwrap();
    site.until_phase(&first, "Idle").await;
    second_bmc.until(|bmc| images(bmc).is_empty()).await;
    assert_eq!(images(&first_bmc), [""; 0]);
    assert!(!site.images_of(&first).exists());
    assert_eq!(images(&third_bmc), [site.url(&third)], "another machine's medium was touched");
    let gone = site.images_of(&second);
    site.end().await;
    assert!(!gone.exists(), "the plugin ends after the work that it has begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_mounted_by_hand_stays() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine_without_request(Personality::Ilo5).await;
    site.server.action(&machine, "bootVirtualMedia", json!({})).await.unwrap();
    for bootenv in ["sledgehammer", "local"] {
        site.server.set_bootenv(&machine, bootenv).unwrap();
    }
    // A look at all machines leaves it alone, too.
    site.server.restart_plugin().await.unwrap();
    let (other, _) = site.machine(Personality::Generic).await;
    site.server.set_bootenv(&other, "sledgehammer").unwrap();
    site.until_phase(&other, "Mounted").await;
    assert_eq!(images(&bmc), [site.url(&machine)]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_created_in_sledgehammer_is_mounted_and_keeps_its_power_also_at_a_second_try() {
    for is_cut_off in [false, true] {
        let site = Site::start().await;
        let (template, bmc) = site.machine(Personality::Idrac10).await;
        let mut machine = site.server.machine(&template);
        site.server.delete_machine(&template).unwrap();
        machine["Name"] = json!("new.example.net");
        machine["BootEnv"] = json!("sledgehammer");
        // Sealed for the machine that it was read from.
        machine["Params"]["ipmi/password"] = json!(bmc.password());
        machine["Params"]["virtual-media/power-on-transition"] = json!("cycle");
        machine.as_object_mut().unwrap().remove("Uuid");
        if is_cut_off {
            bmc.fault(Matcher::any().method("POST").path_contains("InsertMedia").times(1), Fault::HangAfter);
        }
        let machine = site.server.add_machine(&machine).unwrap();
        if is_cut_off {
            bmc.until(|bmc| bmc.requests().iter().any(|request| request.path.contains("InsertMedia"))).await;
            site.server.kill_plugin().await;
            site.server.restart_plugin().await.unwrap();
        }
        site.until_phase(&machine, "Mounted").await;
        assert_eq!(images(&bmc), [site.url(&machine)]);
        assert!(bmc.state().boots.is_empty(), "it may be running what it is to boot: {:?}", bmc.state().boots);
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_nextbootpxe_before_its_reboot_does_not_take_the_image_away() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine(Personality::Ilo5).await;
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    site.until_phase(&machine, "Mounted").await;
    let kept = site.server.action(&machine, "nextbootpxe", json!({})).await.unwrap();
    assert_eq!(kept["BootDevice"], "Cd", "{kept}");
    site.server.action(&machine, "powercycle", json!({})).await.unwrap();
    assert_eq!(bmc.state().boots.last().unwrap().device, Device::VirtualCd);
    // Booted once, the image has no claim on the next boot.
    let set = site.server.action(&machine, "nextbootpxe", json!({})).await.unwrap();
    assert_eq!(set["BootDevice"], "Pxe", "{set}");
    site.server.action(&machine, "powercycle", json!({})).await.unwrap();
    assert_eq!(bmc.state().boots.last().unwrap().device, Device::Pxe);
    site.end().await;
}
