"""Drives machines through dr-provision's API with RackN's own client, as an operator's script would.

RS_ENDPOINT and RS_KEY say where and who; IMAGE_URLS has for each machine an ISO to mount by hand (JSON), BMC_PASSWORD the
BMCs' password. Arguments are the machines' UUIDs. Each of the five actions is run, then the BootEnv takes each machine into Sledgehammer and back; all answers are checked.
Prints a line a step; the first wrong answer ends it with a traceback.
"""

import json
import os
import sys
import threading
import traceback

import drppy_client
from drppy_client.rest import ApiException

STATE = "virtual-media/state"
# Longer than any transition of a simulated BMC: a wait that reaches it has failed.
LIMIT_SECONDS = 120


def log_in():
    """Takes a token for the user's password, as drpcli does with RS_KEY, and goes on with that alone."""
    user, password = os.environ["RS_KEY"].split(":", 1)
    configuration = drppy_client.Configuration()
    configuration.host = os.environ["RS_ENDPOINT"] + "/api/v3"
    # Endpoints sign their own certificates; the client's own examples do not verify them either.
    configuration.verify_ssl = False
    configuration.username, configuration.password = user, password
    token = drppy_client.UsersApi(drppy_client.ApiClient(configuration)).get_user_token(user, ttl=7200).token
    configuration.username = configuration.password = ""
    configuration.api_key["Authorization"] = token
    configuration.api_key_prefix["Authorization"] = "Bearer"
    return configuration


class Machine:
    """One machine, with a client of its own: clients share no connection between threads."""

    def __init__(self, configuration, uuid):
        self.client = drppy_client.ApiClient(configuration)
        self.api = drppy_client.MachinesApi(self.client)
        self.uuid = uuid

    def check(self, what, answer, expected):
        if answer != expected:
            raise AssertionError(f"{self.uuid}: {what}: {answer!r} is not {expected!r}")
        print(f"{self.uuid}: {what}: {json.dumps(answer)}", flush=True)

    def run(self, action, **params):
        body = {f"ipmi/{name.replace('_', '-')}": value for name, value in params.items()}
        return self.api.post_machine_action(self.uuid, action, body)

    def set_bootenv(self, before, after):
        patch = [
            {"op": "test", "path": "/BootEnv", "value": before},
            {"op": "replace", "path": "/BootEnv", "value": after},
        ]
        self.check(f"BootEnv {after}", self.api.patch_machine(patch, self.uuid).boot_env, after)

    def wait_for_phase(self, phase):
        """Looks at the state each time that the machine changes: the server answers a get when the ETag is another."""
        waiter = drppy_client.ApiClient(self.client.configuration)
        waiter.set_default_header("Prefer", f"wait={LIMIT_SECONDS}s")
        while True:
            try:
                machine, _, headers = drppy_client.MachinesApi(waiter).get_machine_with_http_info(self.uuid)
            except ApiException as error:
                if error.status == 304:
                    raise AssertionError(f"{self.uuid}: {STATE} is not {phase} but {state}") from error
                raise
            state = machine.params.get(STATE) or {}
            if state.get("Phase") == "Failed":
                raise AssertionError(f"{self.uuid}: {state}")
            if state.get("Phase") == phase:
                print(f"{self.uuid}: {STATE}: {phase}", flush=True)
                return state
            waiter.set_default_header("If-None-Match", headers["ETag"])

    def operate(self):
        empty = {"Image": "", "Inserted": False}
        image = json.loads(os.environ["IMAGE_URLS"])[self.uuid]
        # The client seals the value, because the Param is a secure one.
        self.api.post_machine_param(os.environ["BMC_PASSWORD"], self.uuid, "ipmi/password")
        sealed = self.api.get_machine_param(self.uuid, "ipmi/password")
        self.check("the password is shown sealed", sorted(sealed), ["Key", "Nonce", "Payload"])
        # Not by post_machine_param: that wants a Param's definition, which servers without the feature have not for this one.
        self.api.patch_machine_params([{"op": "add", "path": "/boot-virtual-iso", "value": True}], self.uuid)
        self.check("boot-virtual-iso", self.api.get_machine_param(self.uuid, "boot-virtual-iso"), True)
        offered = {action.command for action in self.api.get_machine_actions(self.uuid)}
        five = {"mountVirtualMedia", "unmountVirtualMedia", "statusVirtualMedia", "powercycle", "powerstatus"}
        self.check("actions that are not offered", sorted(five - offered), [])

        self.check("statusVirtualMedia", self.run("statusVirtualMedia"), empty)
        mounted = self.run("mountVirtualMedia", virtual_media_url=image, virtual_media_boot=True)
        self.check("mountVirtualMedia", mounted, {"Image": image, "Inserted": True, "BootOnce": True})
        self.check("statusVirtualMedia", self.run("statusVirtualMedia"), {"Image": image, "Inserted": True})
        self.check("powercycle", self.run("powercycle")["PowerState"], "On")
        self.check("powerstatus", self.run("powerstatus"), "On")
        self.check("unmountVirtualMedia", self.run("unmountVirtualMedia"), empty)

        self.set_bootenv("local", "sledgehammer")
        state = self.wait_for_phase("Mounted")
        self.check("statusVirtualMedia", self.run("statusVirtualMedia"), {"Image": state["Url"], "Inserted": True})
        self.check("powercycle", self.run("powercycle")["PowerState"], "On")
        self.set_bootenv("sledgehammer", "local")
        self.wait_for_phase("Unmounted")
        self.check("statusVirtualMedia", self.run("statusVirtualMedia"), empty)

        try:
            self.run("mountVirtualMedia", virtual_media_url="boot.iso")
        except ApiException as error:
            self.check("a wrong URL", (error.status, json.loads(error.body)["Code"]), (400, 400))
        else:
            raise AssertionError(f"{self.uuid}: a wrong URL was mounted")


def main():
    configuration = log_in()
    info = drppy_client.InfoApi(drppy_client.ApiClient(configuration)).get_info()
    print(f"dr-provision {info.version}, features {', '.join(info.features)}", flush=True)
    failed = []

    def operate(uuid):
        try:
            Machine(configuration, uuid).operate()
        except BaseException:  # Whatever it was, the others go on and the exit code says it.
            failed.append(uuid)
            traceback.print_exc()

    threads = [threading.Thread(target=operate, args=[uuid]) for uuid in sys.argv[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(bool(failed))


main()
