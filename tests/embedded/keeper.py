"""A small program for these tests: the real supervisor with the real services and one stand-in child.

Writes the children's environment to HOME/environment.json, prints `ready`, and keeps everything alive until told to
stop.
"""

import json
import sys

from portal.embedded.accounts import service_account
from portal.embedded.console import Console
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home
from portal.embedded.processes import Program
from portal.embedded.services import start_services
from portal.embedded.supervisor import Supervisor


def keep() -> int:
    home = Home.from_environment(service_account())
    try:
        home.acquire(command="keeper", url="http://127.0.0.1:1")
    except EmbeddedError as error:
        Console().complain(str(error))
        return 1
    supervisor = Supervisor(home, Console())
    with supervisor.watching():
        env = start_services(supervisor, port=1)
        (home.root / "environment.json").write_text(json.dumps(env))
        # Its own child stands for a pool worker: it must not stay behind either.
        stand_in = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
        argv = [sys.executable, "-c", stand_in, "import time; time.sleep(600)"]
        supervisor.start(Program("stand-in", "The stand-in", argv, env))
        supervisor.console.plain("ready")
        supervisor.keep()
    home.release()
    return 0


if __name__ == "__main__":
    sys.exit(keep())
