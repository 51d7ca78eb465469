//! What is booted next: boot once from virtual CD, other devices once or from now on, and whether a boot from virtual CD
//! still stands. By the standard override (`boot_override`) and the routes that vendors have of their own.

use super::Redfish;
use super::boot_override::Choice;
use super::value::Resource;
use super::vendors::{DeviceRoute, Route, Step};
use crate::bmc::asked::{BootDevice, BootMode, Lasting};
use crate::bmc::error::Error;

/// The standard override on the settings object or the system.
pub(crate) const OVERRIDE: Route = Route {
    name: "boot override",
    why: "BootSourceOverrideTarget Cd, Once, on the settings object if that has it, else on the system",
    run: set_cd_override,
};

/// The standard override to any device.
pub(crate) const DEVICE_OVERRIDE: DeviceRoute = DeviceRoute { name: OVERRIDE.name, run: set_device_override };

/// Takes the standard override back.
pub(crate) const CLEAR_OVERRIDE: Route =
    Route { name: "boot override", why: "BootSourceOverrideEnabled Disabled", run: clear_cd_override };

impl Redfish<'_> {
    /// Makes the next boot, and only that, go to the virtual CD.
    pub(crate) async fn boot_once_from_cd(&mut self) -> Result<(), Error> {
        let doing = "setting it to boot once from virtual CD";
        self.begin("boot-once", doing);
        let mut failed = Vec::new();
        for route in self.quirks.boot_once(&self.platform) {
            match (route.run)(self).await {
                Ok(()) => {
                    self.done(format!("set to boot once from virtual CD by {}", route.name));
                    return Ok(());
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed.push((route.name.to_owned(), error)),
            }
        }
        self.client.doing(doing);
        Err(self.client.error_of_ways(failed))
    }

    /// Makes the machine boot from a device. What stands already is not written again.
    pub(crate) async fn boot_from(
        &mut self,
        device: BootDevice,
        lasting: Lasting,
        mode: BootMode,
    ) -> Result<(), Error> {
        let choice = Choice { device, lasting, mode };
        let doing = format!("setting it to {}", choice.spoken());
        self.begin("boot-device", doing.clone());
        if (device, lasting) == (BootDevice::Cd, Lasting::Once) {
            if !self.boots_once_from_cd().await? {
                return self.boot_once_from_cd().await;
            }
            self.done("is set to boot once from virtual CD already");
            return Ok(());
        }
        let mut failed = Vec::new();
        for route in self.quirks.boot_device(&self.platform, choice) {
            match (route.run)(self, choice).await {
                Ok(()) => {
                    self.done(format!("set to {} by {}", choice.spoken(), route.name));
                    return Ok(());
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed.push((route.name.to_owned(), error)),
            }
        }
        self.client.doing(doing);
        Err(self.client.error_of_ways(failed))
    }

    /// Whether the next boot still goes to the virtual CD: by the override, or by what the vendor has of its own.
    pub(crate) async fn boots_once_from_cd(&mut self) -> Result<bool, Error> {
        self.client.doing("looking what it boots next");
        if let Some(look) = self.quirks.shows_own_boot_once()
            && look(self).await?
        {
            return Ok(true);
        }
        Ok(self.quirks.override_reaches_virtual_cd(&self.platform) && self.shows_cd_override().await?)
    }

    /// Takes a pending boot from virtual CD back. An override to anything else is somebody else's and stays.
    pub(crate) async fn clear_boot_once(&mut self) -> Result<(), Error> {
        self.begin("clear-boot-once", "taking back the boot from virtual CD");
        for route in self.quirks.clear_boot_once(&self.platform) {
            (route.run)(self).await?;
        }
        self.done("no boot from virtual CD is pending");
        Ok(())
    }

    /// The system as it is now.
    pub(super) async fn reload_system(&mut self) -> Result<Resource, Error> {
        let path = self.platform.system.path.clone();
        let found = self.client.find(&path).await?;
        match found {
            Some(system) if !self.is_contradicted() => {
                self.platform.system = system;
                self.system_is_fresh = true;
            }
            _ => self.look_anew().await?,
        }
        Ok(self.platform.system.clone())
    }

    /// The system as it was read last in this operation, where it was not changed since; else as it is now.
    pub(super) async fn fresh_system(&mut self) -> Result<Resource, Error> {
        if self.system_is_fresh { Ok(self.platform.system.clone()) } else { self.reload_system().await }
    }
}

fn set_cd_override<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    // Written in any case: some BMCs go on showing a boot once that was done.
    Box::pin(bmc.set_override(Choice::CD_ONCE, false))
}

fn set_device_override<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(bmc.set_override(choice, true))
}

fn clear_cd_override<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let targets = bmc.quirks.boot_targets(&bmc.platform, BootDevice::Cd);
        bmc.clear_override(|shown| shown.is_to(targets)).await
    })
}
