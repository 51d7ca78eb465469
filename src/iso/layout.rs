//! What lies where in an image, as far as a boot reads it: so that what is read tells how far a boot has come.

use std::collections::HashMap;
use std::ops::Range;

use super::area::Area;
use super::boot_catalog::{BootImage, Firmware};
use super::volume::FileEntry;

/// What some of an image's bytes are to a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A kernel that a config file names.
    Kernel,
    /// An initrd that a config file names.
    Initrd,
    /// A file with a config area.
    Configuration,
    /// What the firmware boots, and what that loads of itself.
    Loader,
    /// The volume's descriptors, directories and boot catalogue: what lies in no file.
    Catalogue,
    /// Anything else.
    Other,
}

/// The parts of an image.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By offset, apart from each other.
    spans: Vec<Span>,
    /// Where the firmware begins to read what it boots.
    starts: Vec<u64>,
    kernel: u64,
    initrd: u64,
}

/// A run of bytes in a file.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: u64,
    to: u64,
    part: Part,
    /// Where in its part it begins: kernels and initrds are counted as one run of bytes each.
    at: u64,
}

/// Directories whose files are boot loaders' own, in the layouts of Sledgehammer's builder, of distributions and of ours.
const LOADER_DIRECTORIES: [&str; 6] = ["/efi/", "/boot/", "/isolinux/", "/syslinux/", "/images/efi", "/efi.img"];

/// The boot catalogue is a file in some images.
const CATALOGUES: [&str; 2] = ["/boot.cat", "/boot.catalog"];

impl Layout {
    /// Sorts the files of a volume into parts: by what the areas' entries name, by what the boot catalogue does, by place.
    pub(super) fn new(files: &[FileEntry], areas: &[Area], boot: &[BootImage]) -> Self {
        let mut layout = Self {
            starts: boot.iter().filter(|image| image.firmware != Firmware::Other).map(|image| image.offset).collect(),
            ..Self::default()
        };
        let named = named_by(areas);
        let mut extents: Vec<(Range<u64>, Part)> = Vec::new();
        for file in files {
            let is_booted = file.extents.first().is_some_and(|extent| layout.starts.contains(&extent.offset));
            let part = named.get(&file.path).copied().unwrap_or_else(|| part_of(&file.path, is_booted));
            extents.extend(file.extents.iter().map(|extent| (extent.offset..extent.offset + extent.len, part)));
        }
        // Of several names of one extent the one counts that says most.
        extents.sort_by_key(|(extent, part)| (extent.start, *part));
        for (extent, part) in extents {
            layout.add(extent, part);
        }
        layout
    }

    /// How many bytes a part has, of kernel and initrd.
    pub(super) fn len(&self, part: Part) -> u64 {
        match part {
            Part::Kernel => self.kernel,
            Part::Initrd => self.initrd,
            _ => 0,
        }
    }

    /// Whether what a firmware boots begins here.
    pub(super) fn begins_a_boot(&self, offset: u64) -> bool {
        self.starts.contains(&offset)
    }

    /// The parts that a range touches, each with where in the part. What is between files is the catalogue.
    pub(super) fn parts(&self, range: Range<u64>) -> impl Iterator<Item = (Part, Range<u64>)> {
        let first = self.spans.partition_point(|span| span.to <= range.start);
        let mut spans = self.spans[first..].iter().peekable();
        let Range { start: mut at, end } = range;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let from = at;
            let span = spans.next_if(|span| span.from <= at);
            at = end.min(span.map_or_else(|| spans.peek().map_or(end, |next| next.from), |span| span.to));
            Some(match span {
                Some(span) => (span.part, span.at + (from - span.from)..span.at + (at - span.from)),
                None => (Part::Catalogue, from..at),
            })
        })
    }

    /// Two names of one extent, as writers make for equal files and hard links, are one span.
    fn add(&mut self, extent: Range<u64>, part: Part) {
        let from = self.spans.last().map_or(0, |last| last.to).max(extent.start);
        if from >= extent.end {
            return;
        }
        let mut uncounted = 0;
        let count = match part {
            Part::Kernel => &mut self.kernel,
            Part::Initrd => &mut self.initrd,
            _ => &mut uncounted,
        };
        let at = *count;
        *count += extent.end - from;
        self.spans.push(Span { from, to: extent.end, part, at });
    }
}

/// The files that the areas' entries name, and those that the areas are in.
fn named_by(areas: &[Area]) -> HashMap<String, Part> {
    let mut named = HashMap::new();
    for area in areas {
        named.extend(area.files().iter().map(|file| (file.clone(), Part::Configuration)));
        for initrd in area.initrds() {
            named.insert(absolute(initrd, area.file()), Part::Initrd);
        }
        named.insert(absolute(area.kernel(), area.file()), Part::Kernel);
    }
    named
}

/// A path in a config file as one in the volume: without GRUB's device, and from isolinux's own directory where it is relative.
fn absolute(path: &str, config: &str) -> String {
    let path = path.strip_prefix('(').and_then(|path| path.split_once(')')).map_or(path, |(_, path)| path);
    if path.starts_with('/') {
        return path.to_owned();
    }
    format!("{}/{path}", config.rsplit_once('/').map_or("", |(directory, _)| directory))
}

