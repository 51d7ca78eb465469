//! Dell iDRAC 8, 9 and 10. Where the generations differ: which slot boots, and how "boot once from virtual CD" is said.
//!
//! Evidence is quoted as (project#issue); DSP-less facts are from Dell's iDRAC-Redfish-Scripting, sushy, ironic, libredfish.

use super::{DeviceRoute, Look, Quirks, Route, Step, blames_image};
use crate::bmc::asked::Lasting;
use crate::bmc::error::Kind;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::boot_override::Choice;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::{Redfish, boot};

mod server_boot;

pub(super) struct Dell;

/// By the first two digits of the manager's Model, such as `15G Monolithic`. Never by the firmware version alone: iDRAC 10
/// started again at 1.x (Dell's own scripts need both).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    /// 12G and 13G machines: iDRAC 7 and 8.
    Idrac8,
    /// 14G to 16G, and what does not say.
    Idrac9,
    /// 17G and later.
    Idrac10,
}

fn generation(platform: &Platform) -> Generation {
    let digits: String = platform.model().chars().take_while(char::is_ascii_digit).collect();
    match digits.parse::<u32>() {
        Ok(number @ 1..14) if number >= 10 => Generation::Idrac8,
        Ok(17..) => Generation::Idrac10,
        _ => Generation::Idrac9,
    }
}

/// Whether the standard target `Cd` means the virtual CD. Before iDRAC 9 6.00 (4.40.10 on Intel) it is the physical drive
/// (iDRAC-Redfish-Scripting#90, community.general#3423).
fn cd_is_virtual(platform: &Platform) -> bool {
    let firmware = platform.firmware_numbers();
    let intel = platform.system.text("ProcessorSummary/Model").is_some_and(|model| model.contains("Intel"));
    firmware.as_slice() >= [6].as_slice() || (intel && firmware.as_slice() >= [4, 40, 10].as_slice())
}

