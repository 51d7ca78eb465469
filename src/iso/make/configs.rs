//! The boot loaders' config files of a template: an entry after a marker, and room for a machine's arguments after the entry.
//!
//! GRUB finds the volume by a file that only this image has, and not by a device's name: an image is a CD on one BMC and a disk on the next.
//!
//! Which of its configurations a GRUB reads was built into it. Debian's signed `gcdx64` reads `/boot/grub/grub.cfg`, its `grubnetx64`
//! `/grub/grub.cfg` and its `grubx64` `/EFI/debian/grub.cfg`; Red Hat's reads `grub.cfg` beside itself, else `/EFI/<distribution>/grub.cfg`. A CD's
//! GRUB takes the whole CD for the device that it came from, a disk's GRUB the EFI system partition. So the entry lies at the first
//! two places on the volume, and everywhere else, on the volume and in the partition, lies a file that leads there.

use crate::machine::Loader;

/// Where a GRUB configuration with the entry lies: the one file, by two names.
pub(super) const GRUB_CONFIGS: [&str; 2] = ["EFI/BOOT/grub.cfg", "boot/grub/grub.cfg"];

/// Where a GRUB may look besides, by its builder.
pub(super) const GRUB_ELSEWHERE: [&str; 10] = [
    "EFI/almalinux/grub.cfg",
    "EFI/centos/grub.cfg",
    "EFI/debian/grub.cfg",
    "EFI/fedora/grub.cfg",
    "EFI/opensuse/grub.cfg",
    "EFI/redhat/grub.cfg",
    "EFI/rocky/grub.cfg",
    "EFI/ubuntu/grub.cfg",
    "boot/grub2/grub.cfg",
    "grub/grub.cfg",
];

/// isolinux's configuration.
pub(super) const ISOLINUX_CONFIG: &str = "isolinux/isolinux.cfg";

/// What a kernel is told until a machine's own arguments are there: addresses that no machine has, so that a template that was
/// booted by mistake is known by its command line.
const PLACEHOLDER: &str = "provisioner.web=http://555.0.0.1:8091 provisioner.ip=555.0.0.2/24 rs.uuid=unset";

/// Lines of 80 `#` after an entry: 2,025 bytes, which is more than the arguments that any loader takes.
const PADDING_LINES: usize = 25;

/// What the loaders' command line of 2,046 bytes leaves beside 2,000 bytes of arguments (see `area`).
const BESIDE_ARGUMENTS: usize = 46;

/// The entry's files as a loader's configuration names them: absolute paths in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) kernel: String,
    pub(super) initrds: Vec<String>,
}

impl Names {
    /// Whether this file of the root is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        std::iter::once(&self.kernel).chain(&self.initrds).any(|path| path.strip_prefix('/') == Some(name))
    }

    /// Whether they leave this loader's command line 2,000 bytes for arguments.
    pub(super) fn leave_room(&self, loader: Loader) -> bool {
        let initrds: usize = match loader {
            // GRUB gives a kernel its initrds in memory.
            Loader::Grub => 0,
            Loader::Isolinux if self.initrds.is_empty() => 0,
            Loader::Isolinux => "initrd= ".len() + self.initrds.join(",").len(),
        };
        "BOOT_IMAGE= ".len() + self.kernel.len() + initrds <= BESIDE_ARGUMENTS
    }
}

/// GRUB's configuration. `title` is in quotes there and must hold none; `mark` is the path that only this image has.
pub(super) fn grub(title: &str, mark: &str, names: &Names) -> String {
    let initrds = match names.initrds.as_slice() {
        [] => String::new(),
        all => format!("    initrd {}\n", all.join(" ")),
    };
    format!(
        "{}set default=0\nset timeout=0\n\
         # The entry after the next line is written anew for each machine; the lines of # behind it are its room.\n\
         # REPLACE HERE\n\
         menuentry \"{title}\" {{\n    linux {} {PLACEHOLDER}\n{initrds}}}\n{}",
        search(mark),
        names.kernel,
        padding()
    )
}

/// The configuration that leads to GRUB's own.
pub(super) fn grub_lead(mark: &str) -> String {
    format!("{}set prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n", search(mark))
}

fn search(mark: &str) -> String {
    format!("search --no-floppy --file --set=root {mark}\n")
}

/// isolinux's configuration. `linux` says what the file is, which `kernel` would guess by its name.
pub(super) fn isolinux(names: &Names) -> String {
    let initrds = match names.initrds.as_slice() {
        [] => String::new(),
        all => format!("initrd={} ", all.join(",")),
    };
    format!(
        "default 1\nprompt 0\ntimeout 0\n\
         # The entry after the next line is written anew for each machine; the lines of # behind it are its room.\n\
         # REPLACE 2 HERE\n\
         label 1\n    linux {}\n    append {initrds}{PLACEHOLDER}\n{}",
        names.kernel,
        padding()
    )
}

fn padding() -> String {
    format!("{}\n", "#".repeat(80)).repeat(PADDING_LINES)
}

#[cfg(test)]
mod tests {
    use super::{Names, grub, isolinux};
    use crate::iso::area::{self, Area};
    use crate::machine::{KernelArgs, Loader};

    fn names(kernel: &str, initrds: &[&str]) -> Names {
        Names { kernel: kernel.to_owned(), initrds: initrds.iter().map(|&path| path.to_owned()).collect() }
    }

    fn areas(names: &Names) -> [Area; 2] {
        let mark = "/.virtual-media/0123";
        let texts =
            [("/boot/grub/grub.cfg", grub("Debian 12", mark, names)), ("/isolinux/isolinux.cfg", isolinux(names))];
        texts.map(|(path, text)| area::find(path, text.as_bytes(), 0).unwrap().pop().unwrap())
    }

    #[test]
    fn every_entry_has_room_for_2000_bytes_and_keeps_its_initrds() {
        for names in [
            names("/vmlinuz0", &["/stage1.img"]),
            names("/k", &[]),
            names("/k", &["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7"]),
        ] {
            for area in areas(&names) {
                assert!(names.leave_room(area.loader()));
                assert_eq!((area.room(), area.kernel()), (2000, names.kernel.as_str()), "{}", area.file());
                let args = KernelArgs::parse(&"a=b ".repeat(500)).unwrap();
                let text = String::from_utf8(area.render(&args).unwrap()).unwrap();
                assert!(names.initrds.iter().all(|initrd| text.contains(initrd)), "{text}");
            }
        }
    }

    #[test]
    fn names_that_take_the_arguments_place_are_told() {
        let long = names("/install.amd/vmlinuz", &["/install.amd/initrd.gz"]);
        assert!(long.leave_room(Loader::Grub) && !long.leave_room(Loader::Isolinux));
        assert!(areas(&long).iter().all(|area| (area.room() == 2000) == long.leave_room(area.loader())));
        let longer = names("/images/pxeboot/and/so/on/for/some/time/vmlinuz", &[]);
        assert!(!longer.leave_room(Loader::Grub));
        assert!(areas(&longer).iter().all(|area| area.room() < 2000));
    }
}
