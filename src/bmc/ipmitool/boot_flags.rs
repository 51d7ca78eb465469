//! Boot flags: parameter 5 of the system boot options (IPMI 2.0 specification, table 28-14).

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

use crate::bmc::asked::{BootDevice, BootMode, Lasting};

const VALID: u8 = 0x80;
const PERSISTENT: u8 = 0x40;
const EFI: u8 = 0x20;

/// The first two of the five bytes; the others are about consoles and locks, which are left as the firmware has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BootFlags {
    options: u8,
    /// The device selector, in its place in the byte.
    selector: u8,
}

impl BootFlags {
    pub(super) fn new(device: BootDevice, lasting: Lasting, mode: BootMode) -> Self {
        let lasting = if lasting == Lasting::Always { PERSISTENT } else { 0 };
        let mode = if mode == BootMode::Uefi { EFI } else { 0 };
        let selector = match device {
            BootDevice::Pxe => 1,
            BootDevice::Disk => 2,
            BootDevice::Cd => 5,
        };
        Self { options: VALID | lasting | mode, selector: selector << 2 }
    }

    /// The bytes to write.
    pub(super) const fn bytes(self) -> [u8; 5] {
        [self.options, self.selector, 0, 0, 0]
    }

    /// Reads the answer to `raw 0x00 0x09 0x05 0x00 0x00`, such as ` 01 05 e0 04 00 00 00`: version, parameter, bytes.
    pub(super) fn read(said: &str) -> Option<Self> {
        let bytes: Option<Vec<u8>> = said.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
        match bytes?.as_slice() {
            [_, parameter, options, selector, ..] if parameter & 0x7f == 5 => {
                Some(Self { options: options & (VALID | PERSISTENT | EFI), selector: selector & 0x3c })
            }
            _ => None,
        }
    }

    /// What the machine would boot from, as Redfish names it.
    pub(super) const fn device(self) -> &'static str {
        match self.selector >> 2 {
            0 => "None",
            1 => "Pxe",
            2 | 3 | 9 | 11 => "Hdd",
            4 => "Diags",
            // 8 is the virtual CD where a BMC tells the two apart.
            5 | 8 => "Cd",
            6 => "BiosSetup",
            7 | 10 | 15 => "Floppy",
            _ => "Unknown",
        }
    }

    const fn enabled(self) -> &'static str {
        match (self.selector, self.options & PERSISTENT) {
            (0, _) => "Disabled",
            (_, 0) => "Once",
            _ => "Continuous",
        }
    }

    const fn mode(self) -> &'static str {
        if self.options & EFI == 0 { "Legacy" } else { "UEFI" }
    }

    /// As Redfish's `Boot` object says the same.
    pub(super) fn to_json(self) -> Value {
        json!({
            "BootSourceOverrideEnabled": self.enabled(),
            "BootSourceOverrideTarget": self.device(),
            "BootSourceOverrideMode": self.mode(),
        })
    }
}

impl Display for BootFlags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.device(), self.enabled(), self.mode())?;
        if self.options & VALID == 0 { f.write_str(" marked as invalid") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BootDevice, BootFlags, BootMode, Lasting};

    /// The bytes that ironic and the provider before this one send, found by both on hardware.
    #[test]
    fn the_bytes_are_those_that_machines_are_known_to_take() {
        let bytes = |device, lasting, mode| BootFlags::new(device, lasting, mode).bytes();
        assert_eq!(bytes(BootDevice::Pxe, Lasting::Always, BootMode::Uefi), [0xe0, 0x04, 0, 0, 0]);
        assert_eq!(bytes(BootDevice::Disk, Lasting::Always, BootMode::Uefi), [0xe0, 0x08, 0, 0, 0]);
        assert_eq!(bytes(BootDevice::Cd, Lasting::Once, BootMode::Legacy), [0x80, 0x14, 0, 0, 0]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for device in [BootDevice::Cd, BootDevice::Pxe, BootDevice::Disk] {
            for lasting in [Lasting::Once, Lasting::Always] {
                for mode in [BootMode::Uefi, BootMode::Legacy] {
                    let flags = BootFlags::new(device, lasting, mode);
                    let [options, selector, ..] = flags.bytes();
                    let shown = format!(" 01 05 {options:02x} {selector:02x} 00 00 00\n");
                    assert_eq!(BootFlags::read(&shown), Some(flags));
                }
            }
        }
        for other in ["", "01", "01 04 00 00", "01 05", "xx 05 80 04", "garbage"] {
            assert_eq!(BootFlags::read(other), None, "{other}");
        }
    }

    #[test]
    fn flags_are_told_in_redfishs_words() {
        let told = |said| BootFlags::read(said).unwrap().to_string();
        assert_eq!(told("01 85 a0 04 00 00 00"), "Pxe (Once, UEFI)");
        assert_eq!(told("01 05 c0 20 00 00 00"), "Cd (Continuous, Legacy)");
        assert_eq!(told("01 05 00 00 00 00 00"), "None (Disabled, Legacy) marked as invalid");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(said in "[0-9a-fxz \n]{0,60}") {
            if let Some(flags) = BootFlags::read(&said) {
                let _told = (flags.to_string(), flags.to_json());
            }
        }
    }
}
