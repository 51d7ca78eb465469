//! The boot proof: real machines, emulated, that boot what was made for them. `tests/run` runs it; `tests/boot/install` installs what it needs.

mod lab;

use lab::{Result, RunningLab, Templates, boot};

/// What a template boots before it is made a machine's own.
const PLACEHOLDER: &str = "provisioner.web=http://555.0.0.1:8091";

fn placeholder_boots(firmware: &str, template: &lab::Template) -> Result {
    let booted = boot(firmware, &template.iso)?;
    assert!(booted.cmdline.contains(PLACEHOLDER), "{booted:?}");
    assert_eq!(booted.secure_boot, firmware == "secure-boot");
    assert_eq!(booted.firmware == "bios", firmware == "bios");
    Ok(())
}

#[test]
#[ignore = "boots a machine: needs tests/boot/install"]
fn grub_template_boots_in_bios() -> Result {
    placeholder_boots("bios", &Templates::make()?.grub)
}

#[test]
#[ignore = "boots a machine: needs tests/boot/install"]
fn isolinux_template_boots_in_uefi() -> Result {
    placeholder_boots("uefi", &Templates::make()?.isolinux)
}

#[test]
#[ignore = "boots a machine: needs tests/boot/install"]
fn signed_template_boots_with_secure_boot() -> Result {
    placeholder_boots("secure-boot", &Templates::make()?.signed)
}

#[test]
#[ignore = "makes templates: needs tests/boot/install"]
fn templates_lie_where_a_server_keeps_them() -> Result {
    let templates = Templates::make()?;
    for template in [&templates.grub, &templates.isolinux, &templates.signed] {
        assert!(templates.webroot.join(&template.source).exists(), "{template:?}");
        assert!(template.source.to_string_lossy().contains(&template.signature), "{template:?}");
    }
    let exploded = templates.webroot.join(&templates.signed.source).join("cdboot.iso");
    assert!(std::fs::read(exploded)? == std::fs::read(&templates.signed.iso)?);
    Ok(())
}

#[tokio::test]
#[ignore = "starts the Redfish lab: needs tests/boot/install"]
async fn lab_offers_its_two_machines_over_redfish() -> Result {
    let lab = RunningLab::start()?;
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
    let url = format!("https://{}:{}/redfish/v1/Systems", lab.address, lab.port);
    assert!(lab.logs.join("sushy.log").exists());
    let refused = client.get(&url).send().await?;
    assert_eq!(refused.status(), 401);
    let systems = client.get(&url).basic_auth(&lab.username, Some(&lab.password)).send().await?.text().await?;
    for machine in [&lab.machines.uefi, &lab.machines.bios] {
        assert!(systems.contains(&machine.uuid), "{systems}");
        assert!(machine.serial.parent().is_some_and(std::path::Path::is_dir));
    }
    Ok(())
}