impl Quirks for Dell {
    fn generation(&self, platform: &Platform) -> Option<&'static str> {
        Some(match generation(platform) {
            Generation::Idrac8 => "iDRAC 7 or 8",
            Generation::Idrac9 => "iDRAC 9",
            Generation::Idrac10 => "iDRAC 10",
        })
    }

    fn kind(&self, refusal: &Refusal) -> Option<Kind> {
        if refusal.says_any(&["LC068", "VRM0021"]) {
            Some(Kind::Conflict)
        } else if refusal.says("RAC0679") {
            Some(Kind::Busy)
        } else {
            None
        }
    }

    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let advice = if refusal.says("LC068") {
            "it has pending configuration changes: reboot the machine to apply them, or delete the pending job, then try again"
        } else if refusal.says_any(&["VRM0021", "SYS446"]) {
            "its virtual media is stale or taken by a console: close the console, else restart the iDRAC, which takes 4 minutes"
        } else if refusal.says("RAC0679") {
            "another configuration job is running: wait for it, or delete it from the job queue"
        } else if refusal.status.as_u16() == 503 && refusal.path.ends_with("ImportSystemConfiguration") {
            // An iDRAC 8 says no more than that (iDRAC-Redfish-Scripting#116).
            "a configuration job is pending or running: reboot the machine or delete it from the job queue, then try again"
        } else if refusal.says("SYS402") {
            "this firmware cannot insert media by Redfish: iDRAC 8 needs 2.75.75.75, iDRAC 9 needs 3.30 or later"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn is_passing(&self, refusal: &Refusal) -> bool {
        // RAC0679: a job is running (sushy waits for it). A 500 to an insert, bare or with SYS446: the eject
        // before it has not settled (ironic, story 2008504). ActionParameterValueConflict to a reset: iDRAC 10 just after
        // another one (ironic).
        let unsettled = refusal.status.as_u16() == 500
            && refusal.path.trim_end_matches('/').ends_with("InsertMedia")
            && !self.says_occupied(refusal)
            && !blames_image(refusal);
        refusal.says("RAC0679")
            || unsettled
            || (refusal.path.ends_with("ComputerSystem.Reset") && refusal.says("ActionParameterValueConflict"))
    }

    fn says_occupied(&self, refusal: &Refusal) -> bool {
        refusal.says_any(&["VRM0012", "VRM0021", "ResourceInUse"])
    }

    fn says_empty(&self, refusal: &Refusal) -> bool {
        // VRM0009: no medium is attached.
        refusal.says("VRM0009")
    }

    fn prepare(&self, _: &Platform) -> Option<Route> {
        Some(Route {
            name: "attached check",
            why: "with VirtualMedia.1.Attached Detached an image shows as inserted and the machine never sees it",
            run: check_attached,
        })
    }

    fn preference(&self, platform: &Platform, slot: &Slot) -> Option<u8> {
        // iDRAC 10 lists slot 2 first, and only slot 1 boots by its one-time boot (ironic, LP 2125571).
        match generation(platform) {
            Generation::Idrac10 if slot.id != "1" => None,
            // The manager's view shows it as fit for CDs on recent firmware, and lists it first.
            _ if slot.id == "RemovableDisk" => Some(1),
            _ => Some(0),
        }
    }

    fn has_second_view(&self) -> bool {
        // A field report has images fail silently on the system's slots and work on the manager's (aicli#69).
        true
    }

    fn boot_once(&self, platform: &Platform) -> Vec<Route> {
        match generation(platform) {
            Generation::Idrac8 => vec![IMPORT],
            Generation::Idrac9 if cd_is_virtual(platform) => vec![boot::OVERRIDE, ATTRIBUTES, IMPORT],
            Generation::Idrac9 => vec![ATTRIBUTES, IMPORT],
            Generation::Idrac10 => vec![IMPORT, boot::OVERRIDE],
        }
    }

    fn clear_boot_once(&self, _: &Platform) -> Vec<Route> {
        let attributes =
            Route { name: "iDRAC attributes", why: "ServerBoot.1.BootOnce Disabled", run: server_boot::clear_cd_once };
        vec![attributes, boot::CLEAR_OVERRIDE]
    }

    fn shows_own_boot_once(&self) -> Option<Look> {
        Some(server_boot::shows_cd_once)
    }

    fn override_reaches_virtual_cd(&self, platform: &Platform) -> bool {
        match generation(platform) {
            Generation::Idrac8 => false,
            Generation::Idrac9 => cd_is_virtual(platform),
            Generation::Idrac10 => true,
        }
    }

    fn boot_device(&self, platform: &Platform, choice: Choice) -> Vec<DeviceRoute> {
        // The override for one boot, on iDRAC 10 too (community.general#11297). Not for more: an iDRAC resets Continuous
        // after the boot, and changes the boot order on the way (terraform-provider-redfish#138,
        // iDRAC-Redfish-Scripting#319).
        match (generation(platform), choice.lasting) {
            (Generation::Idrac9, Lasting::Once) => vec![OVERRIDE_ALONE, WRITE, IMPORT_ANY],
            (_, Lasting::Once) => vec![OVERRIDE_ALONE, IMPORT_ANY],
            (Generation::Idrac9, Lasting::Always) => vec![WRITE, IMPORT_ANY],
            (_, Lasting::Always) => vec![IMPORT_ANY],
        }
    }

    fn light_rests_lit(&self) -> bool {
        // Systems and chassis of machines that nobody looks for show Lit (recorded trees).
        true
    }

    fn sends_boot_mode(&self) -> bool {
        // Writing the mode is a BIOS change that waits for a configuration job.
        false
    }
}

/// No job, so no wait; works on iDRAC 9, reported not to on 8 (iDRAC-Redfish-Scripting#90).
const ATTRIBUTES: Route = Route {
    name: "iDRAC attributes",
    why: "ServerBoot.1.FirstBootDevice VCD-DVD, BootOnce Enabled; before firmware 6.00 the standard Cd is the physical drive",
    run: server_boot::write_cd_once,
};

/// Works on every generation, as a job of a minute; iDRAC 8 and 10 have nothing better for the virtual CD.
const IMPORT: Route = Route {
    name: "configuration import",
    why: "Server Configuration Profile with ServerBoot.1 FirstBootDevice VCD-DVD, BootOnce Enabled",
    run: server_boot::import_cd_once,
};

const OVERRIDE_ALONE: DeviceRoute = DeviceRoute { name: boot::OVERRIDE.name, run: server_boot::override_alone };
const WRITE: DeviceRoute = DeviceRoute { name: ATTRIBUTES.name, run: server_boot::write_choice };
const IMPORT_ANY: DeviceRoute = DeviceRoute { name: IMPORT.name, run: server_boot::import_choice };

