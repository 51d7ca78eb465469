//! The scripts of the tasks: that a shell reads them, and what they call.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::bundle::{PROVIDERS, bundle, section};

/// A template's text as the server renders it, as far as a shell's grammar goes.
fn rendered(contents: &str) -> String {
    let mut text = String::new();
    let mut rest = contents;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        text.push(':');
        rest = after.split_once("}}").expect("an action ends").1;
    }
    text + rest
}

#[test]
fn every_script_is_one_for_bash_and_leaves_the_agents_exit_codes_alone() {
    for provider in PROVIDERS {
        let bundle = bundle(provider);
        for (id, template) in section(&bundle, "templates") {
            let contents = template["Contents"].as_str().unwrap();
            assert!(contents.starts_with("#!/usr/bin/env bash\n"), "{id}");
            // It brings drpcli and jq, and the meaning of exit codes.
            assert!(contents.contains("{{ template \"setup.tmpl\" . }}"), "{id}");
            assert!(contents.contains("trap 'exit 1' ERR"), "{id}");
            let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            bash.stdin.take().unwrap().write_all(rendered(contents).as_bytes()).unwrap();
            let output = bash.wait_with_output().unwrap();
            assert!(output.status.success(), "{id}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_task_says_how_its_exit_codes_are_meant() {
    for (name, task) in section(&bundle("virtual-media"), "tasks") {
        assert_eq!(task["Meta"]["feature-flags"], "sane-exit-codes", "{name}");
    }
    let features = bundle("virtual-media")["meta"]["RequiredFeatures"].as_str().unwrap().to_owned();
    assert!(features.split(", ").any(|feature| feature == "sane-exit-codes"), "{features}");
}

#[test]
fn the_scripts_run_actions_that_there_are() {
    let definition = crate::bundle::definition("virtual-media");
    let actions = definition["AvailableActions"].as_array().unwrap();
    let bundle = bundle("virtual-media");
    let script = section(&bundle, "templates")["virtual-media-inventory.sh.tmpl"]["Contents"].as_str().unwrap();
    let parts = script.split_once("for part in ").unwrap().1.split_once(';').unwrap().0;
    for part in parts.split(' ') {
        let command = format!("get{part}");
        assert!(actions.iter().any(|action| action["Command"] == command.as_str()), "{command}");
    }
}
