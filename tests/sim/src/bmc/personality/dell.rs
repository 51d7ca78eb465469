//! What all iDRACs have in common: names, errors, the attributes and the configuration import.
//!
//! Sources: recorded trees of a 15G with 6.00.30.00 and 7.10.30.00 (libredfish tests/mockups/dell, `dell_multi_dpu`);
//! ironic drac/boot.py; iDRAC-Redfish-Scripting and its threads; redfish-vendors 1.2.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::call::{Act, Body, Call, Effect, Reply};
use super::super::inventory::{Expand, Inventory};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Message, Refusal, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, Disabled, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, Member, Place,
    PowerRules, Profile, Tasks, Under,
};
use super::super::route::{check_action, read};
use super::super::state::Device;

/// What differs between generations in the vendor's own part.
pub(super) struct Dell {
    /// The key of the import in `Actions.Oem` of the manager; it has been spelled in at least three ways.
    pub(super) import_key: &'static str,
    /// The last segment of its target.
    pub(super) import_target: &'static str,
    /// `ShareParameters.Target` must be an array.
    pub(super) target_is_array: bool,
    /// The path of the attributes below the manager.
    pub(super) attributes: &'static str,
    /// Whether a PATCH of the attributes takes the one-shot device.
    pub(super) boot_by_attributes: bool,
}

pub(super) const MANAGER: &str = "iDRAC.Embedded.1";
pub(super) const SYSTEM: &str = "System.Embedded.1";
const BOOT_ONCE: &str = "ServerBoot.1.BootOnce";
const FIRST_BOOT: &str = "ServerBoot.1.FirstBootDevice";
const ATTACHED: &str = "VirtualMedia.1.Attached";

/// The drives, by the names they had at first.
pub(super) const CD: DriveShape = DriveShape { id: "CD", boots: true };
pub(super) const REMOVABLE_DISK: DriveShape = DriveShape { id: "RemovableDisk", boots: false };

/// The collection under the manager, `RemovableDisk` first (iDRAC-Redfish-Scripting#58, with these types).
pub(super) fn under_manager(cd: usize, removable_disk: usize) -> Place {
    let members =
        vec![Member::new("RemovableDisk", &["USBStick"], removable_disk), Member::new("CD", &["CD", "DVD"], cd)];
    Place { under: Under::Manager, members }
}

/// A member of the collection under the system.
pub(super) const fn under_system(id: &'static str, drive: usize) -> Member {
    Member::new(id, &["CD", "DVD", "USBStick"], drive)
}

/// An iDRAC with nothing said of its media places yet.
pub(super) fn profile(dell: &'static Dell, base: &'static str, own: &'static str) -> Profile {
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            vendor: Some("Dell"),
            product: Some("Integrated Dell Remote Access Controller"),
            oem_key: Some("Dell"),
            system: SYSTEM,
            manager: MANAGER,
            chassis: SYSTEM,
            manufacturer: "Dell Inc.",
            ..generic.identity
        },
        http: Http {
            // Eight sessions, then 503 RAC0218 (gofish#75, badfish#447).
            session_limit: 8,
            // No ETag is needed up to iDRAC 9 (redfish-vendors 1.2).
            etags: Etags { form: EtagForm::None, on_patch: EtagCheck::Ignored },
            // Location names the job under Tasks (redfish-vendors 1.2, sample); Dell's scripts take 200 and 202 for it.
            tasks: Tasks {
                location: true,
                prefix: "JID_",
                digits: 12,
                monitor: false,
                unfinished_is_202: true,
                step: Duration::from_millis(5),
            },
            ..generic.http
        },
        media: Media {
            // Stale for a while after an eject (ironic redfish/boot.py), 500 on an insert meanwhile (story 2008504).
            stale_reads: 1,
            eject_empty: Some(Message {
                more: vec![Registry(base).id("InternalError")],
                ..Registry(own).says(500, "VRM0009", "Nothing is attached to this drive.")
            }),
            insert_occupied: Some(Registry(own).says(500, "VRM0012", "This drive is attached already.")),
            // Detached: told as inserted, and nothing is mapped (iDRAC-Redfish-Scripting#236, openshift-docs#29321).
            disabled: Disabled::Unmapped,
            ..generic.media
        },
        boot: BootRules {
            targets: &[
                "None",
                "Pxe",
                "Floppy",
                "Cd",
                "Hdd",
                "BiosSetup",
                "Utilities",
                "UefiTarget",
                "SDCard",
                "UefiHttp",
            ],
            // It is reset after the boot (terraform-provider-redfish#138).
            continuous_lasts: false,
            answer: Answer::Ok,
            ..generic.boot
        },
        power: PowerRules {
            resets: &[
                "On",
                "ForceOff",
                "ForceRestart",
                "GracefulRestart",
                "GracefulShutdown",
                "PushPowerButton",
                "Nmi",
                "PowerCycle",
            ],
            shows_transitions: false,
            conflict: Some(Registry(base).says(409, "ActionParameterValueConflict", "Not in this state of power.")),
            ..generic.power
        },
        light: LightRules {
            // Lit on system and chassis of a machine that nobody looks for (an exporter's notes on a recorded tree).
            system: &[LightProperty::Led],
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Blinking", "Off"],
            rest: "Lit",
        },
        inventory: Inventory {
            // Dell's scripts expand with levels, BootOptions among others (xtoph_deploy, on iDRAC 9).
            expand: Expand::WithLevels,
            ..generic.inventory
        },
        errors: errors(base, own),
        oem: dell,
    }
}

