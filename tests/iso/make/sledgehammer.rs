//! A Sledgehammer without `cdboot.iso`, in every form that it comes in.

use std::fs;
use std::io::Write;

use drp_virtual_media::iso::make::Payload;
use drp_virtual_media::iso::{Error, Firmware};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::kitchen::{DEBIAN, Kitchen, files, firmware, noise, program};

const SIG: &str = "35e89709ce2afc70791cc12402c38b812314917a";

/// The vendor's members in the vendor's order.
fn members(kitchen: &Kitchen) -> Vec<(String, Vec<u8>)> {
    let file = |name: &str| fs::read(kitchen.path("in").join(name)).unwrap();
    [
        ("vmlinuz0", file("vmlinuz")),
        ("stage1.img", file("initrd.gz")),
        ("root.squashfs", noise(200_000, 8)),
        ("shimx64.efi", program(0x8664, true)),
        ("grubx64.efi", program(0x8664, true)),
        ("sha1sums", b"sums".to_vec()),
    ]
    .map(|(name, bytes)| (format!("{SIG}/{name}"), bytes))
    .to_vec()
}

fn tarball(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A whole one as a tar.gz.
pub(super) fn packed(kitchen: &Kitchen) -> Vec<u8> {
    gz(&tarball(&members(kitchen)))
}

/// Without UEFI's packages on the host: these loaders are Sledgehammer's own.
fn kitchen() -> Kitchen {
    let kitchen = Kitchen::empty();
    for path in &DEBIAN[2..] {
        kitchen.put_loader(&format!("host/{path}"));
    }
    kitchen
}

#[test]
fn tar_and_tar_gz_and_directory_give_the_same_template() {
    let kitchen = kitchen();
    let members = members(&kitchen);
    let tar = tarball(&members);
    for (name, bytes) in &members {
        kitchen.put(&format!("webroot/{name}"), bytes);
    }
    let sources = [
        kitchen.put("s.tar", &tar),
        kitchen.put("s.tar.gz", &gz(&tar)),
        kitchen.path("webroot").join(SIG),
        kitchen.path("webroot"),
    ];
    let mut images = Vec::new();
    for source in sources {
        let recipe = kitchen.recipe_with(Payload::Sledgehammer(source));
        assert_eq!(recipe.key().unwrap().len(), 64);
        let (made, image) = kitchen.make(&recipe);
        assert_eq!((firmware(&made), made.secure_boot), (&[Firmware::Bios, Firmware::Uefi][..], true));
        images.push(image);
    }
    let found = files(&images[0]);
    for (member, bytes) in &members[..2] {
        assert!(found[&format!("/{}", member.rsplit('/').next().unwrap())] == *bytes, "{member}");
    }
    assert!(!found.contains_key("/root.squashfs"));
    assert!(images.iter().all(|image| *image == images[0]));
}

#[test]
fn a_sledgehammer_that_is_not_whole_is_told() {
    let kitchen = kitchen();
    let whole = members(&kitchen);
    let without = |name: &str| whole.iter().filter(|(path, _)| !path.ends_with(name)).cloned().collect::<Vec<_>>();
    let packed = gz(&tarball(&whole));
    for (bytes, text) in [
        (tarball(&without("vmlinuz0")), "holds no vmlinuz0"),
        (gz(&tarball(&without("stage1.img"))), "holds no stage1.img"),
        (tarball(&without("grubx64.efi")), "shim-signed"),
        (packed[..packed.len() / 2].to_vec(), "may be incomplete"),
        (b"text".to_vec(), "s.tar"),
    ] {
        let source = kitchen.put("s.tar", &bytes);
        let error = kitchen.refused(&kitchen.recipe_with(Payload::Sledgehammer(source))).to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
    fs::create_dir(kitchen.path("void")).unwrap();
    let error = kitchen.refused(&kitchen.recipe_with(Payload::Sledgehammer(kitchen.path("void"))));
    assert!(error.to_string().contains("void: it holds no vmlinuz0"), "{error}");
}

/// A link could lead out of the archive, and a claimed size fill the disk.
#[test]
fn a_hostile_archive_gets_nothing_written() {
    let kitchen = kitchen();
    let mut link = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    link.append_link(&mut header, "x/vmlinuz0", "/etc/passwd").unwrap();
    let mut huge = tar::Header::new_gnu();
    huge.set_path("x/vmlinuz0").unwrap();
    huge.set_size(1 << 40);
    huge.set_cksum();
    let mut long = tar::Header::new_gnu();
    long.set_path("././@LongLink").unwrap();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_size(1 << 40);
    long.set_cksum();
    for bytes in [link.into_inner().unwrap(), huge.as_bytes().to_vec(), long.as_bytes().to_vec()] {
        let padded = [bytes, vec![0; 4096]].concat();
        for bytes in [padded.clone(), gz(&padded)] {
            let source = kitchen.put("s.tar", &bytes);
            let error = kitchen.refused(&kitchen.recipe_with(Payload::Sledgehammer(source)));
            assert!(matches!(error, Error::Make(_) | Error::Archive { .. }), "{error}");
        }
    }
}
