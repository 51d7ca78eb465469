"""What the scripts have in common: a step by name on each line of stdin, its answer or its error as JSON on each line of stdout.

Arguments are the BMC's URL, the path of its system, and the image's URL; USERNAME and PASSWORD are the account's.
"""

import json
import logging
import os
import sys

# A BMC may show an old state for a read or two; one that still does after so many will not change.
LOOKS = 4


class Bmc:
    """Where the BMC is, and who may enter."""

    def __init__(self, url, system, image):
        self.url, self.system, self.image = url, system, image
        self.username, self.password = os.environ["USERNAME"], os.environ["PASSWORD"]


def look(read, wanted):
    """Reads until all is as wanted; what else it is at the last look is an error."""
    for _ in range(LOOKS):
        seen = read()
        if seen == wanted:
            return seen
    raise AssertionError(f"{seen} is shown, not {wanted}")


def serve(client):
    """Runs methods of a client by name, for as long as somebody asks."""
    logging.disable()
    for line in sys.stdin:
        try:
            said = {"answer": getattr(client, line.strip())()}
        except Exception as error:  # Whatever it is, it is what this client says.
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)
