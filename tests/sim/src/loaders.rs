//! Dummies of boot loaders: they are what one is recognised by, and boot nothing.

use std::{fs, io, path::Path};

/// The machine field of a UEFI program for amd64.
const AMD64: u16 = 0x8664;

/// The machine field of a UEFI program for arm64.
const ARM64: u16 = 0xaa64;

/// Writes what goes by this name: a signed UEFI program for the processor that the path tells, or a part of isolinux.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path) -> io::Result<()> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_arm = file.contains("aa64") || path.to_string_lossy().contains("aarch64");
    let bytes = if file.contains(".efi") { program(if is_arm { ARM64 } else { AMD64 }, true) } else { isolinux(&file) };
    fs::write(path, bytes)
}

/// A UEFI program's header, and some bytes that differ from another's.
#[must_use]
pub fn program(machine: u16, signed: bool) -> Vec<u8> {
    let mut bytes = noise(9000, machine.into());
    bytes[..512].fill(0);
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 128;
    bytes[128..132].copy_from_slice(b"PE\0\0");
    bytes[132..134].copy_from_slice(&machine.to_le_bytes());
    // An optional header of 240 bytes: PE32+, an EFI application, with the usual 16 directories, the fifth of which is the signature.
    bytes[148] = 240;
    bytes[152..154].copy_from_slice(&[0x0b, 0x02]);
    bytes[220] = 10;
    bytes[260] = 16;
    bytes[296..304].fill(u8::from(signed));
    bytes
}

/// Bytes that look like nothing else, and the same ones again.
#[must_use]
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (at + 1).wrapping_mul(seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0])
        .collect()
}

fn isolinux(file: &str) -> Vec<u8> {
    match file {
        "isolinux.bin" => [&noise(6000, 5)[..], b"ldlinux.c32\0"].concat(),
        "isohdpfx.bin" => noise(432, 6),
        _ => noise(3000, 7),
    }
}
