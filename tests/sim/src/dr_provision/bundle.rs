//! Content bundles: read, checked, loaded, removed (drp-protocol 2.3).

use serde_json::{Map, Value, json};

use super::auth::Principal;
use super::defaults::key_field;
use super::error::Error;
use super::hub::event;
use super::objects::Objects;
use super::prerequisites::{missing_features, missing_packs};

/// Section prefixes, in an order in which what is named is there before what names it.
const SECTIONS: [&str; 23] = [
    "params",
    "templates",
    "bootenvs",
    "tasks",
    "stages",
    "workflows",
    "profiles",
    "roles",
    "tenants",
    "users",
    "contexts",
    "catalog_items",
    "endpoints",
    "version_sets",
    "pools",
    "interfaces",
    "jobs",
    "leases",
    "machines",
    "plugin_providers",
    "plugins",
    "preferences",
    "reservations",
];

/// A bundle as it was uploaded, with `meta` and `sections`.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    pub(super) meta: Map<String, Value>,
    sections: Map<String, Value>,
}

impl Bundle {
    /// Reads a bundle's YAML, of which JSON is a part.
    pub(super) fn parse(text: &str) -> Result<Bundle, String> {
        let whole: Value = serde_saphyr::from_str(text).map_err(|error| format!("the content is no YAML: {error}"))?;
        Bundle::from_json(&whole)
    }

    /// Takes a bundle from an API request.
    pub(super) fn from_json(whole: &Value) -> Result<Bundle, String> {
        let map = |name: &str| match whole.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(_) => Err(format!("{name} is no map")),
        };
        let bundle = Bundle { meta: map("meta")?, sections: map("sections")? };
        match bundle.meta.iter().find(|(_, value)| !value.is_string()) {
            Some((field, value)) => Err(format!("meta values are strings, {field} is {value}")),
            None => Ok(bundle),
        }
    }

    /// What the server makes of the meta of a provider's content.
    pub(super) fn of_provider(mut self, provider: &str, version: &str) -> Bundle {
        for (field, value) in [("Name", provider), ("Version", version), ("Type", "plugin")] {
            self.meta.insert(field.to_owned(), json!(value));
        }
        for (field, value) in [
            ("Description", format!("Content layer for {provider} plugin provider")),
            ("Source", "FromPluginProvider".to_owned()),
        ] {
            if ["", "Unspecified"].contains(&self.field(field)) {
                self.meta.insert(field.to_owned(), json!(value));
            }
        }
        self
    }

    /// A field of the meta; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.meta.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What `GET /contents/<name>` shows.
    pub(super) fn whole(&self) -> Value {
        json!({ "meta": self.meta, "sections": self.sections })
    }

    /// What `GET /contents` shows of it.
    pub(super) fn summary(&self) -> Value {
        let counts = self
            .sections
            .iter()
            .map(|(prefix, objects)| (prefix.clone(), json!(objects.as_object().map_or(0, Map::len))));
        json!({ "meta": self.meta, "Counts": counts.collect::<Map<_, _>>(), "Warnings": [] })
    }
}

impl Objects {
    /// Loads a bundle, or none of it.
    ///
    /// # Errors
    /// 422 with all that is wrong: features and packs that are missing, a section that nobody knows, a key that is not
    /// the object's, an object that another bundle has, or one that is not admitted.
    pub(super) fn load(&mut self, bundle: &Bundle, features: &[String]) -> Result<(), Error> {
        let name = bundle.field("Name").to_owned();
        let refused = |messages: Vec<String>| Error { messages, ..Error::invalid("contents", &name, "") };
        if self.bundles.contains_key(&name) {
            return Err(Error::new(409, "CREATE", "contents", &name, "already exists"));
        }
        let wrong = self.wrong_with(bundle, features);
        if !wrong.is_empty() {
            return Err(refused(wrong));
        }
        let principal = Principal::System.to_string();
        self.bundles.insert(name.clone(), bundle.clone());
        for (prefix, _, object) in in_order(bundle) {
            let mut object = object.clone();
            object["Bundle"] = json!(name);
            object["ReadOnly"] = json!(true);
            if let Err(error) = self.create(prefix, &object, &principal) {
                self.unload(&name);
                return Err(refused(vec![error.to_string()]));
            }
        }
        let summary = bundle.summary();
        self.hub.publish(event("contents", "create", &name, &principal, &summary, &Value::Null));
        Ok(())
    }

