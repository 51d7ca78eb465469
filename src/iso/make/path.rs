//! A file's path inside an image, as every boot loader reads it without quotes.

use std::fmt;

use super::error::MakeError;

/// A name that Joliet keeps whole (Joliet specification: 64 UCS-2 characters).
const NAME: usize = 64;

/// A directory lies at most this deep, the root included (ECMA-119 6.8.2.1), so nothing is relocated.
const LEVELS: usize = 8;

/// A path is at most this long (ECMA-119 6.8.2.1).
const PATH: usize = 255;

/// A path relative to the image's root, such as `install.amd/vmlinuz`.
///
/// It holds letters, digits and `. _ - + @`, so that neither GRUB's script nor isolinux, where a blank ends a word and a
/// comma parts two initrds, takes it for anything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImagePath(String);

impl ImagePath {
    /// Reads a path; one slash before it is allowed and dropped.
    ///
    /// # Errors
    /// [`MakeError::Path`] says what a loader could not read.
    pub fn parse(path: &str) -> Result<Self, MakeError> {
        let relative = path.strip_prefix('/').unwrap_or(path);
        match objection(relative) {
            Some(reason) => Err(MakeError::Path { path: path.to_owned(), reason }),
            None => Ok(Self(relative.to_owned())),
        }
    }

    /// Without a slash before it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn objection(path: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if path.len() > PATH {
        return Some("it is longer than 255 bytes");
    }
    if path.split('/').count() > LEVELS {
        return Some("it lies more than 7 directories deep");
    }
    path.split('/').find_map(|name| match name {
        "" | "." | ".." => Some("a part of it is empty, `.` or `..`"),
        name if name.len() > NAME => Some("a part of it is longer than 64 bytes"),
        name if !name.chars().all(plain) => {
            Some("boot loaders read letters, digits and . _ - + @ as they stand, and no others")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ImagePath;

    #[test]
    fn a_path_that_a_loader_reads_as_it_stands_is_kept() {
        for (given, kept) in [
            ("vmlinuz0", "vmlinuz0"),
            ("/stage1.img", "stage1.img"),
            ("install.amd/gtk/initrd.gz", "install.amd/gtk/initrd.gz"),
            ("images/pxeboot/vmlinuz-6.1.0-13_x+y@z", "images/pxeboot/vmlinuz-6.1.0-13_x+y@z"),
        ] {
            assert_eq!(ImagePath::parse(given).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn a_path_that_a_loader_would_take_for_something_else_is_refused() {
        let (long, deep) = ("x".repeat(65), "a/".repeat(8) + "b");
        for path in
            ["", "/", "//a", "a//b", "a/", "../a", "a/./b", "a b", "a,b", "$x", "a;b", "ä", "a\nb", &long, &deep]
        {
            assert!(ImagePath::parse(path).is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_holds_no_character_that_means_something(path in "\\PC{0,80}") {
            if let Ok(kept) = ImagePath::parse(&path) {
                let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
                prop_assert!(kept.as_str().chars().all(harmless));
                prop_assert!(!kept.as_str().starts_with('/') && !kept.as_str().split('/').any(|name| name == ".."));
            }
        }
    }
}
