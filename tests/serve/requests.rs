//! Requests and their answers, one row each.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use drp_virtual_media::serve::Mount;

use crate::client::Answer;
use crate::site::Site;

/// What an answer must be.
struct Expected {
    status: u16,
    headers: Vec<(&'static str, String)>,
    /// The image's bytes in its body; `None` where it has none of them.
    body: Option<Range<usize>>,
}

fn check(site: &Site, request: &str, answer: &Answer, expected: &Expected) {
    assert_eq!(answer.status, expected.status, "{request:?}: {}", answer.head);
    for (name, value) in &expected.headers {
        assert_eq!(answer.header(name), Some(value.as_str()), "{name} of the answer to {request:?}");
    }
    assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{request:?}");
    if let Some(body) = expected.body.clone() {
        assert!(answer.body == site.bytes[body], "the body of the answer to {request:?}");
    }
}

#[test]
fn a_get_is_answered_with_what_it_asks_for() {
    let site = Site::start();
    let (path, len, etag) = (site.path(), site.bytes.len(), site.etag());
    let modified = httpdate::fmt_http_date(site.image.made().into());
    let earlier = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
    let whole = || Expected {
        status: 200,
        headers: vec![
            ("content-length", len.to_string()),
            ("accept-ranges", "bytes".into()),
            ("content-type", "application/octet-stream".into()),
            ("etag", etag.clone()),
            ("last-modified", modified.clone()),
        ],
        body: Some(0..len),
    };
    let part = |range: Range<usize>| Expected {
        status: 206,
        headers: vec![
            ("content-length", range.len().to_string()),
            ("content-range", format!("bytes {}-{}/{len}", range.start, range.end - 1)),
            ("accept-ranges", "bytes".into()),
            ("etag", etag.clone()),
        ],
        body: Some(range),
    };
    let without = |status| Expected { status, headers: Vec::new(), body: None };
    let unsatisfiable =
        || Expected { status: 416, headers: vec![("content-range", format!("bytes */{len}"))], body: None };
    let not_modified = || Expected { status: 304, headers: vec![("etag", etag.clone())], body: Some(0..0) };

    let rows = [
        (String::new(), whole()),
        ("Range: bytes=0-0".into(), part(0..1)),
        ("Range: bytes=2048-4095".into(), part(2048..4096)),
        ("range: BYTES=5-".into(), part(5..len)),
        ("Range: bytes=-500".into(), part(len - 500..len)),
        (format!("Range: bytes=-{}", len + 1), part(0..len)),
        (format!("Range: bytes={}-{}", len - 1, len + 7), part(len - 1..len)),
        (format!("Range: bytes={len}-"), unsatisfiable()),
        ("Range: bytes=-0".into(), unsatisfiable()),
        ("Range: bytes=99999999999999999999-".into(), unsatisfiable()),
        // Not valid, not known or more than one: as if it were not there.
        ("Range: bytes=7-5".into(), whole()),
        ("Range: bytes=u-u".into(), whole()),
        ("Range: lines=0-1".into(), whole()),
        ("Range: bytes=0-1,4-5".into(), whole()),
        ("Range: bytes=0-1\r\nRange: bytes=0-1".into(), whole()),
        (format!("Range: bytes={}", "0-,".repeat(5000)), whole()),
        // Conditions.
        (format!("If-None-Match: {etag}"), not_modified()),
        (format!("If-None-Match: \"a\", W/{etag}"), not_modified()),
        ("If-None-Match: \"a\"".into(), whole()),
        (format!("If-Modified-Since: {modified}"), not_modified()),
        (format!("If-Modified-Since: {earlier}"), whole()),
        (format!("If-Match: {etag}"), whole()),
        ("If-Match: \"a\"".into(), without(412)),
        (format!("If-Unmodified-Since: {earlier}"), without(412)),
        (format!("Range: bytes=1-2\r\nIf-Range: {etag}"), part(1..3)),
        (format!("Range: bytes=1-2\r\nIf-Range: {modified}"), part(1..3)),
        ("Range: bytes=1-2\r\nIf-Range: \"a\"".into(), whole()),
        (format!("Range: bytes={len}-\r\nIf-Range: \"a\""), whole()),
        (format!("Range: bytes=1-2\r\nIf-None-Match: {etag}"), not_modified()),
        // What clients add.
        ("Expect: 100-continue".into(), whole()),
        ("Content-Length: 0".into(), whole()),
        ("User-Agent: QEMU\r\nAccept: */*\r\nAccept-Encoding: gzip".into(), whole()),
    ];
    // All on one connection: none of them closes it.
    let mut client = site.client();
    for (headers, expected) in rows {
        let headers = if headers.is_empty() { headers } else { headers + "\r\n" };
        let answer = client.get(&path, &headers);
        check(&site, &headers, &answer, &expected);
        assert_eq!(answer.header("connection"), None, "{headers:?}");
    }
}

#[test]
fn requests_of_every_form_are_answered_or_refused() {
    let site = Site::start();
    let (path, len) = (site.path(), site.bytes.len());
    let host = "Host: a\r\n";
    let escaped = path.replace("dynamic", "%64ynamic");
    let unknown = path.replace(site.token.as_str(), "00000000000000000000000000000000");
    let upper = path.replace(site.token.as_str(), &site.token.as_str().to_uppercase());
    let other_machine = path.replace("9f0c2a4e", "9f0c2a4f");
    let token = site.token.as_str();
    let close = Some("close");
    for (request, status, connection, body) in [
        (format!("GET {path} HTTP/1.1\r\n{host}\r\n"), 200, None, true),
        (format!("\r\nGET {path} HTTP/1.1\r\n{host}\r\n"), 200, None, true),
        (format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), 200, close, true),
        (format!("GET {path} HTTP/1.0\r\n\r\n"), 200, close, true),
        (format!("GET {path} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 200, Some("keep-alive"), true),
        (format!("GET http://a{path} HTTP/1.1\r\n{host}\r\n"), 200, None, true),
        (format!("GET {path}?filename=boot.iso HTTP/1.1\r\n{host}\r\n"), 200, None, true),
        (format!("GET {escaped} HTTP/1.1\r\n{host}\r\n"), 200, None, true),
        // Not here.
        (format!("GET / HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET {unknown} HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET {upper} HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET {other_machine} HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET /{token}/boot.iso HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET {path}/ HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET {path}%00 HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET /dynamic_isos/../{path} HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        (format!("GET /%ff HTTP/1.1\r\n{host}\r\n"), 404, None, false),
        // Not done here.
        (format!("PUT {path} HTTP/1.1\r\n{host}\r\n"), 405, None, false),
        (format!("get {path} HTTP/1.1\r\n{host}\r\n"), 405, None, false),
        (format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), 405, None, false),
        (format!("POST {path} HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"), 405, close, false),
        (format!("GET {path} HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"), 400, close, false),
        (format!("GET {path} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, close, false),
        // No request.
        (format!("GET {path} HTTP/1.1\r\n\r\n"), 400, close, false),
        (format!("GET {path} HTTP/1.1\r\n{host}{host}\r\n"), 400, close, false),
        ("nonsense\r\n\r\n".into(), 400, close, false),
        (format!("GET {path} HTTP/2.0\r\n{host}\r\n"), 505, close, false),
        (format!("GET {path} HTTP/1.1\r\n{host}{}\r\n", "A: b\r\n".repeat(80)), 431, close, false),
        // A million ranges.
        (format!("GET {path} HTTP/1.1\r\n{host}Range: bytes={}\r\n\r\n", "0-,".repeat(20_000)), 431, close, false),
    ] {
        let shown = &request[..request.len().min(200)];
        let mut client = site.client();
        client.send(&request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (status, connection), "{shown:?}");
        assert_eq!(answer.body == site.bytes, body, "{shown:?}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("GET, HEAD"), "{shown:?}");
        if connection == close {
            assert!(client.rest().is_empty(), "{shown:?}");
        } else {
            let next = client.get(&path, "Range: bytes=-7\r\n");
            assert!(next.status == 206 && next.body == site.bytes[len - 7..], "after {shown:?}");
        }
    }
}

#[test]
fn a_head_is_answered_like_a_get_without_its_body() {
    let site = Site::start();
    let (path, etag) = (site.path(), site.etag());
    let mut client = site.client();
    for (headers, status, len) in [
        (String::new(), 200, Some(site.bytes.len())),
        // RFC 9110, 14.2: with GET alone.
        ("Range: bytes=0-1\r\n".into(), 200, Some(site.bytes.len())),
        (format!("If-None-Match: {etag}\r\n"), 304, None),
    ] {
        client.send(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        let answer = client.head();
        assert_eq!(answer.status, status, "{headers}");
        assert_eq!(answer.header("content-length").map(|len| len.parse().unwrap()), len, "{headers}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()), "{headers}");
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 404);
    assert_eq!(client.get(&path, "Range: bytes=0-1\r\n").body, site.bytes[..2], "nothing lies between");
    // What was sent is told before the next request is read.
    client.get("/", "");
    assert_eq!(site.read.joined(), std::slice::from_ref(&(0..2)));
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let site = Site::start();
    let path = site.path();
    let mut client = site.client();
    let request =
        |from: usize| format!("GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes={from}-{}\r\n\r\n", from + 99_999);
    let offsets: Vec<usize> = (0..30).map(|number| number * 70_001).collect();
    let all: String = offsets.iter().map(|from| request(*from)).collect();
    let (first, rest) = all.split_at(all.len() - 10);
    client.send(first);
    client.send(rest);
    for from in offsets {
        assert!(client.answer().body == site.bytes[from..from + 100_000], "from {from}");
    }
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let site = Site::start();
    let mut client = site.client();
    client.stream.set_nodelay(true).unwrap();
    for byte in format!("GET {} HTTP/1.1\r\nHost: a\r\nRange: bytes=1-3\r\n\r\n", site.path()).chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(client.answer().body, site.bytes[1..4]);
}

#[test]
fn what_is_told_of_an_image_is_told_whole_to_whoever_knows_its_url() {
    let site = Site::start();
    let path = site.path().replace("boot.iso", "boot.json");
    let mut client = site.client();
    // Not an image: no part of it is asked for, and nothing of it may be kept.
    for headers in ["", "Range: bytes=0-0\r\n", "If-None-Match: *\r\n"] {
        let answer = client.get(&path, headers);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{\"Reads\":0}"[..]), "{headers}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{headers}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{headers}");
    }
    client.send(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.head().header("content-length"), Some("11"));
    for other in [
        path.replace(site.token.as_str(), "00000000000000000000000000000000"),
        path.replace("9f0c2a4e", "9f0c2a4f"),
        path.replace("sledge", "hammer"),
        format!("{path}/"),
        path.replace("dynamic_isos", "dynamic"),
    ] {
        assert_eq!(client.get(&other, "").status, 404, "{other}");
    }
    // A watcher is not at the BMC's address.
    for (what, change, status) in [
        ("for others", Mount { clients: Some(Vec::new()), ..site.mount() }, 200),
        ("over", Mount { expires: Some(SystemTime::now()), ..site.mount() }, 404),
        ("unwatched", Mount { watch: None, ..site.mount() }, 404),
    ] {
        site.images.insert(site.token.clone(), change);
        assert_eq!(client.get(&path, "").status, status, "{what}");
    }
}
