//! Compares the kernel arguments of two images, key by key.

use serde::Serialize;

use super::super::show::ConfigArea;
use crate::machine::Loader;

/// A config area whose contents differ.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AreaDiff {
    /// The files that it belongs to.
    pub files: Vec<String>,
    /// Who reads them.
    pub loader: Loader,
    /// Where the entry boots another kernel: that of each.
    pub kernel: Option<Changed>,
    /// What differs in the arguments.
    #[serde(flatten)]
    pub args: ArgsDiff,
}

/// What two lists of kernel arguments differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ArgsDiff {
    /// The arguments of the first image alone.
    pub only_in_a: Vec<String>,
    /// The arguments of the second image alone.
    pub only_in_b: Vec<String>,
    /// The keys that both have, with other values.
    pub changed: Vec<Changed>,
    /// They have the same arguments, and not in the same order.
    pub reordered: bool,
}

/// A key with its values; several of one key are joined by commas and a blank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Changed {
    /// What it is.
    pub key: String,
    /// In the first image.
    pub a: String,
    /// In the second image.
    pub b: String,
}

/// The areas that both have, by file, and that differ. Those that only one image has are that image's files.
pub(super) fn areas(a: &[ConfigArea], b: &[ConfigArea]) -> Vec<AreaDiff> {
    let both = a.iter().filter_map(|area| {
        let same_file = |other: &&ConfigArea| other.files.first() == area.files.first();
        Some((area, b.iter().find(same_file)?))
    });
    both.filter_map(|(a, b)| {
        let args = ArgsDiff::new(&a.kernel_args, &b.kernel_args);
        let kernel = (a.kernel != b.kernel).then(|| Changed {
            key: "kernel".to_owned(),
            a: a.kernel.clone(),
            b: b.kernel.clone(),
        });
        let differs = kernel.is_some() || args != ArgsDiff::default();
        differs.then(|| AreaDiff { files: a.files.clone(), loader: a.loader, kernel, args })
    })
    .collect()
}

impl ArgsDiff {
    /// Compares two lines of arguments.
    #[must_use]
    pub fn new(a: &str, b: &str) -> Self {
        let (in_a, in_b) = (by_key(a), by_key(b));
        let mut diff = Self::default();
        for (key, words) in &in_a {
            match in_b.iter().find(|(other, _)| other == key) {
                None => diff.only_in_a.extend(words.iter().map(ToString::to_string)),
                Some((_, others)) if others == words => {}
                Some((_, others)) => {
                    diff.changed.push(Changed { key: (*key).to_owned(), a: values(words), b: values(others) });
                }
            }
        }
        let new = in_b.iter().filter(|(key, _)| !in_a.iter().any(|(other, _)| other == key));
        diff.only_in_b.extend(new.flat_map(|(_, words)| words).map(ToString::to_string));
        diff.reordered = diff == Self::default() && !a.split_whitespace().eq(b.split_whitespace());
        diff
    }
}

/// The words by what precedes their `=`, in the order of their first.
fn by_key(line: &str) -> Vec<(&str, Vec<&str>)> {
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for word in line.split_whitespace() {
        let key = word.split_once('=').map_or(word, |(key, _)| key);
        match keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, words)) => words.push(word),
            None => keys.push((key, vec![word])),
        }
    }
    keys
}

/// What follows the `=` of each; a word without one is its own value.
fn values(words: &[&str]) -> String {
    let values = words.iter().map(|word| word.split_once('=').map_or(*word, |(_, value)| value));
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{ArgsDiff, Changed};

    fn changed(key: &str, a: &str, b: &str) -> Changed {
        Changed { key: key.to_owned(), a: a.to_owned(), b: b.to_owned() }
    }

    #[test]
    fn arguments_are_compared_by_key() {
        let diff = ArgsDiff::new(
            "ip=10.0.0.1/24 quiet rd.debug console=tty0 console=ttyS0 same=1",
            "ip=10.0.0.2/24 quiet console=ttyS0 same=1 new=2 new=3",
        );
        assert_eq!(diff.only_in_a, ["rd.debug"]);
        assert_eq!(diff.only_in_b, ["new=2", "new=3"]);
        assert_eq!(
            diff.changed,
            [changed("ip", "10.0.0.1/24", "10.0.0.2/24"), changed("console", "tty0, ttyS0", "ttyS0")]
        );
        assert!(!diff.reordered);
    }

    #[test]
    fn another_order_is_told_and_no_other_difference() {
        assert_eq!(ArgsDiff::new("a=1 b", "b a=1"), ArgsDiff { reordered: true, ..ArgsDiff::default() });
        assert_eq!(ArgsDiff::new("a=1 b", "a=1 b"), ArgsDiff::default());
        assert_eq!(ArgsDiff::new("a=1 a=2", "a=2 a=1").changed, [changed("a", "1, 2", "2, 1")]);
        assert_eq!(ArgsDiff::new("a", "a=1").changed, [changed("a", "a", "1")]);
    }
}
