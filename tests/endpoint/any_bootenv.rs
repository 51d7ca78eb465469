//! Environments that no vendor made an image for: templates of the plugin's own, made once of a kernel, its initrds and boot loaders.

use std::fs;
use std::path::Path;

use drp_virtual_media::iso::show::{Answer, Report};
use drp_virtual_media_sim::loaders;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::making::Making;
use crate::site::images;

const INSTALL: &str = "debian-12-install";

const DELIVERIES: [&str; 2] = ["file", "serve"];

/// An installer as its content pack has it: nested paths, arguments of its own, and what arm64 boots beside.
fn debian() -> Value {
    json!({"Name": INSTALL, "Kernel": "install.amd/vmlinuz", "Initrds": ["install.amd/initrd.gz", "extra/firmware.cpio.gz"],
        "BootParams": "auto=true url={{.ProvisionerURL}}/machines/{{.Machine.UUID}}/seed \
                       {{if .ParamExists \"kernel-options\"}}{{.Param \"kernel-options\"}}{{end}} -- console=ttyS1",
        "OS": {"Name": "debian-12", "SupportedArchitectures": {
            "amd64": {}, "arm64": {"Kernel": "install.a64/vmlinuz", "Initrds": ["install.a64/initrd.gz"]},
            "riscv64": {"Kernel": "install.riscv/vmlinuz"}}}})
}

async fn with_debian(delivery: &str) -> Making {
    let making = Making::start(delivery).await;
    making.site.server.add("bootenvs", &debian()).unwrap();
    for (file, seed) in [("install.amd/vmlinuz", 1), ("install.amd/initrd.gz", 2), ("extra/firmware.cpio.gz", 3)] {
        making.put(&format!("debian-12/install/{file}"), seed);
    }
    for (file, seed) in [("install.a64/vmlinuz", 4), ("install.a64/initrd.gz", 5)] {
        making.put(&format!("debian-12/arm64/install/{file}"), seed);
    }
    making
}

/// Whether a BIOS and UEFI boot it from a CD, as far as its bytes say it.
fn boots(report: &Report) -> (bool, bool) {
    let not_no = |answer| answer != Answer::No;
    (not_no(report.boots.bios.answer), not_no(report.boots.uefi.answer))
}

fn has(report: &Report, path: &str) -> bool {
    report.files.iter().any(|file| file.path == path)
}

