//! A resource as a BMC sent it, read leniently.
//!
//! Real trees hold null `Members`, numbers where strings belong, links that are bare strings or missing. So nothing
//! is deserialised into types: each reader below answers "not there" for whatever does not fit.

use serde_json::Value;

/// One resource: where it was read from, its `ETag`, what may be done to it, and its body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resource {
    /// The path it was read from.
    pub(crate) path: String,
    /// The `ETag` header, else `@odata.etag`; never empty.
    pub(crate) etag: Option<String>,
    /// The `Allow` header.
    pub(crate) allow: Option<String>,
    pub(crate) body: Value,
}

impl Resource {
    /// The value at a JSON pointer without its leading slash, unless it is null.
    pub(crate) fn at(&self, place: &str) -> Option<&Value> {
        at(&self.body, place)
    }

    /// A text, or a number or boolean as text. Never empty.
    pub(crate) fn text(&self, place: &str) -> Option<String> {
        text(self.at(place)?)
    }

    /// A truth value, also one written as text.
    pub(crate) fn flag(&self, place: &str) -> Option<bool> {
        match self.at(place)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
            Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// The texts of a list, or a single text as a list of one.
    pub(crate) fn texts(&self, place: &str) -> Vec<String> {
        texts(self.at(place))
    }

    /// Where a link leads.
    pub(crate) fn link(&self, place: &str) -> Option<String> {
        link(self.at(place)?)
    }

    /// Where the links of a list lead.
    pub(crate) fn links(&self, place: &str) -> Vec<String> {
        match self.at(place) {
            Some(Value::Array(entries)) => entries.iter().filter_map(link).collect(),
            Some(single) => link(single).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The members of a collection; an old iLO 4 lists them under `links`.
    pub(crate) fn members(&self) -> Vec<String> {
        let members = self.links("Members");
        if members.is_empty() { self.links("links/Member") } else { members }
    }

    /// The target of an action, by its full name such as `#VirtualMedia.InsertMedia`.
    pub(crate) fn action(&self, name: &str) -> Option<String> {
        self.text(&format!("Actions/{name}/target"))
    }

    /// Whether PATCH is allowed, as far as the resource says: some send no `Allow`.
    pub(crate) fn may_take_patch(&self) -> bool {
        self.allow.as_deref().is_none_or(|allow| allow.split(',').any(|m| m.trim().eq_ignore_ascii_case("PATCH")))
    }
}

pub(crate) fn at<'v>(value: &'v Value, place: &str) -> Option<&'v Value> {
    let mut found = value;
    // Not `Value::pointer`: a name may hold no slash here, and a leading one is never meant.
    for name in place.split('/') {
        found = found.get(name)?;
    }
    if found.is_null() { None } else { Some(found) }
}

pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    if text.is_empty() { None } else { Some(text) }
}

pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(entries)) => entries.iter().filter_map(text).collect(),
        Some(single) => text(single).into_iter().collect(),
        None => Vec::new(),
    }
}

pub(crate) fn link(value: &Value) -> Option<String> {
    let found = match value {
        Value::String(bare) => Some(bare.as_str()),
        Value::Object(fields) => fields.get("@odata.id").or_else(|| fields.get("href")).and_then(Value::as_str),
        _ => None,
    };
    found.map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Resource;

    pub(crate) fn resource(body: Value) -> Resource {
        Resource { path: "/redfish/v1/X".to_owned(), body, ..Resource::default() }
    }

    /// Any JSON, with the names that Redfish uses among its keys.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            "(/redfish/v1/[A-Za-z/]{0,12}|https?://[a-z]{1,4}/x|//h/x|CD|DVD|On|Once|)".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            let name = prop_oneof![
                proptest::sample::select(vec![
                    "error",
                    "@Message.ExtendedInfo",
                    "Message",
                    "MessageId",
                    "MessageArgs",
                    "RelatedProperties",
                    "Messages",
                    "Members",
                    "@odata.id",
                    "Actions",
                    "#VirtualMedia.InsertMedia",
                    "target",
                    "Boot",
                    "MediaTypes",
                    "Image",
                    "Inserted",
                    "Links",
                    "ManagedBy",
                    "Oem",
                    "Parameters",
                    "Name",
                    "AllowableValues",
                    "TaskState",
                ])
                .prop_map(str::to_owned),
                ".{0,8}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(name, inner, 0..6).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    #[test]
    fn what_does_not_fit_is_not_there() {
        let odd = resource(
            json!({"Members": null, "A": 5, "B": "", "C": {"@odata.id": "/x"}, "D": "/y", "E": [null, {"href": "/z"}, 7], "F": "True"}),
        );
        assert_eq!(odd.members(), Vec::<String>::new());
        assert_eq!(odd.text("A").as_deref(), Some("5"));
        assert_eq!(odd.text("B"), None);
        assert_eq!(odd.link("C").as_deref(), Some("/x"));
        assert_eq!(odd.link("D").as_deref(), Some("/y"));
        assert_eq!(odd.links("E"), ["/z"]);
        assert_eq!(odd.flag("F"), Some(true));
        assert_eq!(odd.flag("A/B/C"), None);
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_panic(body in any_json()) {
            let r = resource(body);
            for place in ["Members", "Actions/#VirtualMedia.InsertMedia/target", "Boot", "Oem", ""] {
                let _read = (r.text(place), r.flag(place), r.texts(place), r.link(place), r.links(place));
            }
            let _read = (r.members(), r.action("#VirtualMedia.InsertMedia"), r.may_take_patch());
        }
    }
}
