"""Boots a machine once from an image with DMTF's redfish_utilities, a session a step, as its command line tools do."""

import sys
import warnings

import redfish
import redfish_utilities

import steps

# What the tools call --workaround: for services that do not keep to the specification.
redfish_utilities.config.__workarounds__ = True


class RedfishUtilities:
    def __init__(self, bmc):
        self.bmc = bmc
        self.system_id = bmc.system.rsplit("/", 1)[1]

    def run(self, work, *arguments, **named):
        """Does one thing in a session of its own."""
        client = redfish.redfish_client(
            base_url=self.bmc.url, username=self.bmc.username, password=self.bmc.password, timeout=15, max_retry=3
        )
        client.login(auth="session")
        try:
            return work(client, *arguments, **named)
        finally:
            redfish_utilities.logout(client)

    def find(self):
        """The system that can be reset, out of all that there are."""

        def first(client):
            systems = [redfish_utilities.get_system(client, one).dict for one in redfish_utilities.get_system_ids(client)]
            return next(system for system in systems if "#ComputerSystem.Reset" in system.get("Actions", {}))

        return self.run(first)["@odata.id"].rstrip("/")

    def cold_power(self):
        return self.run(redfish_utilities.get_system, self.system_id).dict["PowerState"]

    power = cold_power

    def cold_media(self):
        return self.holds_image()

    media = cold_media

    def insert(self):
        self.run(redfish_utilities.insert_virtual_media, self.bmc.image, self.system_id)

    def see_inserted(self):
        return steps.look(self.holds_image, True)

    def boot_once(self):
        self.run(redfish_utilities.set_system_boot, self.system_id, ov_target="Cd", ov_enabled="Once")

    def see_boot_once(self):
        return steps.look(self.override, "Once")

    def reset(self):
        self.run(redfish_utilities.system_reset, self.system_id, "ForceRestart")

    def eject(self):
        for member in self.inserted():
            self.run(redfish_utilities.eject_virtual_media, member, self.system_id)

    def see_ejected(self):
        return steps.look(self.holds_image, False)

    def inserted(self):
        """The virtual media that hold an image."""
        media = self.run(redfish_utilities.get_virtual_media, self.system_id)
        return [member["Id"] for member in media if member.get("Inserted")]

    def holds_image(self):
        return bool(self.inserted())

    def override(self):
        return self.run(redfish_utilities.get_system_boot, self.system_id).get("BootSourceOverrideEnabled")


warnings.simplefilter("ignore")
steps.serve(RedfishUtilities(steps.Bmc(*sys.argv[1:])))
