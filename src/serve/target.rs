//! The target of a request, as a path of the server (RFC 9112, 3.2).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The decoded path of a target in origin form or, as a proxy sends it, in absolute form. A query is left out. `None` where there is
/// no path in it that could be one of ours.
pub(super) fn path(target: &str) -> Option<Cow<'_, str>> {
    let path = if target.starts_with('/') { target } else { &target[authority_end(target)?..] };
    let path = path.split('?').next().unwrap_or_default();
    percent_decode_str(path).decode_utf8().ok()
}

/// Where the path begins in `http://host:port/path`.
fn authority_end(target: &str) -> Option<usize> {
    let scheme = target.find("://")?;
    let known = |name: &str| target[..scheme].eq_ignore_ascii_case(name);
    let authority = scheme + "://".len();
    (known("http") || known("https")).then(|| target[authority..].find('/').map(|slash| authority + slash))?
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_read_from_each_form_that_clients_send() {
        for (target, expected) in [
            ("/a/b.iso", Some("/a/b.iso")),
            ("/a%20b/c.iso", Some("/a b/c.iso")),
            ("/%61/b.iso?x=/y", Some("/a/b.iso")),
            ("http://server:80/a/b.iso", Some("/a/b.iso")),
            ("HTTPS://[::1]/a/b.iso?", Some("/a/b.iso")),
            ("/a%2Fb", Some("/a/b")),
            ("/a%zz", Some("/a%zz")),
            ("/", Some("/")),
            ("http://server", None),
            ("ftp://server/a", None),
            ("*", None),
            ("", None),
            ("/%ff", None),
        ] {
            assert_eq!(path(target).as_deref(), expected, "{target}");
        }
    }
}
