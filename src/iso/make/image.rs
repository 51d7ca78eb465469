//! The volume itself: which file lies where, and the writer that puts it on disk.
//!
//! hadris-iso writes files in the order of directories, those of a directory before those below it. All but the configurations have
//! a second name in a directory whose name sorts before all others, so their bytes come first and the configurations' last: what
//! precedes the first config area is the same in every machine's image, and is hashed once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use hadris_fs::{Content, NoClock, Node, PathError, Report, Tree};
use hadris_io::{Error as DeviceError, ErrorKind, ErrorType};
use hadris_iso::{BootEntry, BootInfo, ElTorito, IsoId, IsoLevel, IsoOptions};
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use super::Item;
use super::configs::{self, GRUB_CONFIGS, GRUB_ELSEWHERE, ISOLINUX_CONFIG, Names};
use super::disk::{Disk, Run};
use super::error::MakeError;
use super::esp::{self, EspFile};
use super::loaders::{DISK_SECTOR, ISOLINUX, Loader, Loaders};
use crate::iso::error::Error;
use crate::iso::write::check_space;
use crate::machine;
use crate::operation::Operation;

/// Blocks of the file that is written.
const BLOCK: BlockSize = match BlockSize::new(512) {
    Some(size) => size,
    None => unreachable!(),
};

/// The directory of second names.
const FRONT: &str = ".virtual-media";

const ESP: &str = "images/efiboot.img";

/// Who wrote the volume (ECMA-119 8.4.22).
const APPLICATION: &str = "VIRTUAL-MEDIA";

/// All that goes into an image.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    /// The volume identifier.
    pub(super) volume: &'a str,
    /// The entry's title.
    pub(super) title: &'a str,
    /// What no other image has: hexadecimal digits.
    pub(super) mark: &'a str,
    pub(super) kernel: &'a Item,
    pub(super) initrds: &'a [Item],
    pub(super) loaders: &'a Loaders,
}

impl Contents<'_> {
    /// Writes the image to the empty file `to`, which will be `path`, and returns its size.
    pub(super) fn write(&self, to: &File, path: &Path, operation: &Operation) -> Result<u64, Error> {
        let tree = self.tree()?;
        let options = self.options();
        let failed = |source| Error::from(MakeError::Volume { path: path.to_owned(), source: Box::new(source) });
        let report = hadris_iso::plan(&tree, &options).map_err(failed)?;
        let size = report.size();
        check_space(to, size).map_err(Error::write(path, size))?;
        let mut output = Output { to, size, written: 0, operation };
        hadris_iso::sync::write(&mut output, &tree, &options).map_err(|error| {
            if operation.is_cancelled() {
                return Error::Cancelled { doing: "writing", path: path.to_owned() };
            }
            match error.downcast_device::<Refused>() {
                Some(Refused(refused)) => Error::write(path, size)(same(refused)),
                None => failed(error),
            }
        })?;
        if let Some(sector) = self.disk(&report).sector() {
            to.write_all_at(&sector, 0).map_err(Error::write(path, size))?;
        }
        Ok(size)
    }

    fn tree(&self) -> Result<Tree, Error> {
        let mut tree = Placed::default();
        tree.bytes(&self.mark_path(), format!("{}\n", self.title).into_bytes())?;
        for (name, _, file) in self.sources() {
            tree.file(&format!("{FRONT}/{name}"), &[file.path.as_str()], content(&file.source)?)?;
        }
        let (grub, isolinux) = (self.names(machine::Loader::Grub), self.names(machine::Loader::Isolinux));
        for (_, alias, file) in self.sources() {
            if (grub.has(&alias) || isolinux.has(&alias)) && file.path.as_str() != alias {
                tree.link(file.path.as_str(), &alias)?;
            }
        }
        if !self.loaders.uefi.is_empty() {
            self.add_uefi(&mut tree, &grub)?;
        }
        if !self.loaders.bios.is_empty() {
            self.add_bios(&mut tree, &isolinux)?;
        }
        Ok(tree.0)
    }

    /// The path of the file by which GRUB finds the volume, in the image.
    fn mark_path(&self) -> String {
        format!("{FRONT}/{}", self.mark)
    }

    fn add_uefi(&self, tree: &mut Placed, names: &Names) -> Result<(), MakeError> {
        let mark = format!("/{}", self.mark_path());
        let lead = configs::grub_lead(&mark);
        for loader in &self.loaders.uefi {
            let name = &loader.part.name;
            tree.file(&format!("{FRONT}/{name}"), &[&format!("EFI/BOOT/{name}")], loader.content())?;
        }
        tree.file(&format!("{FRONT}/efiboot.img"), &[ESP], Content::bytes(self.esp(&lead)?))?;
        tree.file(&format!("{FRONT}/grub.cfg"), &GRUB_ELSEWHERE, Content::bytes(lead.into_bytes()))?;
        let [config, more @ ..] = GRUB_CONFIGS;
        tree.file(config, &more, Content::bytes(configs::grub(self.title, &mark, names).into_bytes()))
    }

    fn add_bios(&self, tree: &mut Placed, names: &Names) -> Result<(), MakeError> {
        for loader in self.loaders.bios.iter().filter(|loader| loader.part.name != DISK_SECTOR) {
            let name = &loader.part.name;
            tree.file(&format!("{FRONT}/{name}"), &[&format!("isolinux/{name}")], loader.content())?;
        }
        tree.bytes(ISOLINUX_CONFIG, configs::isolinux(names).into_bytes())
    }

    /// Kernel and initrds, each with its name in [`FRONT`] and the short one that it may get in the root.
    fn sources(&self) -> impl Iterator<Item = (String, String, &Item)> {
        let initrds = self.initrds.iter().enumerate();
        let initrds = initrds.map(|(at, file)| (format!("initrd{at}"), at.to_string(), file));
        std::iter::once(("kernel".to_owned(), "k".to_owned(), self.kernel)).chain(initrds)
    }

    /// What a loader's configuration calls kernel and initrds: their own paths, or where these would take the place of arguments on
    /// the loader's command line, names of one letter.
    fn names(&self, loader: machine::Loader) -> Names {
        let own = Names {
            kernel: format!("/{}", self.kernel.path),
            initrds: self.initrds.iter().map(|file| format!("/{}", file.path)).collect(),
        };
        if own.leave_room(loader) {
            return own;
        }
        let mut aliases = self.sources().map(|(_, alias, _)| format!("/{alias}"));
        Names { kernel: aliases.next().unwrap_or_default(), initrds: aliases.collect() }
    }

    /// The EFI system partition: the loaders, and what leads a GRUB that takes it for its own device to the volume.
    fn esp(&self, lead: &str) -> Result<Vec<u8>, MakeError> {
        let loaders = self.loaders.uefi.iter();
        let loaders =
            loaders.map(|loader| EspFile { path: format!("EFI/BOOT/{}", loader.part.name), contents: &loader.bytes });
        // The GRUB of a distribution with a longer name looks beside itself first.
        let leads = GRUB_CONFIGS.iter().chain(&GRUB_ELSEWHERE).filter(|path| esp::has_short_names(path));
        let leads = leads.map(|path| EspFile { path: (*path).to_owned(), contents: lead.as_bytes() });
        esp::make(&loaders.chain(leads).collect::<Vec<_>>())
    }

    fn options(&self) -> IsoOptions {
        let mut boot = ElTorito::new().with_catalog_path(&format!("{FRONT}/boot.cat"));
        if !self.loaders.bios.is_empty() {
            let isolinux = BootEntry::bios(&format!("isolinux/{ISOLINUX}"));
            boot = boot.with_entry(isolinux.with_load_size(4).with_boot_info(BootInfo::Table));
        }
        if !self.loaders.uefi.is_empty() {
            boot = boot.with_entry(BootEntry::uefi(ESP));
        }
        IsoOptions::new()
            .with_id(IsoId::Volume, self.volume)
            .with_id(IsoId::Application, APPLICATION)
            .with_level(IsoLevel::L2)
            .with_joliet()
            .with_rock_ridge()
            // The same bytes whenever it is made.
            .with_time(NoClock::TIME)
            .with_el_torito(boot)
    }

    fn disk(&self, report: &Report) -> Disk<'_> {
        let run = |path: &str| {
            let extent = report.extents(path)?.first()?;
            Some(Run { offset: extent.offset(), len: extent.len() })
        };
        let sector = self.loaders.bios.iter().find(|loader| loader.part.name == DISK_SECTOR);
        let isolinux = run(&format!("isolinux/{ISOLINUX}"));
        let boot = sector.zip(isolinux).map(|(sector, isolinux)| (sector.bytes.as_slice(), isolinux.offset));
        Disk { esp: run(ESP), boot, size: report.size() }
    }
}

