//! Certificates under each policy, TLS that cannot be, and the proxy environment.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use drp_virtual_media::bmc::{Fingerprint, Target, TlsPolicy};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Credentials, Personality};
use drp_virtual_media_sim::proxy;

use crate::bench::{Bench, smallest, target};

fn shown(bmc: &Bmc) -> Fingerprint {
    bmc.certificate_sha256().parse().unwrap()
}

fn with(bmc: &Bmc, tls: TlsPolicy, recorded: Option<Fingerprint>) -> Target {
    Target { tls, recorded_fingerprint: recorded, ..target(bmc) }
}

/// With rustls, then with OpenSSL, which old TLS is spoken through.
const BACKENDS: [bool; 2] = [false, true];

#[tokio::test]
async fn accept_reports_the_fingerprint_and_says_when_it_changed() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let operation = Operation::unwatched();
    let before = shown(&bmc);
    let session = bench.bmcs.open(with(&bmc, TlsPolicy::Accept, Some(before)), &operation).await.unwrap();
    assert_eq!((session.identity().fingerprint, session.identity().fingerprint_changed), (Some(before), false));
    drop(session);
    bmc.renew_certificate().unwrap();
    let log = Log::default();
    let _logging = log.start();
    let session = bench.bmcs.open(with(&bmc, TlsPolicy::Accept, Some(before)), &operation).await.unwrap();
    assert_eq!((session.identity().fingerprint, session.identity().fingerprint_changed), (Some(shown(&bmc)), true));
    assert_eq!(log.text().matches("CHANGED").count(), 1, "{}", log.text());
}

#[tokio::test]
async fn a_pin_takes_its_certificate_alone_and_sends_no_password_to_another() {
    let bench = Bench::start().await;
    for tls_legacy in BACKENDS {
        let bmc = bench.bmc(Personality::Generic).await;
        let pinned = shown(&bmc);
        let policies = [(TlsPolicy::Pin(Some(pinned)), None), (TlsPolicy::Pin(None), Some(pinned))];
        for (policy, recorded) in policies.clone() {
            smallest(&bench.bmcs, Target { tls_legacy, ..with(&bmc, policy, recorded) }).await.unwrap();
        }
        bmc.renew_certificate().unwrap();
        bmc.clear_requests();
        for (policy, recorded) in policies {
            let error = smallest(&bench.bmcs, Target { tls_legacy, ..with(&bmc, policy, recorded) }).await.unwrap_err();
            let text = error.to_string();
            assert_eq!(error.code(), 502, "{text}");
            assert!(text.contains(&pinned.to_string()) && text.contains(&shown(&bmc).to_string()), "{text}");
            assert!(text.contains("pin the new fingerprint"), "{text}");
        }
        assert!(bmc.requests().is_empty());
        // A pin that is given goes before the one recorded.
        smallest(&bench.bmcs, with(&bmc, TlsPolicy::Pin(Some(shown(&bmc))), Some(pinned))).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_satisfies_no_policy_but_accept() {
    let bench = Bench::start().await;
    for tls_legacy in BACKENDS {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.lose_key().unwrap();
        let policies = [
            TlsPolicy::Pin(Some(shown(&bmc))),
            TlsPolicy::Pin(None),
            TlsPolicy::Verify { ca_pem: Some(bmc.certificate_pem()) },
        ];
        for policy in policies {
            let error = smallest(&bench.bmcs, Target { tls_legacy, ..with(&bmc, policy, None) }).await.unwrap_err();
            assert_eq!(error.code(), 502, "{error}");
        }
        assert!(bmc.requests().is_empty());
    }
}

#[tokio::test]
async fn a_pin_without_a_fingerprint_keeps_to_the_first_seen_and_reports_it() {
    let bench = Bench::start().await;
    for tls_legacy in BACKENDS {
        let bmc = bench.bmc(Personality::Generic).await;
        let operation = Operation::unwatched();
        let first = shown(&bmc);
        let mut session =
            bench.bmcs.open(Target { tls_legacy, ..with(&bmc, TlsPolicy::Pin(None), None) }, &operation).await.unwrap();
        assert_eq!(session.identity().fingerprint, Some(first));
        bmc.renew_certificate().unwrap();
        bmc.drop_connections();
        bmc.until(|bmc| bmc.counts().open == 0).await;
        bmc.clear_requests();
        let error = session.media().await.unwrap_err();
        assert!(error.to_string().contains(&first.to_string()), "{error}");
        assert!(bmc.requests().is_empty());
    }
}

/// Field complaint 18, of BMCs that sign their certificates themselves.
#[tokio::test]
async fn verify_takes_what_its_ca_signed_and_refuses_the_rest_before_any_request() {
    let bench = Bench::start().await;
    for tls_legacy in BACKENDS {
        let bmc = bench.bmc(Personality::Generic).await;
        let verify = |ca_pem| Target { tls_legacy, ..with(&bmc, TlsPolicy::Verify { ca_pem }, None) };
        smallest(&bench.bmcs, verify(Some(bmc.certificate_pem()))).await.unwrap();
        let own = bmc.certificate_pem();
        bmc.renew_certificate().unwrap();
        bmc.clear_requests();
        for ca in [None, Some(own)] {
            let error = smallest(&bench.bmcs, verify(ca)).await.unwrap_err();
            assert_eq!(error.code(), 502, "{error}");
            assert!(error.to_string().contains("the TLS policy does not accept"), "{error}");
        }
        assert!(bmc.requests().is_empty());
        let error = smallest(&bench.bmcs, verify(Some("no certificate".to_owned()))).await.unwrap_err();
        assert_eq!(error.code(), 400, "{error}");
    }
}

#[tokio::test]
async fn the_root_is_asked_first_without_credentials_and_nothing_else_is() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        smallest(&bench.bmcs, target(&bmc)).await.unwrap();
        let requests = bmc.requests();
        let root = requests.iter().position(|request| request.path == "/redfish/v1/");
        for (number, request) in requests.iter().enumerate() {
            // A root that shows no links so is asked once more.
            let expected = if root == Some(number) { Credentials::None } else { Credentials::Basic };
            assert_eq!(request.credentials, expected, "{personality}: {request:?}");
        }
    }
}