    fn wrong_with(&self, bundle: &Bundle, features: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        if bundle.field("Name").is_empty() {
            wrong.push("meta has no Name".to_owned());
        }
        let version = |pack: &str| self.bundles.get(pack).map(|known| known.field("Version").to_owned());
        let features = missing_features(bundle.field("RequiredFeatures"), features);
        wrong.extend(features.into_iter().map(|feature| format!("the server has no feature {feature}")));
        let packs = missing_packs(bundle.field("Prerequisites"), version);
        wrong.extend(packs.into_iter().map(|pack| format!("content pack {pack} is missing")));
        let unknown = bundle.sections.keys().filter(|prefix| !SECTIONS.contains(&prefix.as_str()));
        wrong.extend(unknown.map(|prefix| format!("section {prefix} is of no type")));
        for (prefix, key, object) in in_order(bundle) {
            if object[key_field(prefix)] != *key {
                wrong.push(format!("{prefix}/{key} is not the key of the object under it"));
            }
            if let Some(known) = self.get(prefix, key) {
                wrong.push(format!("{prefix}/{key} is in bundle {} already", known["Bundle"]));
            }
        }
        wrong
    }

    /// Removes a bundle and its objects; none of that name is nothing to remove.
    pub(super) fn unload(&mut self, name: &str) -> Option<Bundle> {
        let bundle = self.bundles.remove(name)?;
        let principal = Principal::System.to_string();
        let mut objects = in_order(&bundle);
        objects.reverse();
        for (prefix, key, _) in objects {
            if self.get(prefix, key).is_some_and(|object| object["Bundle"] == name) {
                // It is there: that was just seen.
                let _ = self.delete("DELETE", prefix, key, &principal);
            }
        }
        let summary = bundle.summary();
        self.hub.publish(event("contents", "delete", name, &principal, &summary, &Value::Null));
        Some(bundle)
    }
}

fn in_order(bundle: &Bundle) -> Vec<(&'static str, &String, &Value)> {
    let objects = |prefix: &&'static str| {
        let section = bundle.sections.get(*prefix).and_then(Value::as_object);
        let prefix = *prefix;
        section.into_iter().flatten().map(move |(key, object)| (prefix, key, object))
    };
    SECTIONS.iter().flat_map(objects).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::Bundle;
    use crate::dr_provision::objects::Objects;

    const PACK: &str = "
meta:
  Name: vmedia
  Version: v0.1.0
sections:
  stages:
    vmedia-boot: {Name: vmedia-boot, Tasks: [vmedia-mount]}
  tasks:
    vmedia-mount:
      Name: vmedia-mount
  params:
    vmedia/timeout:
      Name: vmedia/timeout
      Schema: {type: integer, default: 30}
";

    #[test]
    fn a_bundle_is_loaded_read_only_and_removed_without_a_trace() {
        let mut objects = Objects::default();
        let bundle = Bundle::parse(PACK).unwrap();
        objects.load(&bundle, &[]).unwrap();
        let stage = objects.get("stages", "vmedia-boot").unwrap();
        assert_eq!(
            (&stage["Bundle"], &stage["ReadOnly"], &stage["Available"]),
            (&json!("vmedia"), &json!(true), &json!(true))
        );
        assert_eq!(bundle.summary()["Counts"], json!({ "stages": 1, "tasks": 1, "params": 1 }));
        assert_eq!(objects.load(&bundle, &[]).unwrap_err().code, 409);
        objects.unload("vmedia").unwrap();
        assert!(["stages", "tasks", "params"].iter().all(|prefix| objects.all(prefix).count() == 0));
    }

    #[test]
    fn a_bundle_with_something_wrong_is_not_loaded_at_all() {
        for (from, to, message) in [
            ("  Version: v0.1.0", "  RequiredFeatures: \"sprig\"", "the server has no feature sprig"),
            ("  Version: v0.1.0", "  Prerequisites: task-library", "content pack task-library is missing"),
            ("  stages:", "  scripts:", "section scripts is of no type"),
            ("{Name: vmedia-boot,", "{Name: vmedia-other,", "stages/vmedia-boot is not the key of the object under it"),
            (
                "default: 30",
                "default: soon",
                "ValidationError: params/vmedia/timeout: the default is invalid: (root): Invalid type. Expected: integer, given: string",
            ),
        ] {
            let mut objects = Objects::default();
            let error = objects.load(&Bundle::parse(&PACK.replace(from, to)).unwrap(), &[]).unwrap_err();
            assert_eq!((error.code, error.messages), (422, vec![message.to_owned()]));
            assert!(objects.all("tasks").next().is_none() && objects.bundles.is_empty(), "{message}");
        }
    }

    #[test]
    fn an_object_is_of_one_bundle_only() {
        let mut objects = Objects::default();
        objects.load(&Bundle::parse(PACK).unwrap(), &[]).unwrap();
        let other = Bundle::parse(&PACK.replace("Name: vmedia\n", "Name: other\n")).unwrap();
        let error = objects.load(&other, &[]).unwrap_err();
        assert!(error.messages.contains(&"tasks/vmedia-mount is in bundle \"vmedia\" already".to_owned()), "{error}");
    }

    #[test]
    fn content_that_is_no_bundle_is_an_error() {
        for text in ["meta: [", "meta: {Order: 1}", "sections: x"] {
            assert!(Bundle::parse(text).is_err(), "{text}");
        }
    }
}
