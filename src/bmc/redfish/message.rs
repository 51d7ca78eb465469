//! What a BMC says beside a status: `ExtendedInfo` messages, in each of the places where BMCs put them.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use crate::bmc::error::quoted;

/// One message out of a BMC's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `MessageId`, such as `iLO.2.15.UnableToModifyDuringSystemPOST`.
    pub(crate) id: String,
    /// The sentence for people.
    pub(crate) text: String,
    /// What the sentence is about, as separate values.
    pub(crate) arguments: Vec<String>,
    /// The properties that the message is about, as JSON pointers or names.
    pub(crate) related: Vec<String>,
}

impl Message {
    /// Whether this is message `key`, whatever registry and version it is quoted from.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.id.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(key))
    }

    /// Whether the message names the property, in its related properties, its arguments or its text.
    pub(crate) fn mentions(&self, property: &str) -> bool {
        let names = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == property);
        self.related.iter().chain(&self.arguments).any(|place| names(place)) || names(&self.text)
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.text.is_empty(), self.id.is_empty()) {
            (true, _) => f.write_str(&quoted(&self.id)),
            (false, true) => f.write_str(&quoted(&self.text)),
            (false, false) => write!(f, "{} ({})", quoted(&self.text), quoted(&self.id)),
        }
    }
}

/// The messages of an answer: `error.@Message.ExtendedInfo` (DSP0266 8.6), the same at the top of a resource, a task's
/// `Messages`, an old iLO's `Messages`; else the error's own code and sentence. At most 16.
pub(crate) fn messages(body: &Value) -> Vec<Message> {
    let places = ["/error/@Message.ExtendedInfo", "/@Message.ExtendedInfo", "/error/Messages", "/Messages"];
    let mut found: Vec<Message> = places
        .iter()
        .filter_map(|place| body.pointer(place))
        .flat_map(|place| match place {
            Value::Array(entries) => entries.as_slice(),
            single => std::slice::from_ref(single),
        })
        .map(message)
        .filter(|message| !message.id.is_empty() || !message.text.is_empty())
        .take(16)
        .collect();
    let Some(error) = body.get("error") else { return found };
    let sentence = Some(text(error, &["message"])).filter(|sentence| !sentence.contains("ExtendedInfo"));
    let sentence = sentence.unwrap_or_default();
    if found.is_empty() && !(sentence.is_empty() && text(error, &["code"]).is_empty()) {
        found.push(Message { id: text(error, &["code"]), text: sentence, ..Message::default() });
    } else if found.iter().all(|message| message.text.is_empty())
        && let Some(first) = found.first_mut()
    {
        // sushy-tools lists a message without a text, and says it beside the list.
        first.text = sentence;
    }
    found
}

fn message(entry: &Value) -> Message {
    Message {
        id: text(entry, &["MessageId", "MessageID"]),
        text: text(entry, &["Message"]),
        arguments: texts(entry.get("MessageArgs")),
        related: texts(entry.get("RelatedProperties")),
    }
}

fn text(entry: &Value, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| entry.get(name)?.as_str());
    found.unwrap_or_default().to_owned()
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let entries = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Messages as a part of a sentence; the ones that only announce the others are left out where there are others.
pub(crate) fn spoken(messages: &[Message]) -> String {
    let hollow = |m: &&Message| m.is("ExtendedInfo") || m.is("GeneralError");
    let full: Vec<String> = messages.iter().filter(|m| !hollow(m)).take(4).map(ToString::to_string).collect();
    match (full.is_empty(), messages.first()) {
        (true, Some(only)) => only.to_string(),
        _ => full.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{messages, spoken};
    use crate::bmc::redfish::value::tests::any_json;

    #[test]
    fn messages_are_found_wherever_bmcs_put_them() {
        let entry = json!({"MessageId": "Base.1.8.PropertyMissing", "Message": "The property TransferProtocolType is required.",
                           "MessageArgs": ["TransferProtocolType"], "RelatedProperties": ["#/TransferProtocolType"]});
        for body in [
            json!({"error": {"code": "Base.1.8.GeneralError", "@Message.ExtendedInfo": [entry]}}),
            json!({"error": {"@Message.ExtendedInfo": entry}}),
            json!({"@Message.ExtendedInfo": [entry]}),
            json!({"Messages": [entry]}),
        ] {
            let found = messages(&body);
            assert_eq!(found.len(), 1, "{body}");
            assert!(found.iter().all(|m| m.is("PropertyMissing") && m.mentions("TransferProtocolType")));
            assert!(!found.iter().any(|m| m.mentions("Transfer") || m.mentions("Image")));
        }
    }

    #[test]
    fn an_error_without_extended_info_speaks_for_itself() {
        let found = messages(&json!({"error": {"code": "Ami.1.0.X", "message": "moved to FutureState"}}));
        assert_eq!(spoken(&found), "moved to FutureState (Ami.1.0.X)");
    }

    #[test]
    fn a_sentence_beside_the_list_belongs_to_a_list_without_texts() {
        let found = messages(&json!({"error": {"code": "Base.1.0.GeneralError", "message": "Cannot download",
            "@Message.ExtendedInfo": [{"MessageId": "Base.1.0.GeneralError"}]}}));
        assert_eq!(spoken(&found), "Cannot download (Base.1.0.GeneralError)");
    }

    #[test]
    fn an_ilo_message_without_text_is_told_by_its_id() {
        let found =
            messages(&json!({"error": {"code": "iLO.0.10.ExtendedInfo", "message": "See @Message.ExtendedInfo",
            "@Message.ExtendedInfo": [{"MessageId": "iLO.2.15.UnableToModifyDuringSystemPOST"}]}}));
        assert_eq!(spoken(&found), "iLO.2.15.UnableToModifyDuringSystemPOST");
    }

    proptest! {
        #[test]
        fn whatever_a_bmc_answers_is_read_without_panic(body in any_json()) {
            let found = messages(&body);
            prop_assert!(found.len() <= 17);
            let _text = spoken(&found);
            let _wrapped = spoken(&messages(&json!({"error": {"@Message.ExtendedInfo": body}})));
        }
    }
}