impl Loader {
    fn content(&self) -> Content {
        Content::bytes(self.bytes.as_slice())
    }
}

/// A tree in which a path that is taken is told by its name.
#[derive(Default)]
struct Placed(Tree);

impl Placed {
    fn bytes(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), MakeError> {
        self.file::<&str>(path, &[], Content::bytes(bytes))
    }

    /// One file by several paths.
    fn file<S: AsRef<str>>(&mut self, path: &str, more: &[S], content: Content) -> Result<(), MakeError> {
        self.0.insert(path, Node::file(content)).map_err(taken(path))?;
        more.iter().try_for_each(|more| self.link(path, more.as_ref()))
    }

    fn link(&mut self, path: &str, more: &str) -> Result<(), MakeError> {
        self.0.link(path, more).map_err(taken(more))
    }
}

fn taken(path: &str) -> impl FnOnce(PathError) -> MakeError {
    let path = path.to_owned();
    move |_| MakeError::Taken { path }
}

fn content(path: &Path) -> Result<Content, Error> {
    hadris_fs::host::file(path).map_err(|error| Error::read(path)(io::Error::other(error)))
}

/// The file that is written: reports how much of it there is, and refuses more once the operation is cancelled.
struct Output<'a> {
    to: &'a File,
    size: u64,
    written: u64,
    operation: &'a Operation,
}

/// Why the file was not written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(io::Error);

/// The same failure once more: the writer's error lends it only.
fn same(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

impl ErrorType for Output<'_> {
    type Error = Refused;
}

impl BlockDevice for Output<'_> {
    fn block_size(&self) -> BlockSize {
        BLOCK
    }

    fn block_count(&self) -> u64 {
        self.size / u64::from(BLOCK.get())
    }

    fn writable(&self) -> bool {
        true
    }

    fn read_blocks(&mut self, _: BlockIndex, _: &mut [u8]) -> Result<(), DeviceError<Refused>> {
        Err(DeviceError::new(ErrorKind::Unsupported, "the image is only written"))
    }

    fn write_blocks(&mut self, first: BlockIndex, buf: &[u8]) -> Result<(), DeviceError<Refused>> {
        let refused = |error| DeviceError::device(Refused(error), "writing the image");
        if self.operation.is_cancelled() {
            return Err(refused(io::Error::other("cancelled")));
        }
        self.to.write_all_at(buf, first.get() * u64::from(BLOCK.get())).map_err(refused)?;
        self.written += buf.len() as u64;
        self.operation.percent(u8::try_from(self.written * 100 / self.size.max(1)).unwrap_or(100).min(100));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError<Refused>> {
        Ok(())
    }
}
