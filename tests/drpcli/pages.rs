//! The pages: README, those in `docs/`, and what the vendor's page on virtual media booting has its readers type.

use std::fs;
use std::path::Path;

use crate::client::Failure;
use crate::effects::{check, presume};
use crate::lines::{Line, lines};
use crate::site::Site;

/// The commands of the vendor's page "Virtual Media ISO Booting", after what it presumes. Two slips of its own are mended:
/// it removes `boot-virtual-media` and mounts from `dynamic_iso/`. In its order, but that the removal comes last: it takes
/// the image away that is mounted here. Our pages follow it, and whoever comes from there must find that each still works.
const VENDORS: &str = "```sh
drpcli bootenvs uploadiso sledgehammer
drpcli plugin_providers upload ipmi from ./virtual-media
drpcli machines set Name:mach-01 param ipmi/address to 10.10.20.1
drpcli machines set Name:mach-01 param ipmi/username to root
drpcli machines set Name:mach-01 param ipmi/password to calvin
drpcli machines set Name:mach-01 param ipmi/mode to redfish
drpcli machines set Name:mach-01 param boot-virtual-iso to true
drpcli machines runaction Name:mach-01 statusVirtualMedia ipmi/mode redfish
drpcli machines workflow Name:mach-01 \"\"
drpcli machines bootenv Name:mach-01 local
drpcli machines workflow Name:mach-01 discover-base
drpcli machines runaction Name:mach-01 statusVirtualMedia ipmi/mode redfish
drpcli machines runaction bb1eadf9-4b5e-46a7-a577-d07e2a33138f mountVirtualMedia ipmi/mode redfish ipmi/virtual-media-url http://10.10.10.10:8091/dynamic_isos/bb1eadf9-4b5e-46a7-a577-d07e2a33138f/sledgehammer/boot.iso ipmi/virtual-media-boot true
drpcli machines runaction Name:mach-01 unmountVirtualMedia ipmi/mode redfish
drpcli machines runaction Name:mach-01 powercycle ipmi/mode redfish
drpcli machines runaction Name:mach-01 powerstatus
drpcli machines runaction Name:mach-01 powerstatus ipmi/mode redfish
drpcli machines remove Name:mach-01 param boot-virtual-iso
```";

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_vendors_page_still_works() {
    read("the vendor's page", VENDORS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_readme_and_docs_does_what_its_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    pages.extend(fs::read_dir(root.join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut read_lines = 0;
    for page in pages {
        let name = page.strip_prefix(root).unwrap().display().to_string();
        read_lines += read(&name, &fs::read_to_string(&page).unwrap()).await;
    }
    assert!(read_lines > 0, "neither README nor docs has a line of drpcli");
}

/// Does what a page says, line by line, on a server of its own, and returns how many lines there were.
async fn read(page: &str, text: &str) -> usize {
    let lines = lines(page, text);
    if lines.is_empty() {
        return 0;
    }
    let uploads = |line: &Line| line.words.starts_with(&["plugin_providers".to_owned(), "upload".to_owned()]);
    let site = Site::start(lines.iter().any(uploads)).await;
    let mut uploaded: Option<&String> = None;
    for line in &lines {
        // A page that says how to upload the file under another name instead means another server.
        let instead = uploads(line) && uploaded.is_some_and(|name| line.words.get(2) != Some(name));
        if instead {
            let other = Site::start(true).await;
            run(&other, line).await;
            other.end().await;
            continue;
        }
        if uploads(line) {
            uploaded = line.words.get(2);
        }
        run(&site, line).await;
    }
    site.end().await;
    lines.len()
}

#[expect(clippy::print_stderr, reason = "shown when the line fails, to say which one it was")]
async fn run(site: &Site, line: &Line) {
    let words: Vec<String> = line.words.iter().map(|word| site.translated(word)).collect();
    let parts: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = format!("{}: drpcli {}", line.place, line.words.join(" "));
    presume(site, &parts);
    let before = site.machine();
    match site.drpcli.run(&words).await {
        Ok(answer) => {
            eprintln!("{said}: {answer:.200}");
            check(site, &parts, &answer, &before).await;
        }
        Err(Failure::Unknown) => panic!("{said}: nobody here knows what drpcli sends for it"),
        Err(Failure::Refused(error)) => panic!("{said}: {error}\nthe plugin: {}", site.server.stderr()),
    }
}
