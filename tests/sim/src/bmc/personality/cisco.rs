//! What Cisco's CIMCs have in common: links after a login alone, prose for allowable values, images that show late.
//!
//! Sources: recorded trees of C220 M5 and C240 M6 and of a UCSX-210C, and transcripts of insert and eject, in iserver's
//! documents; ironic (LP 2031595, 2039042); `check_redfish#148`; redfish-vendors 1.6.

use serde_json::{Value, json};

use super::super::call::{Act, Call, Reply};
use super::super::inventory::{Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{BootRules, Http, Identity, Media, Profile};

/// What differs between machines.
pub(super) struct Cisco {
    /// The slots' names by their drives.
    pub(super) names: &'static [&'static str],
}

pub(super) fn profile(cisco: &'static Cisco, base: &'static str) -> Profile {
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            // No Vendor before Redfish 1.5, and the section is there without a login.
            vendor: None,
            product: None,
            oem_key: Some("Cisco"),
            manager: "CIMC",
            manufacturer: "Cisco Systems Inc",
            manager_model: "CIMC",
            ..generic.identity
        },
        http: Http { bare_root: true, ..generic.http },
        media: Media {
            needs: vec!["TransferProtocolType"],
            // Recorded; the lists of the other properties hold sentences.
            listed: vec![("TransferProtocolType", &["CIFS", "HTTP", "HTTPS", "NFS", "OEM"])],
            // "Wait for virtual media inserted…" and State Updating in the transcripts.
            late_reads: 2,
            // Neither is recorded; believed refused.
            eject_empty: Some(Registry(base).says(400, "GeneralError", "No media is mapped.")),
            insert_occupied: Some(Registry(base).says(400, "ResourceInUse", "The slot is mapped.")),
            ..generic.media
        },
        boot: BootRules {
            // A UCSX-210C's list (recorded).
            targets: &["None", "Pxe", "Floppy", "Cd", "Hdd", "BiosSetup", "Diags"],
            ..generic.boot
        },
        // Believed.
        light: LightRules { system: &[LightProperty::Led], chassis: &[LightProperty::Led], ..generic.light },
        inventory: Inventory { linked: Section::ALL, ..generic.inventory },
        errors: Errors {
            unreachable: Registry(base).says(400, "CouldNotEstablishConnection", "The image cannot be reached."),
            ..Errors::dmtf(base)
        },
        oem: cisco,
        ..generic
    }
}

impl Cisco {
    fn is_a_consoles(&self, drive: usize) -> bool {
        self.names.get(drive).is_some_and(|name| name.starts_with("KVM-Mapped"))
    }
}

impl Oem for Cisco {
    fn decorate(&self, part: Part, _: &Machine, body: &mut Value) {
        let Part::Member(drive) = part else { return };
        body["Name"] = json!(self.names.get(drive));
        body["TransferMethod"] = json!("Stream");
        // Also while nothing is (recorded).
        body["ConnectedVia"] = json!("URI");
        body["Oem"] = json!({"Cisco": {"ImageNameVariable": null, "RemapOnEject": null}});
        let insert = &mut body["Actions"]["#VirtualMedia.InsertMedia"];
        insert["Image@Redfish.AllowableValues"] = json!(["A string with the URI of the media. (Required)"]);
        insert["Inserted@Redfish.AllowableValues"] = json!(["true"]);
        insert["WriteProtected@Redfish.AllowableValues"] = json!(["A bool (true|false). (Default true)"]);
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let errors = &machine.profile.errors;
        let member = call.path.strip_suffix("/Actions/VirtualMedia.InsertMedia")?;
        let id = member.rsplit('/').next()?;
        let members = machine.profile.media.places.iter().flat_map(|place| &place.members);
        let drive = members.into_iter().find(|member| member.id == id)?.drive;
        // 400 (ironic); the id is not recorded.
        let mut refused = errors.method.clone();
        refused.status = 400;
        self.is_a_consoles(drive).then(|| Act::Reply(Reply::message(&refused, &machine.profile)))
    }
}
