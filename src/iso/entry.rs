//! The boot entry of a config area: read once from the template, written again for each machine with other kernel arguments.
//!
//! Read line by line, and no more of the loaders' languages than Sledgehammer's builder writes. Anything else is refused,
//! because a half-understood entry would be a machine that does not boot.

use super::area::Line;
use crate::machine::Loader;

/// An entry as text with gaps where kernel arguments go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The text before, between and after the gaps.
    text: Vec<Vec<u8>>,
    kernel: String,
    initrds: Vec<String>,
    arguments: String,
    /// Bytes of `initrd=…`, which isolinux puts before the arguments itself.
    initrd: usize,
}

impl Entry {
    /// The kernel's path.
    pub(super) fn kernel(&self) -> &str {
        &self.kernel
    }

    /// The initrds' paths, in the order in which they are loaded.
    pub(super) fn initrds(&self) -> &[String] {
        &self.initrds
    }

    /// The arguments in the first gap.
    pub(super) fn arguments(&self) -> &str {
        &self.arguments
    }

    /// How many times the arguments are written; at least once.
    pub(super) fn slots(&self) -> usize {
        self.text.len().saturating_sub(1).max(1)
    }

    /// Bytes of the entry without any arguments.
    pub(super) fn fixed_len(&self) -> usize {
        self.text.iter().map(Vec::len).sum()
    }

    /// Bytes that the loader puts before the arguments on the kernel's command line: `BOOT_IMAGE=<kernel> `, `initrd=<initrd> `.
    pub(super) fn line_overhead(&self) -> usize {
        "BOOT_IMAGE= ".len() + self.kernel.len() + self.initrd
    }

    /// The entry with these arguments in each gap.
    pub(super) fn with_arguments(&self, arguments: &str) -> Vec<u8> {
        self.text.join(arguments.as_bytes())
    }
}

/// Reads the entry at the start of `body`, the lines after a marker. Also returns how many lines belong to the area: the
/// entry's and the padding's.
pub(super) fn read(loader: Loader, body: &[Line<'_>]) -> Result<(Entry, usize), &'static str> {
    let mut draft = Draft::default();
    let end = match loader {
        Loader::Grub => read_grub(body, &mut draft)?,
        Loader::Isolinux => read_isolinux(body, &mut draft),
    };
    let padding = body[end..].iter().take_while(|line| is_padding(line.text)).count();
    Ok((draft.finish()?, end + padding))
}

/// Comments and blank lines after an entry are room.
fn is_padding(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), None | Some(b'#'))
}

/// An entry while it is read.
#[derive(Default)]
struct Draft {
    text: Vec<Vec<u8>>,
    open: Vec<u8>,
    kernel: String,
    initrds: Vec<String>,
    arguments: Option<String>,
    initrd: usize,
}

impl Draft {
    fn keep(&mut self, text: &[u8]) {
        self.open.extend_from_slice(text);
    }

    fn keep_line(&mut self, line: &[u8]) {
        self.keep(line);
        self.keep(b"\n");
    }

    /// A line that begins with `before` and has arguments for the rest: these are not kept.
    fn gap_after(&mut self, before: &[u8], arguments: String) {
        self.keep(before);
        self.keep(b" ");
        self.text.push(std::mem::take(&mut self.open));
        self.keep(b"\n");
        self.arguments.get_or_insert(arguments);
    }

    /// Of several, the longest counts: it leaves the least of the loader's command line.
    fn kernel(&mut self, path: &[u8]) {
        if path.len() > self.kernel.len() {
            self.kernel = lossy(path);
        }
    }

    fn initrds<'a>(&mut self, paths: impl Iterator<Item = &'a [u8]>) {
        self.initrds.extend(paths.filter(|path| !path.is_empty()).map(lossy));
    }

    fn finish(mut self) -> Result<Entry, &'static str> {
        self.text.push(self.open);
        let arguments = self.arguments.ok_or("the entry has no line that boots a kernel")?;
        Ok(Entry { text: self.text, kernel: self.kernel, initrds: self.initrds, arguments, initrd: self.initrd })
    }
}