#[tokio::test]
async fn no_secret_reaches_a_log() {
    let bench = Bench::start().await;
    let log = Log::default();
    let _logging = log.start();
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.set_password("very-secret");
        let operation = Operation::unwatched();
        let mut image = bench.image_for(&bmc);
        image.set_username("reader").unwrap();
        image.set_password(Some("image-secret")).unwrap();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        // Some BMCs refuse such a URL: what is logged of that counts as well.
        let _ = session.mount(&image).await;
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        session.boot_once_from_cd().await.unwrap();
    }
    let text = log.text();
    assert!(text.contains("InsertMedia"), "nothing was logged");
    assert!(!text.contains("very-secret") && !text.contains("image-secret"), "{text}");
    // "root:very-secret" in base 64.
    assert!(!text.contains("cm9vdDp2ZXJ5LXNlY3JldA"), "{text}");
}

/// Answers each connection with `bytes`, then ends it.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut hello = [0; 512];
            // Whatever the peer does next is the test's subject, not this thread's.
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[tokio::test]
async fn tls_that_cannot_be_is_told_for_what_it_is() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    // TLS alerts: handshake_failure (nothing in common), protocol_version; then a server that speaks no TLS.
    let table: [(&[u8], u16, &str); 3] = [
        (&[21, 3, 3, 0, 2, 2, 40], 404, "TLS versions or cipher suites that are refused here"),
        (&[21, 3, 1, 0, 2, 2, 70], 404, "update the BMC's firmware"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 502, "check that the port is the BMC's HTTPS port"),
    ];
    for (bytes, code, part) in table {
        for tls in [TlsPolicy::Accept, TlsPolicy::Pin(None)] {
            let target = Target { port: answering(bytes), ..with(&bmc, tls, None) };
            let error = smallest(&bench.bmcs, target).await.unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

#[test]
fn the_proxy_environment_is_not_used() {
    let outcome = proxy::run_behind_one("tls::child_of_the_proxy_test").unwrap();
    assert!(outcome.passed, "{}", outcome.printed);
    assert!(!outcome.was_used, "the proxy was connected to");
}

#[tokio::test]
#[ignore = "run by the_proxy_environment_is_not_used, in an environment with a proxy"]
async fn child_of_the_proxy_test() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let policies = [
        TlsPolicy::Accept,
        TlsPolicy::Pin(None),
        TlsPolicy::Pin(Some(shown(&bmc))),
        TlsPolicy::Verify { ca_pem: Some(bmc.certificate_pem()) },
    ];
    for policy in policies {
        smallest(&bench.bmcs, with(&bmc, policy, None)).await.unwrap();
    }
    // Cannot succeed, and must fail at the BMC and not at the proxy.
    let error = smallest(&bench.bmcs, with(&bmc, TlsPolicy::Verify { ca_pem: None }, None)).await.unwrap_err();
    assert!(error.to_string().contains("the TLS policy does not accept"), "{error}");
}

/// What is logged on this thread, at the finest level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn start(&self) -> tracing::subscriber::DefaultGuard {
        let own = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || own.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
