//! One virtual media slot as the BMC shows it now.

use url::Url;

use super::ladder::protocol;
use super::value::Resource;

/// A member of a `VirtualMedia` collection.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) id: String,
    pub(crate) resource: Resource,
    /// Whether it is there only while it holds an image.
    pub(crate) passes: bool,
}

impl Slot {
    pub(crate) fn new(resource: Resource) -> Self {
        let last = resource.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let id = resource.text("Id").unwrap_or_else(|| last.to_owned());
        Self { id, resource, passes: false }
    }

    /// A slot that is there only while it holds an image, as it is now: `None` is empty.
    pub(crate) fn passing(path: &str, resource: Option<Resource>) -> Self {
        let gone = || Resource { path: path.to_owned(), ..Resource::default() };
        Self { passes: true, ..Self::new(resource.unwrap_or_else(gone)) }
    }

    pub(crate) fn path(&self) -> &str {
        &self.resource.path
    }

    /// How well it fits a CD image, lower is better: CD, DVD only (Cisco UCSX), nothing said; none: not for CDs (rule R2).
    pub(crate) fn fit(&self) -> Option<u8> {
        let types = self.resource.texts("MediaTypes");
        let has = |wanted: &str| types.iter().any(|media| media.eq_ignore_ascii_case(wanted));
        if has("CD") {
            Some(0)
        } else if has("DVD") {
            Some(1)
        } else if types.is_empty() {
            Some(2)
        } else {
            None
        }
    }

    /// The target of the insert action.
    pub(crate) fn insert_target(&self) -> Option<String> {
        self.resource.action("#VirtualMedia.InsertMedia")
    }

    /// The target of the eject action; Supermicro lists it only while something is inserted, so it is derived from insert's.
    pub(crate) fn eject_target(&self) -> Option<String> {
        let listed = self.resource.action("#VirtualMedia.EjectMedia");
        listed.or_else(|| {
            let insert = self.insert_target()?;
            insert.strip_suffix("VirtualMedia.InsertMedia").map(|stem| format!("{stem}VirtualMedia.EjectMedia"))
        })
    }

    /// Whether something is in it. `Image` alone does not say so where the slot says that it is not connected: it may be
    /// what was there before (community.general#6969).
    pub(crate) fn is_occupied(&self) -> bool {
        match self.resource.flag("Inserted") {
            Some(true) => true,
            _ => self.resource.text("Image").is_some() && !self.is_disconnected(),
        }
    }

    /// Whether it says anything of what is in it: members of a collection may come shortened.
    pub(crate) fn shows_its_state(&self) -> bool {
        ["Inserted", "ConnectedVia", "Image"].iter().any(|name| self.resource.at(name).is_some())
    }

    fn is_disconnected(&self) -> bool {
        self.resource.text("ConnectedVia").is_some_and(|via| via.eq_ignore_ascii_case("NotConnected"))
    }

    /// What is in it, as the BMC shows it: a URL, a file name, or nothing.
    pub(crate) fn image(&self) -> String {
        if !self.is_occupied() {
            return String::new();
        }
        self.resource.text("Image").or_else(|| self.resource.text("ImageName")).unwrap_or_default()
    }

    /// Whether it holds `image`. Some BMCs shorten, re-spell or hide the URL, so what is shown is compared as a URL, by its
    /// path, by its file name; and where nothing is shown, that something is inserted has to do.
    pub(crate) fn holds(&self, image: &Url) -> bool {
        if !self.is_occupied() {
            return false;
        }
        let shown = self.image();
        if shown.is_empty() {
            return true;
        }
        match Url::parse(&shown) {
            Ok(mut url) if url.has_host() => {
                let mut wanted = image.clone();
                if protocol(&url) == protocol(image) {
                    // cifs and smb are one; setting it fails only where the two are no names of one protocol.
                    let _ = url.set_scheme(image.scheme());
                }
                if url.port().is_none() {
                    // An iBMC leaves out a port that is not the scheme's own (captures of an xFusion 2288H V7, 3.08).
                    // Setting it fails only where there is no host.
                    let _ = wanted.set_port(None);
                }
                for url in [&mut url, &mut wanted] {
                    // A BMC may drop or mask these. Setting them fails only where there are none.
                    let _ = url.set_username("");
                    let _ = url.set_password(None);
                    url.set_fragment(None);
                }
                url == wanted
            }
            _ if shown.contains('/') => {
                let path = image.path().trim_start_matches('/');
                let name = path.rsplit('/').next().unwrap_or_default();
                // MegaRAC makes //host/dir/x.iso/x.iso of http://host/dir/x.iso (a field record of firmware 13.06.10).
                let twice = shown.strip_suffix(name).and_then(|shown| shown.strip_suffix('/'));
                shown.ends_with(path) || (!name.is_empty() && twice.is_some_and(|shown| shown.ends_with(path)))
            }
            _ => image.path_segments().and_then(|mut names| names.next_back()).is_some_and(|name| name == shown),
        }
    }

