//! The parameter `bootenv-customize`: what a machine's own sources change in a BootEnv.
//!
//! Composed over all sources it is an object of BootEnv name and override (the client of the vendor's `uploadiso` reads
//! it so); the server merges lists of overrides, so a list under a name, or a list of such objects, is read as well:
//! the first is the most specific one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Architecture, BootEnv, Os, Template};
use crate::drp::models::read;

/// One override, in the shape of the BootEnv that it changes. Top-level kernel, initrds and boot parameters and the
/// operating system's archive do not count in one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
struct Override {
    loaders: BTreeMap<String, String>,
    #[serde(rename = "OS")]
    os: Os,
    templates: Vec<Template>,
}

/// A `bootenv-customize` that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("bootenv-customize for {bootenv}: {reason}")]
pub struct CustomizeError {
    bootenv: String,
    reason: String,
}

impl BootEnv {
    /// The BootEnv as a machine has it whose composed `bootenv-customize` this is.
    ///
    /// # Errors
    /// The value has none of the shapes that overrides come in.
    pub fn customized(mut self, composed: Value) -> Result<Self, CustomizeError> {
        let overrides =
            overrides(&self.name, composed).map_err(|reason| CustomizeError { bootenv: self.name.clone(), reason })?;
        // From the least specific to the most: entry 0 has the last word.
        for change in overrides.into_iter().rev() {
            self.apply(change);
        }
        Ok(self)
    }

    fn apply(&mut self, change: Override) {
        let Override { loaders, os, templates } = change;
        self.list_amd64(&os);
        replace(&mut self.os.name, os.name);
        replace(&mut self.os.family, os.family);
        replace(&mut self.os.codename, os.codename);
        replace(&mut self.os.version, os.version);
        self.loaders.extend(loaders);
        for template in templates {
            match self.templates.iter_mut().find(|own| own.name == template.name) {
                Some(own) => *own = template,
                None => self.templates.push(template),
            }
        }
        for (arch, info) in os.supported_architectures {
            self.os.supported_architectures.entry(arch).or_default().apply(info);
        }
    }

    /// A BootEnv of the old form has its amd64 at the top level. Before an override can list amd64, the top level is
    /// listed as such, so that what the override leaves open stays as it was.
    fn list_amd64(&mut self, changed: &Os) {
        const AMD64: &str = "amd64";
        let Self { kernel, initrds, boot_params, os, .. } = self;
        if kernel.is_empty()
            || !changed.supported_architectures.contains_key(AMD64)
            || os.supported_architectures.contains_key(AMD64)
        {
            return;
        }
        let top_level = Architecture {
            iso_file: os.iso_file.clone(),
            sha256: os.iso_sha256.clone(),
            iso_url: os.iso_url.clone(),
            kernel: kernel.clone(),
            initrds: initrds.clone(),
            boot_params: boot_params.clone(),
            loader: String::new(),
        };
        os.supported_architectures.insert(AMD64.to_owned(), top_level);
    }
}

impl Architecture {
    fn apply(&mut self, change: Self) {
        replace(&mut self.iso_file, change.iso_file);
        replace(&mut self.sha256, change.sha256);
        replace(&mut self.iso_url, change.iso_url);
        replace(&mut self.kernel, change.kernel);
        replace(&mut self.boot_params, change.boot_params);
        replace(&mut self.loader, change.loader);
        if !change.initrds.is_empty() {
            self.initrds = change.initrds;
        }
    }
}

fn replace(own: &mut String, change: String) {
    if !change.is_empty() {
        *own = change;
    }
}

