//! Fujitsu iRMC S6 (redfish-vendors 1.10): slots 0 and 1, its own `BootConfig`, virtual media switched on by its own setting.
//!
//! Sources: Fsas's Terraform provider (`resource_virtual_media.go`, `resource_boot_source_override.go`, its acceptance
//! tests) and Ansible collections (`irmc_setvm`, `irmc_idled`, `irmc_setnextboot` with a table of what five machines
//! answered). No tree of an S6 is recorded: names are believed.

use serde_json::{Map, Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::inventory::{Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Message, Refusal, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, Member, Place, PowerRules,
    Profile, Under,
};
use super::super::route::{check_etag, read};
use super::super::state::Device;

pub(super) struct Irmc;

const BOOT_DEVICE: &str = "BootDevice";
const NEXT_ONLY: &str = "NextBootOnlyEnabled";

pub(super) fn profile() -> Profile {
    let generic = Profile::generic();
    let base = Registry("Base.1.18");
    Profile {
        identity: Identity {
            product: None,
            oem_key: Some("ts_fujitsu"),
            server: Some("iRMC S6"),
            redfish_version: "1.20.0",
            system: "0",
            manager: "iRMC",
            chassis: "0",
            manufacturer: "FUJITSU",
            model: "PRIMERGY RX2530 M7",
            manager_model: "iRMC S6",
            firmware: "2.12",
            ..generic.identity
        },
        // Weak (irmc_setnextboot's tests), and sent with every PATCH of both projects.
        http: Http { etags: Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required }, ..generic.http },
        media: Media {
            drives: vec![DriveShape { id: "0", boots: true }, DriveShape { id: "1", boots: false }],
            // 0 for .iso and 1 for .img; their MediaTypes are believed.
            places: vec![Place {
                under: Under::Manager,
                members: vec![Member::new("0", &["CD", "DVD"], 0), Member::new("1", &["USBStick"], 1)],
            }],
            // Always sent; that it must be is believed.
            needs: vec!["TransferProtocolType"],
            schemes: vec!["https", "nfs", "cifs"],
            wants_iso_suffix: true,
            // Looked at up to twenty times, a second apart.
            late_reads: 2,
            ..generic.media
        },
        boot: BootRules {
            targets: &["None", "Pxe", "Cd", "Hdd", "BiosSetup"],
            enabled: &["Once", "Continuous"],
            answer: Answer::Ok,
            ..generic.boot
        },
        power: PowerRules {
            // Believed, but for those that restart.
            resets: &[
                "On",
                "ForceOff",
                "GracefulShutdown",
                "ForceRestart",
                "GracefulRestart",
                "Nmi",
                "PushPowerButton",
                "PowerCycle",
            ],
            // An S4's list has only what its state allows.
            conflict: Some(base.says(400, "ActionParameterValueNotInList", "Not in this state of power.")),
            ..generic.power
        },
        light: LightRules {
            system: &[LightProperty::Led],
            // Believed.
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Blinking", "Off"],
            rest: "Off",
        },
        inventory: Inventory { linked: Section::WITHOUT_BOOT_OPTIONS, ..generic.inventory },
        errors: Errors::dmtf(base.0),
        oem: &Irmc,
    }
}

impl Oem for Irmc {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        if part != Part::System {
            return;
        }
        let path = own_path(machine);
        body["Oem"] = json!({section(machine): {
            "BootConfig": {"@odata.id": format!("{path}/BootConfig")},
            "VirtualMedia": {"@odata.id": format!("{path}/VirtualMedia")},
        }});
        // Empty without the licence (redfish-vendors 1.10).
        let allowed: &[&str] = if machine.licensed { &["ConnectCD", "ConnectHD"] } else { &[] };
        body["Actions"]["Oem"] = json!({"#FTSComputerSystem.VirtualMedia": {
            "target": "/redfish/v1/Systems/0/Actions/Oem/FTSComputerSystem.VirtualMedia",
            "FTSVirtualMediaAction@Redfish.AllowableValues": allowed,
        }});
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let answered = match call.path.strip_prefix(&own_path(machine)) {
            Some("/BootConfig") => own(machine, call, boot_config(machine), set_boot_config),
            Some("/VirtualMedia") => own(machine, call, virtual_media(machine), set_virtual_media),
            _ => Err(refused_clearing(call)?),
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }

    fn boot_once(&self, machine: &Machine) -> Option<String> {
        let device = machine.attributes.get(BOOT_DEVICE).filter(|device| *device != "None")?;
        is_for_one_boot(machine).then(|| device.clone())
    }

    fn take_boot_once(&self, machine: &mut Machine) -> Option<Device> {
        let device = booted(&self.boot_once(machine)?);
        machine.attributes.insert(BOOT_DEVICE.into(), "None".into());
        device
    }

