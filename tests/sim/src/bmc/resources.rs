//! The resources as JSON: what a GET of each shows.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::machine::{Drive, Machine};
use super::oem::Part;
use super::profile::{EmptyImage, EtagForm, FullImage, Listing, Member, ModeRule, Place, Profile, Under};
use super::{inventory, light};

/// A path in the form this BMC writes its links.
pub(super) fn uri(profile: &Profile, below_root: &str) -> String {
    let slash = if profile.http.trailing_slash { "/" } else { "" };
    match below_root {
        "" => format!("/redfish/v1{slash}"),
        path => format!("/redfish/v1/{path}{slash}"),
    }
}

pub(super) fn link(profile: &Profile, below_root: &str) -> Value {
    json!({"@odata.id": uri(profile, below_root)})
}

pub(super) fn collection(profile: &Profile, below_root: &str, kind: &str, members: &[String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| link(profile, &format!("{below_root}/{id}"))).collect();
    json!({
        "@odata.id": uri(profile, below_root),
        "@odata.type": format!("#{kind}Collection.{kind}Collection"),
        "Name": format!("{kind} Collection"),
        "Members@odata.count": members.len(),
        "Members": members,
    })
}

pub(super) fn root(machine: &Machine) -> Value {
    let profile = &*machine.profile;
    let identity = &profile.identity;
    let mut body = json!({
        "@odata.id": "/redfish/v1",
        "@odata.type": "#ServiceRoot.v1_11_0.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "RedfishVersion": identity.redfish_version,
        "Systems": link(profile, "Systems"),
        "Managers": link(profile, "Managers"),
        "Chassis": link(profile, "Chassis"),
        "Tasks": link(profile, "TaskService"),
        "Links": {},
    });
    if let Some(sessions) = profile.http.sessions {
        body["SessionService"] = link(profile, "SessionService");
        body["Links"] = json!({"Sessions": link(profile, sessions)});
    }
    let named = [("Vendor", identity.vendor), ("Product", identity.product)];
    for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        body[name] = json!(value);
    }
    if let Some(key) = identity.oem_key {
        body["Oem"] = json!({key: {}});
    }
    if let Some(features) = inventory::features(profile) {
        body["ProtocolFeaturesSupported"] = features;
    }
    profile.oem.decorate(Part::Root, machine, &mut body);
    body
}

pub(super) fn system(machine: &Machine) -> Value {
    let profile = &*machine.profile;
    let identity = &profile.identity;
    let path = format!("Systems/{}", identity.system);
    let mut body = json!({
        "@odata.id": uri(profile, &path),
        "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
        "Id": identity.system,
        "Name": "System",
        "SystemType": "Physical",
        "Manufacturer": identity.manufacturer,
        "Model": identity.model,
        "PowerState": machine.shown_power().to_string(),
        "Status": {"State": "Enabled", "Health": "OK"},
        "Links": {"Chassis": [link(profile, &format!("Chassis/{}", identity.chassis))]},
        "ProcessorSummary": {"Count": 2, "Status": {"Health": "OK"}},
        "MemorySummary": {"TotalSystemMemoryGiB": 64, "Status": {"HealthRollup": "OK"}},
        "Boot": boot(machine),
        "Actions": {"#ComputerSystem.Reset": reset_action(profile, &path)},
    });
    if identity.managed_by {
        body["Links"]["ManagedBy"] = json!([link(profile, &format!("Managers/{}", identity.manager))]);
    }
    inventory::link_from_system(profile, &mut body);
    light::show(machine, profile.light.system, &mut body);
    if place(profile, Under::System).is_some() {
        body["VirtualMedia"] = link(profile, &format!("{path}/VirtualMedia"));
    }
    if let Some(settings) = profile.boot.settings {
        body["@Redfish.Settings"] = json!({
            "@odata.type": "#Settings.v1_3_3.Settings",
            "SettingsObject": link(profile, &format!("{path}/{}", settings.name)),
        });
    }
    profile.oem.decorate(Part::System, machine, &mut body);
    body
}

