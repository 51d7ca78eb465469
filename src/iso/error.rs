//! What can go wrong between a template and a machine's image, each case told so that an operator can act on it.

use std::io;
use std::path::{Path, PathBuf};

use super::make::MakeError;
use super::volume::VolumeError;

/// A failure to find, read or write a boot image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The web root holds neither an exploded Sledgehammer with a `cdboot.iso` nor a Sledgehammer tarball.
    #[error(
        "looking for a boot template: none in {}/sledgehammer/<SIG>/cdboot.iso and no {}/isos/sledgehammer*.tar[.gz]; \
         upload Sledgehammer's ISO (drpcli bootenvs uploadiso sledgehammer) or name one with Param virtual-media/template",
        .webroot.display(), .webroot.display()
    )]
    NoTemplate {
        /// Where the static file server's files lie.
        webroot: PathBuf,
    },
    /// Param `virtual-media/template` names nothing that is there.
    #[error(
        "looking for template `{name}`: no such file below {}; upload that Sledgehammer's ISO (drpcli bootenvs \
         uploadiso sledgehammer), or give an absolute path, a path below the web root or the signature of an uploaded \
         Sledgehammer in Param virtual-media/template",
        .webroot.display()
    )]
    TemplateNotFound {
        /// The name as it was given.
        name: String,
        /// Where the static file server's files lie.
        webroot: PathBuf,
    },
    /// Param `virtual-media/template` is a relative path that could leave the web root.
    #[error(
        "looking for template `{name}`: a relative name must not hold `..`; give a path below the web root or an absolute one"
    )]
    TemplateName {
        /// The name as it was given.
        name: String,
    },
    /// A file or directory could not be opened or read.
    #[error("reading {}: {source}", .path.display())]
    Read {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is neither an ISO 9660 image nor a tarball, by what it holds.
    #[error("opening template {}: neither an ISO 9660 image nor a tar or tar.gz; give Sledgehammer's cdboot.iso or its tarball", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A tarball or an exploded directory without a usable `cdboot.iso`.
    #[error("opening template {}: {found}; take a Sledgehammer that was built with cdboot.iso (amd64, builder of 2021 or later)", .path.display())]
    NoImageInside {
        /// The tarball or directory.
        path: PathBuf,
        /// What was found instead.
        found: &'static str,
    },
    /// A tarball that could not be read to its `cdboot.iso`.
    #[error("reading archive {}: {source}; the upload may be incomplete: compare its digest with its source and upload it again", .path.display())]
    Archive {
        /// The tarball.
        path: PathBuf,
        /// What the tar or gzip reader said.
        source: io::Error,
    },
    /// An image or an archive beyond what we are willing to read.
    #[error("reading {}: {what} is more than the limit of {limit} bytes; this is no boot template", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The ISO 9660 volume is truncated, damaged, hostile, or uses what we do not support.
    #[error("reading the volume in {}: {source}", .path.display())]
    Volume {
        /// The image, or the archive around it.
        path: PathBuf,
        /// What is wrong with it.
        source: VolumeError,
    },
    /// No text file of the volume has a marker line, so there is nothing to write arguments to.
    #[error(
        "looking for config areas in {}: none of its {files} files has a line `# REPLACE HERE` or `# REPLACE 2 HERE`; \
         this image cannot take kernel arguments, take Sledgehammer's cdboot.iso",
        .path.display()
    )]
    NoMarker {
        /// The image, or the archive around it.
        path: PathBuf,
        /// How many files the volume has.
        files: usize,
    },
    /// What follows a marker is no entry that we know how to rewrite.
    #[error("reading the entry after the marker in {file} of {}: {what}; take an unmodified cdboot.iso", .path.display())]
    Entry {
        /// The image, or the archive around it.
        path: PathBuf,
        /// The config file in the volume.
        file: String,
        /// What was expected and is not there.
        what: &'static str,
    },
    /// Two config files share some of their bytes, so neither can be written without harm to the other.
    #[error("reading {}: config files {first} and {second} overlap; the image is damaged", .path.display())]
    Overlap {
        /// The image, or the archive around it.
        path: PathBuf,
        /// The config file that begins first.
        first: String,
        /// The one that begins before the first has ended.
        second: String,
    },
    /// The kernel arguments, spelled as the loader needs them, are longer than their place.
    #[error(
        "writing the kernel arguments into {file} of {}: they take {needed} bytes and there is room for {room}; \
         shorten Params kernel-options or kernel-console, or take a template with more padding",
        .path.display()
    )]
    ArgumentsTooLong {
        /// The image, or the archive around it.
        path: PathBuf,
        /// The config file in the volume.
        file: String,
        /// How many bytes the arguments need.
        needed: usize,
        /// How many bytes they may have.
        room: usize,
    },
    /// The template was overwritten in place after it was opened.
    #[error("reading template {}: it changed since it was opened; call again once it is complete", .path.display())]
    TemplateChanged {
        /// The template.
        path: PathBuf,
    },
    /// The template of an image that was being served is another one since the plugin was started anew.
    #[error(
        "serving an image of template {}: it is another one than the image was made from; generate the image anew",
        .path.display()
    )]
    TemplateReplaced {
        /// The template.
        path: PathBuf,
    },
    /// A plan was given with a template that it was not made from.
    #[error("putting an image together: the plan is for one of {planned} bytes, the template {} has {size}", .template.display())]
    ForeignPlan {
        /// The template that was given.
        template: PathBuf,
        /// The length that the plan is for.
        planned: u64,
        /// The template's length.
        size: u64,
    },
    /// A BootEnv name that the server would not accept, and that must not become a path.
    #[error(
        "naming the image of BootEnv `{name}`: a BootEnv name begins with a letter and holds letters, digits, blanks, `-`, `_` and `.`, 2 to 255 of them"
    )]
    BootEnvName {
        /// The name as it was given.
        name: String,
    },
    /// A symbolic link stands where a directory of ours should be.
    #[error("writing below {}: it is a symbolic link or no directory; remove it, images are kept below the web root only", .path.display())]
    NoDirectory {
        /// What is in the way.
        path: PathBuf,
    },
    /// The disk, or the quota, has no room for an image. Nothing of it is left.
    #[error("writing {} ({size} bytes): {source}; free some space, then call again; what was there is unchanged", .path.display())]
    DiskFull {
        /// The image.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A BootEnv's kernel or initrd is not there, so no template can be made of it.
    #[error(
        "making a template of BootEnv {bootenv}: {} is not there; upload its ISO (drpcli bootenvs uploadiso {bootenv})",
        .path.display()
    )]
    NotExploded {
        /// The BootEnv.
        bootenv: String,
        /// The file.
        path: PathBuf,
    },
    /// There is no directory to keep templates of our own in.
    #[error(
        "making a template: there is no directory to keep it in; start the plugin with RS_WEBROOT set, or set Param \
         virtual-media/cache-directory on the plugin object"
    )]
    NoCache,
    /// The cache is full of templates that are used now.
    #[error(
        "keeping a template of {needed} bytes in {}: templates that are in use take {used} of its {limit} bytes; raise \
         Param virtual-media/cache-limit",
        .path.display()
    )]
    CacheFull {
        /// The cache's directory.
        path: PathBuf,
        /// Bytes of the new template.
        needed: u64,
        /// Bytes that could not be freed.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The images of all machines would have more bytes than they may.
    #[error(
        "writing {} ({size} bytes): the other images in dynamic_isos have {used} bytes and all may have {limit}; raise Param \
         virtual-media/images-limit, or let the plugin serve them (virtual-media/iso-delivery: serve); what was there is \
         unchanged",
        .path.display()
    )]
    ImagesFull {
        /// The image.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// Bytes of the images that are there.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// We may not write there, or the place does not exist. Nothing was changed.
    #[error(
        "writing {}: {source}; let the user that the plugin runs as write there, or name another place (RS_WEBROOT is the server's web root)",
        .path.display()
    )]
    NotWritable {
        /// The image or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure to write. Nothing of the image is left.
    #[error("writing {}: {source}; what was there is unchanged", .path.display())]
    Write {
        /// The image or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image or a machine's directory could not be deleted.
    #[error("removing {}: {source}; remove it by hand", .path.display())]
    Remove {
        /// What was to be deleted.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A template cannot be made of what was given.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The operation was asked to stop. Nothing half-written is left.
    #[error("{doing} {}: cancelled; what was there is unchanged", .path.display())]
    Cancelled {
        /// What was being done, such as `writing`.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
    },
}

impl Error {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// Sorts a failure to write `size` bytes to `path` by what the operator can do about it.
    pub(super) fn write(path: &Path, size: u64) -> impl FnOnce(io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let path = path.to_owned();
        move |source| match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::DiskFull { path, size, source },
            NotFound | PermissionDenied | ReadOnlyFilesystem => Self::NotWritable { path, source },
            _ => Self::Write { path, source },
        }
    }
}
