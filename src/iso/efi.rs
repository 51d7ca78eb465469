//! What an EFI binary says of itself: which processor it is for, and who signed it.
//!
//! Microsoft's "PE Format" (headers, attribute certificate table) and "Windows Authenticode Portable Executable Signature Format"
//! (the certificate is a PKCS #7 `SignedData`). Only the headers and the certificate table are read, each with a limit. A signature is
//! not verified: which firmware trusts it, and whether the digest is right, firmware alone decides.

use std::io;

use object::LittleEndian;
use object::pe::{self, ImageDosHeader, ImageNtHeaders32, ImageNtHeaders64, Machine};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader};
use openssl::nid::Nid;
use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::stack::Stack;
use openssl::x509::X509NameRef;
use serde::Serialize;

use super::record::le32;
use super::volume::{FileEntry, ReadAt};

/// Bytes of the headers: the DOS stub is some hundred, the rest a few more.
const HEADERS: u64 = 4096;

/// Bytes of the certificate table; shim's with two signatures has 20 KiB.
const TABLE: u64 = 256 << 10;

/// Signatures of one binary; shim has had two.
const SIGNATURES: usize = 8;

/// An EFI binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The processor as the names of removable media's loaders spell it, such as `x64`, or its number.
    pub architecture: String,
    /// Who signed it, by its own certificates.
    pub signers: Vec<Signer>,
    /// There is a certificate table with something in it that is no signature that could be read.
    pub odd_signature: bool,
}

/// Who signed a binary: the names in the certificate that the signature refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Signer {
    /// Whose certificate it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
}

/// Reads `file`; `None` where it is no EFI binary.
///
/// # Errors
/// The image cannot be read.
pub fn read<R: ReadAt + ?Sized>(image: &R, file: &FileEntry) -> io::Result<Option<Binary>> {
    let headers = bytes_of(image, file, 0, HEADERS)?;
    let Some((machine, table)) = parse(&headers) else { return Ok(None) };
    let table = bytes_of(image, file, table.0, table.1.min(TABLE))?;
    let (signers, odd_signature) = signers(&table);
    Ok(Some(Binary { architecture: architecture(machine), signers, odd_signature }))
}

/// The bytes of a file from `from` on, `len` of them or those that there are.
fn bytes_of<R: ReadAt + ?Sized>(image: &R, file: &FileEntry, from: u64, len: u64) -> io::Result<Vec<u8>> {
    let (mut bytes, mut skip, mut left) = (Vec::new(), from, len);
    for extent in &file.extents {
        let taken = extent.len.saturating_sub(skip).min(left);
        if taken > 0 {
            let at = bytes.len();
            bytes.resize(at + usize::try_from(taken).map_err(io::Error::other)?, 0);
            image.read_exact_at(&mut bytes[at..], extent.offset + skip)?;
            left -= taken;
        }
        skip = skip.saturating_sub(extent.len);
    }
    Ok(bytes)
}

/// The machine, and offset and length of the certificate table: of an EFI binary only, by its subsystem.
fn parse(headers: &[u8]) -> Option<(Machine, (u64, u64))> {
    let at = u64::from(ImageDosHeader::parse(headers).ok()?.nt_headers_offset());
    parse_nt::<ImageNtHeaders64>(headers, at).or_else(|| parse_nt::<ImageNtHeaders32>(headers, at))
}

fn parse_nt<H: ImageNtHeaders>(headers: &[u8], mut at: u64) -> Option<(Machine, (u64, u64))> {
    let (nt, directories) = H::parse(headers, &mut at).ok()?;
    let efi = pe::IMAGE_SUBSYSTEM_EFI_APPLICATION..=pe::IMAGE_SUBSYSTEM_EFI_ROM;
    if !efi.contains(&nt.optional_header().subsystem()) {
        return None;
    }
    // The one directory whose place is an offset in the file and no address.
    let table = directories
        .get(pe::IMAGE_DIRECTORY_ENTRY_SECURITY)
        .map_or((0, 0), |entry| (entry.virtual_address.get(LittleEndian).into(), entry.size.get(LittleEndian).into()));
    Some((nt.file_header().machine.get(LittleEndian), table))
}

/// UEFI 2.10, table 3.5: how removable media's loaders are named.
fn architecture(machine: Machine) -> String {
    match machine {
        pe::IMAGE_FILE_MACHINE_AMD64 => "x64".to_owned(),
        pe::IMAGE_FILE_MACHINE_I386 => "ia32".to_owned(),
        pe::IMAGE_FILE_MACHINE_ARM64 => "aa64".to_owned(),
        pe::IMAGE_FILE_MACHINE_ARMNT => "arm".to_owned(),
        pe::IMAGE_FILE_MACHINE_RISCV64 => "riscv64".to_owned(),
        other => format!("machine {other:#06x}"),
    }
}

/// The signers in a certificate table, and whether anything in it could not be read. An entry has its length, a revision, its type (2
/// is PKCS #7), and begins at a multiple of eight.
fn signers(table: &[u8]) -> (Vec<Signer>, bool) {
    let (mut signers, mut odd) = (Vec::new(), false);
    let mut rest = table;
    for _ in 0..SIGNATURES {
        if rest.len() < 8 {
            break;
        }
        let len = usize::try_from(le32(rest, 0)).unwrap_or(usize::MAX);
        let Some(entry) = rest.get(8..len) else {
            odd = true;
            break;
        };
        match signer(entry).filter(|_| rest[6..8] == [2, 0]) {
            Some(signer) => signers.push(signer),
            None => odd = true,
        }
        rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    (signers, odd)
}

fn signer(der: &[u8]) -> Option<Signer> {
    let signed = Pkcs7::from_der(der).ok()?;
    let others = Stack::new().ok()?;
    let signers = signed.signers(&others, Pkcs7Flags::empty()).ok()?;
    let certificate = signers.get(0)?;
    Some(Signer { subject: name(certificate.subject_name()), issuer: name(certificate.issuer_name()) })
}

/// A name's common name, else its organisation. Control characters are none of a name.
fn name(name: &X509NameRef) -> String {
    let entry = [Nid::COMMONNAME, Nid::ORGANIZATIONNAME].into_iter().find_map(|nid| name.entries_by_nid(nid).next());
    let text = entry.and_then(|entry| entry.data().to_string().ok());
    text.map_or_else(|| "an unnamed signer".to_owned(), |text| text.chars().filter(|c| !c.is_control()).collect())
}
