"""`python -m portal.embedded COMMAND`: demo, run, test, status, reset, roles-sql."""

import argparse
import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Sequence

from portal.embedded.accounts import service_account
from portal.embedded.console import Console
from portal.embedded.demo import demo
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home, short_directory
from portal.embedded.leftovers import end_leftovers, recall
from portal.embedded.ports import free_port, port_from_environment
from portal.embedded.roles import roles_sql
from portal.embedded.services import start_services
from portal.embedded.supervisor import Interrupted, Supervisor

DEFAULT_PORT = 8000
NOT_RUNNING = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. 1: a sentence on standard error says what to mend."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Split by hand: what follows the first `--` is the person's command, with whatever dashes it has itself.
    cut = words.index("--") if "--" in words else len(words)
    options = _parser().parse_args(words[:cut])
    options.cmd = words[cut + 1 :]
    if options.takes_command != bool(options.cmd):
        print("gatehouse: run and test take a command after `--`; the other commands take none.", file=sys.stderr)
        return 2
    try:
        return int(options.run(options))
    except EmbeddedError as error:
        print(f"gatehouse: {error}", file=sys.stderr)
        return 1
    except Interrupted:
        print("gatehouse: Stopped before everything was up.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.embedded", description="Gatehouse's local services.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: object, text: str, *, takes_command: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run, takes_command=takes_command)
        return command

    add("demo", _demo, "run the whole portal with sample data in the foreground")
    add("run", _run, "run -- CMD: run CMD beside the services of GATEHOUSE_HOME", takes_command=True)
    test = add("test", _test, "test -- CMD: the same beside services whose data is thrown away", takes_command=True)
    test.add_argument("--durable", action="store_true", help="keep fsync on, for measurements and fault tests")
    add("status", _status, "say what runs in GATEHOUSE_HOME; exit status 3 when nothing does")
    add("reset", _reset, "forget everything in GATEHOUSE_HOME")
    add("roles-sql", _roles_sql, "print the psql script that prepares a PostgreSQL of your own")
    return parser


@contextlib.contextmanager
def _holding(home: Home, command: str, **facts: str) -> Iterator[None]:
    home.acquire(command=command, **facts)
    try:
        yield
    finally:
        home.release()


def _demo(_options: argparse.Namespace) -> int:
    home = Home.from_environment(service_account())
    port = port_from_environment("PORT", DEFAULT_PORT) or DEFAULT_PORT
    with _holding(home, "demo", url=f"http://127.0.0.1:{port}"):
        supervisor = Supervisor(home, Console())
        with supervisor.watching():
            demo(supervisor, port=port)
            supervisor.console.plain("\nStopping; this takes a few seconds.")
    supervisor.console.step("Everything has stopped; the data is kept.")
    return 0


def _run(options: argparse.Namespace) -> int:
    home = Home.from_environment(service_account())
    port = port_from_environment("PORT", DEFAULT_PORT) or DEFAULT_PORT
    with _holding(home, "run"):
        supervisor = Supervisor(home, Console(quiet=True))
        with supervisor.watching():
            return supervisor.foreground(options.cmd, start_services(supervisor, port=port))


def _test(options: argparse.Namespace) -> int:
    account = service_account()
    scratch = short_directory("gatehouse-test-")
    try:
        home = Home(scratch / "home", account)
        with _holding(home, "test"):
            supervisor = Supervisor(home, Console(quiet=True))
            with supervisor.watching():
                env = start_services(supervisor, port=free_port(), for_tests=True, durable=options.durable)
                return supervisor.foreground(options.cmd, env)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _status(_options: argparse.Namespace) -> int:
    home = Home.from_environment(service_account())
    facts = home.holder()
    if facts is None:
        print(f"Nothing runs in {home.root}.")
        return NOT_RUNNING
    minutes = (time.time() - facts.get("since", time.time())) / 60
    where = f" on {facts['url']}" if facts.get("url") else ""
    print(f"`{facts.get('command')}` runs in {home.root}{where} for {minutes:.0f} min (process {facts.get('pid')}):")
    for record in recall(home):
        print(f"  {record['name']:<10} process {record['pid']}")
    return 0


def _reset(_options: argparse.Namespace) -> int:
    home = Home.from_environment(service_account())
    if not home.root.exists():
        print(f"There is nothing to forget in {home.root}.")
        return 0
    with _holding(home, "reset"):
        end_leftovers(home, time.sleep)
        home.forget()
    print(f"Forgotten: everything in {home.root}.")
    return 0


def _roles_sql(_options: argparse.Namespace) -> int:
    print(roles_sql())
    return 0