/// Reads up to the line that closes the menuentry. Returns the number of lines.
fn read_grub(body: &[Line<'_>], draft: &mut Draft) -> Result<usize, &'static str> {
    let mut inside = false;
    for (at, Line { text, .. }) in body.iter().enumerate() {
        let (command, rest) = first_word(text);
        if inside && is_grub_linux(command) {
            let (kernel, arguments) = first_word(rest);
            if has_more_than_arguments(arguments) {
                return Err("the kernel's line goes on, or holds a second command");
            }
            draft.kernel(kernel);
            draft.gap_after(&text[..text.len() - arguments.len()], lossy(arguments.trim_ascii()));
            continue;
        }
        if inside && is_grub_initrd(command) {
            draft.initrds(rest.split(u8::is_ascii_whitespace));
        }
        draft.keep_line(text);
        if command == b"menuentry" {
            inside = true;
            if !text.trim_ascii_end().ends_with(b"{") {
                return Err("the menuentry is not one command a line");
            }
        }
        if inside && text.trim_ascii() == b"}" {
            return Ok(at + 1);
        }
    }
    Err(if inside { "the menuentry has no line `}` at its end" } else { "there is no menuentry" })
}

/// `linux`, the commands that stand for it on some platforms, and a variable that holds one of them.
fn is_grub_linux(command: &[u8]) -> bool {
    matches!(command_or_variable(command), b"linux" | b"linux16" | b"linuxefi" | b"linuxcmd")
}

/// The same of `initrd`.
fn is_grub_initrd(command: &[u8]) -> bool {
    matches!(command_or_variable(command), b"initrd" | b"initrd16" | b"initrdefi" | b"initrdcmd")
}

/// `linuxcmd` of `$linuxcmd` and `${linuxcmd}`.
fn command_or_variable(command: &[u8]) -> &[u8] {
    let name = command.strip_prefix(b"$");
    name.map_or(command, |name| name.strip_prefix(b"{").and_then(|name| name.strip_suffix(b"}")).unwrap_or(name))
}

/// An unquoted character that ends GRUB's command, or a backslash that continues its line.
fn has_more_than_arguments(arguments: &[u8]) -> bool {
    let mut quote = None;
    let mut bytes = arguments.iter();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(b'"'), b'\\') => _ = bytes.next(),
            (None, b';' | b'|' | b'&' | b'\\') => return true,
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    quote.is_some()
}

/// Reads up to the `append` line's label's end: a comment, a blank line or the next label. Returns the number of lines.
fn read_isolinux(body: &[Line<'_>], draft: &mut Draft) -> usize {
    for (at, Line { text, .. }) in body.iter().enumerate() {
        let (directive, rest) = first_word(text);
        let appended = draft.arguments.is_some();
        if appended && (is_padding(text) || directive.eq_ignore_ascii_case(b"label")) {
            return at;
        }
        match directive.to_ascii_lowercase().as_slice() {
            b"append" => {
                read_append(&text[..text.len() - rest.len()], rest, draft);
                continue;
            }
            b"kernel" | b"linux" => draft.kernel(rest.trim_ascii()),
            b"initrd" => {
                draft.initrd = "initrd= ".len() + rest.trim_ascii().len();
                draft.initrds(rest.trim_ascii().split(|byte| *byte == b','));
            }
            _ => {}
        }
        draft.keep_line(text);
    }
    body.len()
}

/// `append initrd=/stage1.img …`: the first `initrd=` stays and comes first, the other words are arguments.
fn read_append(directive: &[u8], rest: &[u8], draft: &mut Draft) {
    let mut before = directive.to_vec();
    let mut arguments = Vec::new();
    let mut initrd: Option<&[u8]> = None;
    for word in rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        match initrd {
            None if word.starts_with(b"initrd=") => initrd = Some(word),
            _ => arguments.push(lossy(word)),
        }
    }
    if let Some(word) = initrd {
        before.push(b' ');
        before.extend_from_slice(word);
        draft.initrd = word.len() + 1;
        draft.initrds(word["initrd=".len()..].split(|byte| *byte == b','));
    }
    draft.gap_after(&before, arguments.join(" "));
}

/// The first word and what follows it, its leading blanks included. A blank inside quotes does not end a word.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b' ' | b'\t') => return text.split_at(at),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    (text, &[])
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
