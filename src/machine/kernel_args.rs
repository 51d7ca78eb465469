//! Kernel arguments as a list of words that no boot loader can read as anything else.
//!
//! GRUB's configuration is a script and isolinux's is lines of text, so a parameter could smuggle in a command or a
//! line. What cannot be spelled the same in every loader is refused here; what GRUB must see quoted is quoted by
//! [`Loader`](super::Loader).

use std::fmt;

/// A kernel command line, word by word. A word is never empty and holds printable ASCII without blanks, quotes and
/// backslashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelArgs(Vec<String>);

/// A word that no kernel command line of ours may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kernel argument `{}` {reason}", word.escape_debug())]
pub struct WordError {
    /// The word as given.
    pub word: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl KernelArgs {
    /// Reads a command line: words between white space. One pair of quotes around a word or around its value is taken
    /// off, because both are how people protect a value from a shell that is not there.
    ///
    /// # Errors
    /// A word holds a character that a boot loader would change or act on, or is `initrd=`, which isolinux takes for
    /// itself wherever it stands.
    pub fn parse(line: &str) -> Result<Self, WordError> {
        let mut args = Self::default();
        for word in line.split_whitespace() {
            args.push(word)?;
        }
        Ok(args)
    }

    /// Appends one word, by the rules of [`KernelArgs::parse`].
    ///
    /// # Errors
    /// As there; white space and an empty word too.
    pub fn push(&mut self, word: &str) -> Result<(), WordError> {
        let refused = |reason| Err(WordError { word: word.to_owned(), reason });
        let plain = without_quotes(word);
        if plain.is_empty() {
            return refused("is empty");
        }
        if plain.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return refused("holds a blank or a control character");
        }
        if !plain.is_ascii() {
            return refused("holds a character outside ASCII");
        }
        if plain.contains(['\'', '"', '\\']) {
            return refused("holds a quote or a backslash, which GRUB would change");
        }
        if plain.starts_with("initrd=") {
            return refused("would make isolinux load another initrd");
        }
        self.0.push(plain);
        Ok(())
    }

    /// Appends the words of `more`.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The words in order.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

/// The line as the kernel sees it: the words with single blanks between them.
impl fmt::Display for KernelArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `"a"` becomes `a`, and `key="a"` becomes `key=a`; anything else stays.
fn without_quotes(word: &str) -> String {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) if !key.starts_with(['"', '\'']) => (&word[..=key.len()], value),
        _ => ("", word),
    };
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    format!("{key}{}", inner.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::KernelArgs;

    #[test]
    fn a_pair_of_quotes_around_a_value_is_taken_off() {
        let args = KernelArgs::parse(r#"provisioner.interface="eth10"  "quiet" a='b' c=d=e"#).unwrap();
        assert_eq!(args.words(), ["provisioner.interface=eth10", "quiet", "a=b", "c=d=e"]);
    }

    #[test]
    fn what_a_loader_would_act_on_is_refused() {
        for word in ["a\\b", "it's", "a\"b", "sp=\"a", "é", "a\u{7f}", "initrd=/evil.img", "\"initrd=x\"", "\"\""] {
            assert!(KernelArgs::parse(word).is_err(), "{word:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_words_that_stay_words(line in "\\PC*|[ -~\\n\\t'\"\\\\]*") {
            if let Ok(args) = KernelArgs::parse(&line) {
                prop_assert!(args.words().iter().all(|word| word.bytes().all(|b| b.is_ascii_graphic())));
                prop_assert_eq!(args.words().len(), line.split_whitespace().count());
                prop_assert_eq!(KernelArgs::parse(&args.to_string()).unwrap(), args);
            }
        }
    }
}