    /// The slot's state for people.
    pub(crate) fn spoken(&self) -> String {
        match (self.is_occupied(), self.image()) {
            (false, _) => "is empty".to_owned(),
            (true, image) if image.is_empty() => "holds an image it does not name".to_owned(),
            (true, image) => format!("holds {}", crate::bmc::error::quoted(&without_password(&image))),
        }
    }
}

/// An image's URL for logs and messages: a password in it is not shown. What is no URL stays as it is.
#[must_use]
pub fn without_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Fails only where there is no host, and then there is no password.
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use url::Url;

    use super::{Slot, without_password};
    use crate::bmc::redfish::value::tests::{any_json, resource};

    fn slot(body: Value) -> Slot {
        Slot::new(resource(body))
    }

    #[test]
    fn the_fit_for_a_cd_is_told_by_media_types_not_by_name() {
        assert_eq!(slot(json!({"Id": "2", "MediaTypes": ["CD", "DVD", "USBStick"]})).fit(), Some(0));
        assert_eq!(slot(json!({"MediaTypes": ["DVD"]})).fit(), Some(1));
        assert_eq!(slot(json!({"Id": "CD"})).fit(), Some(2));
        assert_eq!(slot(json!({"MediaTypes": ["Floppy", "USBStick"]})).fit(), None);
    }

    #[test]
    fn stale_image_names_of_a_disconnected_slot_are_not_an_image() {
        let stale = slot(json!({"Inserted": false, "Image": "http://old/x.iso", "ConnectedVia": "NotConnected"}));
        assert!(!stale.is_occupied() && stale.image().is_empty());
        // sushy-tools shows ConnectedVia URI also when empty.
        assert!(!slot(json!({"Inserted": false, "Image": "", "ConnectedVia": "URI"})).is_occupied());
        assert!(slot(json!({"Image": "http://h/x.iso"})).is_occupied());
    }

    #[test]
    fn an_image_is_recognised_however_the_bmc_spells_it() {
        let wanted = Url::parse("http://user:pw@10.0.0.5:80/iso/u1/boot.iso").unwrap();
        let shows = |image: Value| slot(json!({"Inserted": true, "Image": image})).holds(&wanted);
        assert!(shows(json!("http://10.0.0.5/iso/u1/boot.iso")));
        assert!(shows(json!("http://user:******@10.0.0.5/iso/u1/boot.iso")));
        assert!(shows(json!("//10.0.0.5/iso/u1/boot.iso")));
        assert!(shows(json!("//10.0.0.5/iso/u1/boot.iso/boot.iso")));
        assert!(shows(json!("boot.iso")));
        assert!(shows(json!(null)));
        let share = Url::parse("cifs://10.0.0.5/share/boot.iso").unwrap();
        for image in ["smb://10.0.0.5/share/boot.iso", "cifs://10.0.0.5/share/boot.iso", "//10.0.0.5/share/boot.iso"] {
            assert!(slot(json!({"Inserted": true, "Image": image})).holds(&share), "{image}");
        }
        assert!(!slot(json!({"Inserted": true, "Image": "nfs://10.0.0.5/share/boot.iso"})).holds(&share));
        assert!(!shows(json!("http://10.0.0.5/iso/u2/boot.iso")));
        assert!(!shows(json!("//10.0.0.5/iso/u2/boot.iso/boot.iso")));
        assert!(!shows(json!("other.iso")));
        let with_port = |shown: &str| {
            let wanted = Url::parse("https://10.0.0.5:8443/boot.iso").unwrap();
            slot(json!({"Inserted": true, "Image": shown})).holds(&wanted)
        };
        assert!(with_port("https://10.0.0.5:8443/boot.iso") && with_port("https://10.0.0.5/boot.iso"));
        assert!(!with_port("https://10.0.0.5:8444/boot.iso") && !with_port("https://10.0.0.6/boot.iso"));
        assert!(!slot(json!({"Inserted": false, "Image": "boot.iso", "ConnectedVia": "NotConnected"})).holds(&wanted));
    }

    #[test]
    fn a_slot_that_is_gone_is_an_empty_one() {
        let gone = Slot::passing("/m/VM1/CD1", None);
        assert_eq!((gone.id.as_str(), gone.path(), gone.fit()), ("CD1", "/m/VM1/CD1", Some(2)));
        assert!(gone.passes && !gone.is_occupied() && gone.image().is_empty());
    }

    #[test]
    fn eject_is_derived_from_insert_where_it_is_not_listed() {
        let body =
            json!({"Actions": {"#VirtualMedia.InsertMedia": {"target": "/m/1/Actions/VirtualMedia.InsertMedia"}}});
        assert_eq!(slot(body).eject_target().as_deref(), Some("/m/1/Actions/VirtualMedia.EjectMedia"));
    }

    #[test]
    fn a_password_in_an_image_url_is_not_shown() {
        assert_eq!(without_password("http://u:secret@h/x.iso"), "http://u:***@h/x.iso");
        assert_eq!(without_password("h:/x.iso"), "h:/x.iso");
    }

    proptest! {
        #[test]
        fn any_member_is_read_without_panic(body in any_json()) {
            let slot = slot(body);
            let _read = (slot.fit(), slot.image(), slot.spoken(), slot.eject_target());
            prop_assert!(slot.is_occupied() || slot.image().is_empty());
        }
    }
}
