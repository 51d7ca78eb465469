//! What is proven of each BMC and in which way: `docs/bmcs.md` is what this writes.

use std::fmt::Write;
use std::path::Path;

use drp_virtual_media_sim::bmc::{Evidence, Personality};

use super::cells::{DIFFERENCES, Outcome, State, TABLE};

/// Where the page is, from the checkout.
const PAGE: &str = "docs/bmcs.md";
const WRITTEN: &str = include_str!("../../../docs/bmcs.md");
/// What follows is written by the test.
const MARK: &str = "<!-- from here on by tests/flows/table/bmcs.rs -->\n";

/// Services that others wrote, which booted machines for the plugin: `tests/boot`. They stand for the BMCs named.
const SERVICES: &[(&str, &[Personality])] = &[("sushy-tools", &[Personality::Generic])];

/// Clients that others wrote, which booted machines from an image on the simulated BMCs named: what the tables in
/// `tests/clients` say, which are held to this page there.
const CLIENTS: &[(&str, &[Personality])] = &[
    (
        "sushy",
        &[
            Personality::Generic,
            Personality::Idrac9,
            Personality::Ilo5,
            Personality::Ilo6,
            Personality::Ilo7,
            Personality::MegaRac,
            Personality::OpenBmc,
            Personality::Xcc,
            Personality::Xcc2,
            Personality::Xcc3,
            Personality::SupermicroX12,
            Personality::SupermicroX13,
            Personality::Irmc,
            Personality::Xfusion,
            Personality::Cimc,
            Personality::Ucsx,
            Personality::Gb200,
            Personality::DgxH100,
        ],
    ),
    ("redfish_utilities", &[Personality::Generic, Personality::Idrac9]),
];

/// BMCs of metal that the plugin was tried on.
const HARDWARE: &[(&str, &[Personality])] = &[];

#[test]
fn the_page_on_bmcs_says_what_is_proven_and_nothing_more() {
    let page = format!("{}{MARK}\n{}\n{}\n{}", head(), proofs(), outcomes(), differences());
    if std::env::var_os("WRITE_TABLES").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), page).unwrap();
        return;
    }
    assert!(WRITTEN == page, "{PAGE} is not what the tables say; WRITE_TABLES=1 writes it anew:\n{page}");
}

/// The page's words before the tables.
fn head() -> &'static str {
    WRITTEN.split(MARK).next().unwrap_or_default()
}

fn every_bmc() -> impl Iterator<Item = Personality> {
    Personality::ALL.iter().chain(Personality::WITHOUT_MEDIA).copied()
}

fn proofs() -> String {
    let mut table =
        "| BMC | simulated from documents | simulated from recorded answers | independent service | independent \
                     client | real hardware |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for personality in every_bmc() {
        let (documents, recorded) = match personality.evidence() {
            Evidence::Documents(source) => (source, ""),
            Evidence::Recorded(source) => ("", source),
        };
        let named = |proofs: &[(&'static str, &[Personality])]| {
            let names = proofs.iter().filter(|(_, of)| of.contains(&personality)).map(|(name, _)| *name);
            let names = names.collect::<Vec<_>>().join(", ");
            if names.is_empty() { "no".to_owned() } else { names }
        };
        let [service, client, hardware] = [SERVICES, CLIENTS, HARDWARE].map(named);
        writeln!(table, "| {personality} | {documents} | {recorded} | {service} | {client} | {hardware} |").unwrap();
    }
    table
}

fn outcomes() -> String {
    let mut table = "| action |".to_owned();
    for state in State::ALL {
        write!(table, " {} |", state.name()).unwrap();
    }
    writeln!(table, "\n|---|{}", "---|".repeat(State::ALL.len())).unwrap();
    let mut rows: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for (action, outcomes) in TABLE {
        let cells = outcomes.map(spoken).to_vec();
        match rows.iter_mut().find(|(_, known)| *known == cells) {
            Some((names, _)) if names.contains(&action.name) => {}
            Some((names, _)) => names.push(action.name),
            None => rows.push((vec![action.name], cells)),
        }
    }
    for (names, cells) in rows {
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        writeln!(table, "| {names} | {} |", cells.join(" | ")).unwrap();
    }
    table
}

fn differences() -> String {
    let mut list = "| where | why | otherwise |\n|---|---|---|\n".to_owned();
    for difference in DIFFERENCES {
        let bmcs = every_bmc().filter(|personality| (difference.of)(*personality, &personality.profile()));
        let bmcs = bmcs.map(|personality| personality.to_string()).collect::<Vec<_>>().join(", ");
        let mut cells: Vec<(String, Vec<&str>)> = Vec::new();
        for (state, actions, outcome) in difference.cells {
            let names = actions.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
            let what = format!("{names}: {}", spoken(*outcome));
            match cells.iter_mut().find(|(known, _)| *known == what) {
                Some((_, states)) => states.push(state.name()),
                None => cells.push((what, vec![state.name()])),
            }
        }
        let cells = cells.into_iter().map(|(what, states)| format!("{}: {what}", states.join(", ")));
        let cells = cells.collect::<Vec<_>>().join("; ");
        writeln!(list, "| {bmcs} | {} | {cells} |", difference.why).unwrap();
    }
    list
}

fn spoken(outcome: Outcome) -> String {
    match outcome {
        Outcome::Works => "works".to_owned(),
        Outcome::ShowsEjected => "shows it".to_owned(),
        Outcome::Refused(refusal) => format!("error {}", refusal.code),
    }
}

/// A row that no BMC is in is no difference.
#[test]
fn each_difference_is_of_some_bmc_and_changes_cells_of_it() {
    for difference in DIFFERENCES {
        assert!(every_bmc().any(|bmc| (difference.of)(bmc, &bmc.profile())), "{}", difference.why);
        for (state, actions, outcome) in difference.cells {
            for name in *actions {
                let mut rows = TABLE.iter().filter(|(action, _)| action.name == *name);
                let changes = rows.any(|(_, outcomes)| spoken(outcomes[state.column()]) != spoken(*outcome));
                let words = matches!(outcome, Outcome::Refused(_));
                assert!(changes || words, "{}: {name}, {}", difference.why, state.name());
            }
        }
    }
}
