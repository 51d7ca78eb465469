//! The action `VmmControl`, by which Huawei's and xFusion's iBMC and H3C's HDM connect an image and disconnect it.
//!
//! Its place differs with the vendor (`Oem.Huawei`, `Oem.xFusion`, `Oem.Public`), so it is found by its name. Where a
//! firmware has the standard action as well (xFusion 3.08), that goes first.

use serde_json::{Value, json};
use url::Url;

use super::Way;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::value::{at, text};

pub(super) fn insert_ways(slot: &Slot, image: &Url) -> Vec<Way> {
    let standard = slot.insert_target().map(|_| Way::Action);
    let body = json!({"VmmControlType": "Connect", "Image": image.as_str()});
    standard.into_iter().chain(target(slot).map(|path| Way::Post { path, body })).collect()
}

pub(super) fn eject_ways(slot: &Slot) -> Vec<Way> {
    let standard = slot.eject_target().map(|_| Way::Action);
    let body = json!({"VmmControlType": "Disconnect"});
    standard.into_iter().chain(target(slot).map(|path| Way::Post { path, body })).collect()
}

/// The action's target, among the slot's `Actions`, those for OEMs there, and the `Actions` of each OEM section.
fn target(slot: &Slot) -> Option<String> {
    let own = [slot.resource.at("Actions"), slot.resource.at("Actions/Oem")];
    let sections = slot.resource.at("Oem").and_then(Value::as_object);
    let oem = sections.into_iter().flat_map(|sections| sections.values()).map(|section| at(section, "Actions"));
    let actions = own.into_iter().chain(oem).flatten().filter_map(Value::as_object).flatten();
    let mut named = actions.filter(|(name, _)| name.ends_with("VmmControl"));
    named.find_map(|(_, action)| text(action.get("target")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use url::Url;

    use super::{eject_ways, insert_ways, target};
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::{any_json, resource};
    use crate::bmc::redfish::vendors::Way;

    fn slot(body: Value) -> Slot {
        Slot::new(resource(body))
    }

    #[test]
    fn the_action_is_found_wherever_a_vendor_puts_it() {
        let action = || json!({"#VirtualMedia.VmmControl": {"target": "/x"}});
        for body in [
            json!({"Oem": {"Huawei": {"Actions": action()}}}),
            json!({"Oem": {"Other": 5, "xFusion": {"Actions": action()}}}),
            json!({"Actions": action()}),
            json!({"Actions": {"Oem": action()}}),
        ] {
            assert_eq!(target(&slot(body.clone())).as_deref(), Some("/x"), "{body}");
        }
        assert_eq!(target(&slot(json!({"Actions": {"#VirtualMedia.InsertMedia": {"target": "/x"}}}))), None);
    }

    #[test]
    fn the_standard_action_goes_first_where_there_is_one() {
        let image = Url::parse("nfs://h/p/x.iso").unwrap();
        let own = json!({"Huawei": {"Actions": {"#VirtualMedia.VmmControl": {"target": "/x"}}}});
        let post = |body: Value| Way::Post { path: "/x".to_owned(), body };
        let connect = || post(json!({"VmmControlType": "Connect", "Image": "nfs://h/p/x.iso"}));
        let disconnect = || post(json!({"VmmControlType": "Disconnect"}));
        let alone = slot(json!({"Oem": own}));
        assert_eq!((insert_ways(&alone, &image), eject_ways(&alone)), (vec![connect()], vec![disconnect()]));
        let standard = json!({"#VirtualMedia.InsertMedia": {"target": "/VirtualMedia.InsertMedia"}});
        let both = slot(json!({"Oem": own, "Actions": standard}));
        assert_eq!(insert_ways(&both, &image), [Way::Action, connect()]);
        assert_eq!(eject_ways(&both), [Way::Action, disconnect()]);
        assert_eq!(insert_ways(&slot(json!({})), &image), []);
    }

    proptest! {
        #[test]
        fn any_slot_is_read_without_panic(body in any_json()) {
            let _target = target(&slot(body));
        }
    }
}
