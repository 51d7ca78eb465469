//! Which names objects may have (drp-protocol 2.6).

/// Whether a name is one: a letter, then letters, digits, space, `-`, `_`, `.`, two characters at least. A Param's may
/// also have slashes; a machine's and a template's may start with a digit. What else the server holds is not checked.
pub(super) fn is_name(prefix: &str, name: &str) -> bool {
    let (slash, digit_first) = match prefix {
        "params" => (true, false),
        "machines" | "templates" => (false, true),
        "bootenvs" | "plugin_providers" | "plugins" | "profiles" | "stages" | "tasks" | "workflows" => (false, false),
        _ => return true,
    };
    let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || (digit_first && c.is_numeric()));
    let rest = |c: char| c.is_alphanumeric() || " -_.".contains(c) || (slash && c == '/');
    first && name.chars().count() >= 2 && name.chars().all(rest)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_told_from_what_is_none() {
        for (prefix, name, expected) in [
            ("stages", "vmedia-boot", true),
            ("stages", "9lives", false),
            ("stages", "a/b", false),
            ("stages", "a", false),
            ("tasks", "a:b", false),
            ("params", "ipmi/mode", true),
            ("machines", "9lives.example.net", true),
            ("templates", "9.tmpl", true),
            ("jobs", "4b1d…", true),
        ] {
            assert_eq!(is_name(prefix, name), expected, "{prefix} {name}");
        }
    }
}
