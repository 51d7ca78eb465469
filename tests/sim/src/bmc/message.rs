//! Refusals: which status and which Redfish message a BMC answers with, and the body that carries it.

use std::borrow::Cow;

use serde_json::{Value, json};

/// One registry message with the status it comes with. The text is ours: vendors' wording is not reproduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// HTTP status.
    pub status: u16,
    /// `MessageId`.
    pub id: Cow<'static, str>,
    /// `Message`.
    pub text: Cow<'static, str>,
    /// Further ids told with it: some BMCs tell a refusal in the base registry's words and in their own.
    pub more: Vec<Cow<'static, str>>,
}

impl Message {
    /// A message by status, id and text.
    #[must_use]
    pub const fn new(status: u16, id: &'static str, text: &'static str) -> Message {
        Message { status, id: Cow::Borrowed(id), text: Cow::Borrowed(text), more: Vec::new() }
    }
}

/// The messages of one registry, by the name after its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registry(pub(super) &'static str);

impl Registry {
    pub(super) fn id(self, name: &str) -> Cow<'static, str> {
        Cow::Owned(format!("{}.{name}", self.0))
    }

    pub(super) fn says(self, status: u16, name: &str, text: &'static str) -> Message {
        Message { status, id: self.id(name), text: Cow::Borrowed(text), more: Vec::new() }
    }
}

/// How a BMC refuses, by occasion.
#[derive(Clone, Debug)]
pub struct Errors {
    /// `error.code`; `None`: the first message's id.
    pub code: Option<Cow<'static, str>>,
    /// `@Message.ExtendedInfo` is a list, as the standard has it; else the first message alone.
    pub list: bool,
    /// Whether messages carry their text: iLO sends ids and arguments alone (redfish-vendors 1.3, sample).
    pub texts: bool,
    /// `MessageId` of a success told with a body.
    pub success: Cow<'static, str>,
    /// Wrong or no credentials.
    pub unauthorized: Message,
    /// No such resource.
    pub not_found: Message,
    /// The resource does not have that method.
    pub method: Message,
    /// The body is not JSON.
    pub malformed: Message,
    /// A required property is missing.
    pub missing: Message,
    /// A required parameter of an action is missing.
    pub missing_parameter: Message,
    /// A property that it does not know.
    pub unknown_property: Message,
    /// A property that cannot be written.
    pub not_writable: Message,
    /// A value outside the list.
    pub not_in_list: Message,
    /// A value of the wrong JSON type.
    pub wrong_type: Message,
    /// An `If-Match` that is not the present `ETag`.
    pub precondition_failed: Message,
    /// No `If-Match` where one is required.
    pub precondition_required: Message,
    /// As many sessions as there may be.
    pub sessions: Message,
    /// The image's URL could not be fetched.
    pub unreachable: Message,
    /// The image's URL has a scheme that is not taken.
    pub scheme: Message,
    /// An insert while an eject settles, or while another insert is at work.
    pub settling: Message,
    /// The licence does not cover virtual media.
    pub licence: Message,
    /// Virtual media is switched off.
    pub disabled: Message,
    /// The BMC has no time for anything.
    pub busy: Message,
}

