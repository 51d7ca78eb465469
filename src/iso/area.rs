//! A config area: the part of a boot loader's config file that is rewritten for each machine.
//!
//! It begins after the marker line (`# REPLACE HERE`; in isolinux's file `# REPLACE 2 HERE`; upper case in a template, lower case in
//! files that a server generated) and ends with the padding after the boot entry. The entry stays as the template has it; the
//! kernel arguments alone are exchanged, and what is left over is filled with lines of `#`. So the placeholder arguments are
//! room as well as the padding, and a generated image can be generated again.

use super::entry::{self, Entry};
use crate::machine::{KernelArgs, Loader};

/// More than this, GRUB 2.06 drops whole words and isolinux 6.04 hangs: both keep a command line of 2,047 bytes, `BOOT_IMAGE=` and
/// isolinux's `initrd=` included (found by booting).
const COMMAND_LINE: usize = 2046;

/// What any loader and any kernel path leave of that, with some to spare.
const ARGUMENTS: usize = 2000;

/// Bytes of a full padding line, without its end.
const FILL: usize = 80;

/// A config area, with the entry that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    files: Vec<String>,
    offset: u64,
    len: usize,
    loader: Loader,
    entry: Entry,
}

/// Arguments that do not fit into an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Bytes that the arguments take as the loader must have them.
    pub needed: usize,
    /// Bytes that they may take.
    pub room: usize,
}

impl Area {
    /// The config files that it belongs to: more than one where the image's writer stored equal files once.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The first of its files, for messages.
    #[must_use]
    pub fn file(&self) -> &str {
        self.files.first().map_or("", String::as_str)
    }

    /// Where it begins, in bytes from the image's start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len
    }

    /// Who reads it.
    #[must_use]
    pub fn loader(&self) -> Loader {
        self.loader
    }

    /// The kernel that its entry boots, as the entry spells it.
    #[must_use]
    pub fn kernel(&self) -> &str {
        self.entry.kernel()
    }

    /// The initrds that its entry loads, as the entry spells them.
    #[must_use]
    pub fn initrds(&self) -> &[String] {
        self.entry.initrds()
    }

    /// The arguments that are in it now, as the loader's configuration spells them.
    #[must_use]
    pub fn arguments(&self) -> &str {
        self.entry.arguments()
    }

    /// How many bytes of arguments it takes, as the loader's configuration spells them.
    #[must_use]
    pub fn room(&self) -> usize {
        let place = self.len.saturating_sub(self.entry.fixed_len()) / self.entry.slots();
        place.min(self.line_limit())
    }

    /// What the loader's command line leaves for arguments.
    fn line_limit(&self) -> usize {
        COMMAND_LINE.saturating_sub(self.entry.line_overhead()).min(ARGUMENTS)
    }

    /// The area's bytes with `args` in its entry: exactly [`Area::size`] of them, ending in a line end.
    ///
    /// # Errors
    /// The arguments do not fit.
    pub fn render(&self, args: &KernelArgs) -> Result<Vec<u8>, TooLong> {
        let arguments = self.loader.quote(args);
        let room = self.room();
        if arguments.len() > room {
            return Err(TooLong { needed: arguments.len(), room });
        }
        let mut bytes = self.entry.with_arguments(&arguments);
        // A plan lives as long as its image is served: what a growing vector takes beyond its bytes would too, and is as much again.
        bytes.reserve_exact(self.len.saturating_sub(bytes.len()));
        fill(&mut bytes, self.len);
        Ok(bytes)
    }

    /// Adds a name under which the same bytes are listed once more.
    pub(super) fn add_file(&mut self, more: &str) {
        self.files.push(more.to_owned());
    }
}

/// Fills `bytes` to `len` with lines of `#`; every remainder ends in a line end, so nothing after the area can become part of it.
fn fill(bytes: &mut Vec<u8>, len: usize) {
    while let left @ 1.. = len.saturating_sub(bytes.len()) {
        let line = left.min(FILL + 1);
        bytes.extend(std::iter::repeat_n(b'#', line - 1));
        bytes.push(b'\n');
    }
}

/// Finds the areas of the config file `path`, whose text begins at `offset` in the image. A file without a marker has none.
///
/// # Errors
/// What follows a marker is no entry that can be rewritten; the text says what is missing.
pub fn find(path: &str, text: &[u8], offset: u64) -> Result<Vec<Area>, &'static str> {
    let lines: Vec<Line<'_>> = lines(text).collect();
    let markers: Vec<(usize, Marker)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, Marker::read(line.text)?))).collect();
    let mut areas = Vec::new();
    for (number, (at, marker)) in markers.iter().enumerate() {
        let next = markers.get(number + 1).map_or(lines.len(), |(at, _)| *at);
        let body = &lines[at + 1..next];
        let loader = marker.loader(path);
        let (entry, taken) = entry::read(loader, body)?;
        let (Some(first), Some(last)) = (body.first(), taken.checked_sub(1).and_then(|last| body.get(last))) else {
            return Err("nothing follows it");
        };
        let len = last.end - first.start;
        if entry.fixed_len() > len {
            return Err("there is no padding after the entry, so it has no room for arguments");
        }
        areas.push(Area { files: vec![path.to_owned()], offset: offset + first.start as u64, len, loader, entry });
    }
    Ok(areas)
}

/// A line with its place in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset after its line end.
    pub(super) end: usize,
    /// Without its line end.
    pub(super) text: &'a [u8],
}

fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut end = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let start = end;
        end += line.len();
        Line { start, end, text: line.strip_suffix(b"\n").unwrap_or(line) }
    })
}

/// The line after which an area begins: `(?i)^# replace( 2)? here$`, nothing before or after it, no carriage return either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Plain,
    Two,
}

impl Marker {
    fn read(line: &[u8]) -> Option<Self> {
        if line.eq_ignore_ascii_case(b"# replace here") {
            Some(Self::Plain)
        } else if line.eq_ignore_ascii_case(b"# replace 2 here") {
            Some(Self::Two)
        } else {
            None
        }
    }

    /// Marker 2 and isolinux's own file names mean isolinux, whatever directory they are in.
    fn loader(self, path: &str) -> Loader {
        let name = path.rsplit('/').next().unwrap_or_default();
        let isolinux =
            ["isolinux.cfg", "syslinux.cfg", "extlinux.conf"].iter().any(|own| name.eq_ignore_ascii_case(own));
        if self == Self::Two || isolinux { Loader::Isolinux } else { Loader::Grub }
    }
}

#[cfg(test)]
#[path = "area_tests.rs"]
mod tests;