    fn lasting_device(&self, machine: &Machine) -> Option<Device> {
        if is_for_one_boot(machine) { None } else { booted(machine.attributes.get(BOOT_DEVICE)?) }
    }
}

/// The OEM section: `ts_fujitsu`, or `Fsas` as the company is called since (Terraform provider).
pub(super) fn section(machine: &Machine) -> &'static str {
    machine.profile.identity.oem_key.unwrap_or("ts_fujitsu")
}

pub(super) fn own_path(machine: &Machine) -> String {
    format!("/redfish/v1/Systems/0/Oem/{}", section(machine))
}

fn is_for_one_boot(machine: &Machine) -> bool {
    machine.attributes.get(NEXT_ONLY).is_some_and(|only| only == "true")
}

fn booted(device: &str) -> Option<Device> {
    match device {
        "Cd" => Some(Device::VirtualCd),
        "Pxe" => Some(Device::Pxe),
        "Hdd" => Some(Device::Disk),
        "BiosSetup" => Some(Device::Setup),
        _ => None,
    }
}

/// What two machines of Redfish 1.20 answered to a target None: taken with Continuous, 409 with anything else.
fn refused_clearing(call: &Call) -> Option<Refusal> {
    let body = match &call.body {
        super::super::call::Body::Json(body) if call.method == "PATCH" && call.path == "/redfish/v1/Systems/0" => body,
        _ => return None,
    };
    let boot = &body["Boot"];
    let refused = boot["BootSourceOverrideTarget"] == "None" && boot["BootSourceOverrideEnabled"] != "Continuous";
    let message = Message::new(409, "Base.1.18.PropertyValueConflict", "Those two do not go together.");
    refused.then(|| Refusal::about(&message, "BootSourceOverrideTarget"))
}

/// A resource of its own: read, or changed with its `ETag`.
pub(super) fn own(
    machine: &Machine,
    call: &Call,
    shown: Value,
    set: fn(&Machine, &Map<String, Value>) -> Result<Effect, Refusal>,
) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    if call.method != "PATCH" {
        return read(&profile, call, shown);
    }
    check_etag(&profile, call, &shown)?;
    Ok(Act::Perform(vec![set(machine, &call.object(&profile)?)?], Answer::Ok))
}

fn boot_config(machine: &Machine) -> Value {
    let device = machine.attributes.get(BOOT_DEVICE).map_or("None", String::as_str);
    json!({"@odata.id": format!("{}/BootConfig", own_path(machine)), "Id": "BootConfig", "Name": "Boot Config",
        BOOT_DEVICE: device, NEXT_ONLY: is_for_one_boot(machine)})
}

fn set_boot_config(machine: &Machine, body: &Map<String, Value>) -> Result<Effect, Refusal> {
    let errors = &machine.profile.errors;
    let device = body.get(BOOT_DEVICE).and_then(Value::as_str);
    // None is believed; the Terraform provider never writes it.
    let Some(device) = device.filter(|device| ["None", "Pxe", "Cd", "Hdd", "BiosSetup"].contains(device)) else {
        return Err(Refusal::about(&errors.not_in_list, BOOT_DEVICE));
    };
    let Some(only) = body.get(NEXT_ONLY).and_then(Value::as_bool) else {
        return Err(Refusal::about(&errors.wrong_type, NEXT_ONLY));
    };
    let set = [(BOOT_DEVICE, device.to_owned()), (NEXT_ONLY, only.to_string())];
    Ok(Effect::apply(move |machine| machine.attributes.extend(set.map(|(name, value)| (name.to_owned(), value)))))
}

fn virtual_media(machine: &Machine) -> Value {
    let devices = u8::from(machine.media_enabled);
    json!({"@odata.id": format!("{}/VirtualMedia", own_path(machine)), "Id": "VirtualMedia", "Name": "Virtual Media",
        "RemoteMountEnabled": machine.media_enabled,
        "CDImage": {"MaximumNumberOfDevices": devices}, "HDImage": {"MaximumNumberOfDevices": devices}})
}

fn set_virtual_media(machine: &Machine, body: &Map<String, Value>) -> Result<Effect, Refusal> {
    let Some(enabled) = body.get("RemoteMountEnabled").and_then(Value::as_bool) else {
        return Err(Refusal::about(&machine.profile.errors.wrong_type, "RemoteMountEnabled"));
    };
    let cds = body.get("CDImage").and_then(|image| image["MaximumNumberOfDevices"].as_u64());
    let enabled = enabled && cds != Some(0);
    Ok(Effect::apply(move |machine| machine.media_enabled = enabled))
}
