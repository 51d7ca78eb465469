//! Any range is that part of the file that template and plan make, by HTTP and by HTTPS, for one reader and for many.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::{Certificate, Client as Https};
use tokio::runtime::Runtime;

use crate::site::Site;

fn ranges(site: &Site) -> impl Strategy<Value = (u64, u64)> + use<> {
    let len = site.bytes.len() as u64;
    let borders = site.borders();
    let near_a_border = (prop::sample::select(borders), 0_u64..300, 1_u64..40_000)
        .prop_map(|(border, before, len)| (border.saturating_sub(before), len));
    let anywhere = (0..len, prop_oneof![1_u64..20_000, 1_u64..3_000_000]);
    prop_oneof![near_a_border, anywhere]
        .prop_map(move |(from, size)| (from.min(len - 1), (from.min(len - 1) + size).min(len)))
}

#[test]
fn any_range_is_that_part_of_the_image_and_is_told_as_it_was_sent() {
    let site = Site::start();
    let path = site.path();
    let client = std::cell::RefCell::new(site.client());
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&ranges(&site), |(from, to)| {
        site.read.0.lock().unwrap().clear();
        let answer = client.borrow_mut().get(&path, &format!("Range: bytes={from}-{}\r\n", to - 1));
        prop_assert_eq!(answer.status, 206);
        let part = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
        prop_assert!(answer.body == site.bytes[part]);
        // The last bytes of an answer are told after they were sent, and before the next request is read.
        client.borrow_mut().get("/", "");
        let sent = from..to;
        prop_assert_eq!(site.read.joined(), std::slice::from_ref(&sent));
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn any_range_is_the_same_by_https() {
    static SITE: LazyLock<Site> = LazyLock::new(Site::with_tls);
    let site = &*SITE;
    let runtime = Runtime::new().unwrap();
    let pem = std::fs::read_dir(site.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let pem =
        std::fs::read(pem.filter(|path| path.extension().is_some_and(|name| name == "pem")).last().unwrap()).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let https = Https::builder().tls_certs_only([certificate]).no_gzip().build().unwrap();
    let url = format!("https://{}{}", site.https(), site.path());
    let get = |range: Option<(u64, u64)>| {
        let mut request = https.get(&url);
        if let Some((from, to)) = range {
            request = request.header("range", format!("bytes={from}-{}", to - 1));
        }
        runtime.block_on(async { request.send().await.unwrap().bytes().await.unwrap() })
    };
    assert!(get(None) == site.bytes);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&ranges(site), |(from, to)| {
        let part = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
        prop_assert!(get(Some((from, to))) == site.bytes[part]);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn many_readers_read_the_same_image_at_once() {
    let site = Site::start();
    let (path, len) = (site.path(), site.bytes.len());
    std::thread::scope(|scope| {
        for reader in 0..48 {
            let (site, path) = (&site, &path);
            scope.spawn(move || {
                let mut client = site.client();
                assert!(client.get(path, "").body == site.bytes, "reader {reader}");
                for step in 0..40 {
                    let from = (reader * 7919 + step * 104_729) % (len - 70_000);
                    let bytes = [1, 2048, 4096, 65_536][step % 4];
                    let answer = client.get(path, &format!("Range: bytes={from}-{}\r\n", from + bytes - 1));
                    assert!(answer.body == site.bytes[from..from + bytes], "reader {reader} at {from}");
                }
            });
        }
    });
}