/// The overrides of one BootEnv, the most specific first.
fn overrides(bootenv: &str, composed: Value) -> Result<Vec<Override>, String> {
    let sources = match composed {
        Value::Array(sources) => sources,
        source => vec![source],
    };
    let mut found = Vec::new();
    for source in sources {
        match source {
            Value::Null => {}
            Value::Object(mut by_name) => match by_name.remove(bootenv) {
                None | Some(Value::Null) => {}
                Some(Value::Array(listed)) => found.extend(listed),
                Some(single) => found.push(single),
            },
            _ => return Err("expected an object of BootEnv names and overrides".to_owned()),
        }
    }
    found.retain(|change| !change.is_null());
    found.into_iter().map(|change| read(change).map_err(|error| error.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::drp::bootenv::BootEnv;
    use crate::drp::bootenv::tests::{bootenv, sledgehammer};

    fn customized(env: Value, composed: Value) -> BootEnv {
        bootenv(env).customized(composed).unwrap()
    }

    #[test]
    fn the_documented_override_changes_kernel_initrd_loader_and_archive() {
        let composed = json!({"sledgehammer": {"Loaders": {"amd64-uefi": "def456/shimx64.efi"}, "OS": {
            "Name": "sledgehammer", "SupportedArchitectures": {"x86_64": {
                "IsoFile": "sledgehammer-def456.amd64.tar", "Kernel": "def456/vmlinuz0",
                "Initrds": ["def456/stage1.img"]}}}}});
        let env = customized(sledgehammer(), composed);
        let selected = env.selection("amd64");
        assert_eq!(selected.signature(), Some("def456"));
        assert_eq!(selected.initrds, ["def456/stage1.img"]);
        assert_eq!(selected.loader, "def456/shimx64.efi");
        assert_eq!(selected.iso_file, "sledgehammer-def456.amd64.tar");
        assert_eq!(selected.boot_params, "provisioner.web={{.ProvisionerURL}}");
    }

    #[test]
    fn every_shape_of_a_list_has_its_most_specific_entry_first() {
        let kernel = |kernel: &str| json!({"OS": {"SupportedArchitectures": {"amd64": {"Kernel": kernel}}}});
        let shapes = [
            json!({"sledgehammer": [kernel("first/k"), kernel("second/k"), null]}),
            json!([{"sledgehammer": kernel("first/k")}, null, {"other": 7}, {"sledgehammer": kernel("second/k")}]),
        ];
        for composed in shapes {
            assert_eq!(customized(sledgehammer(), composed).selection("amd64").kernel, "first/k");
        }
    }

    #[test]
    fn a_bootenv_of_the_old_form_keeps_what_an_override_leaves_open() {
        let old = json!({"Name": "old", "Kernel": "k", "Initrds": ["i"], "BootParams": "p",
                         "OS": {"Name": "old", "IsoFile": "old.iso"}});
        let composed = json!({"old": {"Kernel": "ignored", "OS": {"IsoFile": "ignored.iso",
            "SupportedArchitectures": {"amd64": {"Kernel": "new"}, "arm64": {"Initrds": ["ai"]}}}}});
        let env = customized(old, composed);
        let amd64 = env.selection("amd64");
        assert_eq!((amd64.kernel, amd64.initrds.join(" ").as_str(), amd64.iso_file), ("new", "i", "old.iso"));
        let arm64 = env.selection("arm64");
        assert_eq!((arm64.kernel, arm64.initrds.join(" ").as_str(), arm64.iso_file), ("k", "ai", ""));
    }

    #[test]
    fn templates_of_one_name_replace_and_others_append() {
        let mut env = sledgehammer();
        env["Templates"] = json!([{"Name": "a", "Contents": "old"}, {"Name": "b", "ID": "b.tmpl"}]);
        let composed = json!({"sledgehammer": {"Templates": [{"Name": "a", "Contents": "new"}, {"Name": "c"}]}});
        let templates = customized(env, composed).templates;
        let shown: Vec<_> = templates.iter().map(|t| (t.name.as_str(), t.contents.as_str(), t.id.as_str())).collect();
        assert_eq!(shown, [("a", "new", ""), ("b", "", "b.tmpl"), ("c", "", "")]);
    }

    #[test]
    fn a_value_of_another_shape_is_an_error_that_names_the_param() {
        for composed in [
            json!("x"),
            json!([7]),
            json!({"sledgehammer": "x"}),
            json!({"sledgehammer": {"OS": 7}}),
            json!([{"sledgehammer": [[]]}]),
        ] {
            let error = bootenv(sledgehammer()).customized(composed.clone()).unwrap_err().to_string();
            assert!(error.starts_with("bootenv-customize for sledgehammer: "), "{composed}: {error}");
        }
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[a-z]{1,4}"]
    }

    prop_compose! {
        fn architecture()(kernel in word(), initrds in prop::collection::vec("[a-z]{1,3}", 0..3), params in word(),
                          iso in word(), loader in word()) -> Value {
            json!({"Kernel": kernel, "Initrds": initrds, "BootParams": params, "IsoFile": iso, "Loader": loader})
        }
    }

    prop_compose! {
        fn shape()(name in word(), family in word(), architectures in prop::collection::btree_map("amd64|arm64|x86_64", architecture(), 0..3),
                   loaders in prop::collection::btree_map("amd64-uefi|arm64-uefi", "[a-z]{1,4}", 0..2)) -> Value {
            json!({"Loaders": loaders, "OS": {"Name": name, "Family": family, "SupportedArchitectures": architectures}})
        }
    }

    prop_compose! {
        fn any_bootenv()(mut env in shape(), own in architecture(), iso in word()) -> Value {
            env["Name"] = json!("e");
            for field in ["Kernel", "Initrds", "BootParams"] {
                env[field] = own[field].clone();
            }
            env["OS"]["IsoFile"] = json!(iso);
            env
        }
    }

    fn selections(env: &BootEnv) -> String {
        ["amd64", "arm64"].map(|arch| format!("{:?}", env.selection(arch))).join("\n")
    }

    proptest! {
        #[test]
        fn an_empty_override_changes_nothing(env in any_bootenv()) {
            for composed in [json!(null), json!({}), json!({"e": {}}), json!({"e": []}), json!([{"e": [{}, {}]}])] {
                prop_assert_eq!(customized(env.clone(), composed), bootenv(env.clone()));
            }
        }

        /// Whatever other sources say, what the most specific one fills in holds.
        #[test]
        fn what_entry_0_says_is_so(env in any_bootenv(), first in shape(), others in prop::collection::vec(shape(), 0..3)) {
            let mut list = vec![first.clone()];
            list.extend(others);
            let result = customized(env, json!({"e": list}));
            let said = bootenv(first);
            for (arch, own) in &said.os.supported_architectures {
                let has = &result.os.supported_architectures[arch];
                for (said, has) in [(&own.kernel, &has.kernel), (&own.boot_params, &has.boot_params), (&own.iso_file, &has.iso_file)] {
                    prop_assert!(said.is_empty() || said == has);
                }
                prop_assert!(own.initrds.is_empty() || own.initrds == has.initrds);
            }
            for (key, loader) in &said.loaders {
                prop_assert_eq!(&result.loaders[key], loader);
            }
            prop_assert!(said.os.name.is_empty() || said.os.name == result.os.name);
        }

        /// A list is the same as its entries applied one at a time, the last first.
        #[test]
        fn a_list_is_applied_from_its_end(env in any_bootenv(), first in shape(), second in shape()) {
            let together = customized(env.clone(), json!({"e": [first.clone(), second.clone()]}));
            let one = |env: BootEnv, change: Value| {
                let name = env.name.clone();
                env.customized(json!({name: change})).unwrap()
            };
            let apart = one(one(bootenv(env), second), first);
            prop_assert_eq!(&together, &apart);
            prop_assert_eq!(selections(&together), selections(&apart));
        }
    }
}
