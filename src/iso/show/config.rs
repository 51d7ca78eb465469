//! Config areas as people read them.

use serde::Serialize;

use super::super::area::Area;
use crate::machine::Loader;

/// One config area.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigArea {
    /// The files that it belongs to.
    pub files: Vec<String>,
    /// Who reads them.
    pub loader: Loader,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub size: usize,
    /// Bytes of arguments that it takes.
    pub room: usize,
    /// Bytes of arguments that are in it.
    pub used: usize,
    /// The kernel.
    pub kernel: String,
    /// The arguments as the kernel will see them.
    pub kernel_args: String,
}

impl ConfigArea {
    pub(in crate::iso) fn new(area: &Area) -> Self {
        Self {
            files: area.files().to_vec(),
            loader: area.loader(),
            offset: area.offset(),
            size: area.size(),
            room: area.room(),
            used: area.arguments().len(),
            kernel: area.kernel().to_owned(),
            kernel_args: kernel_args_of(area),
        }
    }
}

/// The arguments with the loader's quoting taken off.
pub(super) fn kernel_args_of(area: &Area) -> String {
    match area.loader() {
        Loader::Isolinux => area.arguments().to_owned(),
        Loader::Grub => unquoted(area.arguments()),
    }
}

/// GRUB's quotes: nothing is special inside single ones; inside double ones a backslash protects `$`, `"` and itself (GRUB manual
/// 6.1). An area never holds a backslash outside of quotes.
fn unquoted(text: &str) -> String {
    let mut quote = None;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some('"'), '\\') => plain.push(chars.next_if(|next| "$\"\\".contains(*next)).unwrap_or(c)),
            _ => plain.push(c),
        }
    }
    plain
}
