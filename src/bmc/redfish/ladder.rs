//! The insert ladder (rule R4): the smallest request first, a field more only when the BMC asks for it.
//!
//! sushy's order. Supermicro X11/X12 and iLO 4 refuse `Inserted` and `WriteProtected`, others insist on a transfer
//! protocol, NVIDIA DGX on credentials; no one body suits all.

use serde_json::{Map, Value, json};
use url::Url;

use super::answer::Refusal;
use super::value::Resource;
use super::value::{at, texts};

/// A part of the body beside `Image`, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Protocol,
    Method,
    Credentials,
    Inserted,
    WriteProtected,
}

impl Part {
    const ALL: [Self; 5] = [Self::Protocol, Self::Method, Self::Credentials, Self::Inserted, Self::WriteProtected];

    /// The properties of the body that belong to it.
    fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Protocol => &["TransferProtocolType"],
            Self::Method => &["TransferMethod"],
            Self::Credentials => &["UserName", "Password"],
            Self::Inserted => &["Inserted"],
            Self::WriteProtected => &["WriteProtected"],
        }
    }
}

/// What the BMC itself says an insert takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The transfer protocols; empty: not said.
    pub(crate) protocols: Vec<String>,
    required: Vec<String>,
}

impl Taken {
    /// From a slot, whose insert action may list values itself, and the action's `ActionInfo`, where there is one.
    ///
    /// Of all values only the protocols are used: Cisco fills the other lists with prose.
    pub(crate) fn read(slot: &Resource, action_info: Option<&Resource>) -> Self {
        let inline = "Actions/#VirtualMedia.InsertMedia/TransferProtocolType@Redfish.AllowableValues";
        let mut protocols = slot.texts(inline);
        let mut required = Vec::new();
        let parameters = action_info.and_then(|info| info.at("Parameters")?.as_array()).map(Vec::as_slice);
        for parameter in parameters.unwrap_or_default() {
            let Some(name) = at(parameter, "Name").and_then(Value::as_str) else { continue };
            if name == "TransferProtocolType" && protocols.is_empty() {
                protocols = texts(at(parameter, "AllowableValues"));
            }
            if at(parameter, "Required").and_then(Value::as_bool) == Some(true) {
                required.push(name.to_owned());
            }
        }
        Self { protocols, required }
    }

    /// Whether images of the URL's protocol are taken, as far as the BMC says.
    pub(crate) fn takes(&self, image: &Url) -> bool {
        let protocol = protocol(image);
        self.protocols.is_empty() || self.protocols.iter().any(|taken| taken.eq_ignore_ascii_case(protocol))
    }
}

/// Redfish's name of a URL's protocol.
pub(crate) fn protocol(image: &Url) -> &'static str {
    match image.scheme() {
        "https" => "HTTPS",
        "nfs" => "NFS",
        "cifs" | "smb" => "CIFS",
        "ftp" => "FTP",
        "tftp" => "TFTP",
        _ => "HTTP",
    }
}

/// The bodies to try for one slot, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    image: Url,
    parts: Vec<Part>,
    refused: Vec<Part>,
}

impl Ladder {
    /// Starts at the bottom: the image, and what the BMC says is required.
    pub(crate) fn new(image: &Url, taken: &Taken) -> Self {
        let required = |part: &Part| part.properties().iter().any(|p| taken.required.iter().any(|r| r == p));
        let parts = Part::ALL.into_iter().filter(required).collect();
        Self { image: image.clone(), parts, refused: Vec::new() }
    }

