"""The embedded Valkey: broker, cache and locks, on a UNIX socket only."""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from portal.embedded.binaries import Binaries
from portal.embedded.home import Home, write_private
from portal.embedded.processes import Child, Program

# Broker messages must never be evicted, and at most a second of them may be lost with the machine: the database is
# the queue of record.
CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
dir "{directory}"
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
daemonize no
"""


@dataclass(frozen=True)
class Valkey:
    """One server. `durable=False` spares the disk, for data that is thrown away."""

    home: Home
    binaries: Binaries
    secrets: Mapping[str, str]
    durable: bool = True

    @property
    def socket(self) -> Path:
        """The server's only address."""
        return self.home.sockets() / "valkey.sock"

    def prepare(self) -> None:
        """Write the configuration; the password stays out of the process list."""
        directory = self.home.service_directory("valkey")
        path = directory / "valkey.conf"
        write_private(
            path,
            CONFIGURATION.format(
                socket=self.socket,
                password=self.secrets["valkey"],
                directory=directory,
                fsync="everysec" if self.durable else "no",
            ),
        )
        if self.home.account is not None:
            os.chown(path, self.home.account.uid, self.home.account.gid)

    def program(self) -> Program:
        """The server."""
        return Program(
            name="valkey",
            title="Valkey",
            argv=[str(self.binaries.valkey), str(self.home.data / "valkey" / "valkey.conf")],
            env=dict(os.environ),
            account=self.home.account,
            farewell=((signal.SIGTERM, 2.0),),
        )

    def ready(self, _child: Child) -> bool:
        """Whether it answers our password and a PING; while it still loads its log it does not."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(f"AUTH {self.secrets['valkey']}\r\nPING\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(1024), b""))
        except OSError:
            return False
        return b"+PONG" in answer

    @property
    def broker_url(self) -> str:
        """Logical database 0, in the form Celery takes."""
        return f"redis+socket://:{self.secrets['valkey']}@{quote(str(self.socket))}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        """Logical database 1, in the form redis-py takes."""
        return f"unix://:{self.secrets['valkey']}@{quote(str(self.socket))}?db=1"