fn boot(machine: &Machine) -> Value {
    let rules = &machine.profile.boot;
    let target = machine.boot.target.as_str();
    let shown = rules.shown_as.iter().find(|(set, _)| *set == target).map_or(target, |(_, shown)| shown);
    let mut body = json!({
        "BootSourceOverrideEnabled": machine.boot.enabled,
        "BootSourceOverrideTarget": shown,
    });
    if rules.mode != ModeRule::Absent {
        body["BootSourceOverrideMode"] = json!(machine.boot.mode);
    }
    if rules.targets_listed {
        body["BootSourceOverrideTarget@Redfish.AllowableValues"] = json!(rules.targets);
        body["BootSourceOverrideEnabled@Redfish.AllowableValues"] = json!(rules.enabled);
    }
    body
}

fn reset_action(profile: &Profile, path: &str) -> Value {
    let mut action = json!({"target": uri(profile, &format!("{path}/Actions/ComputerSystem.Reset"))});
    match profile.power.listing {
        Listing::Inline => action["ResetType@Redfish.AllowableValues"] = json!(profile.power.resets),
        Listing::ActionInfo => action["@Redfish.ActionInfo"] = json!(uri(profile, &format!("{path}/ResetActionInfo"))),
        Listing::Nowhere => {}
    }
    action
}

pub(super) fn reset_action_info(profile: &Profile) -> Value {
    let path = format!("Systems/{}/ResetActionInfo", profile.identity.system);
    json!({
        "@odata.id": uri(profile, &path),
        "@odata.type": "#ActionInfo.v1_3_0.ActionInfo",
        "Id": "ResetActionInfo",
        "Name": "Reset Action Info",
        "Parameters": [{
            "Name": "ResetType", "Required": true, "DataType": "String", "AllowableValues": profile.power.resets,
        }],
    })
}

pub(super) fn chassis(machine: &Machine) -> Value {
    let profile = &*machine.profile;
    let identity = &profile.identity;
    let mut body = json!({
        "@odata.id": uri(profile, &format!("Chassis/{}", identity.chassis)),
        "@odata.type": "#Chassis.v1_21_0.Chassis",
        "Id": identity.chassis,
        "Name": "Chassis",
        "ChassisType": "RackMount",
        "Manufacturer": identity.manufacturer,
        "Links": {"ComputerSystems": [link(profile, &format!("Systems/{}", identity.system))]},
    });
    light::show(machine, profile.light.chassis, &mut body);
    body
}

/// A system beside the real one: no Reset, no media, no boot override.
pub(super) fn bystander_system(profile: &Profile, id: &str) -> Value {
    json!({
        "@odata.id": uri(profile, &format!("Systems/{id}")),
        "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
        "Id": id,
        "Name": "Baseboard",
        "SystemType": "Physical",
        "PowerState": "On",
    })
}

/// A manager beside the real one: no media.
pub(super) fn bystander_manager(profile: &Profile, id: &str) -> Value {
    json!({
        "@odata.id": uri(profile, &format!("Managers/{id}")),
        "@odata.type": "#Manager.v1_14_0.Manager",
        "Id": id,
        "Name": "Manager",
        "ManagerType": "BMC",
        "Links": {},
    })
}

/// The settings object of the system.
pub(super) fn settings(machine: &Machine, name: &str, takes_boot: bool) -> Value {
    let profile = &*machine.profile;
    let mut body = json!({
        "@odata.id": uri(profile, &format!("Systems/{}/{name}", profile.identity.system)),
        "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
        "Id": name,
        "Name": "Pending settings",
        // A settings object may be there without the override (redfish-vendors R6: XCC Pending, iDRAC 9 7.x).
        "Boot": if takes_boot { boot(machine) } else { json!({"BootOrder": []}) },
    });
    profile.oem.decorate(Part::Settings, machine, &mut body);
    body
}

pub(super) fn manager(machine: &Machine) -> Value {
    let profile = &*machine.profile;
    let identity = &profile.identity;
    let path = format!("Managers/{}", identity.manager);
    let mut body = json!({
        "@odata.id": uri(profile, &path),
        "@odata.type": "#Manager.v1_14_0.Manager",
        "Id": identity.manager,
        "Name": "Manager",
        "ManagerType": "BMC",
        "Model": identity.manager_model,
        "FirmwareVersion": identity.firmware,
        "Status": {"State": "Enabled", "Health": "OK"},
        "Links": {"ManagerForServers": [link(profile, &format!("Systems/{}", identity.system))]},
        "Actions": {},
    });
    if place(profile, Under::Manager).is_some() {
        body["VirtualMedia"] = link(profile, &format!("{path}/VirtualMedia"));
    }
    profile.oem.decorate(Part::Manager, machine, &mut body);
    body
}

