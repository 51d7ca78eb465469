//! A template that somebody writes to while its images are served: no reader gets some of the old bytes and some of the new.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use drp_virtual_media::serve::Limits;

use crate::site::{LARGE, Site};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_image_whose_template_was_written_to_is_refused_soon_and_its_reader_cut_off() {
    let site = Site::with(LARGE, Limits::default());
    let mut reader = site.client();
    reader.send(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.path()));
    assert_eq!(reader.head().status, 200);
    let template = File::options().write(true).open(site.directory.path().join("cdboot.iso")).unwrap();
    template.write_all_at(b"x", site.image.plan().len() - 1).unwrap();

    let began = Instant::now();
    let refused = loop {
        let answer = site.client().get(&site.path(), "Range: bytes=0-0\r\n");
        if answer.status != 206 {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "it is still served");
    };
    assert_eq!((refused.status, refused.header("connection")), (500, Some("close")));
    assert!(reader.rest().len() < site.bytes.len());
    // Another look finds nothing else.
    assert_eq!(site.client().get(&site.path(), "").status, 500);
}