/// Dell's ids: the base registry's `GeneralError` around, its own registry inside.
fn errors(base: &'static str, own: &'static str) -> Errors {
    let (base_registry, own_registry) = (Registry(base), Registry(own));
    Errors {
        code: Some(base_registry.id("GeneralError")),
        sessions: own_registry.says(503, "RAC0218", "There are as many sessions as there may be."),
        // #265 shows the body on 6.10.30.00, not the status: 400 is assumed.
        unreachable: own_registry.says(400, "RAC0904", "The file cannot be reached from here."),
        settling: Message {
            more: vec![base_registry.id("InternalError")],
            ..own_registry.says(500, "SYS446", "Something inside went wrong.")
        },
        // check_redfish#151 shows id and the word; the status is assumed.
        licence: base_registry.says(400, "InternalError", "There is no sufficient LICENSE for this."),
        // sushy repeats what is answered so.
        busy: own_registry.says(500, "SYS518", "The iDRAC is not ready."),
        ..Errors::dmtf(base)
    }
}

impl Oem for Dell {
    fn decorate(&self, part: Part, _machine: &Machine, body: &mut Value) {
        if part != Part::Manager {
            return;
        }
        body["Actions"]["Oem"] = json!({
            self.import_key: {
                "target": format!("/redfish/v1/Managers/{MANAGER}/Actions/Oem/{}", self.import_target),
                "ShareParameters": {"Target@Redfish.AllowableValues": ["ALL", "IDRAC", "BIOS", "NIC", "RAID"]},
            },
        });
        body["Links"]["Oem"] = json!({"Dell": {
            "DellAttributes": [{"@odata.id": format!("/redfish/v1/Managers/{MANAGER}/{}", self.attributes)}],
        }});
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let below = call.path.strip_prefix("/redfish/v1/Managers/iDRAC.Embedded.1/")?;
        let answered = if below == self.attributes {
            self.attributes(machine, call)
        } else if below.strip_prefix("Actions/Oem/") == Some(self.import_target) {
            self.import(machine, call)
        } else {
            return None;
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }

    fn boot_once(&self, machine: &Machine) -> Option<String> {
        let enabled = machine.attributes.get(BOOT_ONCE).is_some_and(|value| value == "Enabled");
        machine.attributes.get(FIRST_BOOT).filter(|device| enabled && *device != "Normal").cloned()
    }

    fn take_boot_once(&self, machine: &mut Machine) -> Option<Device> {
        let device = self.boot_once(machine)?;
        machine.attributes.insert(FIRST_BOOT.into(), "Normal".into());
        Some(booted(&device))
    }

    /// `FirstBootDevice` without `BootOnce` (libredfish `dell.rs` `boot_first`).
    fn lasting_device(&self, machine: &Machine) -> Option<Device> {
        let once = machine.attributes.get(BOOT_ONCE).is_some_and(|value| value == "Enabled");
        let device = machine.attributes.get(FIRST_BOOT).filter(|device| !once && *device != "Normal")?;
        Some(booted(device))
    }
}

fn booted(device: &str) -> Device {
    match device {
        "VCD-DVD" => Device::VirtualCd,
        "CD-DVD" => Device::PhysicalCd,
        "PXE" => Device::Pxe,
        "BIOS" => Device::Setup,
        "vFDD" | "FDD" => Device::Usb,
        _ => Device::Disk,
    }
}

impl Dell {
    fn attributes(&self, machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
        let profile = machine.profile.clone();
        if call.method != "PATCH" {
            let shown = |name: &str, default: &str| machine.attributes.get(name).cloned().unwrap_or(default.into());
            let attached = if machine.media_enabled { "AutoAttach" } else { "Detached" };
            let body = json!({
                "@odata.id": call.path, "Id": "iDRACAttributes", "Name": "Attributes",
                "Attributes": {
                    BOOT_ONCE: shown(BOOT_ONCE, "Disabled"), FIRST_BOOT: shown(FIRST_BOOT, "Normal"), ATTACHED: attached,
                },
            });
            return read(&profile, call, body);
        }
        let body = call.object(&profile)?;
        let Some(Value::Object(wanted)) = body.get("Attributes") else {
            return Err(Refusal::about(&profile.errors.missing, "Attributes"));
        };
        if let Some(name) = wanted.keys().find(|name| name.starts_with("ServerBoot.") && !self.boot_by_attributes) {
            return Err(Refusal::about(&profile.errors.not_writable, name));
        }
        Ok(Act::Perform(vec![set(wanted)], Answer::Ok))
    }

