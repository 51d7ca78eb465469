//! BMCs too old for rustls: each is `openssl s_server` in one configuration, with a simulated BMC behind it.
//! `tests/tls/install` brings the real openssl.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use drp_virtual_media::bmc::{Error, Fingerprint, Target, TlsPolicy};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Personality};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::{JoinSet, yield_now};
use tokio_rustls::TlsConnector;

use crate::bench::{Bench, smallest, target};
use crate::tls::Log;

/// A certificate for loopback that is no CA's.
const CONFIG: &str = "[req]
distinguished_name = name
x509_extensions = more
[name]
[more]
subjectAltName = IP:127.0.0.1
";

/// A key and its signature.
const USUAL: &[&str] = &["-newkey", "rsa:2048", "-sha256"];
/// As on the oldest boxes.
const WEAK: &[&str] = &["-newkey", "rsa:1024", "-sha1"];

/// A BMC whose TLS is openssl's. Its processes and tasks end with it.
struct OldBmc {
    bmc: Bmc,
    port: u16,
    directory: TempDir,
    _server: Child,
    _tasks: JoinSet<()>,
}

impl OldBmc {
    async fn start(bench: &Bench, key: &[&str], options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        std::fs::write(path.join("config"), CONFIG).unwrap();
        let made = "req -x509 -nodes -config config -keyout key -out certificate -subj /CN=bmc".split(' ');
        openssl(path, &made.chain(key.iter().copied()).collect::<Vec<_>>()).await;
        // Quick to make, and as short as those that current OpenSSL refuses.
        openssl(path, &["dhparam", "-dsaparam", "-out", "dh", "1024"]).await;
        let arguments = ["s_server", "-unix", "socket", "-quiet", "-cert", "certificate", "-key", "key"];
        let mut server = Command::new("openssl")
            .args(arguments)
            .args(options)
            .current_dir(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let bmc = bench.bmc(Personality::Generic).await;
        let mut tasks = JoinSet::new();
        let mut behind = connect(&bmc).await;
        let mut pipes = tokio::io::join(server.stdout.take().unwrap(), server.stdin.take().unwrap());
        tasks.spawn(async move { drop(tokio::io::copy_bidirectional(&mut pipes, &mut behind).await) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = path.join("socket");
        tasks.spawn(async move {
            // One at a time, as s_server takes them.
            while let Ok((mut outer, _)) = listener.accept().await {
                let mut inner = reach(&socket).await;
                drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
            }
        });
        Self { bmc, port, directory, _server: server, _tasks: tasks }
    }

    fn pem(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("certificate")).unwrap()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap())
    }

    fn target(&self, tls_legacy: bool, tls: TlsPolicy) -> Target {
        Target { port: self.port, tls_legacy, tls, ..target(&self.bmc) }
    }
}

async fn openssl(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    let done = command.args(arguments).current_dir(directory).output().await.expect("openssl: tests/tls/install");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A connection to the BMC behind, whose own TLS is not the subject.
async fn connect(bmc: &Bmc) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(bmc.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let stream = TcpStream::connect(bmc.address()).await.unwrap();
    TlsConnector::from(config).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.unwrap()
}

/// Waits until the server listens; the test's own limits end a wait that is in vain.
async fn reach(socket: &Path) -> UnixStream {
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            return stream;
        }
        yield_now().await;
    }
}

