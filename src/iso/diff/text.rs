//! A difference in words.

use std::fmt;

use super::{AreaDiff, ArgsDiff, Diff, FileDiff, Outside};

/// Files of a kind that are named; the rest is counted.
const NAMED: usize = 20;

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            writeln!(f, "{name}: {}: volume {}, {} bytes", side.path.display(), side.volume, side.size)?;
        }
        writeln!(f)?;
        match (self.same, self.same_template) {
            (true, _) => return writeln!(f, "The same bytes."),
            (false, true) => writeln!(f, "One template: nothing differs outside of the config areas.")?,
            (false, false) => writeln!(f, "Two templates.")?,
        }
        if let Some(outside) = &self.outside {
            write_outside(f, outside)?;
        }
        self.write_areas(f)?;
        self.write_files(f)?;
        for (number, loader) in self.loaders.iter().enumerate() {
            let head = if number == 0 { "\nEFI binaries\n" } else { "" };
            let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "not there".to_owned());
            writeln!(f, "{head}  {}: {} -> {}", loader.path, side(&loader.a), side(&loader.b))?;
        }
        Ok(())
    }
}

impl Diff {
    /// Areas that differ in the same way are told once: an image has three or four copies of its entry.
    fn write_areas(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alike = |one: &AreaDiff, other: &AreaDiff| one.args == other.args && one.kernel == other.kernel;
        for (number, area) in self.areas.iter().enumerate() {
            if self.areas[..number].iter().any(|told| alike(told, area)) {
                continue;
            }
            let files: Vec<&str> = self.areas[number..]
                .iter()
                .filter(|other| alike(area, other))
                .flat_map(|other| other.files.iter().map(String::as_str))
                .collect();
            writeln!(f, "\nKernel arguments in {}", files.join(", "))?;
            if let Some(kernel) = &area.kernel {
                writeln!(f, "  another kernel: {} -> {}", kernel.a, kernel.b)?;
            }
            write_args(f, &area.args)?;
        }
        if self.areas.is_empty() && self.same_template {
            writeln!(f, "\nThe kernel arguments are the same; they are spelled or padded in another way.")?;
        }
        Ok(())
    }

    /// Each kind is capped on its own: a template with GRUB's modules has three hundred files that another has not.
    fn write_files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.files.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nFiles (bytes)")?;
        let both = |file: &&FileDiff| file.a.is_some() && file.b.is_some();
        write_some(f, self.files.iter().filter(both))?;
        write_some(f, self.files.iter().filter(|file| file.b.is_none()))?;
        write_some(f, self.files.iter().filter(|file| file.a.is_none()))
    }
}

fn write_some<'a>(f: &mut fmt::Formatter<'_>, mut files: impl Iterator<Item = &'a FileDiff>) -> fmt::Result {
    for file in files.by_ref().take(NAMED) {
        match (file.a, file.b) {
            (Some(a), Some(b)) if a == b => writeln!(f, "  {}: {a}, other bytes", file.path)?,
            (Some(a), Some(b)) => writeln!(f, "  {}: {a} -> {b}", file.path)?,
            (Some(a), None) => writeln!(f, "  {}: only in A ({a})", file.path)?,
            (None, b) => writeln!(f, "  {}: only in B ({})", file.path, b.unwrap_or_default())?,
        }
    }
    match files.count() {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more; --json has all"),
    }
}

fn write_outside(f: &mut fmt::Formatter<'_>, outside: &Outside) -> fmt::Result {
    let Outside { bytes, offset, len, file } = outside;
    let place = file.as_deref().unwrap_or("no file: a directory, a descriptor or what lies between the files");
    writeln!(f, "{bytes} bytes differ outside of the config areas; the first {len} at {offset}, in {place}")
}

fn write_args(f: &mut fmt::Formatter<'_>, args: &ArgsDiff) -> fmt::Result {
    for changed in &args.changed {
        writeln!(f, "  {}: {} -> {}", changed.key, changed.a, changed.b)?;
    }
    for word in &args.only_in_a {
        writeln!(f, "  only in A: {word}")?;
    }
    for word in &args.only_in_b {
        writeln!(f, "  only in B: {word}")?;
    }
    if args.reordered {
        writeln!(f, "  the same, in another order")?;
    }
    Ok(())
}
