//! `iso show` of images that are not ours: what it reads of them, and how strongly it says what they boot on.

use std::path::Path;

use drp_virtual_media::iso::show::{Answer, Report};
use drp_virtual_media::iso::{Error, volume::VolumeError};
use fatfs::FatType;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::pkey::PKey;
use openssl::stack::Stack;
use openssl::x509::{X509, X509Name};

use crate::disc::{Disc, SP, nm, record, ucs2};
use crate::fat::written;

const GRUB: &[u8] =
    b"# REPLACE HERE\nmenuentry \"S\" {\n    linux /vmlinuz0 a=b\n    initrd /stage1.img\n}\n####################\n";

fn report(disc: &Disc) -> Report {
    Report::of(&disc.0[..], Path::new("any.iso")).unwrap()
}

fn paths(report: &Report) -> Vec<(&str, u64)> {
    report.files.iter().map(|file| (file.path.as_str(), file.size)).collect()
}

#[test]
fn a_data_disc_is_read_and_boots_on_nothing() {
    let mut disc = Disc::new();
    disc.directory(20, b"", &[record(b"README.TXT;1", 0, 30, 100, b""), record(b"EMPTY.;1", 0, 0, 0, b"")]);
    let report = report(&disc);
    assert_eq!((report.volume.as_str(), report.names.as_str(), report.udf), ("ANY VOLUME", "ISO 9660", false));
    assert_eq!(paths(&report), [("/README.TXT", 100), ("/EMPTY", 0)]);
    let boots = &report.boots;
    for verdict in [&boots.bios, &boots.uefi, &boots.secure_boot, &boots.usb_disk] {
        assert_eq!(verdict.answer, Answer::No, "{verdict}");
    }
    assert!(report.findings.iter().any(|finding| finding.contains("no El Torito boot catalogue")));
    let text = format!("{report}{}", report.listing());
    assert!(text.contains("2 files (ISO 9660 names)") && text.contains("100        61440  /README.TXT"), "{text}");
}

#[test]
fn without_rock_ridge_the_names_are_joliets() {
    let mut disc = Disc::new();
    disc.directory(20, b"", &[record(b"GRUB.CFG;1", 0, 30, 4, b"")]);
    let size = u32::try_from(GRUB.len()).unwrap();
    disc.joliet(&[
        record(&ucs2("grub – \u{1f600}.cfg;1"), 0, 30, size, b""),
        record(&ucs2("EFI"), 0x02, 25, 2048, b""),
    ]);
    disc.directory(25, b"", &[record(&ucs2("BOOTx64.efi"), 0, 31, 9, b"")]);
    disc.put(30, 0, GRUB);
    let first = report(&disc);
    assert_eq!(first.names, "Joliet");
    assert_eq!(paths(&first), [("/grub – \u{1f600}.cfg", u64::from(size)), ("/EFI/BOOTx64.efi", 9)]);
    assert_eq!(first.areas[0].kernel_args, "a=b");
    disc.directory(20, SP, &[record(b"GRUB.CFG;1", 0, 30, 4, &nm(b"rock-ridge.cfg", 0))]);
    let second = report(&disc);
    assert_eq!((second.names.as_str(), paths(&second)), ("Rock Ridge", vec![("/rock-ridge.cfg", 4)]));
}

#[test]
fn a_udf_volume_is_told_whether_beside_or_alone() {
    let mut disc = Disc::new();
    disc.directory(20, b"", &[record(b"README.TXT;1", 0, 30, 100, b"")]);
    disc.put(17, 0, b"\xffCD001\x01");
    for (sector, id) in [(19, b"\0BEA01\x01"), (20, b"\0NSR02\x01"), (21, b"\0TEA01\x01")] {
        disc.put(sector, 0, id);
    }
    disc.volume(16, 1, 28);
    disc.directory(28, b"", &[record(b"README.TXT;1", 0, 30, 100, b"")]);
    let both = report(&disc);
    assert!(both.udf && both.to_string().contains("UDF beside them"));
    assert!(both.findings.iter().any(|finding| finding.contains("only UDF names")), "{:?}", both.findings);
    for (sector, id) in [(16, b"\0BEA01\x01"), (17, b"\0NSR03\x01"), (18, b"\0TEA01\x01")] {
        disc.put(sector, 0, id);
    }
    let error = Report::of(&disc.0[..], Path::new("any.iso")).unwrap_err();
    assert!(matches!(error, Error::Volume { source: VolumeError::OnlyUdf, .. }), "{error}");
}

#[derive(Clone, Copy)]
enum Machine {
    X64 = 0x8664,
    Aa64 = 0xaa64,
}