    /// The body to send now.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("Image".to_owned(), json!(self.image.as_str()));
        for part in &self.parts {
            match part {
                Part::Protocol => body.insert("TransferProtocolType".to_owned(), json!(protocol(&self.image))),
                Part::Method => body.insert("TransferMethod".to_owned(), json!("Stream")),
                Part::Credentials => {
                    body.insert("UserName".to_owned(), json!("none"));
                    body.insert("Password".to_owned(), json!("none"))
                }
                Part::Inserted => body.insert("Inserted".to_owned(), json!(true)),
                Part::WriteProtected => body.insert("WriteProtected".to_owned(), json!(true)),
            };
        }
        Value::Object(body)
    }

    /// The body's form for people: `with Image, TransferProtocolType HTTP`. The image is the same in all, and may hold a
    /// password.
    pub(crate) fn form(&self) -> String {
        let body = self.body();
        let fields = body.as_object().into_iter().flatten().map(|(name, value)| match value {
            Value::String(value) if name != "Image" => format!("{name} {value}"),
            Value::Bool(value) => format!("{name} {value}"),
            _ => name.clone(),
        });
        format!("with {}", fields.collect::<Vec<_>>().join(", "))
    }

    /// The next body after a refusal; false when there is none that the refusal gives hope for.
    ///
    /// Each part is added once and taken away at most once, so this ends.
    pub(crate) fn climb(&mut self, refusal: &Refusal) -> bool {
        if !matches!(refusal.status.as_u16(), 400 | 409 | 422 | 500) {
            return false;
        }
        let mentioned = |part: &Part| part.properties().iter().any(|property| refusal.mentions(property));
        let unwanted: Vec<Part> = self.parts.iter().copied().filter(|part| mentioned(part)).collect();
        let wanted: Vec<Part> = Part::ALL.into_iter().filter(|part| mentioned(part) && self.is_new(*part)).collect();
        if !unwanted.is_empty() {
            self.parts.retain(|part| !unwanted.contains(part));
            self.refused.extend(unwanted);
            self.parts.extend(wanted);
            return true;
        }
        if !wanted.is_empty() {
            self.parts.extend(wanted);
            return true;
        }
        // An error about the image itself, or of the server, does not turn into success by more fields.
        if refusal.mentions("Image") || !matches!(refusal.status.as_u16(), 400 | 422) {
            return false;
        }
        let next = [&[Part::Protocol][..], &[Part::Inserted, Part::WriteProtected]]
            .into_iter()
            .map(|rung| rung.iter().copied().filter(|part| self.is_new(*part)).collect::<Vec<_>>())
            .find(|rung| !rung.is_empty());
        next.is_some_and(|rung| {
            self.parts.extend(rung);
            true
        })
    }

    fn is_new(&self, part: Part) -> bool {
        !self.parts.contains(&part) && !self.refused.contains(&part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use url::Url;

    use super::{Ladder, Taken};
    use crate::bmc::redfish::answer::tests::refusal;
    use crate::bmc::redfish::value::tests::{any_json, resource};

    const IMAGE: &str = "http://10.0.0.5/boot.iso";

    fn ladder(taken: &Taken) -> Ladder {
        Ladder::new(&Url::parse(IMAGE).unwrap(), taken)
    }

    fn about(property: &str) -> Value {
        json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.0.X", "MessageArgs": [property]}]}})
    }

    #[test]
    fn the_first_body_is_the_image_alone() {
        assert_eq!(ladder(&Taken::default()).body(), json!({"Image": IMAGE}));
    }

    #[test]
    fn a_field_is_added_when_the_bmc_asks_for_it() {
        let mut ladder = ladder(&Taken::default());
        assert!(ladder.climb(&refusal(400, &about("TransferProtocolType"))));
        assert_eq!(ladder.body(), json!({"Image": IMAGE, "TransferProtocolType": "HTTP"}));
        assert_eq!(ladder.form(), "with Image, TransferProtocolType HTTP");
        assert!(ladder.climb(&refusal(400, &about("UserName"))));
        assert_eq!(
            ladder.body(),
            json!({"Image": IMAGE, "TransferProtocolType": "HTTP", "UserName": "none", "Password": "none"})
        );
    }

    #[test]
    fn an_unspecific_refusal_climbs_to_the_protocol_then_to_the_full_body_and_ends() {
        let mut ladder = ladder(&Taken::default());
        let bare = refusal(400, &json!({}));
        assert!(ladder.climb(&bare));
        assert_eq!(ladder.body(), json!({"Image": IMAGE, "TransferProtocolType": "HTTP"}));
        assert!(ladder.climb(&bare));
        assert_eq!(
            ladder.body(),
            json!({"Image": IMAGE, "TransferProtocolType": "HTTP", "Inserted": true, "WriteProtected": true})
        );
        assert!(!ladder.climb(&bare));
    }

    #[test]
    fn a_field_that_the_bmc_refuses_is_taken_away_and_never_sent_again() {
        let mut ladder = ladder(&Taken::default());
        assert!(ladder.climb(&refusal(400, &json!({}))));
        assert!(ladder.climb(&refusal(400, &about("TransferProtocolType"))));
        assert_eq!(ladder.body(), json!({"Image": IMAGE}));
        assert!(ladder.climb(&refusal(400, &json!({}))));
        assert_eq!(ladder.body(), json!({"Image": IMAGE, "Inserted": true, "WriteProtected": true}));
    }

    #[test]
    fn a_complaint_about_the_image_is_no_reason_to_climb() {
        assert!(!ladder(&Taken::default()).climb(&refusal(400, &about("#/Image"))));
        assert!(!ladder(&Taken::default()).climb(&refusal(500, &json!({}))));
        assert!(!ladder(&Taken::default()).climb(&refusal(404, &about("TransferProtocolType"))));
    }

    #[test]
    fn what_action_info_requires_is_sent_at_once_and_its_protocols_are_known() {
        let info = resource(json!({"Parameters": [
            {"Name": "Image", "Required": true},
            {"Name": "TransferMethod", "Required": true, "AllowableValues": ["Stream"]},
            {"Name": "TransferProtocolType", "AllowableValues": ["CIFS", "NFS"]}, null, {"Name": 7}]}));
        let taken = Taken::read(&resource(json!({})), Some(&info));
        assert_eq!(ladder(&taken).body(), json!({"Image": IMAGE, "TransferMethod": "Stream"}));
        assert!(!taken.takes(&Url::parse(IMAGE).unwrap()));
        assert!(taken.takes(&Url::parse("nfs://h/x.iso").unwrap()));
    }

    proptest! {
        #[test]
        fn whatever_the_bmc_answers_the_ladder_ends(answers in prop::collection::vec((400_u16..600, any_json()), 40)) {
            let mut ladder = ladder(&Taken::default());
            let climbed = answers.iter().take_while(|(status, body)| ladder.climb(&refusal(*status, body))).count();
            prop_assert!(climbed <= 10, "{climbed}");
        }

        #[test]
        fn the_ladder_ends_even_when_the_bmc_always_complains(properties in prop::collection::vec(
            proptest::sample::select(vec!["TransferProtocolType", "TransferMethod", "UserName", "Inserted", "WriteProtected", "x"]), 40)) {
            let mut ladder = ladder(&Taken::default());
            let climbed = properties.iter().take_while(|property| ladder.climb(&refusal(400, &about(property)))).count();
            prop_assert!(climbed <= 10, "{climbed}");
        }
    }
}
