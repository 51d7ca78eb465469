//! The partition table of an image that a BMC, or a person, presents as a disk and not as a CD.
//!
//! A table in the older form (UEFI 2.10, 5.2) with the EFI system partition, which lies inside the volume. GPT would need a copy at the
//! image's end and gains nothing. With syslinux' own boot sector a BIOS starts isolinux from the disk, too: the sector holds the
//! place of isolinux as a 64-bit number of 512-byte sectors at 432 (syslinux, `mbr/isohdpfx.S`).

/// Bytes of a sector of a disk.
const SECTOR: u64 = 512;

/// Boot code, and after it the number of isolinux's first sector.
const CODE: usize = 432;

/// A run of bytes of the image; all begin at a block of 2048 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// What a partition table tells of an image.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Disk<'a> {
    /// The EFI system partition.
    pub(super) esp: Option<Run>,
    /// Syslinux' boot sector, and where isolinux begins.
    pub(super) boot: Option<(&'a [u8], u64)>,
    /// The image's size in bytes.
    pub(super) size: u64,
}

impl Disk<'_> {
    /// The first sector; `None` where there is nothing to tell.
    pub(super) fn sector(&self) -> Option<[u8; 512]> {
        if self.esp.is_none() && self.boot.is_none() {
            return None;
        }
        let mut sector = [0; 512];
        if let Some((code, isolinux)) = self.boot {
            let code = &code[..code.len().min(CODE)];
            sector[..code.len()].copy_from_slice(code);
            sector[CODE..CODE + 8].copy_from_slice(&(isolinux / SECTOR).to_le_bytes());
            // Some BIOSes start no disk without an active partition. Type 0: it must not overlap the other for those that count it.
            partition(&mut sector[446..462], 0x80, 0, Run { offset: 0, len: self.size });
        }
        if let Some(esp) = self.esp {
            partition(&mut sector[462..478], 0, 0xef, esp);
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        Some(sector)
    }
}

/// One entry (UEFI 2.10, table 5.2); the addresses by cylinder, head and sector are those of "see the other ones".
fn partition(entry: &mut [u8], active: u8, kind: u8, run: Run) {
    let sectors = |bytes: u64| u32::try_from(bytes / SECTOR).unwrap_or(u32::MAX).to_le_bytes();
    entry[..8].copy_from_slice(&[active, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff]);
    entry[8..12].copy_from_slice(&sectors(run.offset));
    entry[12..16].copy_from_slice(&sectors(run.len));
}

#[cfg(test)]
mod tests {
    use super::{Disk, Run};

    #[test]
    fn the_table_names_the_system_partition_and_isolinux() {
        let esp = Some(Run { offset: 10 * 2048, len: 4096 });
        let sector = Disk { esp, boot: Some((&[0xeb; 432], 40 * 2048)), size: 1 << 20 }.sector().unwrap();
        assert_eq!(sector[432..440], (160_u64).to_le_bytes());
        assert_eq!((sector[446], sector[450]), (0x80, 0));
        assert_eq!((sector[462], sector[466]), (0, 0xef));
        assert_eq!(sector[470..478], [40, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(sector[510..], [0x55, 0xaa]);
        assert_eq!(Disk { size: 1 << 20, ..Disk::default() }.sector(), None);
    }
}
