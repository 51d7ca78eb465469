//! What Supermicro X12 and X13 have in common, and most of it an X10: names, errors, the boot override, where media is.
//!
//! Sources: recorded trees of an X13 (libredfish, SYS-821GE-TNHR, 1.11.0) and of 1.9.0 and 1.14.0 (bmclib); sushy,
//! ironic; community.general#4839, #6969, #7470; redfish-vendors 1.5.

use serde_json::{Value, json};

use super::super::call::{Act, Call, Reply};
use super::super::inventory::{Expand, Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, CdMeans, DriveShape, EmptyImage, Identity, Listing, Media, Member, ModeRule, Place, PowerRules,
    Profile, Under,
};
use super::super::resources::{link, uri};
use super::super::route::read;

struct Supermicro;

/// All three (recorded).
const TYPES: &[&str] = &["CD", "DVD", "Floppy", "USBStick"];
const MEMBERS: [&str; 3] = ["VirtualMedia1", "VirtualMedia2", "VirtualMedia3"];
const MEDIA: &str = "Managers/1/VirtualMedia";

pub(super) fn profile(base: &'static str) -> Profile {
    let generic = Profile::generic();
    let member = |(drive, id): (usize, &&'static str)| Member::new(id, TYPES, drive);
    Profile {
        identity: Identity {
            // From 1.14.0 on there is a Vendor (recorded trees of before and after).
            vendor: None,
            product: None,
            oem_key: Some("Supermicro"),
            system: "1",
            manager: "1",
            chassis: "1",
            manufacturer: "Supermicro",
            manager_model: "ASPEED",
            ..generic.identity
        },
        http: generic.http,
        media: Media {
            drives: MEMBERS.iter().map(|id| DriveShape { id, boots: true }).collect(),
            places: vec![Place { under: Under::Manager, members: MEMBERS.iter().enumerate().map(member).collect() }],
            // Recorded.
            eject_hidden_when_empty: true,
            // 400 PropertyUnknown (community.general#4839), though the ActionInfo has them (recorded).
            refuses: vec!["Inserted", "WriteProtected"],
            schemes: vec!["http", "https", "cifs"],
            // ironic, of an X12.
            url_without: &['?', '='],
            wants_iso_suffix: true,
            // community.general#6969, #7470 (X12, H13).
            empty_image: EmptyImage::Previous,
            insert: Answer::Ok,
            eject: Answer::Ok,
            ..generic.media
        },
        boot: BootRules {
            // Recorded.
            targets: &["None", "Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "UsbCd", "UefiBootNext", "UefiHttp"],
            // sushy.
            cd: CdMeans::Physical,
            // Redfishtool#106, metal-operator#607. That the default is Legacy is believed.
            mode: ModeRule::Reverts,
            answer: Answer::Ok,
            ..generic.boot
        },
        power: PowerRules {
            // Recorded.
            resets: &[
                "On",
                "ForceOff",
                "GracefulShutdown",
                "GracefulRestart",
                "ForceRestart",
                "Nmi",
                "ForceOn",
                "PowerCycle",
            ],
            listing: Listing::ActionInfo,
            shows_transitions: false,
            answer: Answer::Ok,
            ..generic.power
        },
        light: LightRules {
            // Believed.
            system: &[LightProperty::Led],
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Blinking", "Off"],
            rest: "Off",
        },
        // Roots of 1.9.0 and 1.14.0 announce $expand (bmclib); the rest is believed.
        inventory: Inventory { linked: Section::ALL, expand: Expand::WithLevels, ..generic.inventory },
        errors: errors(base),
        oem: &Supermicro,
    }
}

pub(super) fn errors(base: &'static str) -> Errors {
    Errors {
        code: Some(Registry(base).id("GeneralError")),
        // Field reports; 403 and 400 are both told.
        licence: Registry("SMC.1.0").says(403, "OemLicenseNotPassed", "Not licensed to perform this request."),
        ..Errors::dmtf(base)
    }
}

impl Oem for Supermicro {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        let profile = &*machine.profile;
        match part {
            // To the manager's collection (recorded, X13).
            Part::System => body["VirtualMedia"] = link(profile, MEDIA),
            Part::Member(drive) => {
                let id = MEMBERS.get(drive).copied().unwrap_or_default();
                let info = uri(profile, &format!("{MEDIA}/{id}/InsertMediaActionInfo"));
                body["Actions"]["#VirtualMedia.InsertMedia"]["@Redfish.ActionInfo"] = json!(info);
                body["Oem"] = json!({"Supermicro": {"AcceptSelfSigned": false}});
            }
            _ => {}
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        call.path.strip_suffix("/InsertMediaActionInfo").filter(|member| member.contains(MEDIA))?;
        let profile = machine.profile.clone();
        let shown = read(&profile, call, action_info(&call.path));
        Some(shown.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &profile))))
    }
}

/// What an insert takes, as it says itself (recorded).
fn action_info(path: &str) -> Value {
    let parameter = |name: &str, required: bool| json!({"Name": name, "Required": required, "DataType": "String"});
    let mut parameters = vec![parameter("Image", true)];
    parameters.extend(
        ["UserName", "Password", "Inserted", "TransferMethod", "WriteProtected"].map(|name| parameter(name, false)),
    );
    let mut protocol = parameter("TransferProtocolType", false);
    protocol["AllowableValues"] = json!(["CIFS", "HTTP", "HTTPS"]);
    parameters.push(protocol);
    json!({"@odata.id": path, "@odata.type": "#ActionInfo.v1_1_0.ActionInfo", "Id": "InsertMediaActionInfo",
        "Name": "Insert Media Action Info", "Parameters": parameters})
}