/// The collection under a resource, if it has one.
pub(super) fn place(profile: &Profile, under: Under) -> Option<&Place> {
    profile.media.places.iter().find(|place| place.under == under)
}

/// A `VirtualMedia` member as it reads now; reading counts where the BMC is behind the truth.
pub(super) fn member(machine: &mut Machine, parent: &str, member: Member) -> Value {
    let Member { id, types, drive: index } = member;
    let shown = machine.drives.get_mut(index).map(shown_image).unwrap_or_default();
    let machine = &*machine;
    let profile = &*machine.profile;
    let media = &profile.media;
    let path = format!("{parent}/VirtualMedia/{id}");
    let mut body = json!({
        "@odata.id": uri(profile, &path),
        "@odata.type": "#VirtualMedia.v1_3_0.VirtualMedia",
        "Id": id,
        "Name": "Virtual Removable Media",
        "Inserted": shown.is_some(),
        "ConnectedVia": if shown.is_some() { "URI" } else { "NotConnected" },
        "WriteProtected": machine.drives.get(index).is_none_or(|drive| drive.write_protected),
    });
    if !types.is_empty() {
        body["MediaTypes"] = json!(types);
    }
    let previous = machine.drives.get(index).and_then(|drive| drive.previous.as_deref());
    let image = match (&shown, media.empty_image) {
        (Some(image), _) => match media.full_image {
            FullImage::Url => json!(image),
            FullImage::WithoutPort => json!(without_port(image)),
            FullImage::FileName => json!(image_name(image)),
            FullImage::Hidden => Value::Null,
        },
        (None, EmptyImage::Blank) => json!(""),
        (None, EmptyImage::Previous) => json!(previous),
        (None, EmptyImage::Null | EmptyImage::Absent) => Value::Null,
    };
    if shown.is_some() || media.empty_image != EmptyImage::Absent {
        if media.image_name {
            body["ImageName"] = image.as_str().map_or(image.clone(), |url| json!(image_name(url)));
        }
        body["Image"] = image;
    }
    if media.actions {
        let target = |name: &str| json!({"target": uri(profile, &format!("{path}/Actions/VirtualMedia.{name}"))});
        let mut insert = target("InsertMedia");
        for (name, values) in &media.listed {
            insert[format!("{name}@Redfish.AllowableValues")] = json!(values);
        }
        body["Actions"] = json!({"#VirtualMedia.InsertMedia": insert});
        if shown.is_some() || !media.eject_hidden_when_empty {
            body["Actions"]["#VirtualMedia.EjectMedia"] = target("EjectMedia");
        }
    }
    profile.oem.decorate(Part::Member(index), machine, &mut body);
    body
}

fn shown_image(drive: &mut Drive) -> Option<String> {
    if drive.image.is_none() && drive.true_reads > 0 {
        drive.true_reads -= 1;
        return None;
    }
    if drive.image.is_none() && drive.stale_reads > 0 {
        drive.stale_reads -= 1;
        return drive.previous.clone();
    }
    if drive.late_reads > 0 {
        drive.late_reads -= 1;
        return None;
    }
    drive.image.clone()
}

fn without_port(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut url) => {
            // Fails only where there is no host, and then there is no port.
            let _ = url.set_port(None);
            url.to_string()
        }
        Err(_) => url.to_owned(),
    }
}

fn image_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// The `ETag` of a resource as it reads: it changes when, and only when, the resource does.
pub(super) fn etag(form: EtagForm, body: &Value) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    body.to_string().hash(&mut hasher);
    let value = hasher.finish();
    match form {
        EtagForm::None => None,
        EtagForm::Weak => Some(format!("W/\"{value:016X}\"")),
        EtagForm::Strong => Some(format!("\"{value:016X}\"")),
    }
}
