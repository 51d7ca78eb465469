//! The pages in `docs/` name only what there is. What their lines do to a server is tested with the simulated one.

use std::path::Path;

use serde_json::Value;

use crate::bundle::{bundle, definition, section, texts};

/// Params of the server and of other packs.
const PARAMS_ELSEWHERE: [&str; 3] = ["boot-virtual-iso", "kexec-ok", "network-data"];

/// A workflow of drp-community-content, and none.
const WORKFLOWS_ELSEWHERE: [&str; 2] = ["discover-base", "\"\""];

/// The server's feature, which is named as if it were ours.
const FEATURE: &str = "virtual-media-boot";

/// Each page with its name.
fn pages() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    pages.collect()
}

/// The lines for drpcli, as words; a quoted argument is a word where it holds no blank.
fn commands() -> Vec<Vec<String>> {
    let pages = pages();
    let lines = pages.iter().flat_map(|(_, text)| text.lines()).filter_map(|line| line.strip_prefix("drpcli "));
    let commands: Vec<Vec<String>> = lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    assert!(commands.len() > 40, "{}", commands.len());
    commands
}

fn is_param(bundle: &Value, name: &str) -> bool {
    section(bundle, "params").contains_key(name) || PARAMS_ELSEWHERE.contains(&name)
}

#[test]
fn every_action_is_called_with_parameters_that_it_has() {
    let definition = definition("ipmi");
    let actions = definition["AvailableActions"].as_array().unwrap();
    for words in commands() {
        let Some(at) = words.iter().position(|word| word == "runaction") else { continue };
        let action = actions.iter().find(|action| action["Command"] == words[at + 2].as_str());
        let action = action.unwrap_or_else(|| panic!("{words:?}"));
        let (pairs, rest) = words[at + 3..].as_chunks::<2>();
        assert!(rest.is_empty(), "{words:?}");
        for [name, _] in pairs {
            let declared = [texts(action, "RequiredParams"), texts(action, "OptionalParams")].concat();
            assert!(name == "ipmi/mode" || declared.contains(&name.as_str()), "{words:?}: {name}");
        }
    }
}

#[test]
fn every_param_and_workflow_of_a_line_is_defined() {
    let bundle = bundle("ipmi");
    for words in commands() {
        if let Some(at) = words.iter().position(|word| word == "param") {
            assert!(is_param(&bundle, &words[at + 1]), "{words:?}");
        }
        if let [_, "workflow", _, name] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            let known = section(&bundle, "workflows").contains_key(name) || WORKFLOWS_ELSEWHERE.contains(&name);
            assert!(known, "{words:?}");
        }
    }
}

#[test]
fn whatever_the_pages_call_by_our_name_is_in_the_pack() {
    let bundle = bundle("ipmi");
    for (page, text) in pages() {
        // What stands in backquotes, or after a dash in a list of stages.
        let code = text.split('`').skip(1).step_by(2);
        let stages = text.lines().filter_map(|line| line.trim().strip_prefix("- "));
        for name in code.chain(stages).filter(|name| !name.contains(' ')) {
            if name.starts_with("virtual-media/") || name.starts_with("ipmi/") {
                assert!(name == "ipmi/*" || is_param(&bundle, name), "{page}: {name}");
            } else if name.starts_with("virtual-media-") && name != FEATURE {
                let kinds = ["stages", "workflows", "tasks", "profiles"];
                assert!(kinds.iter().any(|kind| section(&bundle, kind).contains_key(name)), "{page}: {name}");
            }
        }
    }
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let pages = pages();
    for (page, text) in &pages {
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                Some(text)
            } else {
                pages.iter().find(|(name, _)| name.ends_with(file)).map(|(_, text)| text)
            };
            let target = target.unwrap_or_else(|| panic!("{page}: {link}"));
            let found = heading.is_empty()
                || target.lines().any(|line| {
                    line.starts_with('#')
                        && line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == heading
                });
            assert!(found, "{page}: {link}");
        }
    }
}