/// What every kernel of the image is told.
fn told(report: &Report) -> &str {
    assert!(!report.areas.is_empty(), "{report}");
    let args = &report.areas[0].kernel_args;
    assert!(report.areas.iter().all(|area| area.kernel_args == *args), "{report}");
    args
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_boots_with_its_own_arguments_from_a_template_that_is_made_once() {
    for delivery in DELIVERIES {
        let making = with_debian(delivery).await;
        let site = &making.site;
        let (first, bmc) = making.machine("amd64").await;
        site.server.set_param(&first, "kernel-options", json!("quiet priority=high")).unwrap();
        let (state, report) = making.mounted(&first, INSTALL).await;
        assert_eq!(images(&bmc), [state["Url"].as_str().unwrap()]);
        assert!(bmc.state().boot_once.is_some());
        let seed = format!("url={}machines/{first}/seed", site.server.fileserver());
        let args = told(&report).to_owned();
        assert!(args.starts_with("BOOTIF=discovery auto=true "), "{args}");
        assert!(
            args.replace("//machines", "/machines").contains(&seed) && args.ends_with("-- console=ttyS1"),
            "{args}"
        );
        assert!(args.contains(" quiet priority=high "), "{args}");
        assert_eq!((boots(&report), report.findings.len()), ((true, true), 0), "{report}");
        for path in ["/install.amd/vmlinuz", "/install.amd/initrd.gz", "/extra/firmware.cpio.gz"] {
            assert!(has(&report, path), "{path}: {report}");
        }
        let image = reqwest::get(state["Url"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
        let initrds = b"    initrd /install.amd/initrd.gz /extra/firmware.cpio.gz\n";
        assert!(image.windows(initrds.len()).any(|bytes| bytes == initrds), "the kernel gets them in their order");
        // isolinux may have it by a shorter name, which leaves more of its line to the arguments.
        assert!(report.areas.iter().any(|area| area.kernel == "/install.amd/vmlinuz"), "{report}");
        assert!(report.areas.iter().all(|area| has(&report, &area.kernel)), "{report}");

        // Made once, for whoever comes.
        let template = state["Template"].as_str().unwrap().to_owned();
        let made = fs::metadata(&template).unwrap().modified().unwrap();
        assert!(template.starts_with(making.cache().to_str().unwrap()), "{template}");
        let (second, _) = making.machine("amd64").await;
        let (other, report) = making.mounted(&second, INSTALL).await;
        assert_eq!((&other["Template"], making.templates()), (&state["Template"], 1));
        assert_eq!(fs::metadata(&template).unwrap().modified().unwrap(), made);
        assert!(told(&report).contains(&second) && other["Url"] != state["Url"]);

        // Another kernel is another template; what is mounted stays as it is.
        let kernel = making.put("debian-12/install/install.amd/vmlinuz", 9);
        let (third, _) = making.machine("amd64").await;
        let (newer, report) = making.mounted(&third, INSTALL).await;
        assert!(newer["Template"] != state["Template"] && making.templates() == 2, "{newer}");
        let bytes = fs::metadata(kernel).unwrap().len();
        assert!(report.files.iter().any(|file| file.path == "/install.amd/vmlinuz" && file.size == bytes), "{report}");
        assert_eq!(site.state(&first)["Url"], state["Url"]);

        // Back to what boots in-band.
        for (machine, in_band) in [(&first, "local"), (&second, "discovery")] {
            site.server.set_bootenv(machine, in_band).unwrap();
            site.until_state(machine, |state| state["Phase"] == "Unmounted" && state["BootEnv"] == in_band).await;
        }
        assert_eq!(images(&bmc), [""; 0]);
        assert_eq!(reqwest::get(state["Url"].as_str().unwrap()).await.unwrap().status(), 404, "{delivery}");
        making.site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_machine_gets_the_loaders_of_its_architecture_and_firmware() {
    for delivery in DELIVERIES {
        let making = with_debian(delivery).await;
        let (arm, _) = making.machine("arm64").await;
        let (_, report) = making.mounted(&arm, INSTALL).await;
        assert_eq!(boots(&report), (false, true), "{report}");
        assert!(has(&report, "/EFI/BOOT/BOOTAA64.EFI") && !has(&report, "/EFI/BOOT/BOOTX64.EFI"), "{report}");
        assert!(report.areas.iter().all(|area| area.kernel == "/install.a64/vmlinuz"), "{report}");

        for name in ["isolinux.bin", "ldlinux.c32"] {
            fs::remove_file(making.loaders().join(name)).unwrap();
        }
        let (uefi, _) = making.machine("amd64").await;
        making.site.server.set_param(&uefi, "detected-bios-mode", json!("uefi")).unwrap();
        let (_, report) = making.mounted(&uefi, INSTALL).await;
        assert_eq!(boots(&report), (false, true), "{report}");
        assert!(has(&report, "/EFI/BOOT/BOOTX64.EFI") && !has(&report, "/isolinux/isolinux.bin"), "{report}");
        making.site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_template_lacks_is_one_sentence_that_an_operator_can_act_on() {
    let making = with_debian("file").await;
    // Of arm64: a host of another architecture has no such packages.
    fs::remove_file(making.loaders().join("shimaa64.efi")).unwrap();
    fs::remove_file(making.loaders().join("grubaa64.efi")).unwrap();
    let loaders = making.loaders().display().to_string();
    let no_loaders = [
        "looking for UEFI boot loaders for arm64: need shimaa64.efi",
        "grubaa64.efi",
        &loaders,
        "install shim-signed",
        "Red Hat",
    ];
    let no_kernel = [
        "making a template of BootEnv debian-12-install: ",
        "debian-12/install/extra/firmware.cpio.gz is not there; upload its ISO (drpcli bootenvs uploadiso debian-12-install)",
    ];
    let nobody = ["no template can be made for riscv64: images boot amd64 and arm64"];
    fs::remove_file(making.site.webroot.path().join("debian-12/install/extra/firmware.cpio.gz")).unwrap();
    for (arch, code, told) in [("arm64", 409, &no_loaders[..]), ("amd64", 409, &no_kernel), ("riscv64", 404, &nobody)] {
        let (machine, bmc) = making.machine(arch).await;
        let error = making.fails(&machine, INSTALL).await;
        assert!(error.starts_with(&format!("machine m.example.net ({machine}): ")), "{error}");
        let mut rest = error.as_str();
        for part in told {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} in {error}")).1;
        }
        assert!(!error.contains('\n') && !error.contains(".;"), "{error}");
        assert_eq!((making.site.state(&machine)["Phase"].as_str(), images(&bmc).len()), (Some("Failed"), 0));
        let params = json!({"virtual-media/bootenv": INSTALL});
        let by_hand = making.site.server.action(&machine, "generateVirtualMedia", params).await.unwrap_err();
        assert_eq!((by_hand.code, &by_hand.messages), (code, &vec![error]));
    }
    assert_eq!(making.templates(), 0);
    making.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sledgehammer_without_cdboot_iso_boots_from_a_template_that_is_made_of_it() {
    for (delivery, packed) in [("file", false), ("serve", false), ("file", true), ("serve", true)] {
        let making = Making::start(delivery).await;
        for (file, seed) in [("vmlinuz0", 1), ("stage1.img", 2)] {
            making.put(&format!("sledgehammer/abcdef0/{file}"), seed);
        }
        let exploded = making.site.webroot.path().join("sledgehammer/abcdef0");
        for name in ["shimx64.efi", "grubx64.efi"] {
            loaders::write(&exploded.join(name)).unwrap();
        }
        if packed {
            let isos = making.site.webroot.path().join("isos");
            fs::create_dir_all(&isos).unwrap();
            pack(&exploded, &isos.join("sledgehammer-abcdef0.amd64.tar.gz"));
            fs::remove_dir_all(&exploded).unwrap();
        }
        let env = json!({"Name": "sledgehammer-lab", "OS": {"Name": "sledgehammer", "SupportedArchitectures": {"amd64": {
            "Kernel": "abcdef0/vmlinuz0", "Initrds": ["abcdef0/stage1.img"], "BootParams": "root=live:/x rs.uuid={{.Machine.UUID}}"}}}});
        making.site.server.add("bootenvs", &env).unwrap();
        let (machine, bmc) = making.machine("amd64").await;
        let (state, report) = making.mounted(&machine, "sledgehammer-lab").await;
        assert_eq!(images(&bmc), [state["Url"].as_str().unwrap()]);
        assert_eq!((boots(&report), making.templates()), ((true, true), 1), "{delivery}, packed: {packed}: {report}");
        assert!(told(&report).ends_with(&format!("root=live:/x rs.uuid={machine}")), "{report}");
        making.site.end().await;
    }
}

/// Packs a directory as Sledgehammer's builder does.
fn pack(directory: &Path, to: &Path) {
    let packed = GzEncoder::new(fs::File::create(to).unwrap(), Compression::fast());
    let mut tar = tar::Builder::new(packed);
    tar.append_dir_all(directory.file_name().unwrap(), directory).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
}
