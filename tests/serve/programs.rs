//! Programs that others wrote, as clients: curl, which many BMCs have inside, and openssl.

use std::process::{Command, Output, Stdio};

use crate::site::Site;

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn certificate(site: &Site) -> String {
    let files = std::fs::read_dir(site.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let pem = files.filter(|path| path.extension().is_some_and(|name| name == "pem")).last().unwrap();
    pem.to_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs curl: tests/serve/install"]
fn curl_reads_the_image_over_both_schemes_whole_in_part_and_on_from_where_it_was() {
    let site = Site::with_tls();
    let (path, pem) = (site.path(), certificate(&site));
    for url in [format!("http://{}{path}", site.http()), format!("https://{}{path}", site.https())] {
        let curl = |arguments: &[&str]| {
            let output =
                run("curl", &[&["--silent", "--show-error", "--fail", "--cacert", &pem], arguments, &[&url]].concat());
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        assert!(curl(&[]) == site.bytes);
        assert!(curl(&["--http1.0"]) == site.bytes);
        assert!(curl(&["--range", "100-70000"]) == site.bytes[100..=70_000]);
        assert!(curl(&["--range", "-10"]) == site.bytes[site.bytes.len() - 10..]);
        let head = String::from_utf8(curl(&["--head"])).unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", site.bytes.len())), "{head}");
        let file = site.directory.path().join("part");
        std::fs::write(&file, &site.bytes[..12_345]).unwrap();
        curl(&["--continue-at", "-", "--output", file.to_str().unwrap()]);
        assert!(std::fs::read(&file).unwrap() == site.bytes);
    }
}

#[test]
#[ignore = "needs openssl: tests/serve/install"]
fn openssl_shakes_hands_with_both_versions_and_finds_the_certificate_good() {
    let site = Site::with_tls();
    let (address, pem) = (site.https().to_string(), certificate(&site));
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &pem,
            "-verify_return_error",
            "-verify_ip",
            "127.0.0.1",
            version,
        ];
        let output = run("openssl", &arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("Verify return code: 0 (ok)"), "{version}: {text}");
        assert!(text.contains("Server public key is 2048 bit"), "{version}: {text}");
    }
    let old = run("openssl", &["s_client", "-connect", &address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(!old.status.success());
}
