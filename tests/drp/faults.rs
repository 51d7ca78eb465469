//! Answers that are none, or none that can be used: one clear error each, in time, and never the token.

use std::net::TcpListener as SilentListener;

use drp_virtual_media::drp::server::{Server, ServerError, ServerErrorKind, ServerLimits, ServerTls};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::peer::{Peer, Reply, TOKEN, impatient, limits};

/// What comes of one read that is answered so.
async fn answered(reply: impl Fn() -> Reply + Send + Sync + 'static) -> ServerError {
    let peer = Peer::start(move |_| reply()).await;
    let small = ServerLimits { object: 4096, ..impatient() };
    let error = peer.server_with(&ServerTls::Accept, small).machine("u").await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("reading machine u: the server at {} ", peer.url.as_str().trim_end_matches('/'))),
        "{text}"
    );
    assert!(!format!("{text}{error:?}").contains(TOKEN), "{text}");
    error
}

#[tokio::test]
async fn each_refusal_has_its_kind_and_the_servers_own_words() {
    let cases = [
        (401, "token expired", ServerErrorKind::TokenRefused),
        (403, "no action on machines", ServerErrorKind::TokenRefused),
        (409, "Test op failed.", ServerErrorKind::Conflict),
        (422, "Invalid Name", ServerErrorKind::Refused(422)),
        (500, "database is gone", ServerErrorKind::Refused(500)),
        (503, "starting", ServerErrorKind::Refused(503)),
    ];
    for (status, words, kind) in cases {
        let error = answered(move || Reply::error(status, words)).await;
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(words) && error.to_string().contains(&status.to_string()), "{error}");
    }
    let expired = answered(|| Reply::error(401, "token expired")).await;
    assert!(expired.advice().unwrap().contains("RS_TOKEN"), "{expired}");
}

#[tokio::test]
async fn an_answer_of_something_before_the_server_is_told_for_what_it_is() {
    let page = || Reply::page("502 Bad Gateway", "Content-Type: text/html\r\n", "<html><title>Bad Gateway</title>");
    let error = answered(page).await;
    assert_eq!(error.kind(), ServerErrorKind::Refused(502));
    assert!(error.to_string().contains("with an HTML page titled \"Bad Gateway\""), "{error}");
    let error = answered(|| Reply::page("200 OK", "", "<!doctype html><title>Log in</title>")).await;
    assert_eq!(error.kind(), ServerErrorKind::Answer);
    assert!(error.to_string().contains("an HTML page titled \"Log in\"; check that RS_ENDPOINT"), "{error}");
    // A path that nobody serves is not a machine that is gone.
    let error = answered(|| Reply::page("404 Not Found", "", "404 page not found")).await;
    assert_eq!(error.kind(), ServerErrorKind::Answer, "{error}");
    let error = answered(|| Reply::page("200 OK", "", "")).await;
    assert!(error.to_string().contains("answered with nothing"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_once() {
    let truncated = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Uuid\":".to_vec());
    let error = answered(truncated).await;
    assert_eq!(error.kind(), ServerErrorKind::Unreachable);
    assert!(error.to_string().contains("broke off its answer to GET /api/v3/machines/u"), "{error}");
    for broken in [truncated(), Reply::HangUp, Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())] {
        let peer = Peer::scripted([broken, Reply::Json(200, json!({"Uuid": "u"}))]).await;
        assert_eq!(peer.server().machine("u").await.unwrap().unwrap()["Uuid"], "u");
    }
}

#[tokio::test]
async fn a_text_that_breaks_off_in_a_whole_answer_is_no_json() {
    let error = answered(|| Reply::page("200 OK", "", "{\"Uuid\":")).await;
    assert_eq!(error.kind(), ServerErrorKind::Answer);
    assert!(error.to_string().contains("a JSON text that breaks off after 8 bytes"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_given_up_while_it_comes() {
    let error = answered(|| Reply::page("200 OK", "", &" ".repeat(5000))).await;
    assert_eq!(error.kind(), ServerErrorKind::Answer);
    assert!(error.to_string().contains("more than 4096 bytes"), "{error}");
    // It never ends, and its length is not told.
    let endless = || {
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
        Reply::Bytes(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(100)).into_bytes())
    };
    assert_eq!(answered(endless).await.kind(), ServerErrorKind::Answer);
    // A refusal is one, however long it is.
    let error = answered(|| Reply::page("500 X", "", &"x".repeat(1 << 20))).await;
    assert_eq!(error.kind(), ServerErrorKind::Refused(500));
    assert!(error.to_string().len() < 500, "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let elsewhere = Peer::start(|_| Reply::Json(200, json!({}))).await;
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let location = format!("Location: {}api/v3/machines/u\r\n", elsewhere.url);
        let error = answered(move || Reply::page(status, &location, "")).await;
        assert!(matches!(error.kind(), ServerErrorKind::Refused(301 | 307)));
        assert!(error.to_string().contains(elsewhere.url.as_str()), "{error}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let firsts = [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n",
    ];
    for error in join_all(firsts.map(|first| answered(move || Reply::Silence(first)))).await {
        assert_eq!(error.kind(), ServerErrorKind::Timeout);
        assert!(error.to_string().contains("did not answer GET /api/v3/machines/u within 2 s"), "{error}");
    }
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_told_apart_from_somebody_else() {
    let free = SilentListener::bind("127.0.0.1:0").unwrap();
    let url = |scheme: &str| Url::parse(&format!("{scheme}://{}", free.local_addr().unwrap())).unwrap();
    // A listener of which nobody takes connections: TLS gets no answer.
    let server =
        |url: &Url, limits| Server::with_limits(url, SecretString::from(TOKEN), &ServerTls::Accept, limits).unwrap();
    let soon = ServerLimits { connect: std::time::Duration::from_millis(300), ..limits() };
    let error = server(&url("https"), soon).info().await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Timeout);
    assert!(error.to_string().contains("did not accept a connection within 300 ms"), "{error}");
    let nobody = url("https");
    drop(free);
    let error = server(&nobody, limits()).info().await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Unreachable);
    assert!(error.to_string().contains("could not be connected to: Connection refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_quotes_the_token_does_not_get_it_into_a_message() {
    let error = answered(|| Reply::error(500, &format!("no user of token {TOKEN}"))).await;
    assert!(error.to_string().contains("no user of token ***"), "{error}");
    let peer = Peer::start(|_| Reply::HangUp).await;
    let server = peer.server();
    assert!(!format!("{server:?}").contains(TOKEN));
}
