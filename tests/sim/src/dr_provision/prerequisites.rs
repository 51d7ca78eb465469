//! What a content bundle wants of the server before it is loaded (drp-protocol 2.3).

use std::cmp::Ordering;

/// What of `RequiredFeatures` the server does not have. Packs write commas; one page says spaces.
pub(super) fn missing_features(required: &str, features: &[String]) -> Vec<String> {
    let wanted = required.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
    wanted.filter(|name| !features.iter().any(|feature| feature == name)).map(str::to_owned).collect()
}

/// What of `Prerequisites` is not there: `pack` or `pack: constraints`, separated by commas. `version` tells a pack's.
pub(super) fn missing_packs(required: &str, version: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let wanted = required.split(',').map(str::trim).filter(|item| !item.is_empty());
    let is_there = |item: &str| {
        let (pack, constraints) = item.split_once(':').unwrap_or((item, ">=0.0.0"));
        version(pack.trim()).is_some_and(|version| satisfies(&version, constraints))
    };
    wanted.filter(|item| !is_there(item)).map(str::to_owned).collect()
}

/// Space is AND, `||` is OR, AND binds tighter.
fn satisfies(version: &str, constraints: &str) -> bool {
    constraints.split("||").any(|all| all.split_whitespace().all(|one| holds(version, one)))
}

fn holds(version: &str, constraint: &str) -> bool {
    let (operator, wanted) = constraint.split_at(constraint.find(|c: char| !"<>=!".contains(c)).unwrap_or_default());
    let ordering = numbers(version).cmp(&numbers(wanted));
    match operator {
        "<" => ordering == Ordering::Less,
        "<=" => ordering != Ordering::Greater,
        ">" => ordering == Ordering::Greater,
        ">=" => ordering != Ordering::Less,
        "!" | "!=" => ordering != Ordering::Equal,
        _ => ordering == Ordering::Equal,
    }
}

/// Compared without the leading `v` and all after the first hyphen.
fn numbers(version: &str) -> [u64; 3] {
    let plain = version.trim_start_matches('v').split('-').next().unwrap_or_default();
    let mut numbers = plain.split('.').map(|number| number.parse().unwrap_or_default());
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{missing_features, missing_packs};

    #[test]
    fn packs_are_held_against_their_constraints() {
        let version = |pack: &str| (pack == "task-library").then(|| "v4.8.2-alpha1".to_owned());
        for (required, missing) in [
            ("", vec![]),
            ("task-library", vec![]),
            ("task-library: >=4.6.0", vec![]),
            ("task-library: >=4.6.0 <4.8.0", vec!["task-library: >=4.6.0 <4.8.0"]),
            ("task-library: <4.0.0 || =4.8.2", vec![]),
            ("task-library: !=4.8.2, ipmi", vec!["task-library: !=4.8.2", "ipmi"]),
        ] {
            assert_eq!(missing_packs(required, version), missing, "{required}");
        }
    }

    #[test]
    fn features_are_listed_with_commas_or_spaces() {
        let features = ["sprig".to_owned()];
        assert_eq!(missing_features("sprig, workflows", &features), ["workflows"]);
        assert_eq!(missing_features("sprig workflows", &features), ["workflows"]);
    }
}
