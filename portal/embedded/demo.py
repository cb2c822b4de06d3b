"""The demo: services, migrations, shipped content, web, worker, beat, sample data, and the cast's sign-ins."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal.embedded.environment import for_servers
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import REPOSITORY, Home
from portal.embedded.ports import is_free
from portal.embedded.prepared import is_prepared, remember, shape
from portal.embedded.processes import Program
from portal.embedded.services import start_services
from portal.embedded.supervisor import Supervisor

READY_SECONDS = 120


def demo(supervisor: Supervisor, *, port: int) -> None:
    """From nothing to a running portal; returns when asked to stop. Raises EmbeddedError when a step fails."""
    home, console = supervisor.home, supervisor.console
    url = f"http://127.0.0.1:{port}"
    if not is_free(port):
        raise EmbeddedError(f"Port {port} is taken by another program. Choose another: `make demo PORT={port + 1}`.")
    console.step(f"Gatehouse starts in {home.root}")
    env = start_services(supervisor, port=port) | {"PYTHONUNBUFFERED": "1"}
    wanted = shape(REPOSITORY)
    # Of a database elsewhere nothing is remembered here.
    known = "DATABASE_URL" not in os.environ and is_prepared(home, wanted) and (home.root / "demo.json").exists()
    if not known:
        console.step("Migrating the database")
        supervisor.run_once(manage("migrate", env, "migrate", "--database", "owner", "--no-input"))
        console.step("Publishing the shipped content")
        supervisor.run_once(manage("install", env, "install"), echo=True)
    console.step("Starting web, worker and beat")
    for program in portal_programs(home, for_servers(env), port=port):
        supervisor.start(program)
    supervisor.wait(lambda: is_ready(port), what=f"{url}/readyz", seconds=READY_SECONDS)
    if not known:
        console.step("Adding the sample data")
        supervisor.run_once(manage("demo", env, "demo"), echo=True)
        remember(home, wanted)
    console.plain(sign_in_table(home.root / "demo.json"))
    console.plain(f"ready {url}")
    supervisor.keep()


def manage(name: str, env: Mapping[str, str], *arguments: str) -> Program:
    """One run of manage.py."""
    return Program(
        name=name,
        title=f"`manage.py {name}`",
        argv=[sys.executable, str(REPOSITORY / "manage.py"), *arguments],
        env=env,
        cwd=REPOSITORY,
    )


def portal_programs(home: Home, env: Mapping[str, str], *, port: int) -> list[Program]:
    """Web, worker and beat, in the order in which they start; they stop the other way round."""
    run = home.root / "run"
    celery = [sys.executable, "-m", "celery", "--app", "portal.celery"]
    web = [
        *(sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", "2", "--threads", "4", "--graceful-timeout", "3"),
        *("--control-socket", str(run / "web.ctl")),
    ]
    worker = [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    beat = [*celery, "beat", "--loglevel", "INFO", "--schedule", str(home.root / "beat-schedule")]
    # The worker finishes its tasks when asked and drops them when told: they are redelivered, and safe to repeat.
    farewell = ((signal.SIGTERM, 3.0), (signal.SIGQUIT, 1.0))
    return [
        Program("web", "The web server", web, env, REPOSITORY),
        Program("worker", "The worker", worker, env, REPOSITORY, farewell=farewell, orphaned=signal.SIGQUIT),
        Program("beat", "The scheduler", beat, env, REPOSITORY, farewell=((signal.SIGTERM, 2.0),)),
    ]


def is_ready(port: int) -> bool:
    """Whether /readyz answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def sign_in_table(path: Path) -> str:
    """The cast's sign-ins from demo.json, as a table. Raises EmbeddedError when the file is not there."""
    try:
        people: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["people"]
    except (OSError, ValueError, KeyError) as error:
        raise EmbeddedError(f"{path} does not list the people of the demo: {error!r}.") from error
    rows: list[tuple[str, ...]] = [("Sign in as", "Password", "Name", "Role")]
    rows += [tuple(str(person.get(key, "")) for key in ("username", "password", "name", "role")) for person in people]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(["", *lines, ""])
