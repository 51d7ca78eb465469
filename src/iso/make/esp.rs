//! The EFI system partition: a FAT image with the UEFI boot loaders, as large as they need.
//!
//! UEFI 2.10, 13.3.1 (FAT) and 13.3.2 (El Torito). Made in memory: it is a few megabytes.
//!
//! Names have 8 and 3 characters and no case, which is all that a boot needs. fatfs 0.3.6 with long names (its feature `alloc`) writes one before
//! each directory's `.` and `..` as well, and fsck.vfat finds every directory damaged.

use std::io::{Cursor, Write};

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};

use super::error::MakeError;

/// What El Torito's 16-bit count of 512-byte sectors can name (El Torito 1.0, 2.2).
const LIMIT: u64 = 65_535 * SECTOR;

const SECTOR: u64 = 512;

/// A cluster of a volume of this size, and what a directory takes.
const CLUSTER: u64 = 2048;

/// Boot record, root directory and the two tables of an empty volume.
const OVERHEAD: u64 = 96 << 10;

/// The volume's serial number: any, and always the same one.
const VOLUME_ID: u32 = 0x564d_4549;

/// A file in it, by its path with `/` between the names.
#[derive(Clone, Debug)]
pub(super) struct EspFile<'a> {
    pub(super) path: String,
    pub(super) contents: &'a [u8],
}

/// Whether a path has names of 8 and 3 characters only.
pub(super) fn has_short_names(path: &str) -> bool {
    path.split('/').all(|name| {
        let (base, extension) = name.split_once('.').unwrap_or((name, ""));
        (1..=8).contains(&base.len()) && extension.len() <= 3 && !extension.contains('.')
    })
}

/// Makes the partition of `files`, whose names are short.
pub(super) fn make(files: &[EspFile<'_>]) -> Result<Vec<u8>, MakeError> {
    let size = size_of(files);
    if size > LIMIT {
        return Err(MakeError::PartitionTooLarge { size, limit: LIMIT });
    }
    fill(files, size).map_err(MakeError::Partition)
}

fn size_of(files: &[EspFile<'_>]) -> u64 {
    let contents = files.iter().map(|file| {
        let directories = file.path.matches('/').count() as u64;
        (file.contents.len() as u64).next_multiple_of(CLUSTER) + directories * CLUSTER
    });
    let contents: u64 = contents.sum();
    // Each cluster has two bytes in each of two tables.
    (contents + contents / CLUSTER * 4 + OVERHEAD).next_multiple_of(CLUSTER)
}

fn fill(files: &[EspFile<'_>], size: u64) -> std::io::Result<Vec<u8>> {
    let mut image = vec![0; usize::try_from(size).map_err(std::io::Error::other)?];
    let format = FormatVolumeOptions::new()
        .bytes_per_cluster(u32::try_from(CLUSTER).unwrap_or(u32::MAX))
        .volume_id(VOLUME_ID)
        .volume_label(*b"EFIBOOT    ");
    fatfs::format_volume(Cursor::new(&mut image[..]), format)?;
    // Without its feature `chrono` fatfs reads no clock: all files have the one date, 1 January 1980.
    let volume = FileSystem::new(Cursor::new(&mut image[..]), FsOptions::new())?;
    for EspFile { path, contents } in files {
        let mut directory = volume.root_dir();
        let mut names: Vec<&str> = path.split('/').collect();
        let name = names.pop().unwrap_or_default();
        for name in names {
            directory = directory.create_dir(name)?;
        }
        let mut file = directory.create_file(name)?;
        file.truncate()?;
        file.write_all(contents)?;
        file.flush()?;
    }
    volume.unmount()?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use fatfs::{FileSystem, FsOptions};
    use proptest::prelude::*;

    use super::{EspFile, LIMIT, MakeError, has_short_names, make};

    fn files(contents: &[(String, Vec<u8>)]) -> Vec<EspFile<'_>> {
        contents.iter().map(|(path, contents)| EspFile { path: path.clone(), contents }).collect()
    }

    #[test]
    fn names_that_need_more_than_8_and_3_characters_are_told() {
        for (path, short) in [
            ("EFI/BOOT/BOOTAA64.EFI", true),
            ("EFI/opensuse/grub.cfg", true),
            ("EFI/almalinux/grub.cfg", false),
            ("EFI/BOOT/MokManager.efi", false),
            ("EFI/BOOT/a.b.c", false),
            ("EFI/BOOT/grub.conf", false),
            ("EFI//grub.cfg", false),
        ] {
            assert_eq!(has_short_names(path), short, "{path}");
        }
    }

    #[test]
    fn more_than_the_catalogue_can_name_is_refused_with_both_numbers() {
        let most = usize::try_from(LIMIT).unwrap();
        let large = [("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; most])];
        let Err(MakeError::PartitionTooLarge { size, limit }) = make(&files(&large)) else { panic!() };
        assert!(size > limit && limit == LIMIT);
        let fits = [("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; most - (300 << 10)])];
        assert!(make(&files(&fits)).unwrap().len() as u64 <= LIMIT);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_file_is_in_it_and_the_bytes_are_the_same_again(
            sizes in prop::collection::vec(0_usize..600_000, 1..12), deep in 0_usize..4,
        ) {
            let contents: Vec<_> = sizes.iter().enumerate()
                .map(|(at, size)| (format!("{}EFI/{at}/grub.cfg", "dir/".repeat(deep)), vec![u8::try_from(at).unwrap(); *size]))
                .collect();
            let image = make(&files(&contents)).unwrap();
            prop_assert!(image == make(&files(&contents)).unwrap());
            let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
            for (path, contents) in &contents {
                let mut read = Vec::new();
                volume.root_dir().open_file(path).unwrap().read_to_end(&mut read).unwrap();
                prop_assert!(read == *contents, "{path}");
            }
        }
    }
}
