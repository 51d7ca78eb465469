//! A BootEnv as the server sends it, and what a machine of one architecture boots in it.
//!
//! Kernel, initrds and boot parameters lie at the top level or under the architecture; Sledgehammer has them under the
//! architecture alone. Decoding is lenient: lists may be null, fields absent, architectures spelled in several ways.

mod customize;
mod selection;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::models::read;

pub use customize::CustomizeError;
pub use selection::Selection;

/// models.BootEnv, as far as a boot needs it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct BootEnv {
    /// Its key; an environment that installs an operating system ends in `-install`.
    pub name: String,
    /// The operating system, and what its architectures boot.
    #[serde(rename = "OS")]
    pub os: Os,
    /// Kernel of each architecture that names none, relative to the install tree.
    pub kernel: String,
    /// Initrds of each architecture that names none, relative to the install tree.
    pub initrds: Vec<String>,
    /// The template of the kernel's arguments for each architecture that has none.
    pub boot_params: String,
    /// Boot loaders relative to the install tree, by `amd64-uefi`, `arm64-uefi`, `386-pcbios`.
    pub loaders: BTreeMap<String, String>,
    /// The files that the server renders for a machine in it.
    pub templates: Vec<Template>,
    /// Whether it is for machines that the server does not know.
    pub only_unknown: bool,
    /// Whether the server can boot it, which it can once its archive is exploded. `None` where it does not say.
    pub available: Option<bool>,
    /// Why it is not available.
    pub errors: Vec<String>,
    /// What begins an action in its templates; empty for `{{`. From newer servers.
    pub start_delimiter: String,
    /// What ends an action in its templates; empty for `}}`. From newer servers.
    pub end_delimiter: String,
}

/// models.OsInfo.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct Os {
    /// Names the install tree.
    pub name: String,
    /// Such as `redhat`.
    pub family: String,
    /// Such as `bookworm`.
    pub codename: String,
    /// Such as `12`.
    pub version: String,
    /// The archive of amd64 where amd64 is not listed.
    pub iso_file: String,
    /// Its SHA-256.
    pub iso_sha256: String,
    /// Where it comes from.
    pub iso_url: String,
    /// By the server's own name of the architecture, whatever spelling was sent.
    #[serde(deserialize_with = "by_architecture")]
    pub supported_architectures: BTreeMap<String, Architecture>,
}

/// models.ArchInfo: what one architecture boots.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct Architecture {
    /// The archive that the install tree is exploded from.
    pub iso_file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Where it comes from.
    pub iso_url: String,
    /// Relative to the install tree.
    pub kernel: String,
    /// Relative to the install tree.
    pub initrds: Vec<String>,
    /// The template of the kernel's arguments.
    pub boot_params: String,
    /// The boot loader that the server's DHCP names.
    pub loader: String,
}

/// models.TemplateInfo: a file that the server renders.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct Template {
    /// Unique in the BootEnv.
    pub name: String,
    /// The template of its place.
    pub path: String,
    /// The template object that has its contents.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its contents, where no template object has them.
    pub contents: String,
    /// Another file that it points to, instead of contents.
    pub link: String,
}

impl BootEnv {
    /// Reads a BootEnv as a server sends it: absent and null fields are empty, unknown ones ignored.
    ///
    /// # Errors
    /// It is no object, or a field has another type.
    pub fn from_json(object: Value) -> Result<Self, serde_json::Error> {
        read(object)
    }
}

/// The server's own name of an architecture, of all the spellings that it takes (models.SupportedArch); one that it does
/// not know stays as it is. A machine that says none is an amd64.
#[must_use]
pub fn architecture(spelled: &str) -> String {
    let spelled = spelled.to_ascii_lowercase();
    match spelled.as_str() {
        "" | "x86_64" => "amd64",
        "486" | "686" | "i386" | "i486" | "i686" => "386",
        "armel" | "armhfp" => "arm",
        "aarch64" => "arm64",
        "power9" => "ppc64",
        "mips64el" => "mips64le",
        "mipsel" => "mipsle",
        _ => return spelled,
    }
    .to_owned()
}

/// Where one architecture is listed under two spellings, the server's own counts.
fn by_architecture<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Architecture>, D::Error> {
    let spelled = BTreeMap::<String, Architecture>::deserialize(deserializer)?;
    let mut listed = BTreeMap::new();
    for (spelling, info) in spelled {
        let name = architecture(&spelling);
        if name == spelling {
            listed.insert(name, info);
        } else {
            listed.entry(name).or_insert(info);
        }
    }
    Ok(listed)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::{BootEnv, architecture};

    /// Sledgehammer as its content pack has it: everything under the architecture.
    pub(crate) fn sledgehammer() -> Value {
        json!({"Name": "sledgehammer", "OnlyUnknown": false, "Kernel": "", "Initrds": [], "BootParams": "",
               "Loaders": {"amd64-uefi": "abc123/shimx64.efi"}, "RequiredParams": [], "Templates": [],
               "OS": {"Name": "sledgehammer", "Family": "redhat", "IsoFile": "",
                      "SupportedArchitectures": {"amd64": {
                          "IsoFile": "sledgehammer-abc123.amd64.tar", "Sha256": "", "IsoUrl": "http://example.net/sh.tar",
                          "Kernel": "abc123/vmlinuz0", "Initrds": ["abc123/stage1.img"],
                          "BootParams": "provisioner.web={{.ProvisionerURL}}", "Loader": ""}}}})
    }

    pub(crate) fn bootenv(object: Value) -> BootEnv {
        BootEnv::from_json(object).unwrap()
    }

    #[test]
    fn null_absent_and_unknown_fields_are_no_obstacle() {
        let odd = json!({"Name": "x", "OS": {"Name": "x", "SupportedArchitectures": {"x86_64": {"Initrds": null}}},
                         "Templates": null, "Loaders": null, "Kernel": null, "New": {"a": 1}, "Available": null});
        let read = bootenv(odd);
        assert_eq!(read.os.supported_architectures.keys().collect::<Vec<_>>(), ["amd64"]);
        assert_eq!((read.kernel.as_str(), read.templates.len(), read.available), ("", 0, None));
        assert_eq!(bootenv(json!({"Name": "x", "OS": null})).os.name, "");
    }

    #[test]
    fn what_is_no_bootenv_is_an_error() {
        for object in [json!(null), json!([]), json!("x"), json!({"Kernel": 7}), json!({"OS": "x"})] {
            assert!(BootEnv::from_json(object.clone()).is_err(), "{object}");
        }
    }

    #[test]
    fn of_two_spellings_of_an_architecture_the_servers_own_counts() {
        let listed = json!({"aarch64": {"Kernel": "b"}, "arm64": {"Kernel": "a"}, "ARM64": {"Kernel": "c"}});
        let read = bootenv(json!({"OS": {"SupportedArchitectures": listed}}));
        assert_eq!(read.os.supported_architectures["arm64"].kernel, "a");
        assert_eq!(read.os.supported_architectures.len(), 1);
        for (spelled, name) in [("", "amd64"), ("AMD64", "amd64"), ("i686", "386"), ("rpi4", "rpi4")] {
            assert_eq!(architecture(spelled), name);
        }
    }
}
