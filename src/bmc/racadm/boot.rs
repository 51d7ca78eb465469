//! The first boot device, by the attributes of iDRAC 7 and later, or the older `cfgServerInfo` where those are not known.

use serde_json::{Value, json};

use super::{Racadm, text};
use crate::bmc::asked::{BootDevice, BootMode, Lasting};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::{Patience, spoken};

/// How an iDRAC is told its boot device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `set iDRAC.ServerBoot.…`.
    Attributes,
    /// `config -g cfgServerInfo -o …`, which newer firmware answers with a notice of its end (RAC1169).
    Config,
}

impl Dialect {
    /// The device's name. Attributes of either letter case are taken; the old objects are not (Dell's guide for iDRAC 6).
    const fn name(self, device: BootDevice) -> &'static str {
        match (device, self) {
            (BootDevice::Cd, Self::Attributes) => "VCD-DVD",
            (BootDevice::Cd, Self::Config) => "vCD-DVD",
            (BootDevice::Pxe, _) => "PXE",
            (BootDevice::Disk, _) => "HDD",
        }
    }

    /// The name that stands for the machine's own boot order.
    const fn none(self) -> &'static str {
        match self {
            Self::Attributes => "Normal",
            Self::Config => "No-Override",
        }
    }
}

/// What the iDRAC shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerBoot {
    device: String,
    once: bool,
}

impl ServerBoot {
    fn is(&self, device: &str, once: bool) -> bool {
        self.device.eq_ignore_ascii_case(device) && self.once == once
    }

    /// As Redfish's `Boot` object says the same; a device that it has no word for keeps Dell's.
    pub(super) fn to_json(&self) -> Value {
        let target = match self.device.to_ascii_uppercase().as_str() {
            "NORMAL" | "NO-OVERRIDE" => "None",
            "PXE" => "Pxe",
            "HDD" => "Hdd",
            "VCD-DVD" | "CD-DVD" => "Cd",
            "BIOS" => "BiosSetup",
            _ => &self.device,
        };
        let enabled = match (target, self.once) {
            ("None", _) => "Disabled",
            (_, true) => "Once",
            (_, false) => "Continuous",
        };
        json!({ "BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target })
    }
}

impl Racadm<'_> {
    /// Makes the machine boot from `device`. The firmware mode is a BIOS setting on these machines and stays as it is.
    pub(in crate::bmc) async fn boot_from(
        &mut self,
        device: BootDevice,
        lasting: Lasting,
        _mode: BootMode,
    ) -> Result<(), Error> {
        self.work.begin("boot-device", "setting the boot device");
        self.server_boot().await?;
        self.first_boot_device(self.dialect().name(device), lasting == Lasting::Once).await
    }

    /// Makes the next boot, and only that, go to the virtual CD.
    pub(in crate::bmc) async fn boot_once_from_cd(&mut self) -> Result<(), Error> {
        self.work.begin("boot-once", "making the next boot go to the virtual CD");
        self.server_boot().await?;
        self.first_boot_device(self.dialect().name(BootDevice::Cd), true).await
    }

    /// Takes a pending boot from virtual CD back; a pending boot from anything else stays.
    pub(in crate::bmc) async fn clear_boot_once(&mut self) -> Result<(), Error> {
        self.work.begin("clear-boot-once", "taking a boot from virtual CD back");
        if !self.boots_once_from_cd().await? {
            return Ok(());
        }
        self.first_boot_device(self.dialect().none(), true).await
    }

    /// Whether the next boot still goes to the virtual CD, or a boot once from it was done or taken back.
    pub(in crate::bmc) async fn boots_once_from_cd(&mut self) -> Result<bool, Error> {
        let boot = self.server_boot().await?;
        Ok(boot.is(self.dialect().name(BootDevice::Cd), true))
    }

    /// What is set now; finds out the dialect.
    pub(super) async fn server_boot(&mut self) -> Result<ServerBoot, Error> {
        if self.dialect != Some(Dialect::Config) {
            match self.run(&["get", "iDRAC.ServerBoot"]).await {
                Ok(said) => {
                    self.dialect = Some(Dialect::Attributes);
                    return self.read_boot(&said, "FirstBootDevice", "BootOnce");
                }
                // An iDRAC 6 does not know the subcommand.
                Err(error) if self.dialect.is_none() && error.kind() == Kind::Unsupported && !error.is_final() => {}
                Err(error) => return Err(error),
            }
        }
        let said = self.run(&["getconfig", "-g", "cfgServerInfo"]).await?;
        self.dialect = Some(Dialect::Config);
        self.read_boot(&said, "cfgServerFirstBootDevice", "cfgServerBootOnce")
    }

    fn read_boot(&self, said: &str, device: &str, once: &str) -> Result<ServerBoot, Error> {
        let fields = text::fields(said);
        let field = |name: &str| fields.get(name).and_then(Value::as_str);
        match (field(device), field(once)) {
            (Some(device), Some(once)) => {
                Ok(ServerBoot { device: device.to_owned(), once: matches!(once, "1" | "Enabled") })
            }
            _ => Err(self.unreadable("its first boot device", said)),
        }
    }

    fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Attributes)
    }

    /// Sets the device and looks whether the iDRAC noted it.
    async fn first_boot_device(&mut self, device: &str, once: bool) -> Result<(), Error> {
        match self.dialect() {
            Dialect::Attributes => {
                let lasting = if once { "Enabled" } else { "Disabled" };
                self.run(&["set", "iDRAC.ServerBoot.BootOnce", lasting]).await?;
                self.run(&["set", "iDRAC.ServerBoot.FirstBootDevice", device]).await?;
            }
            Dialect::Config => {
                let lasting = if once { "1" } else { "0" };
                self.run(&["config", "-g", "cfgServerInfo", "-o", "cfgServerBootOnce", lasting]).await?;
                self.run(&["config", "-g", "cfgServerInfo", "-o", "cfgServerFirstBootDevice", device]).await?;
            }
        }
        let patience = Patience::of(self.work.limits().settle());
        loop {
            let boot = self.server_boot().await?;
            if boot.is(device, once) {
                break;
            }
            if patience.is_over() {
                let limit = spoken(patience.limit());
                let lasting = if boot.once { "once" } else { "always" };
                let answer = format!(
                    "accepted {device}, but did not show it within {limit}; it shows {} ({lasting})",
                    crate::bmc::error::quoted(&boot.device)
                );
                return Err(self.work.error(Kind::Timeout, answer));
            }
            self.work.pause(self.work.limits().poll, "the boot device to be shown").await?;
        }
        self.work.done(format!("first boot device is {device}, {}", if once { "once" } else { "always" }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ServerBoot;

    #[test]
    fn a_boot_device_is_told_in_redfishs_words() {
        let told = |device: &str, once| ServerBoot { device: device.to_owned(), once }.to_json();
        let json = |enabled, target| json!({"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target});
        assert_eq!(told("vCD-DVD", true), json("Once", "Cd"));
        assert_eq!(told("PXE", false), json("Continuous", "Pxe"));
        assert_eq!(told("Normal", true), json("Disabled", "None"));
        assert_eq!(told("VFLASH", true), json("Once", "VFLASH"));
    }
}
