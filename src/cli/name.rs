//! The provider's name: that of the file which runs.

use std::path::Path;

/// What the provider is called where the file's name is no valid one.
pub const DEFAULT: &str = "virtual-media";

/// The provider's name, from argv\[0\].
///
/// dr-provision wants a provider to have the name that it was uploaded under, and that is the file's.
#[must_use]
pub fn of_provider() -> String {
    of_program(std::env::args_os().next().as_ref().map(Path::new))
}

fn of_program(program: Option<&Path>) -> String {
    let stem = program.and_then(Path::file_stem).and_then(|stem| stem.to_str());
    stem.filter(|stem| is_valid(stem)).unwrap_or(DEFAULT).to_owned()
}

/// The server's rule for names: a letter, then letters, digits, space, `-`, `_`, `.`; at least two characters.
fn is_valid(name: &str) -> bool {
    let mut characters = name.chars();
    name.len() >= 2
        && characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|other| other.is_ascii_alphanumeric() || [' ', '-', '_', '.'].contains(&other))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{DEFAULT, of_program};

    #[test]
    fn the_file_gives_the_name_unless_it_is_invalid() {
        for (program, name) in [
            ("/srv/plugins/ipmi", "ipmi"),
            ("./virtual-media.exe", "virtual-media"),
            ("x", DEFAULT),
            ("9lives", DEFAULT),
            ("/a/b ä", DEFAULT),
        ] {
            assert_eq!(of_program(Some(Path::new(program))), name, "{program}");
        }
        assert_eq!(of_program(None), DEFAULT);
    }
}
