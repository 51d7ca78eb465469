//! A BMC of no vendor: what the DMTF schema bundle alone would lead to. Every other personality starts from it.

use std::time::Duration;

use super::super::inventory::{Expand, Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::message::{Errors, Message};
use super::super::oem::NoOem;
use super::super::profile::{
    Answer, BootRules, CdMeans, Disabled, DriveShape, EmptyImage, EtagCheck, EtagForm, Etags, FullImage, Http,
    Identity, Listing, Media, Member, ModeRule, Place, PowerRules, Profile, Shares, Tasks, Under,
};

impl Profile {
    /// A BMC of no vendor: one system, one manager, one CD member, every step by the DMTF schemas, 204 for success.
    #[must_use]
    pub fn generic() -> Profile {
        Profile {
            identity: Identity {
                vendor: None,
                product: Some("Simulated BMC"),
                oem_key: None,
                server: None,
                redfish_version: "1.15.0",
                system: "1",
                manager: "BMC",
                chassis: "1U",
                systems_before: Vec::new(),
                managers_before: Vec::new(),
                manufacturer: "Contoso",
                model: "3500",
                manager_model: "Joo Janta 200",
                firmware: "1.45.455b66-rev4",
                managed_by: true,
            },
            http: Http {
                trailing_slash: false,
                sessions: Some("SessionService/Sessions"),
                session_limit: 16,
                basic: true,
                bare_root: false,
                etags: Etags { form: EtagForm::Strong, on_patch: EtagCheck::Checked },
                if_match_on_post: None,
                empty_body: None,
                tasks: Tasks {
                    prefix: "",
                    digits: 1,
                    monitor: true,
                    location: true,
                    unfinished_is_202: false,
                    step: Duration::from_millis(5),
                },
            },
            media: Media {
                drives: vec![DriveShape { id: "Cd", boots: true }],
                places: vec![Place { under: Under::System, members: vec![Member::new("Cd", &["CD", "DVD"], 0)] }],
                actions: true,
                eject_hidden_when_empty: false,
                patch: false,
                insert: Answer::NoContent,
                eject: Answer::NoContent,
                needs: Vec::new(),
                listed: Vec::new(),
                refuses: Vec::new(),
                schemes: vec!["http", "https", "nfs", "cifs"],
                shares: Shares::Any,
                url_without: &[],
                wants_iso_suffix: false,
                stale_reads: 0,
                late_reads: 0,
                empty_image: EmptyImage::Null,
                full_image: FullImage::Url,
                image_name: true,
                eject_empty: None,
                insert_occupied: Some(Message::new(400, "Base.1.15.ResourceInUse", "The drive holds an image.")),
                disabled: Disabled::Hidden,
                off_at_first: false,
                insert_time: Duration::ZERO,
            },
            boot: BootRules {
                system_refuses: None,
                settings: None,
                targets: &["None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup"],
                targets_listed: true,
                shown_as: &[],
                enabled: &["Once", "Continuous", "Disabled"],
                continuous_lasts: true,
                mode: ModeRule::Writable,
                cd: CdMeans::Virtual,
                answer: Answer::NoContent,
                during_post: None,
            },
            power: PowerRules {
                resets: &["On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle", "Nmi"],
                listing: Listing::Inline,
                shows_transitions: true,
                delay: Duration::from_millis(10),
                conflict: None,
                answer: Answer::NoContent,
                graceful_works: true,
            },
            light: LightRules {
                // As bmcweb shows them (ibm-openbmc/bmcweb#826).
                system: &[LightProperty::Location],
                chassis: &[LightProperty::Led, LightProperty::Location],
                takes: &["Lit", "Blinking", "Off"],
                rest: "Off",
            },
            inventory: Inventory { linked: Section::ALL, oem_linked: &[], expand: Expand::No },
            errors: Errors::dmtf("Base.1.15"),
            oem: &NoOem,
        }
    }
}
