//! The state behind one BMC: drives, boot override, power, sessions, tasks; and the rules that need no request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::call::Transition;
use super::profile::{CdMeans, Profile};
use super::state::{Boot, Device, Fetch, Power, Slot, State, TaskRecord};

const KEPT: usize = 1000;
const TASKS_KEPT: usize = 100;

/// One machine and its BMC.
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub(super) struct Machine {
    pub(super) profile: Arc<Profile>,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) power: Power,
    /// Counts changes of power, so that a later one ends an earlier one.
    pub(super) ticket: u64,
    pub(super) in_post: bool,
    pub(super) drives: Vec<Drive>,
    pub(super) ejects: u64,
    pub(super) boot: Override,
    /// What the light shows, as `IndicatorLED` has it.
    pub(super) light: &'static str,
    /// The vendor's own settings, by their names (Dell's `ServerBoot.1.BootOnce` and its like).
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) sessions: Vec<Session>,
    pub(super) sessions_made: u64,
    pub(super) tasks: VecDeque<TaskRecord>,
    pub(super) tasks_made: u64,
    pub(super) boots: VecDeque<Boot>,
    pub(super) fetches: VecDeque<Fetch>,
    pub(super) licensed: bool,
    /// The lifecycle controller (or its like) takes no job now.
    pub(super) jobs_refused: bool,
    pub(super) media_enabled: bool,
    /// Inserts that fail as if there were nothing to fetch.
    pub(super) failing_inserts: u32,
    /// Requests that there is no time for.
    pub(super) busy_for: u32,
}

/// One drive, and what the BMC wrongly still says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Drive {
    pub(super) image: Option<String>,
    pub(super) write_protected: bool,
    /// Where HPE's `BootOnNextServerReset` stands.
    pub(super) next_reset: NextReset,
    /// An insert is at work.
    pub(super) busy: bool,
    /// The image before the last eject.
    pub(super) previous: Option<String>,
    /// Reads that still show `previous` as inserted, once `true_reads` are over.
    pub(super) stale_reads: u32,
    /// Reads that show a drive that `stale_reads` are to come of as it is.
    pub(super) true_reads: u32,
    /// Reads that still show nothing.
    pub(super) late_reads: u32,
}

impl Drive {
    fn empty() -> Drive {
        Drive { write_protected: true, ..Drive::default() }
    }
}

/// HPE's `BootOnNextServerReset`: one boot from the medium, which leaves at the reset after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NextReset {
    #[default]
    Unset,
    Armed,
    Used,
}

/// The boot override as it reads.
#[derive(Clone, Debug)]
pub(super) struct Override {
    pub(super) enabled: String,
    pub(super) target: String,
    pub(super) mode: String,
}

impl Override {
    pub(super) fn none() -> Override {
        Override { enabled: "Disabled".into(), target: "None".into(), mode: "UEFI".into() }
    }
}

/// An open session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) token: String,
}

impl Machine {
    pub(super) fn new(profile: Arc<Profile>, username: String, password: String) -> Machine {
        let drives = vec![Drive::empty(); profile.media.drives.len()];
        let light = profile.light.rest;
        let media_enabled = !profile.media.off_at_first;
        Machine {
            profile,
            username,
            password,
            power: Power::Off,
            ticket: 0,
            in_post: false,
            drives,
            ejects: 0,
            boot: Override::none(),
            light,
            attributes: BTreeMap::new(),
            sessions: Vec::new(),
            sessions_made: 0,
            tasks: VecDeque::new(),
            tasks_made: 0,
            boots: VecDeque::new(),
            fetches: VecDeque::new(),
            licensed: true,
            jobs_refused: false,
            media_enabled,
            failing_inserts: 0,
            busy_for: 0,
        }
    }

    /// Changes the profile; drives come and go with it.
    pub(super) fn alter(&mut self, change: impl FnOnce(&mut Profile)) {
        change(Arc::make_mut(&mut self.profile));
        self.drives.resize(self.profile.media.drives.len(), Drive::empty());
        self.light = self.profile.light.rest;
    }

