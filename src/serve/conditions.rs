//! Conditions on a request (RFC 9110, 13): whether the client has the image already, or wants it only as it was.

use std::time::SystemTime;

use httpdate::parse_http_date;

use super::head::Head;

/// What tells one state of an image from another. An image never changes at its path, so both are strong (8.8.2.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'i> {
    /// In its quotes.
    pub(super) etag: &'i str,
    /// In whole seconds, as the header has it.
    pub(super) modified: SystemTime,
}

/// What the conditions say, in the order of 13.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As if there were no condition.
    Serve,
    /// The Range header does not count: the client has a part of another image.
    ServeWhole,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Judges a GET or HEAD.
pub(super) fn judge(head: &Head<'_, '_>, image: Validators<'_>) -> Verdict {
    if head.values("if-match").next().is_some() {
        if !head.values("if-match").any(|list| lists(list, image.etag, false)) {
            return Verdict::Failed;
        }
    } else if date(head, "if-unmodified-since").is_some_and(|date| image.modified > date) {
        return Verdict::Failed;
    }
    if head.values("if-none-match").next().is_some() {
        if head.values("if-none-match").any(|list| lists(list, image.etag, true)) {
            return Verdict::NotModified;
        }
    } else if date(head, "if-modified-since").is_some_and(|date| image.modified <= date) {
        return Verdict::NotModified;
    }
    if head.values("if-range").next().is_some() && !is_same(head, image) { Verdict::ServeWhole } else { Verdict::Serve }
}

/// If-Range (13.1.5): one strong entity tag or one date, and either must be the very same.
fn is_same(head: &Head<'_, '_>, image: Validators<'_>) -> bool {
    head.single("if-range").is_some_and(|value| value == image.etag.as_bytes())
        || date(head, "if-range").is_some_and(|date| date == image.modified)
}

/// A header with a date. 13.1.3 and 13.1.4 ignore what is none.
fn date(head: &Head<'_, '_>, name: &'static str) -> Option<SystemTime> {
    head.single(name).and_then(|value| parse_http_date(str::from_utf8(value).ok()?).ok())
}

/// Whether a list of entity tags (or `*`) has `etag`. A weak tag counts where the comparison is weak (8.8.3.2).
fn lists(list: &[u8], etag: &str, weak: bool) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after;
            continue;
        }
        let (tag, is_weak) = rest.strip_prefix(b"W/").map_or((rest, false), |tag| (tag, true));
        let Some(closing) = tag.strip_prefix(b"\"").and_then(|tag| tag.iter().position(|byte| *byte == b'"')) else {
            return false;
        };
        let (tag, after) = tag.split_at(closing + 2);
        if tag == etag.as_bytes() && (weak || !is_weak) {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::{Duration, SystemTime};

    use httparse::EMPTY_HEADER;
    use proptest::prelude::*;

    use super::{Head, Validators, Verdict, judge, lists};
    use crate::serve::head::MAX_HEADERS;

    /// 1994-11-06 08:49:37, RFC 9110's own example.
    fn modified() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_the_rfc() {
        const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const OBSOLETE: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
        const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
        const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
        for (headers, expected) in [
            (String::new(), Verdict::Serve),
            ("If-Match: \"e\"".into(), Verdict::Serve),
            ("If-Match: *".into(), Verdict::Serve),
            ("If-Match: \"a\", \"e\"".into(), Verdict::Serve),
            ("If-Match: \"a\"\r\nIf-Match: \"e\"".into(), Verdict::Serve),
            ("If-Match: W/\"e\"".into(), Verdict::Failed),
            ("If-Match: e".into(), Verdict::Failed),
            (format!("If-Match: \"a\"\r\nIf-Unmodified-Since: {LATER}"), Verdict::Failed),
            (format!("If-Match: \"e\"\r\nIf-Unmodified-Since: {EARLIER}"), Verdict::Serve),
            (format!("If-Unmodified-Since: {SAME}"), Verdict::Serve),
            (format!("If-Unmodified-Since: {EARLIER}"), Verdict::Failed),
            ("If-Unmodified-Since: never".into(), Verdict::Serve),
            ("If-None-Match: \"e\"".into(), Verdict::NotModified),
            ("If-None-Match: W/\"e\"".into(), Verdict::NotModified),
            ("If-None-Match: *".into(), Verdict::NotModified),
            (format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {LATER}"), Verdict::Serve),
            ("If-Match: \"e\"\r\nIf-None-Match: \"e\"".into(), Verdict::NotModified),
            (format!("If-Modified-Since: {SAME}"), Verdict::NotModified),
            (format!("If-Modified-Since: {OBSOLETE}"), Verdict::NotModified),
            (format!("If-Modified-Since: {EARLIER}"), Verdict::Serve),
            ("If-Modified-Since: 1994".into(), Verdict::Serve),
            ("If-Range: \"e\"".into(), Verdict::Serve),
            ("If-Range: W/\"e\"".into(), Verdict::ServeWhole),
            ("If-Range: \"a\"".into(), Verdict::ServeWhole),
            ("If-Range: \"e\", \"a\"".into(), Verdict::ServeWhole),
            (format!("If-Range: {SAME}"), Verdict::Serve),
            (format!("If-Range: {LATER}"), Verdict::ServeWhole),
        ] {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n").replace("\r\n\r\n\r\n", "\r\n\r\n");
            let mut slots = [EMPTY_HEADER; MAX_HEADERS];
            let ControlFlow::Break(Ok(head)) = Head::read(text.as_bytes(), &mut slots) else { panic!("{text}") };
            assert_eq!(judge(&head, Validators { etag: "\"e\"", modified: modified() }), expected, "{headers}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_compared_without_harm(list: Vec<u8>, weak: bool) {
            lists(&list, "\"e\"", weak);
        }
    }
}
