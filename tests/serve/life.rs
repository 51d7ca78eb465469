//! How URLs and servers begin and end.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use drp_virtual_media::serve::{Config, Error, Images, Limits, Listen, Mount, Server};
use tokio::time::timeout;

use crate::client::PATIENCE;
use crate::site::{BOOTENV, LARGE, Site, listen, machine};

#[test]
fn an_url_dies_with_its_mount_and_cuts_off_who_reads_it() {
    let site = Site::with(LARGE, Limits::default());
    let path = site.path();
    let mut reader = site.client();
    reader.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(reader.head().status, 200);
    let begin = reader.bytes(4096);
    assert!(begin == site.bytes[..4096]);

    let mut other = site.client();
    assert_eq!(other.get(&path, "Range: bytes=0-0\r\n").status, 206);
    assert!(site.images.remove(&site.token));
    assert!(!site.images.remove(&site.token) && site.images.is_empty());
    assert_eq!(other.get(&path, "Range: bytes=0-0\r\n").status, 404);
    assert!(reader.rest().len() < site.bytes.len() - 4096, "the reader was cut off");
}

#[test]
fn another_image_at_the_same_url_cuts_off_who_reads_the_first() {
    let site = Site::with(LARGE, Limits::default());
    let mut reader = site.client();
    reader.send(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.path()));
    reader.head();
    site.images.insert(site.token.clone(), site.mount());
    assert!(reader.rest().len() < site.bytes.len());
    assert_eq!(site.client().get(&site.path(), "Range: bytes=0-0\r\n").status, 206);
}

#[test]
fn an_url_dies_at_its_age() {
    let site = Site::start();
    let mut client = site.client();
    for (expires, status) in [(Duration::from_hours(1), 206), (Duration::ZERO, 404)] {
        let expires = Some(SystemTime::now() + expires);
        site.images.insert(site.token.clone(), Mount { expires, ..site.mount() });
        assert_eq!(client.get(&site.path(), "Range: bytes=0-0\r\n").status, status);
    }
}

#[test]
fn an_image_may_be_for_some_clients_alone() {
    let site = Site::start();
    let mut client = site.client();
    let mapped = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let other = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    for (clients, status) in
        [(vec![other], 403), (vec![], 403), (vec![other, Ipv4Addr::LOCALHOST.into()], 206), (vec![mapped], 206)]
    {
        site.images.insert(site.token.clone(), Mount { clients: Some(clients.clone()), ..site.mount() });
        assert_eq!(client.get(&site.path(), "Range: bytes=0-0\r\n").status, status, "{clients:?}");
    }
}

#[test]
fn an_image_whose_template_was_written_to_is_not_served() {
    let site = Site::start();
    let template = File::options().write(true).open(site.directory.path().join("cdboot.iso")).unwrap();
    template.write_all_at(b"other", 1 << 20).unwrap();
    // Two writes within one tick of the file system's clock leave the same time.
    template.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    let mut client = site.client();
    let answer = client.get(&site.path(), "");
    assert_eq!((answer.status, answer.header("connection")), (500, Some("close")));
    assert!(client.rest().is_empty());
}

#[tokio::test]
async fn a_server_that_stops_lets_readers_read_to_the_end() {
    let mut site = Site::with(LARGE, Limits::default());
    let mut idle = site.client();
    assert_eq!(idle.get("/", "").status, 404);
    let mut reader = site.client();
    reader.send(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.path()));
    assert_eq!(reader.head().status, 200);
    let stopping = tokio::spawn(site.server.take().unwrap().stop());
    let bytes = tokio::task::spawn_blocking(move || {
        assert!(idle.rest().is_empty(), "it is closed without a word");
        reader.rest()
    });
    assert!(bytes.await.unwrap() == site.bytes);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_cuts_off_who_does_not_end() {
    let (grace, stall) = (Duration::from_millis(1), Duration::from_hours(1));
    let mut site = Site::with(LARGE, Limits { grace, stall, ..Limits::default() });
    let mut reader = site.client();
    reader.send(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.path()));
    reader.head();
    let stopping = timeout(PATIENCE, site.server.take().unwrap().stop()).await;
    assert!(stopping.is_ok(), "it waits for the reader");
    let rest = tokio::task::spawn_blocking(move || reader.rest());
    assert!(rest.await.unwrap().len() < site.bytes.len());
}

#[test]
fn a_successor_has_the_port_at_once_and_serves_the_same_image() {
    let mut site = Site::start();
    let (address, path) = (site.http(), site.path());
    let mut before = site.client();
    let first = before.get(&path, "");
    site.server = None;
    site.images = Images::new();
    site.images.insert(site.token.as_str().parse().unwrap(), site.mount());
    site.serve(Config { http: Some(Listen { address, ..listen() }), https: None, limits: Limits::default() });
    let after = site.client().get(&path, "");
    assert!(after.body == first.body);
    for name in ["etag", "last-modified"] {
        assert_eq!(after.header(name), first.header(name), "{name}");
    }
    drop(before);
}

#[test]
fn a_port_that_is_taken_is_named_with_its_param() {
    let site = Site::start();
    let config =
        Config { http: Some(Listen { address: site.http(), ..listen() }), https: None, limits: Limits::default() };
    let error = Server::start(config, Images::new()).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&site.http().to_string()) && text.contains("virtual-media/some-port"), "{text}");
}

#[test]
fn both_schemes_are_served_at_once_and_either_alone() {
    let site = Site::with_tls();
    assert!(site.http().port() != site.https().port());
    let none = Server::start(Config::default(), Images::new()).unwrap();
    assert_eq!((none.addresses().http, none.addresses().https), (None, None));
}

#[test]
fn the_path_of_an_image_is_written_as_urls_are() {
    let site = Site::start();
    let expected =
        format!("/dynamic_isos/{}/{}/{}/boot.iso", machine(), BOOTENV.replace(' ', "%20"), site.token.as_str());
    assert_eq!(site.path(), expected);
}
