//! What a UEFI program says of itself: for which processor it is, and whether it carries a signature.
//!
//! PE format, sections "COFF File Header", "Optional Header Data Directories" and "The Attribute Certificate Table". Who signed it, and
//! whether a machine trusts that signer, only the machine knows.

use super::Architecture;
use crate::iso::record::le32;

/// A UEFI program's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// The processor; `None` for one that we make no templates for.
    pub(super) architecture: Option<Architecture>,
    /// Whether it has a certificate table.
    pub(super) signed: bool,
}

/// The certificate table is the fifth data directory.
const CERTIFICATES: usize = 4;

impl Program {
    /// Reads the header; `None` where there is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let dos = bytes.get(..64).filter(|dos| dos.starts_with(b"MZ"))?;
        let header = bytes.get(usize::try_from(le32(dos, 60)).ok()?..)?.strip_prefix(b"PE\0\0")?;
        let machine = u16::from_le_bytes(*header.first_chunk()?);
        let optional = header.get(20..)?;
        // PE32+, which both architectures have, puts the directories 112 bytes into the optional header.
        let directories = optional.starts_with(&[0x0b, 0x02]).then(|| optional.get(112..)).flatten();
        let certificates = directories.and_then(|all| all.get(8 * CERTIFICATES..8 * CERTIFICATES + 8));
        Some(Self {
            architecture: match machine {
                0x8664 => Some(Architecture::Amd64),
                0xaa64 => Some(Architecture::Arm64),
                _ => None,
            },
            signed: certificates.is_some_and(|table| le32(table, 0) != 0 && le32(table, 4) != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Architecture, Program};

    fn program(machine: u16, certificate: u32) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[60] = 128;
        bytes[128..132].copy_from_slice(b"PE\0\0");
        bytes[132..134].copy_from_slice(&machine.to_le_bytes());
        bytes[152..154].copy_from_slice(&[0x0b, 0x02]);
        bytes[296..300].copy_from_slice(&certificate.to_le_bytes());
        bytes[300..304].copy_from_slice(&certificate.to_le_bytes());
        bytes
    }

    #[test]
    fn the_header_tells_processor_and_signature() {
        for (machine, certificate, architecture, signed) in [
            (0x8664, 400, Some(Architecture::Amd64), true),
            (0xaa64, 0, Some(Architecture::Arm64), false),
            (0x014c, 0, None, false),
        ] {
            let read = Program::read(&program(machine, certificate));
            assert_eq!(read, Some(Program { architecture, signed }), "{machine:x}");
        }
        assert_eq!(Program::read(b"not a boot loader"), None);
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(at in any::<u32>(), cut in 0_usize..513, bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut odd = program(0x8664, 1);
            odd[60..64].copy_from_slice(&at.to_le_bytes());
            odd.truncate(cut);
            let _ = (Program::read(&odd), Program::read(&bytes));
        }
    }
}
