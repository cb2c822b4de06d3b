"""Loopback ports: is this one free, and which one is."""

import os
import random
import socket

from portal.embedded.errors import EmbeddedError

# Below the range from which systems take the ports of outgoing connections, so that nobody is given ours in passing.
CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def port_from_environment(name: str, default: int | None = None) -> int | None:
    """The port in variable `name`. Raises EmbeddedError when it is not one."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise EmbeddedError(f"{name}={text} is not a port; give a number from 1 to 65535.")
    return int(text)


def free_port() -> int:
    """A free port, chosen at random so that two starting at once seldom meet."""
    for port in random.sample(CANDIDATES, 200):
        if is_free(port):
            return port
    raise EmbeddedError("No free loopback port was found between 20000 and 32000.")
