//! How each boot loader wants kernel arguments spelled in its configuration.
//!
//! Found by booting (kernel 6.1, GRUB 2.06, isolinux 6.04): unquoted, GRUB cuts the line at `;` and ` #`, expands
//! `$name`, and does not boot at all with `{`, `&` or `<`; inside single quotes it leaves every character alone that
//! [`KernelArgs`] allows. isolinux passes everything on untouched.

use std::borrow::Cow;

use serde::Serialize;

use super::KernelArgs;

/// A boot loader whose configuration holds kernel arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Loader {
    /// GRUB 2: its configuration is a script.
    Grub,
    /// isolinux and its family: one directive a line.
    Isolinux,
}

impl Loader {
    /// The arguments as this loader's configuration must spell them: one line without its end.
    #[must_use]
    pub fn quote(self, args: &KernelArgs) -> String {
        let words: Vec<Cow<'_, str>> = match self {
            Self::Grub => args.words().iter().map(|word| grub_word(word)).collect(),
            Self::Isolinux => args.words().iter().map(|word| Cow::Borrowed(word.as_str())).collect(),
        };
        words.join(" ")
    }
}

impl std::fmt::Display for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Grub => "GRUB",
            Self::Isolinux => "isolinux",
        })
    }
}

/// Quotes cost two bytes of a small area, so words that need none get none.
fn grub_word(word: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/=,@%+-".contains(&b);
    if word.bytes().all(plain) { Cow::Borrowed(word) } else { Cow::Owned(format!("'{word}'")) }
}

#[cfg(test)]
mod tests {
    use super::{KernelArgs, Loader};

    #[test]
    fn grub_quotes_only_what_its_script_would_read() {
        let args = KernelArgs::parse("rd.x=1 a;b #c $root {d} ip=10.0.0.1/24 -- console=ttyS0,115200").unwrap();
        assert_eq!(Loader::Grub.quote(&args), "rd.x=1 'a;b' '#c' '$root' '{d}' ip=10.0.0.1/24 -- console=ttyS0,115200");
        assert_eq!(Loader::Isolinux.quote(&args), args.to_string());
    }
}
