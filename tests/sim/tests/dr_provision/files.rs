//! Files and ISOs: uploaded, listed, exploded.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, answer, in_time};

fn tarball(signature: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [("vmlinuz0", "a kernel"), ("cdboot.iso", "a template")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{signature}/{name}"), content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn an_iso_that_a_bootenv_waits_for_makes_it_available() {
    in_time(async {
        let client = Client::start_with(|options| options.without_iso().signature("abc123")).await;
        let uuid = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        assert_eq!(client.server.set_bootenv(&uuid, "sledgehammer").unwrap_err().code, 422);
        let upload = client.request(Method::POST, "isos/sledgehammer-abc123.amd64.tar").body(tarball("abc123"));
        let (status, shown) = answer(upload).await;
        assert_eq!((status, &shown["Path"]), (201, &json!("sledgehammer-abc123.amd64.tar")));
        assert_eq!(client.get("bootenvs/sledgehammer").await.1["Available"], true);
        assert!(client.webroot.path().join("sledgehammer/abc123/cdboot.iso").exists());
        assert!(client.server.set_bootenv(&uuid, "sledgehammer").is_ok());
        assert_eq!(client.get("isos").await.1, json!(["sledgehammer-abc123.amd64.tar"]));
    })
    .await;
}

#[tokio::test]
async fn a_file_is_uploaded_listed_read_and_deleted() {
    in_time(async {
        let client = Client::start().await;
        let upload = client.request(Method::POST, "files/a/b.txt").body("hello");
        assert_eq!(answer(upload).await, (201, json!({ "Path": "/a/b.txt", "Size": 5 })));
        let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c\"\r\n\r\nform\r\n--x--\r\n";
        let upload = client
            .request(Method::POST, "files/c.txt")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(form);
        assert_eq!(answer(upload).await.1["Size"], 4);
        let upload = client.request(Method::POST, "files/t/sh.tar?explode=true").body(tarball("abc123"));
        assert_eq!(answer(upload).await.0, 201);
        for (query, expected) in [
            ("", json!(["a/", "c.txt", "t/"])),
            ("?path=a", json!(["b.txt"])),
            ("?path=t&all=true", json!(["abc123/cdboot.iso", "abc123/vmlinuz0", "sh.tar"])),
        ] {
            assert_eq!(client.get(&format!("files{query}")).await.1, expected, "{query}");
        }
        let head = client.request(Method::HEAD, "files/a/b.txt").send().await.unwrap();
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(head.headers()["X-DRP-SHA256SUM"], digest);
        let again =
            client.request(Method::GET, "files/a/b.txt").header("If-None-Match", format!("\"SHA256:{digest}\""));
        assert_eq!(again.send().await.unwrap().status(), 304);
        assert_eq!(client.send(Method::DELETE, "files/a/b.txt", &Value::Null).await.0, 204);
        let (status, error) = client.send(Method::DELETE, "files/a/b.txt", &Value::Null).await;
        assert_eq!((status, &error["Messages"][0]), (404, &json!("Unable to delete")));
        assert_eq!(client.get("files/..%2Fsecret").await.0, 404);
    })
    .await;
}