/// The headers of an EFI application, and a certificate table with these signatures.
fn binary(machine: Machine, signatures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"MZ");
    put(60, &64_u32.to_le_bytes());
    put(64, b"PE\0\0");
    put(68, &(machine as u16).to_le_bytes());
    put(84, &240_u16.to_le_bytes());
    put(88, &0x20b_u16.to_le_bytes());
    put(88 + 68, &10_u16.to_le_bytes());
    put(88 + 108, &16_u32.to_le_bytes());
    let table: Vec<u8> = signatures
        .iter()
        .flat_map(|signature| {
            let mut entry = u32::try_from(8 + signature.len()).unwrap().to_le_bytes().to_vec();
            entry.extend([0, 2, 2, 0]);
            entry.extend(signature);
            entry.resize(entry.len().next_multiple_of(8), 0);
            entry
        })
        .collect();
    if !table.is_empty() {
        put(88 + 112 + 4 * 8, &512_u32.to_le_bytes());
        put(88 + 112 + 4 * 8 + 4, &u32::try_from(table.len()).unwrap().to_le_bytes());
    }
    [bytes, table].concat()
}

/// A signature of somebody whose certificate says so; nothing verifies it.
fn signature(subject: &str, issuer: &str) -> Vec<u8> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let name = |text: &str| {
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
        name.build()
    };
    let mut certificate = X509::builder().unwrap();
    certificate.set_subject_name(&name(subject)).unwrap();
    certificate.set_issuer_name(&name(issuer)).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let others = Stack::new().unwrap();
    let flags = Pkcs7Flags::BINARY | Pkcs7Flags::NOATTR;
    Pkcs7::sign(&certificate.build(), &key, &others, b"content", flags).unwrap().to_der().unwrap()
}

/// An image whose UEFI entry is a FAT volume with these files.
fn uefi(files: &[(&str, &[u8])]) -> Disc {
    let mut disc = Disc::new();
    let fat = written(FatType::Fat12, 256 << 10, files);
    let len = u32::try_from(fat.len()).unwrap();
    disc.directory(20, SP, &[record(b"E.IMG;1", 0, 40, len, &nm(b"efiboot.img", 0))]);
    disc.boots(0xef);
    disc.put(40, 0, &fat);
    disc
}

const MICROSOFT: &str = "Microsoft UEFI CA 2023";

/// The files of the FAT volume, the answers for UEFI and for Secure Boot, and what the reason names.
type Case<'a> = (&'a [(&'a str, &'a [u8])], Answer, Answer, &'a [&'a str]);

#[test]
fn secure_boot_is_said_no_more_strongly_than_the_signatures_do() {
    let shim = binary(Machine::X64, &[signature("A publisher", MICROSOFT)]);
    let own = binary(Machine::X64, &[signature("Ours", "Our CA")]);
    let plain = binary(Machine::X64, &[]);
    let odd = binary(Machine::X64, &[b"no signature".to_vec()]);
    let arm = binary(Machine::Aa64, &[signature("A publisher", MICROSOFT)]);
    let (first, next) = ("/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/grubx64.efi");
    let cases: [Case<'_>; 9] = [
        (
            &[(first, &shim), (next, &own)],
            Answer::Yes,
            Answer::Perhaps,
            &[MICROSOFT, "most firmware", "Ours", "no signature was verified"],
        ),
        (&[(first, &shim)], Answer::Yes, Answer::Perhaps, &[MICROSOFT]),
        (&[(first, &own)], Answer::Yes, Answer::Perhaps, &["Our CA", "must have been told"]),
        (&[(first, &shim), (next, &plain)], Answer::Yes, Answer::No, &["grubx64.efi beside it has no signature"]),
        (&[(first, &plain)], Answer::Yes, Answer::No, &["BOOTX64.EFI is not signed"]),
        (&[(first, &odd)], Answer::Yes, Answer::Unknown, &["could not be read"]),
        (
            &[("/EFI/BOOT/BOOTAA64.EFI", &arm), (first, &plain)],
            Answer::Yes,
            Answer::Perhaps,
            &["BOOTAA64.EFI is signed", "BOOTX64.EFI is not signed"],
        ),
        // Named for another processor than it is for, and no binary at all.
        (&[(first, &arm)], Answer::No, Answer::No, &["no EFI binary /EFI/BOOT/BOOT<processor>.EFI"]),
        (&[(first, b"MZ")], Answer::No, Answer::No, &["efiboot.img"]),
    ];
    for (files, boots, secure, texts) in cases {
        let report = report(&uefi(files));
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(report.boots.uefi.answer, boots, "{names:?}: {}", report.boots.uefi);
        assert_eq!(report.boots.secure_boot.answer, secure, "{names:?}: {}", report.boots.secure_boot);
        let why = report.boots.secure_boot.to_string();
        assert!(texts.iter().all(|text| why.contains(text)), "{names:?}: {why}");
        assert!(report.loaders.iter().all(|loader| loader.inside.as_deref() == Some("/efiboot.img")));
    }
}

