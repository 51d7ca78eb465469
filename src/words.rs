//! What others sent or did, in words that a message may hold: one line, printable, of limited length.

use std::error::Error as StdError;
use std::time::Duration;

/// The longest piece of a peer's own words that a message quotes, in characters.
const QUOTE: usize = 300;

/// A peer's own words as they may stand in a message: one line, printable, of limited length.
pub(crate) fn quoted(words: &str) -> String {
    let mut clean = String::with_capacity(words.len().min(QUOTE));
    let mut room = QUOTE;
    for word in words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if room == 0 {
            clean.push('…');
            break;
        }
        if !clean.is_empty() {
            clean.push(' ');
        }
        for c in word.chars().take(room) {
            clean.push(c);
        }
        room = room.saturating_sub(word.chars().count());
    }
    clean
}

/// What a body that is no JSON is: a page of a web server, a text that broke off, or noise.
pub(crate) fn described(bytes: &[u8], error: &serde_json::Error) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        let title = between(text, "<title>", "</title>").map(quoted).filter(|title| !title.is_empty());
        return match title {
            Some(title) => format!("an HTML page titled \"{title}\""),
            None => "an HTML page".to_owned(),
        };
    }
    if error.is_eof() {
        return format!("a JSON text that breaks off after {} bytes", bytes.len());
    }
    let start: String = text.chars().take(60).collect();
    format!("{} bytes that are no JSON, starting with \"{}\"", bytes.len(), quoted(&start).replace('\u{fffd}', "?"))
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    // ASCII lower case keeps every byte offset.
    let lower = text.to_ascii_lowercase();
    let start = lower.find(open)? + open.len();
    let length = lower.get(start..)?.find(close)?;
    text.get(start..start + length)
}

/// What is at the bottom of an error: "Connection refused" under three layers of HTTP client.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// An error with its causes, which reqwest's own text leaves out.
pub(crate) fn told(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        // rustls adds the address of its manual.
        let cause = cause.split(": https://").next().unwrap_or_default();
        if text.is_empty() {
            cause.clone_into(&mut text);
        } else if !text.contains(cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The error and its causes, outermost first. An `io::Error` hides the error it carries from `source`, so it is opened.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        carried.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// A duration as an operator reads it: whole seconds, or milliseconds below ten seconds that are not whole.
pub(crate) fn spoken(duration: Duration) -> String {
    // What is left of a limit is a little less than the limit.
    if duration < Duration::from_millis(950) {
        return format!("{} ms", duration.as_millis());
    }
    format!("{:.0} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{quoted, spoken, told};

    #[test]
    fn an_error_is_told_with_its_causes_once_and_without_a_manual() {
        let told_of = |said: &'static str| {
            let cause = std::io::Error::other(said);
            told(&std::io::Error::other(cause))
        };
        assert_eq!(told_of("cut off: https://docs.example/#why"), "cut off");
        assert_eq!(told_of("cut off"), "cut off");
    }

    #[test]
    fn a_peers_words_are_one_printable_line_of_limited_length() {
        assert_eq!(quoted("a\r\n\tb\u{1b}[31m  c"), "a b [31m c");
        assert!(quoted(&"long ".repeat(1000)).chars().count() < 700);
        assert!(quoted(&"x".repeat(10_000)).chars().count() <= 301);
    }

    #[test]
    fn durations_are_spoken_in_whole_seconds_where_they_are() {
        assert_eq!(spoken(Duration::from_mins(1)), "60 s");
        assert_eq!(spoken(Duration::from_millis(250)), "250 ms");
        assert_eq!(spoken(Duration::from_millis(61_250)), "61 s");
        assert_eq!(spoken(Duration::from_millis(2_999)), "3 s");
        assert_eq!(spoken(Duration::from_millis(999)), "1 s");
    }
}
