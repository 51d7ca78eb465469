//! Which servers are spoken with, and what makes no client at all.

use std::io::{Read, Write};
use std::net::TcpListener;

use drp_virtual_media::drp::server::{Server, ServerErrorKind, ServerTls};
use drp_virtual_media_sim::proxy;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::peer::{Peer, Reply, TOKEN, identity, limits};

fn verify(ca_pem: Option<&str>) -> ServerTls {
    ServerTls::Verify { ca_pem: ca_pem.map(str::to_owned) }
}

#[tokio::test]
async fn any_certificate_is_taken_unless_it_is_to_be_verified() {
    let peer = Peer::start(|_| Reply::Json(200, json!({"version": "v4.8.0"}))).await;
    for tls in [ServerTls::default(), verify(Some(&identity().pem))] {
        assert_eq!(peer.server_with(&tls, limits()).info().await.unwrap().version, "v4.8.0");
    }
    let asked = peer.requests().len();
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    for tls in [verify(None), verify(Some(&other))] {
        let server = peer.server_with(&tls, limits());
        let error = server.info().await.unwrap_err();
        assert_eq!(error.kind(), ServerErrorKind::Unreachable);
        assert!(error.to_string().contains("over TLS: ") && error.to_string().contains("give the CA"), "{error}");
    }
    assert_eq!(peer.requests().len(), asked);
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_so_and_gets_no_token() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"[..],
        b"\x16\x03\x03\xff\xff",
        b"",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
        let speaking = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(garbage).unwrap();
            hello
        });
        let server = Server::with_limits(&url, SecretString::from(TOKEN), &ServerTls::Accept, limits()).unwrap();
        let error = server.info().await.unwrap_err();
        assert_eq!(error.kind(), ServerErrorKind::Unreachable, "{error}");
        assert!(error.advice().is_some());
        assert_eq!(speaking.join().unwrap()[0], 0x16);
    }
}

#[test]
fn what_no_client_can_be_made_of_is_a_setup_error_that_names_it() {
    let endpoint = Url::parse("https://127.0.0.1:8092").unwrap();
    let new = |url: &Url, token: &str, tls: &ServerTls| Server::new(url, SecretString::from(token), tls);
    for (url, token, tls, advice) in [
        ("mailto:a@b", "t", ServerTls::Accept, "RS_ENDPOINT"),
        ("ftp://h/", "t", ServerTls::Accept, "RS_ENDPOINT"),
        ("https://h", "to\nken", ServerTls::Accept, "RS_TOKEN"),
        ("https://h", "t", verify(Some("no certificate")), "CA certificates"),
        (
            "https://h",
            "t",
            verify(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
            "CA certificates",
        ),
    ] {
        let error = new(&Url::parse(url).unwrap(), token, &tls).unwrap_err();
        assert_eq!(error.kind(), ServerErrorKind::Setup);
        assert!(
            error.to_string().contains(advice) && !error.to_string().contains(token.trim()) || token == "t",
            "{error}"
        );
    }
    assert!(new(&endpoint, TOKEN, &verify(Some(&identity().pem))).is_ok());
}

#[test]
fn the_proxy_environment_is_not_used() {
    let outcome = proxy::run_behind_one("trust::child_of_the_proxy_test").unwrap();
    assert!(outcome.passed, "{}", outcome.printed);
    assert!(!outcome.was_used, "the proxy was connected to");
}

#[tokio::test]
#[ignore = "run by the_proxy_environment_is_not_used, in an environment with a proxy"]
async fn child_of_the_proxy_test() {
    let peer = Peer::start(|_| Reply::Json(200, json!({"version": "v4.8.0"}))).await;
    for tls in [ServerTls::Accept, verify(Some(&identity().pem))] {
        assert_eq!(peer.server_with(&tls, limits()).info().await.unwrap().version, "v4.8.0");
    }
}
