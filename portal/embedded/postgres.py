"""The embedded PostgreSQL: its data directory, its server program, its roles and database."""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded.accounts import own_directory
from portal.embedded.binaries import Binaries
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home
from portal.embedded.leftovers import command_of
from portal.embedded.processes import Child, Program, run_tool
from portal.embedded.roles import ROLES, password_variable, roles_sql, template_sql

ADMIN = "postgres"
DATABASE = "gatehouse"
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def clean_environment() -> dict[str, str]:
    """Our environment without libpq's variables, which would turn our own connections elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


@dataclass(frozen=True)
class Postgres:
    """One cluster. `settings` are server parameters as NAME=VALUE; `for_tests` also lets the owner create databases."""

    home: Home
    binaries: Binaries
    secrets: Mapping[str, str]
    port: int
    settings: Sequence[str] = field(default=())
    for_tests: bool = False

    @property
    def directory(self) -> Path:
        """PGDATA."""
        return self.home.data / "postgres" / "cluster"

    def prepare(self) -> None:
        """Create the cluster once; complete or absent, so an interrupted start leaves nothing half made."""
        parent = self.home.service_directory("postgres")
        if self.directory.exists():
            self._refuse_another_version()
            self._forget_dead_postmaster()
            return
        scratch, password = parent / "cluster.new", parent / "password"
        shutil.rmtree(scratch, ignore_errors=True)
        own_directory(scratch, self.home.account)
        self._write_password(password)
        try:
            run_tool(
                [
                    *(str(self.binaries.postgres / "initdb"), f"--pgdata={scratch}", f"--username={ADMIN}"),
                    *("--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
                    *("--no-instructions", *(["--no-sync"] if "fsync=off" in self.settings else [])),
                ],
                env=clean_environment(),
                account=self.home.account,
            )
        finally:
            password.unlink()
        scratch.rename(self.directory)

    def program(self) -> Program:
        """The server, on loopback TCP and a UNIX socket. SIGINT asks for a fast, SIGQUIT for an instant shutdown."""
        settings = [
            *("listen_addresses=127.0.0.1", f"port={self.port}", "max_connections=100", "timezone=UTC"),
            *(f"unix_socket_directories={self.home.sockets()}", "unix_socket_permissions=0700"),
            *("log_timezone=UTC", "log_line_prefix=%m [%p] %u@%d ", "log_checkpoints=off"),
            *self.settings,
        ]
        return Program(
            name="postgres",
            title="PostgreSQL",
            argv=[
                str(self.binaries.postgres / "postgres"),
                *("-D", str(self.directory)),
                *(part for setting in settings for part in ("-c", setting)),
            ],
            env=clean_environment(),
            account=self.home.account,
            farewell=((signal.SIGINT, 4.0), (signal.SIGQUIT, 1.0)),
            orphaned=signal.SIGINT,
        )

    def ready(self, child: Child) -> bool:
        """Whether the server accepts connections, as it writes on the eighth line of postmaster.pid."""
        try:
            lines = (self.directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def create_roles(self) -> None:
        """Roles, database and privileges, as roles.sql and privileges.sql say; again at every start."""
        passwords = {password_variable(role): self.secrets[role] for role in ROLES}
        script = roles_sql() + template_sql()
        if self.for_tests:
            script += "ALTER ROLE gatehouse_owner CREATEDB;\n"
        run_tool(
            [str(self.binaries.postgres / "psql"), "--no-psqlrc", "--quiet", "--file=-"],
            env={
                **clean_environment(),
                **passwords,
                "PGHOST": str(self.home.sockets()),
                "PGPORT": str(self.port),
                "PGUSER": ADMIN,
                "PGDATABASE": "postgres",
                "PGPASSWORD": self.secrets["admin"],
            },
            script=script,
        )

    def url(self, role: str) -> str:
        """The address of the database for `role`: owner, app, auditor, sealer, signer or admin."""
        user = ADMIN if role == "admin" else f"gatehouse_{role}"
        return f"postgres://{user}:{self.secrets[role]}@127.0.0.1:{self.port}/{DATABASE}"

    def _refuse_another_version(self) -> None:
        wanted = run_tool([str(self.binaries.postgres / "postgres"), "--version"], env={}).split()[-1].split(".")[0]
        found = (self.directory / "PG_VERSION").read_text(encoding="utf-8").strip()
        if found != wanted:
            raise EmbeddedError(
                f"The data in {self.directory} is of PostgreSQL {found}, the installed server is {wanted}. "
                "Dump it with the old version and load it into a new GATEHOUSE_HOME, or forget it with `make reset`."
            )

    def _forget_dead_postmaster(self) -> None:
        """Remove the pid file of a killed server whose number another program has now: PostgreSQL would not start.

        Numbers come round again at once where they start from 1, as in a restarted container.
        """
        path = self.directory / "postmaster.pid"
        if not path.exists():
            return
        number = path.read_text(encoding="utf-8").partition("\n")[0]
        if not number.isdecimal() or str(self.directory) not in command_of(int(number)):
            path.unlink()

    def _write_password(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.secrets["admin"] + "\n")
        if self.home.account is not None:
            os.chown(path, self.home.account.uid, self.home.account.gid)