fn check_attached<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let Some(attributes) = server_boot::attributes(bmc).await? else { return Ok(()) };
        let attached = server_boot::attribute(&attributes, "VirtualMedia.1.Attached");
        if attached.as_deref() == Some("Detached") {
            let answer =
                "has virtual media detached (VirtualMedia.1.Attached is Detached): the machine would not see an image";
            let advice = "set the iDRAC attribute VirtualMedia.1.Attached to AutoAttach";
            return Err(bmc.client.error(Kind::Conflict, answer).advise(advice).finally());
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Dell, Generation, generation};
    use crate::bmc::asked::{BootDevice, BootMode, Lasting};
    use crate::bmc::redfish::boot_override::Choice;
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    fn platform(model: &str, firmware: &str, processor: &str) -> Platform {
        Platform {
            managers: vec![resource(json!({"Model": model, "FirmwareVersion": firmware}))],
            system: resource(json!({"ProcessorSummary": {"Model": processor}})),
            ..Platform::default()
        }
    }

    fn routes(model: &str, firmware: &str, processor: &str) -> Vec<&'static str> {
        Dell.boot_once(&platform(model, firmware, processor)).iter().map(|route| route.name).collect()
    }

    #[test]
    fn the_generation_is_told_by_the_model_even_where_the_firmware_looks_old() {
        assert_eq!(generation(&platform("13G Monolithic", "2.85.85.85", "")), Generation::Idrac8);
        assert_eq!(generation(&platform("15G Monolithic", "6.00.30.00", "")), Generation::Idrac9);
        assert_eq!(generation(&platform("17G Monolithic", "1.20.50.52", "")), Generation::Idrac10);
        assert_eq!(generation(&platform("", "7.00", "")), Generation::Idrac9);
    }

    #[test]
    fn the_routes_to_boot_once_follow_generation_firmware_and_processor() {
        assert_eq!(routes("13G Monolithic", "2.85.85.85", "Intel"), ["configuration import"]);
        let old_idrac9 = ["iDRAC attributes", "configuration import"];
        assert_eq!(routes("14G Monolithic", "4.20.20.20", "Intel(R) Xeon"), old_idrac9);
        assert_eq!(routes("15G Monolithic", "5.10.50.00", "AMD EPYC"), old_idrac9);
        let new_idrac9 = ["boot override", "iDRAC attributes", "configuration import"];
        assert_eq!(routes("15G Monolithic", "4.40.10.00", "Intel(R) Xeon"), new_idrac9);
        assert_eq!(routes("16G Monolithic", "7.10.30.00", "AMD EPYC"), new_idrac9);
        assert_eq!(routes("17G Monolithic", "1.20.50.52", "AMD EPYC"), ["configuration import", "boot override"]);
    }

    #[test]
    fn a_device_that_is_to_last_is_never_set_by_the_override() {
        for (model, once, always) in [
            ("13G Monolithic", &["boot override", "configuration import"][..], &["configuration import"][..]),
            (
                "15G Monolithic",
                &["boot override", "iDRAC attributes", "configuration import"],
                &["iDRAC attributes", "configuration import"],
            ),
            ("17G Monolithic", &["boot override", "configuration import"], &["configuration import"]),
        ] {
            for (lasting, expected) in [(Lasting::Once, once), (Lasting::Always, always)] {
                let choice = Choice { device: BootDevice::Pxe, lasting, mode: BootMode::Current };
                let routes = Dell.boot_device(&platform(model, "", ""), choice);
                assert_eq!(routes.iter().map(|route| route.name).collect::<Vec<_>>(), expected, "{model}");
            }
        }
    }

    #[test]
    fn idrac_10_uses_slot_1_alone() {
        let slot = |id: &str| Slot::new(resource(json!({"Id": id})));
        let seventeen = platform("17G Monolithic", "1.20.50.52", "");
        assert_eq!(Dell.preference(&seventeen, &slot("2")), None);
        assert_eq!(Dell.preference(&seventeen, &slot("1")), Some(0));
        assert_eq!(Dell.preference(&platform("16G Monolithic", "7.10", ""), &slot("2")), Some(0));
    }
}