    fn import(&self, machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
        let profile = machine.profile.clone();
        check_action(&profile, call)?;
        if machine.jobs_refused {
            // An iDRAC 8 with something pending: 503 with an empty body (iDRAC-Redfish-Scripting#116).
            return Ok(Act::Reply(Reply { status: 503, headers: Vec::new(), body: None }));
        }
        let Body::Json(body) = &call.body else { return Err((&profile.errors.malformed).into()) };
        let target = &body["ShareParameters"]["Target"];
        if target.is_null() {
            return Err(Refusal::about(&profile.errors.missing, "Target"));
        }
        // iDRAC-Redfish-Scripting#318: both messages, on 1.10.17.00.
        if self.target_is_array && !target.is_array() {
            let wrong_type = profile.errors.wrong_type.clone();
            return Err(Refusal::about(&Message { more: vec!["IDRAC.2.10.SYS424".into()], ..wrong_type }, "Target"));
        }
        let Some(buffer) = body["ImportBuffer"].as_str() else {
            return Err(Refusal::about(&profile.errors.missing, "ImportBuffer"));
        };
        Ok(Act::Perform(vec![set(&imported(buffer))], Answer::Task))
    }
}

fn set(wanted: &Map<String, Value>) -> Effect {
    let wanted: Vec<(String, String)> = (wanted.iter())
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    Effect::apply(move |machine| {
        for (name, value) in wanted {
            if name == ATTACHED {
                machine.media_enabled = value != "Detached";
            }
            machine.attributes.insert(name, value);
        }
    })
}

/// The attributes of a configuration profile: `<Attribute Name="Group.1#Name">Value</Attribute>`.
fn imported(profile: &str) -> Map<String, Value> {
    let attribute = |part: &str| {
        let (name, rest) = part.split_once("\">")?;
        let (value, _) = rest.split_once("</Attribute>")?;
        Some((name.replace('#', "."), json!(value)))
    };
    profile.split("<Attribute Name=\"").skip(1).filter_map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_profile_gives_its_attributes() {
        let profile = "<SystemConfiguration><Component FQDD=\"iDRAC.Embedded.1\"><Attribute Name=\"ServerBoot.1#BootOnce\">\
            Enabled</Attribute><Attribute Name=\"ServerBoot.1#FirstBootDevice\">VCD-DVD</Attribute></Component></SystemConfiguration>";
        let expected = json!({"ServerBoot.1.BootOnce": "Enabled", "ServerBoot.1.FirstBootDevice": "VCD-DVD"});
        assert_eq!(Value::Object(imported(profile)), expected);
    }
}
