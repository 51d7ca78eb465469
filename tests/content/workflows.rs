//! What refers to what, and the order in which a machine goes through it.

use serde_json::{Value, json};

use crate::bundle::{PROVIDERS, bundle, definition, section, texts};

/// What other packs define, and which: a prerequisite of ours, or the server itself.
const ELSEWHERE: [(&str, &str, &str); 1] = [("bootenvs", "sledgehammer", "drp-community-content")];

/// Params of others that our objects set.
const PARAMS_ELSEWHERE: [&str; 3] = ["kexec-ok", "ipmi/mode", "ipmi/virtual-media-boot"];

fn exists(bundle: &Value, kind: &str, name: &str) -> bool {
    let needed = bundle["meta"]["Prerequisites"].as_str().unwrap();
    let elsewhere = |(of, known, pack): &(&str, &str, &str)| *of == kind && *known == name && needed.contains(pack);
    !bundle["sections"][kind][name].is_null() || ELSEWHERE.iter().any(elsewhere)
}

#[test]
fn what_an_object_names_is_there() {
    for provider in PROVIDERS {
        let bundle = bundle(provider);
        for (name, workflow) in section(&bundle, "workflows") {
            for stage in texts(workflow, "Stages") {
                assert!(exists(&bundle, "stages", stage), "{name}: {stage}");
            }
        }
        for (name, stage) in section(&bundle, "stages") {
            for task in texts(stage, "Tasks").into_iter().filter(|task| !task.contains(':')) {
                assert!(exists(&bundle, "tasks", task), "{name}: {task}");
            }
            if let Some(bootenv) = stage["BootEnv"].as_str() {
                assert!(exists(&bundle, "bootenvs", bootenv), "{name}: {bootenv}");
            }
        }
        for kind in ["stages", "profiles"] {
            for (name, object) in section(&bundle, kind) {
                for (param, value) in object["Params"].as_object().into_iter().flatten() {
                    let schema = &bundle["sections"]["params"][param]["Schema"];
                    let known = !schema.is_null() || PARAMS_ELSEWHERE.contains(&param.as_str());
                    assert!(known, "{name}: {param}");
                    if !schema.is_null() {
                        assert!(jsonschema::draft4::new(schema).unwrap().is_valid(value), "{name}: {param}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_action_step_names_an_action_of_ours_whose_parameters_exist() {
    for provider in PROVIDERS {
        let (definition, bundle) = (definition(provider), bundle(provider));
        let actions = definition["AvailableActions"].as_array().unwrap();
        let mut steps = 0;
        for (name, stage) in section(&bundle, "stages") {
            for step in texts(stage, "Tasks").into_iter().filter(|task| task.contains(':')) {
                // In a stage the two-part form makes the stage invalid.
                let [kind, plugin, command] = step.split(':').collect::<Vec<_>>()[..] else { panic!("{name}: {step}") };
                assert_eq!((kind, plugin), ("action", provider), "{name}");
                let action =
                    actions.iter().find(|action| action["Command"] == command && action["Model"] == "machines");
                let action = action.unwrap_or_else(|| panic!("{name}: there is no action {command}"));
                for param in texts(action, "RequiredParams") {
                    // Beside the old provider, or any other that defines them, those are not ours.
                    let theirs = provider != "ipmi" && param.starts_with("ipmi/");
                    assert!(theirs || exists(&bundle, "params", param), "{command}: {param}");
                }
                steps += 1;
            }
        }
        assert!(steps > 0);
    }
}

#[test]
fn the_medium_is_in_before_the_bootenv_changes_and_no_kexec_passes_it_by() {
    let bundle = bundle("virtual-media");
    let stage = |name: &str| &bundle["sections"]["stages"][name];
    let mut booting = 0;
    for (name, workflow) in section(&bundle, "workflows") {
        let stages = texts(workflow, "Stages");
        let Some(boots) = stages.iter().position(|one| stage(one)["BootEnv"].is_string()) else { continue };
        booting += 1;
        assert_eq!(stage(stages[boots])["Params"]["kexec-ok"], false, "{name}");
        // A stage's own BootEnv is consumed before its tasks.
        let mounts = stages[..boots]
            .iter()
            .find(|one| texts(stage(one), "Tasks").last() == Some(&"action:virtual-media:mountVirtualMedia"));
        let mounts = stage(mounts.unwrap_or_else(|| panic!("{name} boots without a medium")));
        assert_eq!(mounts["Params"], json!({"kexec-ok": false, "ipmi/virtual-media-boot": true}), "{name}");
        let tasks = texts(mounts, "Tasks");
        let generates = tasks.iter().position(|task| task.ends_with(":generateVirtualMedia"));
        assert!(generates.is_some_and(|at| at < tasks.len() - 1), "{name}");
    }
    assert_eq!(booting, 2);
}

#[test]
fn no_step_switches_the_power_under_a_running_job() {
    for (name, stage) in section(&bundle("virtual-media"), "stages") {
        for step in texts(stage, "Tasks") {
            let command = step.rsplit(':').next().unwrap();
            assert!(!["powercycle", "poweroff", "poweron", "bootVirtualMedia"].contains(&command), "{name}: {step}");
        }
    }
}

#[test]
fn every_workflow_says_what_happens_to_a_running_agent() {
    for (name, workflow) in section(&bundle("virtual-media"), "workflows") {
        let documentation = workflow["Documentation"].as_str().unwrap();
        for subject in ["agent", "boot"] {
            assert!(documentation.contains(subject), "{name}: {subject}");
        }
    }
}
