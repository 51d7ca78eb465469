//! Reading an image as a BMC does: HEAD, then ranges of GET, up to the ISO 9660 primary volume descriptor.
//!
//! Range requests are what BMCs are known to need (redfish-vendors Part 3, 17; eks-anywhere#10484). A server that
//! answers 200 to a range is read up to the descriptor and let go; the fetch records it. Redirects are not followed.

use reqwest::{Client, Method, Response};

use super::state::Fetch;

const BLOCK: u64 = 2048;
const DESCRIPTOR: u64 = 32_768;

/// Reads the first block and the volume descriptor; every request is recorded, whatever became of it.
pub(super) async fn fetch(client: &Client, url: &str, mut record: impl FnMut(Fetch)) -> Result<(), ()> {
    let head = send(client, Method::HEAD, url, None).await;
    let (_, ok) = note(&mut record, url, "HEAD", None, head, 0).await;
    if !ok {
        return Err(());
    }
    for start in [0, DESCRIPTOR] {
        let range = format!("bytes={start}-{}", start + BLOCK - 1);
        let answer = send(client, Method::GET, url, Some(&range)).await;
        let (status, ok) = note(&mut record, url, "GET", Some(range), answer, start).await;
        // An image shorter than a volume descriptor is no ISO, and still a medium.
        let ended = start > 0 && status == Some(416);
        if !ok && !ended {
            return Err(());
        }
    }
    Ok(())
}

async fn send(client: &Client, method: Method, url: &str, range: Option<&str>) -> reqwest::Result<Response> {
    let mut request = client.request(method, url);
    if let Some(range) = range {
        request = request.header("Range", range);
    }
    request.send().await
}

async fn note(
    record: &mut impl FnMut(Fetch),
    url: &str,
    method: &'static str,
    range: Option<String>,
    answer: reqwest::Result<Response>,
    start: u64,
) -> (Option<u16>, bool) {
    let mut fetch = Fetch { url: url.to_owned(), method, range, status: None, bytes: 0, volume: None };
    let mut ok = false;
    if let Ok(mut response) = answer {
        fetch.status = Some(response.status().as_u16());
        ok = response.status().is_success();
        // A whole answer to a range begins at 0: what comes before the range is read over.
        let skipped = if response.status().as_u16() == 206 { 0 } else { start };
        let mut body = Vec::new();
        while ok && (body.len() as u64) < skipped + BLOCK {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => ok = false,
            }
        }
        fetch.bytes = body.len() as u64;
        let block = usize::try_from(skipped).ok().and_then(|skipped| body.get(skipped..));
        fetch.volume = block.filter(|_| start == DESCRIPTOR).and_then(volume_id);
    }
    let status = fetch.status;
    record(fetch);
    (status, ok)
}

/// The volume identifier of a primary volume descriptor (ECMA-119 8.4).
fn volume_id(block: &[u8]) -> Option<String> {
    let name = block.strip_prefix(b"\x01CD001\x01")?.get(33..65)?;
    Some(String::from_utf8_lossy(name).trim_end().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn image() -> Vec<u8> {
        let mut image = vec![0; 40_000];
        image[32_768..32_775].copy_from_slice(b"\x01CD001\x01");
        image[32_808..32_840].copy_from_slice(format!("{:<32}", "LAB").as_bytes());
        image
    }

    #[test]
    fn a_block_that_is_no_volume_descriptor_has_no_name() {
        assert_eq!(volume_id(&image()[32_768..]).as_deref(), Some("LAB"));
        assert_eq!(volume_id(&[0; 2048]), None);
        assert_eq!(volume_id(b"\x01CD001\x01"), None);
    }

    #[tokio::test]
    async fn a_server_without_ranges_is_read_and_shows_by_its_200() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/boot.iso", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(axum::routing::get(|| async { image() }));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::builder().no_proxy().build().unwrap();
        let mut fetches = Vec::new();
        assert_eq!(fetch(&client, &url, |fetch| fetches.push(fetch)).await, Ok(()));
        let statuses: Vec<_> = fetches.iter().map(|fetch| fetch.status).collect();
        assert_eq!(statuses, [Some(200), Some(200), Some(200)]);
        assert_eq!(fetches[2].volume.as_deref(), Some("LAB"));
        server.abort();
    }
}
