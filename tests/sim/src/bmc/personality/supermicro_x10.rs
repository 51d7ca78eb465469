//! Supermicro X10, and X11 with early firmware: images are mounted by a configuration of the vendor's own.
//!
//! Sources: recorded answers of an X10 (`redfish_ctl`'s fixtures, badfish's tests, a field report of an SBI-4129P with 3.72
//! and one of a share mounted by Samba); redfish-vendors 1.5.

use serde_json::{Map, Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::inventory::{Expand, Inventory};
use super::super::machine::Machine;
use super::super::media::{eject, insert_effects};
use super::super::message::Refusal;
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, CdMeans, Disabled, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, ModeRule,
    Profile,
};
use super::super::route::{check_action, read};
use super::supermicro;

struct X10;

const COLLECTION: &str = "/redfish/v1/Managers/1/VM1";
const CD: usize = 0;
/// What a PATCH of the configuration takes.
const PROPERTIES: [&str; 4] = ["Host", "Path", "Username", "Password"];

pub(super) fn profile() -> Profile {
    let supermicro = supermicro::profile("Base.1.0.0");
    Profile {
        identity: Identity {
            redfish_version: "1.0.1",
            model: "SBI-4129P-C2N",
            firmware: "3.72.13",
            ..supermicro.identity
        },
        // Believed: no ETags in the recorded answers.
        http: Http { etags: Etags { form: EtagForm::None, on_patch: EtagCheck::Ignored }, ..supermicro.http },
        media: Media {
            drives: vec![DriveShape { id: "CD1", boots: true }],
            places: Vec::new(),
            actions: false,
            // http (badfish); CIFS (redfish_ctl).
            schemes: vec!["http", "cifs"],
            // An UnMount of nothing is a success (the field report).
            eject_empty: None,
            // Not known; there is no slot to hide.
            disabled: Disabled::Refused,
            ..supermicro.media
        },
        boot: BootRules {
            // The field report's list, without UsbCd.
            targets: &["None", "Pxe", "Hdd", "Cd", "BiosSetup", "Usb", "Floppy"],
            cd: CdMeans::Virtual,
            // kinetic#60.
            mode: ModeRule::Absent,
            ..supermicro.boot
        },
        // Older than $expand.
        inventory: Inventory { expand: Expand::No, ..supermicro.inventory },
        oem: &X10,
        ..supermicro
    }
}

impl Oem for X10 {
    fn decorate(&self, part: Part, _: &Machine, body: &mut Value) {
        if part == Part::Manager {
            body["VirtualMedia"] = json!({"@odata.id": COLLECTION});
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let below = call.path.strip_prefix(COLLECTION)?;
        let profile = machine.profile.clone();
        let answered = match below {
            "" => read(&profile, call, collection(machine)),
            "/CD1" => slot(machine, call),
            "/CfgCD" if call.method == "PATCH" => configure(machine, call),
            "/CfgCD" => read(&profile, call, config(machine)),
            "/CfgCD/Actions/IsoConfig.Mount" => mount(machine, call),
            "/CfgCD/Actions/IsoConfig.UnMount" => check_action(&profile, call).and_then(|()| eject(machine, CD)),
            _ => return None,
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &profile))))
    }
}

fn image(machine: &Machine) -> Option<&str> {
    machine.drives.get(CD).and_then(|drive| drive.image.as_deref())
}

/// Without members until something is mounted (badfish's tests).
fn collection(machine: &Machine) -> Value {
    let members: Vec<Value> =
        image(machine).map(|_| json!({"@odata.id": format!("{COLLECTION}/CD1")})).into_iter().collect();
    json!({
        "@odata.id": COLLECTION,
        "@odata.type": "#VirtualMediaCollection.VirtualMediaCollection",
        "Name": "Virtual Media Collection",
        "Members@odata.count": members.len(),
        "Members": members,
        "Oem": {"Supermicro": {"VirtualMediaConfig": {"@odata.id": format!("{COLLECTION}/CfgCD")}}},
    })
}

/// An empty answer when nothing is mounted; one of the names is misspelled (both in the field reports).
fn slot(machine: &Machine, call: &Call) -> Result<Act, Refusal> {
    let Some(image) = image(machine) else {
        return Ok(Act::Reply(Reply { status: 200, headers: Vec::new(), body: None }));
    };
    // A share's is shown without slashes before it.
    let shown = image.trim_start_matches('/');
    let body = json!({
        "@odata.id": format!("{COLLECTION}/CD1"),
        "@odata.type": "#VirtualMedia.v1_1_0.VirtualMedia",
        "Id": "CD1",
        "Name": "Virtual Removable Media",
        "MediaTypes": ["CD", "DVD"],
        "Image": shown,
        "ImageName": shown.rsplit('/').next(),
        "Inserted": true,
        "WriteProtected": true,
        "ConnecteVia": "URI",
    });
    read(&machine.profile, call, body)
}

fn config(machine: &Machine) -> Value {
    let action = |name: &str| json!({"target": format!("{COLLECTION}/CfgCD/Actions/IsoConfig.{name}")});
    let mut body = json!({
        "@odata.id": format!("{COLLECTION}/CfgCD"),
        "@odata.type": "#IsoConfig.IsoConfig",
        "Id": "1",
        "Name": "VM1",
        "Actions": {"#IsoConfig.Mount": action("Mount"), "#IsoConfig.UnMount": action("UnMount")},
    });
    for name in PROPERTIES {
        let value = machine.attributes.get(name).map_or("", String::as_str);
        body[name] = json!(if name == "Password" { "********" } else { value });
    }
    body
}

fn configure(machine: &Machine, call: &Call) -> Result<Act, Refusal> {
    let errors = &machine.profile.errors;
    let mut wanted = Vec::new();
    for (name, value) in call.object(&machine.profile)? {
        if !PROPERTIES.contains(&name.as_str()) {
            return Err(Refusal::about(&errors.unknown_property, &name));
        }
        match value {
            Value::String(value) => wanted.push((name, value)),
            _ => return Err(Refusal::about(&errors.wrong_type, &name)),
        }
    }
    let set = Effect::apply(move |machine| machine.attributes.extend(wanted));
    Ok(Act::Perform(vec![set], Answer::Ok))
}

/// A host that is a URL is fetched from by it, any other is a share's.
fn mount(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    check_action(&profile, call)?;
    if let Some(name) = call.object(&profile)?.keys().next() {
        return Err(Refusal::about(&profile.errors.unknown_property, name));
    }
    let configured = |name: &str| {
        let value = machine.attributes.get(name).filter(|value| !value.is_empty()).cloned();
        value.ok_or_else(|| Refusal::about(&profile.errors.missing, name))
    };
    let (host, path) = (configured("Host")?, configured("Path")?);
    let image = if host.contains("://") { format!("{host}{path}") } else { format!("//{host}{path}") };
    let body = Map::from_iter([("Image".to_owned(), json!(image))]);
    let effects = insert_effects(machine, &body, CD)?;
    Ok(Act::Perform(effects, profile.media.insert))
}
