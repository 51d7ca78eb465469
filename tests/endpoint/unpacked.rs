//! What the server had unpacked is on its file server, and the pages lead to each other there.

use std::path::Path;

use crate::site::Site;

/// Where a page says how to change the source, which is not on a server.
const ABOUT_THE_SOURCE: &str = "CONTRIBUTING.md";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_on_the_file_server_and_their_links_hold() {
    let site = Site::start().await;
    let mut to_read = vec!["README.md".to_owned()];
    let mut read = Vec::new();
    while let Some(page) = to_read.pop() {
        let url = site.server.fileserver().join("files/plugin_providers/virtual-media/").unwrap().join(&page).unwrap();
        let answer = reqwest::get(url.clone()).await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let text = answer.text().await.unwrap();
        let directory = Path::new(&page).parent().unwrap();
        for link in links(&text).filter(|link| *link != ABOUT_THE_SOURCE) {
            let linked = directory.join(link).display().to_string();
            if !read.contains(&linked) && !to_read.contains(&linked) && linked != page {
                to_read.push(linked);
            }
        }
        read.push(page);
    }
    assert!(read.len() > 3, "{read:?}");
    site.end().await;
}

/// The files that a Markdown page links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://"))
}