    pub(super) fn snapshot(&self) -> State {
        let shapes = &self.profile.media.drives;
        State {
            power: self.power,
            slots: (shapes.iter().zip(&self.drives))
                .map(|(shape, drive)| Slot {
                    id: shape.id.into(),
                    image: drive.image.clone(),
                    inserted: drive.image.is_some() && self.media_enabled,
                })
                .collect(),
            ejects: self.ejects,
            boot_once: self.boot_once(),
            boot_mode: self.boot.mode.clone(),
            boot_always: self.boot_always(),
            identifies: self.identifies(),
            boots: self.boots.iter().cloned().collect(),
            fetches: self.fetches.iter().cloned().collect(),
            tasks: self.tasks.iter().cloned().collect(),
            sessions: self.sessions.len(),
        }
    }

    fn boot_once(&self) -> Option<String> {
        let standard = || (self.boot.enabled == "Once" && self.boot.target != "None").then(|| self.boot.target.clone());
        self.profile.oem.boot_once(self).or_else(standard)
    }

    fn boot_always(&self) -> Option<Device> {
        let lasts = self.profile.boot.continuous_lasts && self.boot.enabled == "Continuous";
        let standard = if lasts { self.override_device() } else { None };
        standard.or_else(|| self.profile.oem.lasting_device(self))
    }

    pub(super) fn mount(&mut self, drive: usize, image: String) {
        let late_reads = self.profile.media.late_reads;
        if let Some(drive) = self.drives.get_mut(drive) {
            let write_protected = drive.write_protected;
            *drive = Drive { image: Some(image), write_protected, late_reads, ..Drive::default() };
        }
    }

    /// Whether there is no time for the request at hand.
    pub(super) fn is_busy(&mut self) -> bool {
        let busy = self.busy_for > 0;
        self.busy_for = self.busy_for.saturating_sub(1);
        busy
    }

    /// Whether the insert at hand is one that fails.
    pub(super) fn fails_insert(&mut self) -> bool {
        let fails = self.failing_inserts > 0;
        self.failing_inserts = self.failing_inserts.saturating_sub(1);
        fails
    }

    pub(super) fn eject(&mut self, drive: usize) {
        let stale_reads = self.profile.media.stale_reads;
        if let Some(drive) = self.drives.get_mut(drive) {
            let full = drive.image.is_some();
            self.ejects += u64::from(full);
            let stale_reads = if full { stale_reads } else { 0 };
            let previous = drive.image.take().or(drive.previous.take());
            *drive = Drive { previous, stale_reads, ..Drive::empty() };
        }
    }

    /// What `PowerState` reads: some BMCs show only the ends of a change.
    pub(super) fn shown_power(&self) -> Power {
        match self.power {
            Power::PoweringOn if !self.profile.power.shows_transitions => Power::Off,
            Power::PoweringOff if !self.profile.power.shows_transitions => Power::On,
            power => power,
        }
    }

    /// Begins a change of power; the ticket goes to [`Machine::power_step`].
    pub(super) fn begin(&mut self, transition: Transition) -> u64 {
        self.ticket += 1;
        match transition {
            Transition::On => self.power = Power::PoweringOn,
            Transition::Off | Transition::Cycle => self.power = Power::PoweringOff,
            Transition::Restart | Transition::Nothing => {}
        }
        self.ticket
    }

    /// Sets the power that a change has come to, unless a later change began; On is a boot.
    pub(super) fn power_step(&mut self, ticket: u64, power: Power) -> bool {
        if ticket != self.ticket {
            return false;
        }
        self.power = power;
        if power == Power::On {
            self.start();
        }
        true
    }

    /// Boots: the vendor's one-shot first, then the override, then the disk. A drive without a medium falls to the disk.
    fn start(&mut self) {
        let oem = self.profile.oem;
        oem.before_boot(self);
        let device = oem.take_boot_once(self).or_else(|| self.take_override());
        let device = device.or_else(|| oem.lasting_device(self)).unwrap_or(Device::Disk);
        let image = (device == Device::VirtualCd).then(|| self.bootable_image()).flatten();
        let boot = match (device, image) {
            (Device::VirtualCd, None) => Boot { device: Device::Disk, image: None },
            (device, image) => Boot { device, image },
        };
        push(&mut self.boots, boot, KEPT);
    }

