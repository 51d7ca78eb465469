//! Compares the files and the loaders of two templates.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::error::Error;
use super::super::show::{File, Loader, Report};
use super::super::volume::ReadAt;
use super::bytes::Pair;

/// A file that differs. Without a length, an image does not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileDiff {
    /// Its path.
    pub path: String,
    /// Its length in the first image.
    pub a: Option<u64>,
    /// Its length in the second image.
    pub b: Option<u64>,
}

/// An EFI binary that differs in what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoaderDiff {
    /// Its path, and the FAT volume that it is in.
    pub path: String,
    /// Its processor and signers in the first image.
    pub a: Option<String>,
    /// The same in the second image.
    pub b: Option<String>,
}

/// The files that only one has, or that have other lengths or bytes, by path.
pub(super) fn files<A: ReadAt + ?Sized, B: ReadAt + ?Sized>(
    pair: &Pair<'_, A, B>,
    a: &Report,
    b: &Report,
) -> Result<Vec<FileDiff>, Error> {
    let mut paths: BTreeMap<&str, (Option<&File>, Option<&File>)> = BTreeMap::new();
    for file in &a.files {
        paths.entry(&file.path).or_default().0 = Some(file);
    }
    for file in &b.files {
        paths.entry(&file.path).or_default().1 = Some(file);
    }
    let mut different = Vec::new();
    for (path, (a, b)) in paths {
        if let (Some(a), Some(b)) = (a, b)
            && a.size == b.size
            && same(pair, a, b)?
        {
            continue;
        }
        different.push(FileDiff { path: path.to_owned(), a: a.map(|file| file.size), b: b.map(|file| file.size) });
    }
    Ok(different)
}

/// Files of one length. One of several extents is compared as one run, as all writers lay them.
fn same<A: ReadAt + ?Sized, B: ReadAt + ?Sized>(pair: &Pair<'_, A, B>, a: &File, b: &File) -> Result<bool, Error> {
    match (a.offset, b.offset) {
        (Some(at_a), Some(at_b)) => pair.same(at_a, at_b, a.size),
        _ => Ok(true),
    }
}

/// The EFI binaries that only one has, or that are for another processor or signed by others.
pub(super) fn loaders(a: &Report, b: &Report) -> Vec<LoaderDiff> {
    let mut paths: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for loader in &a.loaders {
        paths.entry(name(loader)).or_default().0 = Some(loader.to_string());
    }
    for loader in &b.loaders {
        paths.entry(name(loader)).or_default().1 = Some(loader.to_string());
    }
    let different = paths.into_iter().filter(|(_, (a, b))| a != b);
    different.map(|(path, (a, b))| LoaderDiff { path, a, b }).collect()
}

fn name(loader: &Loader) -> String {
    match &loader.inside {
        Some(inside) => format!("{} in {inside}", loader.path),
        None => loader.path.clone(),
    }
}