impl Errors {
    /// The DMTF base registry's messages, with its version in front of every id.
    #[must_use]
    pub fn dmtf(registry: &'static str) -> Errors {
        let base = Registry(registry);
        let says = |status: u16, name: &str, text: &'static str| base.says(status, name, text);
        Errors {
            code: None,
            list: true,
            texts: true,
            success: base.id("Success"),
            unauthorized: says(401, "InsufficientPrivilege", "These credentials do not give access."),
            not_found: says(404, "ResourceMissingAtURI", "There is no resource here."),
            method: says(405, "OperationNotAllowed", "This resource does not take that method."),
            malformed: says(400, "MalformedJSON", "The body is not JSON."),
            missing: says(400, "PropertyMissing", "The property %1 is required."),
            missing_parameter: says(400, "ActionParameterMissing", "The action requires the parameter %1."),
            unknown_property: says(400, "PropertyUnknown", "There is no such property."),
            not_writable: says(400, "PropertyNotWritable", "The property cannot be written."),
            not_in_list: says(400, "PropertyValueNotInList", "The value is none of the allowable ones."),
            wrong_type: says(400, "PropertyValueTypeError", "The value is of another type than the property."),
            precondition_failed: says(412, "PreconditionFailed", "The resource has changed."),
            precondition_required: says(428, "PreconditionRequired", "If-Match is required here."),
            sessions: says(503, "SessionLimitExceeded", "No more sessions can be opened."),
            unreachable: says(500, "ResourceAtUriUnauthorized", "The image could not be read at its URI."),
            scheme: says(400, "ResourceAtUriInUnknownFormat", "An image at such a URI is not supported."),
            settling: says(503, "ServiceTemporarilyUnavailable", "The drive is changing its medium."),
            licence: says(403, "InsufficientPrivilege", "The licence does not include virtual media."),
            disabled: says(400, "ServiceDisabled", "Virtual media is switched off."),
            busy: says(503, "ServiceTemporarilyUnavailable", "There is no time for this now."),
        }
    }
}

/// A message about particular properties of a request.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) message: Message,
    pub(super) about: Vec<String>,
}

impl Refusal {
    /// A refusal that names the property (as a JSON pointer fragment, `#/Image`).
    pub(super) fn about(message: &Message, property: &str) -> Refusal {
        Refusal { message: message.clone(), about: vec![property.to_owned()] }
    }

    /// The error body for it.
    pub(super) fn body(&self, errors: &Errors) -> Value {
        json!({"error": {
            "code": errors.code.as_ref().unwrap_or(&self.message.id),
            "message": if errors.texts { self.text() } else { "See @Message.ExtendedInfo.".to_owned() },
            "@Message.ExtendedInfo": self.entries(errors),
        }})
    }

    /// The message's text, with its argument in place.
    fn text(&self) -> String {
        self.message.text.replace("%1", self.about.first().map_or("", String::as_str))
    }

    /// `@Message.ExtendedInfo` for it.
    fn entries(&self, errors: &Errors) -> Value {
        if !errors.list {
            return self.entry(&self.message.id, errors);
        }
        let ids = std::iter::once(&self.message.id).chain(&self.message.more);
        ids.map(|id| self.entry(id, errors)).collect()
    }

    fn entry(&self, id: &str, errors: &Errors) -> Value {
        let mut entry = json!({"MessageId": id});
        if !self.about.is_empty() {
            entry["MessageArgs"] = json!(self.about);
        }
        if errors.texts {
            entry["Message"] = json!(self.text());
            entry["Severity"] = json!("Critical");
            entry["RelatedProperties"] = self.about.iter().map(|name| json!(format!("#/{name}"))).collect();
        }
        entry
    }
}

impl From<&Message> for Refusal {
    fn from(message: &Message) -> Refusal {
        Refusal { message: message.clone(), about: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_every_id_with_the_property_it_is_about() {
        let errors = Errors::dmtf("Base.1.5");
        let message = Message { more: vec!["IDRAC.2.1.SYS424".into()], ..errors.wrong_type.clone() };
        let body = Refusal::about(&message, "Target").body(&errors);
        assert_eq!(body["error"]["code"], "Base.1.5.PropertyValueTypeError");
        let ids: Vec<&Value> = [0, 1].map(|index| &body["error"]["@Message.ExtendedInfo"][index]["MessageId"]).into();
        assert_eq!(ids, ["Base.1.5.PropertyValueTypeError", "IDRAC.2.1.SYS424"]);
        assert_eq!(body["error"]["@Message.ExtendedInfo"][0]["RelatedProperties"], json!(["#/Target"]));
    }

    #[test]
    fn a_bmc_without_texts_sends_ids_and_arguments_alone() {
        let errors = Errors { texts: false, ..Errors::dmtf("Base.1.4") };
        let entry =
            Refusal::about(&errors.unknown_property, "Inserted").body(&errors)["error"]["@Message.ExtendedInfo"][0]
                .clone();
        assert_eq!(entry, json!({"MessageId": "Base.1.4.PropertyUnknown", "MessageArgs": ["Inserted"]}));
    }
}