#[test]
fn loaders_tell_their_processor_and_signers() {
    let both = [signature("A publisher", "Microsoft Corporation UEFI CA 2011"), signature("A signer", MICROSOFT)];
    let files: [(&str, &[u8]); 2] = [
        ("/EFI/BOOT/BOOTX64.EFI", &binary(Machine::X64, &both)),
        ("/EFI/BOOT/mmaa64.efi", &binary(Machine::Aa64, &[])),
    ];
    let report = report(&uefi(&files));
    let text = report.to_string();
    for line in [
        "x64, signed by A publisher (issued by Microsoft Corporation UEFI CA 2011), signed by A signer (issued by Microsoft UEFI CA 2023)",
        "/EFI/BOOT/mmaa64.efi in /efiboot.img: 512 bytes, aa64, not signed",
        "UEFI        yes: there are loaders for x64",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(value["Loaders"][0]["SignedBy"][1]["Issuer"], MICROSOFT);
    assert_eq!(value["Boots"]["SecureBoot"]["Answer"], "perhaps");
    assert_eq!(value["Files"][0]["Path"], "/efiboot.img");
    assert_eq!(value["Boot"][0]["Load"], 2048);
}

#[test]
fn a_boot_image_that_is_no_fat_volume_leaves_it_open() {
    let mut disc = uefi(&[]);
    disc.put(40, 0, &[0; 512]);
    let report = report(&disc);
    assert_eq!(report.boots.uefi.answer, Answer::Unknown);
    assert!(report.boots.uefi.why.contains("/efiboot.img (at 81920) is no FAT volume"), "{}", report.boots.uefi);
}

/// As `xorriso` appends it: no file of the volume has the bytes of the FAT volume.
#[test]
fn an_appended_partition_is_a_boot_image_too() {
    let mut disc = uefi(&[("/EFI/BOOT/BOOTX64.EFI", &binary(Machine::X64, &[]))]);
    disc.directory(20, SP, &[]);
    let found = report(&disc);
    assert_eq!(
        (found.boots.uefi.answer, found.loaders[0].inside.as_deref()),
        (Answer::Yes, Some("the FAT volume at 81920"))
    );
    let outside = "the boot entry for UEFI begins at no file of the volume".to_owned();
    assert!(!found.findings.contains(&outside), "{:?}", found.findings);
    disc.put(40, 0, &[0; 512]);
    assert!(report(&disc).findings.contains(&outside));
}

#[test]
fn a_hybrid_is_a_disk_too() {
    let files: [(&str, &[u8]); 1] = [("/EFI/BOOT/BOOTX64.EFI", &binary(Machine::X64, &[]))];
    let usb = |change: fn(&mut Disc)| {
        let mut disc = uefi(&files);
        change(&mut disc);
        report(&disc).boots.usb_disk
    };
    let none = usb(|_| {});
    assert_eq!((none.answer, none.why.contains("no partition table")), (Answer::Perhaps, true), "{none}");
    let mbr = usb(|disc| {
        disc.put(0, 446 + 4, &[0xef]);
        disc.put(0, 446 + 8, &160_u32.to_le_bytes());
        disc.put(0, 510, &[0x55, 0xaa]);
    });
    assert_eq!((mbr.answer, mbr.why.as_str()), (Answer::Yes, "UEFI (x64) by its EFI system partition"));
    let bios = usb(|disc| {
        disc.put(0, 0, &[0xfa]);
        disc.put(0, 446 + 4, &[0x17]);
        disc.put(0, 510, &[0x55, 0xaa]);
    });
    assert_eq!((bios.answer, bios.why.as_str()), (Answer::Yes, "a BIOS by its boot code"));
    let gpt = usb(|disc| {
        disc.put(0, 446 + 4, &[0xee]);
        disc.put(0, 510, &[0x55, 0xaa]);
        disc.put(0, 512, b"EFI PART");
        disc.put(0, 512 + 72, &4_u64.to_le_bytes());
        disc.put(0, 512 + 80, &2_u32.to_le_bytes());
        disc.put(0, 512 + 84, &128_u32.to_le_bytes());
        let esp = b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
        disc.put(1, 128, esp);
        disc.put(1, 128 + 32, &160_u64.to_le_bytes());
    });
    assert_eq!((gpt.answer, gpt.why.as_str()), (Answer::Yes, "UEFI (x64) by its EFI system partition"));
    let mut disc = uefi(&files);
    disc.put(0, 446 + 4, &[0xef]);
    disc.put(0, 446 + 8, &160_u32.to_le_bytes());
    disc.put(0, 510, &[0x55, 0xaa]);
    // The catalogue's entry is not bootable any more.
    disc.put(26, 32, &[0]);
    let alone = report(&disc).boots;
    assert_eq!((alone.uefi.answer, alone.usb_disk.answer), (Answer::No, Answer::Yes), "{}", alone.usb_disk);
    let elsewhere = usb(|disc| {
        disc.put(0, 446 + 4, &[0xef]);
        disc.put(0, 446 + 8, &u32::MAX.to_le_bytes());
        disc.put(0, 510, &[0x55, 0xaa]);
    });
    assert_eq!((elsewhere.answer, elsewhere.why.as_str()), (Answer::No, "nothing in its partition table boots"));
}
