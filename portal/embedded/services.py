"""Starts the services of one home, embedded or the person's own, and hands out their environment."""

from dataclasses import replace

from portal.embedded.binaries import find_binaries
from portal.embedded.environment import BROKER, DATABASE, given, portal_environment
from portal.embedded.errors import EmbeddedError
from portal.embedded.leftovers import end_leftovers
from portal.embedded.ports import free_port, is_free, port_from_environment
from portal.embedded.postgres import THROWAWAY, Postgres
from portal.embedded.supervisor import Supervisor
from portal.embedded.valkey import Valkey
from portal.embedded.vault import load_secrets


def start_services(
    supervisor: Supervisor, *, port: int, for_tests: bool = False, durable: bool = True
) -> dict[str, str]:
    """PostgreSQL and Valkey up and set up; returns the environment of the portal's processes.

    `for_tests` ignores services named in the environment: tests never touch anybody's data.
    """
    home, console = supervisor.home, supervisor.console
    end_leftovers(home, supervisor.pause)
    secrets = load_secrets(home)
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    own_database = not for_tests and given(*DATABASE)
    own_broker = not for_tests and given(*BROKER)
    if not (own_database and own_broker):
        binaries = find_binaries(home.account)
        if not own_database:
            postgres = Postgres(home, binaries, secrets, _postgres_port(for_tests=for_tests), for_tests=for_tests)
            if for_tests:
                settings = ("max_connections=200", *(() if durable else THROWAWAY))
                postgres = replace(postgres, settings=settings)
            _start_postgres(supervisor, postgres)
        if not own_broker:
            valkey = Valkey(home, binaries, secrets, durable=durable)
            valkey.prepare()
            supervisor.start(valkey.program(), ready=valkey.ready)
            console.step(f"Valkey is ready on {valkey.socket}")
    return portal_environment(home, secrets, postgres=postgres, valkey=valkey, port=port, for_tests=for_tests)


def _start_postgres(supervisor: Supervisor, postgres: Postgres) -> None:
    if not postgres.directory.exists():
        supervisor.console.step("Creating the database cluster")
    postgres.prepare()
    supervisor.pause(0)
    supervisor.start(postgres.program(), ready=postgres.ready, seconds=60)
    postgres.create_roles()
    supervisor.console.step(f"PostgreSQL is ready on 127.0.0.1:{postgres.port}")


def _postgres_port(*, for_tests: bool) -> int:
    fixed = None if for_tests else port_from_environment("GATEHOUSE_POSTGRES_PORT")
    if fixed is not None and not is_free(fixed):
        raise EmbeddedError(f"GATEHOUSE_POSTGRES_PORT={fixed} is taken by another program; give another, or none.")
    return fixed or free_port()
