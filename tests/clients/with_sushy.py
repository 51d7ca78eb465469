"""Boots a machine once from an image with OpenStack's sushy, a call a step, as code that knows the machine's system would."""

import sys
import warnings

import sushy

import steps


class Sushy:
    def __init__(self, bmc):
        self.bmc = bmc

    def connect(self):
        """Nothing is known yet but where the BMC is."""
        auth = sushy.auth.BasicAuth(self.bmc.username, self.bmc.password)
        # BMCs sign their own certificates.
        self.root = sushy.Sushy(self.bmc.url, auth=auth, verify=False)

    def find(self):
        """The system that can be reset, out of all that there are."""
        self.connect()
        systems = self.root.get_system_collection().get_members()
        return next(system.path for system in systems if "#ComputerSystem.Reset" in system.json.get("Actions", {}))

    def cold_power(self):
        self.connect()
        self.system = self.root.get_system(self.bmc.system)
        return self.system.power_state.value

    def power(self):
        self.system.refresh()
        return self.system.power_state.value

    def cold_media(self):
        self.connect()
        # Not the system that is asked for its power: its refresh would read again all the media found through it.
        self.drives = self.find_drives(self.root.get_system(self.bmc.system))
        return any(drive.inserted for drive in self.drives)

    def media(self):
        for drive in self.drives:
            drive.refresh()
        return any(drive.inserted for drive in self.drives)

    def find_drives(self, system):
        """The virtual CDs: of the system, else of the managers that it names; a DVD is one too, as for ironic."""
        try:
            collections = [system.virtual_media]
        except sushy.exceptions.MissingAttributeError:
            collections = [manager.virtual_media for manager in system.managers]
        members = [member for collection in collections for member in collection.get_members()]
        wanted = {sushy.VIRTUAL_MEDIA_CD, sushy.VIRTUAL_MEDIA_DVD}
        drives = [member for member in members if wanted.intersection(member.media_types)]
        if not drives:
            raise LookupError("there is no virtual CD")
        return drives

    def insert(self):
        """Into the first drive that takes the image, as ironic does; where none does, the last one's error."""
        refused = None
        for self.media in self.drives:
            try:
                return self.media.insert_media(self.bmc.image)
            except sushy.exceptions.SushyError as error:
                refused = error
        raise refused

    def see_inserted(self):
        return steps.look(self.inserted, True)

    def boot_once(self):
        # AMI's wants all three (ironic, VENDORS_REQUIRING_FULL_BOOT_REQUEST).
        mode = self.system.boot.mode if self.root.json.get("Vendor") == "AMI" else None
        self.system.set_system_boot_options(
            sushy.BOOT_SOURCE_TARGET_CD, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE, mode=mode
        )

    def see_boot_once(self):
        return steps.look(self.override, "Once")

    def reset(self):
        self.system.reset_system(sushy.RESET_FORCE_RESTART)

    def eject(self):
        self.media.eject_media()

    def see_ejected(self):
        return steps.look(self.inserted, False)

    def inserted(self):
        self.media.refresh()
        return bool(self.media.inserted)

    def override(self):
        self.system.refresh()
        return self.system.boot.enabled and self.system.boot.enabled.value


warnings.simplefilter("ignore")
steps.serve(Sushy(steps.Bmc(*sys.argv[1:])))
