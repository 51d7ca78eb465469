//! The `drpcli` lines of a page: what stands in its code blocks.

/// A line, as a shell would split it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it stands: `README.md:12`.
    pub(crate) place: String,
    /// What follows `drpcli`.
    pub(crate) words: Vec<String>,
}

/// The lines in the fenced blocks of a Markdown page, in order.
pub(crate) fn lines(page: &str, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut fenced, mut begun) = (false, String::new());
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            if let Some(first) = line.strip_suffix('\\') {
                begun.push_str(first);
                continue;
            }
            let whole = std::mem::take(&mut begun) + line;
            let calls = calls(&whole).into_iter().map(|words| Line { place: format!("{page}:{number}"), words });
            lines.extend(calls);
        }
    }
    lines
}

/// The calls of drpcli in a line of shell, without what the shell does around them.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ");
    if line.starts_with('#') || !line.contains("drpcli") {
        return Vec::new();
    }
    let mut words =
        shlex::split(&line.replace("$(", " $( ").replace(')', " ) ")).unwrap_or_else(|| panic!("no shell: {line}"));
    // Quoted text keeps the brackets that the line lost to the spaces.
    if !line.contains("$(") {
        words = shlex::split(line).unwrap_or_default();
    }
    let ends = |word: &String| matches!(word.as_str(), "|" | "||" | "&&" | ";" | ">" | ")" | "<");
    let starts = words.iter().enumerate().filter(|(_, word)| *word == "drpcli").map(|(at, _)| at + 1);
    starts.map(|at| words[at..].iter().take_while(|word| !ends(word)).cloned().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn calls_are_found_in_code_and_nowhere_else() {
        let text = "Run `drpcli info get`.\n```sh\n# drpcli is a comment\ndrpcli plugins list | jq .\n\
                    UUID=$(drpcli machines show Name:m1 | jq -r .Uuid)\ndrpcli machines update $UUID \\\n  '{\"A\": \"(b)\"}'\n```\n";
        let found: Vec<_> = lines("p.md", text).into_iter().map(|line| (line.place, line.words)).collect();
        let expected: [(&str, &[&str]); 3] = [
            ("p.md:4", &["plugins", "list"]),
            ("p.md:5", &["machines", "show", "Name:m1"]),
            ("p.md:7", &["machines", "update", "$UUID", "{\"A\": \"(b)\"}"]),
        ];
        let expected: Vec<_> =
            expected.map(|(place, words)| (place.to_owned(), words.iter().map(ToString::to_string).collect())).into();
        assert_eq!(found, expected);
    }
}