/// What is allowed when the Param says so: name, key, options, what the log says of it.
const REACHED: [(&str, &[&str], &[&str], &str); 8] = [
    ("RSA key exchange", USUAL, &["-tls1_2", "-cipher", "AES128-GCM-SHA256"], "TLSv1.2 AES128-GCM-SHA256"),
    ("RSA key exchange and CBC", USUAL, &["-tls1_2", "-cipher", "AES256-SHA"], "TLSv1.2 AES256-SHA"),
    ("ECDHE and CBC", USUAL, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], "TLSv1.2 ECDHE-RSA-AES128-SHA"),
    ("DHE", USUAL, &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], "TLSv1.2 DHE-RSA-AES128-GCM-SHA256"),
    (
        "DHE with 1024 bits",
        USUAL,
        &["-tls1_2", "-cipher", "DHE-RSA-AES256-SHA@SECLEVEL=0", "-dhparam", "dh"],
        "TLSv1.2 DHE-RSA-AES256-SHA",
    ),
    ("TLS 1.1", USUAL, &["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], "TLSv1.1 "),
    ("TLS 1.0", USUAL, &["-tls1", "-cipher", "ALL@SECLEVEL=0"], "TLSv1 "),
    ("a weak key", WEAK, &["-tls1", "-cipher", "AES128-SHA@SECLEVEL=0"], "TLSv1 AES128-SHA"),
];

/// Field complaint 18, of BMCs with old ciphers.
#[tokio::test]
#[ignore = "needs openssl: tests/run"]
async fn each_old_tls_is_refused_with_the_way_out_and_works_where_it_is_allowed() {
    let bench = Bench::start().await;
    for (name, key, options, suite) in REACHED {
        let old = OldBmc::start(&bench, key, options).await;
        let is_refused = async || {
            let error = smallest(&bench.bmcs, old.target(false, TlsPolicy::Accept)).await.unwrap_err();
            assert_eq!(error.code(), 404, "{name}: {error}");
            for part in ["TLS versions or cipher suites that are refused here", "set virtual-media/tls-legacy to true"]
            {
                assert!(error.to_string().contains(part), "{name}: {error}");
            }
        };
        is_refused().await;
        assert!(old.bmc.requests().is_empty(), "{name}");

        let log = Log::default();
        let logging = log.start();
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(old.target(true, TlsPolicy::Accept), &operation).await.unwrap();
        assert_eq!(session.identity().fingerprint, Some(old.fingerprint()), "{name}");
        session.mount(&bench.image()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        drop((session, logging));
        let warnings: Vec<_> = log.text().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect();
        assert!(
            matches!(&warnings[..], [one] if one.contains(suite) && one.contains("tls-legacy")),
            "{name}: {warnings:?}"
        );
        // What was allowed once is not from then on.
        is_refused().await;
    }
}

#[tokio::test]
#[ignore = "needs openssl: tests/run"]
async fn each_policy_means_the_same_over_old_tls() {
    let bench = Bench::start().await;
    for (name, key, options, _) in REACHED {
        let old = OldBmc::start(&bench, key, options).await;
        let with = async |tls| smallest(&bench.bmcs, old.target(true, tls)).await;
        with(TlsPolicy::Pin(Some(old.fingerprint()))).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        with(TlsPolicy::Pin(None)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let verified = with(TlsPolicy::Verify { ca_pem: Some(old.pem()) }).await;
        // A chain has to be as strong as elsewhere.
        assert_eq!(verified.is_ok(), key == USUAL, "{name}: {verified:?}");

        let before = old.bmc.requests().len();
        let other: Fingerprint = old.bmc.certificate_sha256().parse().unwrap();
        let told = |result: Result<(), Error>, parts: &[&str]| {
            let error = result.unwrap_err();
            assert_eq!(error.code(), 502, "{name}: {error}");
            assert!(parts.iter().all(|part| error.to_string().contains(part)), "{name}: {error}");
        };
        told(with(TlsPolicy::Pin(Some(other))).await, &[&old.fingerprint().to_string(), &other.to_string()]);
        for ca_pem in [None, Some(old.bmc.certificate_pem())] {
            told(with(TlsPolicy::Verify { ca_pem }).await, &["the TLS policy does not accept"]);
        }
        assert_eq!(old.bmc.requests().len(), before, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs openssl: tests/run"]
async fn tls_that_proves_no_key_is_not_spoken_even_where_old_tls_is_allowed() {
    let bench = Bench::start().await;
    for options in
        [["-tls1_2", "-cipher", "ADH-AES128-SHA@SECLEVEL=0"], ["-tls1_2", "-cipher", "NULL-SHA256@SECLEVEL=0"]]
    {
        let old = OldBmc::start(&bench, USUAL, &options).await;
        let error = smallest(&bench.bmcs, old.target(true, TlsPolicy::Accept)).await.unwrap_err();
        assert_eq!(error.code(), 404, "{error}");
        for part in ["offers no TLS that is spoken here, old TLS included", "update the BMC's firmware"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(old.bmc.requests().is_empty());
    }
}
