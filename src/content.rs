//! The content pack that the provider brings along: parameters, stages, tasks, workflows.
//!
//! Its files are in `content/`, in the layout of `drpcli contents bundle`; `build.rs` makes bundles of them. They are
//! written for the provider's default name. Under another name the steps and scripts that name the provider have to say
//! that one; the objects keep their names, because machines refer to them.

/// The name that the files are written for.
const WRITTEN_FOR: &str = "virtual-media";

/// The name of the provider that this one can take the place of; only then are the `ipmi/*` parameters ours to define.
const TAKES_PLACE_OF: &str = "ipmi";

const BUNDLE: &str = include_str!(concat!(env!("OUT_DIR"), "/content.json"));
const BUNDLE_WITH_IPMI: &str = include_str!(concat!(env!("OUT_DIR"), "/content-ipmi.json"));

/// The content bundle of the provider named `provider`, as JSON. The name is one that the server allows, so it needs no
/// quoting anywhere.
#[must_use]
pub fn bundle(provider: &str) -> String {
    let written = if provider == TAKES_PLACE_OF { BUNDLE_WITH_IPMI } else { BUNDLE };
    [
        // The bundle's own name, action steps, and the flag of drpcli in scripts.
        ("\"Name\":\"", "\""),
        ("\"action:", ":"),
        ("--plugin '", "'"),
    ]
    .iter()
    .fold(written.to_owned(), |text, (before, after)| {
        text.replace(&format!("{before}{WRITTEN_FOR}{after}"), &format!("{before}{provider}{after}"))
    })
}