fn part_of(path: &str, is_booted: bool) -> Part {
    let lower = path.to_ascii_lowercase();
    if CATALOGUES.iter().any(|name| lower.ends_with(name)) {
        Part::Catalogue
    } else if is_booted || LOADER_DIRECTORIES.iter().any(|directory| lower.starts_with(directory)) {
        Part::Loader
    } else {
        Part::Other
    }
}

#[cfg(test)]
mod tests {
    use super::super::boot_catalog::Emulation;
    use super::*;
    use crate::iso::area;
    use crate::iso::volume::Extent;

    const BLOCK: u64 = 2048;

    fn file(path: &str, block: u64, len: u64) -> FileEntry {
        FileEntry { path: path.to_owned(), extents: vec![Extent { offset: block * BLOCK, len }] }
    }

    fn area(path: &str, text: &str) -> Area {
        let text = format!("{text}{}", format!("{}\n", "#".repeat(80)).repeat(25));
        area::find(path, text.as_bytes(), 0).unwrap().pop().unwrap()
    }

    fn boot(firmware: Firmware, block: u64) -> BootImage {
        BootImage { firmware, bootable: true, emulation: Emulation::None, offset: block * BLOCK, load: 2048 }
    }

    /// The parts of the first blocks, a letter each.
    fn blocks(layout: &Layout, blocks: u64) -> String {
        let letter = |(part, _): (Part, Range<u64>)| match part {
            Part::Kernel => 'K',
            Part::Initrd => 'I',
            Part::Configuration => 'C',
            Part::Loader => 'L',
            Part::Catalogue => '.',
            Part::Other => 'o',
        };
        (0..blocks).flat_map(|block| layout.parts(block * BLOCK..block * BLOCK + 1).map(letter)).collect()
    }

    #[test]
    fn files_are_what_the_entries_name_the_catalogue_boots_and_their_places_say() {
        let isolinux = "# REPLACE 2 HERE\nlabel 1\n  kernel vmlinuz0\n  append initrd=stage1.img a=b\n";
        let grub = "# REPLACE HERE\nmenuentry \"x\" {\n  linux ($root)/kernel a=b\n  initrd ($root)/initrd\n}\n";
        let areas = [area("/isolinux/isolinux.cfg", isolinux), area("/boot/grub/grub.cfg", grub)];
        let files = [
            file("/isolinux/boot.cat", 1, 2048),
            file("/isolinux/isolinux.bin", 2, 2048),
            file("/isolinux/isolinux.cfg", 3, 2048),
            file("/isolinux/vmlinuz0", 4, 4096),
            file("/isolinux/stage1.img", 6, 2048),
            file("/kernel", 8, 2048),
            file("/initrd", 9, 3000),
            file("/boot/grub/grub.cfg", 11, 2048),
            file("/boot/grub/core.img", 12, 2048),
            file("/somewhere/efi.img", 13, 2048),
            file("/somewhere/open-firmware", 14, 2048),
            file("/root.squashfs", 15, 2048),
        ];
        let catalogue = [boot(Firmware::Bios, 2), boot(Firmware::Uefi, 13), boot(Firmware::Other, 14)];
        let layout = Layout::new(&files, &areas, &catalogue);
        assert_eq!(blocks(&layout, 17), "..LCKKI.KIICLLoo.");
        assert_eq!((layout.len(Part::Kernel), layout.len(Part::Initrd)), (6144, 5048));
        let begins = (0..17).filter(|block| layout.begins_a_boot(block * BLOCK));
        assert_eq!(begins.collect::<Vec<_>>(), [2, 13]);
        // Kernels and initrds are one run of bytes each, and what is between two files is the catalogue.
        let parts: Vec<_> = layout.parts(5 * BLOCK..10 * BLOCK).collect();
        let initrds = [(Part::Initrd, 0..2048), (Part::Initrd, 2048..4096)];
        let [first, second] = initrds;
        let between = (Part::Catalogue, 7 * BLOCK..8 * BLOCK);
        assert_eq!(parts, [(Part::Kernel, 2048..4096), first, between, (Part::Kernel, 4096..6144), second]);
    }

    #[test]
    fn of_two_names_of_the_same_bytes_the_one_counts_that_says_most() {
        let isolinux = "# REPLACE 2 HERE\nlabel 1\n  kernel /k\n  append initrd=/0 a=b\n";
        // As in templates of ours, where each loader has the names that suit it.
        let grub = "# REPLACE HERE\nmenuentry \"x\" {\n  linux /z-copy a=b\n  initrd /long/initrd\n}\n";
        let areas = [area("/isolinux/isolinux.cfg", isolinux), area("/boot/grub/grub.cfg", grub)];
        let names = ["/a-copy", "/k", "/z-copy"].map(|name| file(name, 1, 2048));
        let layout =
            Layout::new(&[&names[..], &[file("/0", 2, 2048), file("/long/initrd", 2, 2048)]].concat(), &areas, &[]);
        assert_eq!((layout.len(Part::Kernel), layout.len(Part::Initrd)), (2048, 2048));
        assert_eq!(blocks(&layout, 4), ".KI.");
    }
}