    /// The device of the override; a one-shot is used up.
    fn take_override(&mut self) -> Option<Device> {
        let device = self.override_device();
        let lasts = self.boot.enabled == "Continuous" && self.profile.boot.continuous_lasts;
        if !lasts {
            self.boot = Override { mode: self.boot.mode.clone(), ..Override::none() };
        }
        device
    }

    fn override_device(&self) -> Option<Device> {
        if self.boot.enabled == "Disabled" {
            return None;
        }
        Some(match self.boot.target.as_str() {
            "None" => return None,
            "Pxe" | "UefiHttp" => Device::Pxe,
            "Cd" if self.profile.boot.cd == CdMeans::Virtual => Device::VirtualCd,
            "Cd" => Device::PhysicalCd,
            "UsbCd" => Device::VirtualCd,
            "Usb" => Device::Usb,
            "BiosSetup" => Device::Setup,
            _ => Device::Disk,
        })
    }

    fn bootable_image(&self) -> Option<String> {
        if !self.media_enabled {
            return None;
        }
        let shapes = &self.profile.media.drives;
        let mut drives = shapes.iter().zip(&self.drives).filter(|(shape, _)| shape.boots);
        drives.find_map(|(_, drive)| drive.image.clone())
    }

    pub(super) fn fetched(&mut self, fetch: Fetch) {
        push(&mut self.fetches, fetch, KEPT);
    }

    /// Opens a task in state New.
    pub(super) fn new_task(&mut self) -> String {
        let shape = &self.profile.http.tasks;
        self.tasks_made += 1;
        let id = format!("{}{:0width$}", shape.prefix, self.tasks_made, width = shape.digits);
        push(&mut self.tasks, TaskRecord { id: id.clone(), state: "New", failure: None }, TASKS_KEPT);
        id
    }

    pub(super) fn task_step(&mut self, id: &str, state: &'static str, failure: Option<String>) {
        if let Some(task) = self.tasks.iter_mut().find(|task| task.id == id) {
            task.state = state;
            task.failure = failure;
        }
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, kept: usize) {
    if list.len() == kept {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine::new(Arc::new(Profile::generic()), "root".into(), "calvin".into())
    }

    fn boot(machine: &mut Machine) -> Boot {
        let ticket = machine.begin(Transition::On);
        assert!(machine.power_step(ticket, Power::On));
        machine.boots.back().cloned().unwrap_or(Boot { device: Device::Setup, image: None })
    }

    #[test]
    fn once_is_used_up_by_one_boot() {
        let mut machine = machine();
        machine.mount(0, "http://h/a.iso".into());
        machine.boot = Override { enabled: "Once".into(), target: "Cd".into(), mode: "UEFI".into() };
        assert_eq!(machine.snapshot().boot_once.as_deref(), Some("Cd"));
        assert_eq!(boot(&mut machine), Boot { device: Device::VirtualCd, image: Some("http://h/a.iso".into()) });
        assert_eq!(machine.snapshot().boot_once, None);
        assert_eq!(boot(&mut machine), Boot { device: Device::Disk, image: None });
    }

    #[test]
    fn an_empty_drive_boots_the_disk() {
        let mut machine = machine();
        machine.boot = Override { enabled: "Continuous".into(), target: "Cd".into(), mode: "UEFI".into() };
        assert_eq!(boot(&mut machine), Boot { device: Device::Disk, image: None });
        assert_eq!(machine.boot.target, "Cd");
    }

    #[test]
    fn a_later_change_of_power_ends_an_earlier_one() {
        let mut machine = machine();
        let first = machine.begin(Transition::On);
        machine.begin(Transition::Off);
        assert!(!machine.power_step(first, Power::On));
        assert!(machine.boots.is_empty());
    }
}
