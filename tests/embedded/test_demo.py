"""The demo's order of steps, with the real servers, gunicorn and Celery around a portal of a few small files."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.embedded.demo import sign_in_table
from portal.embedded.errors import EmbeddedError
from portal.embedded.leftovers import born_at
from portal.embedded.ports import free_port
from tests.embedded.kept import REPOSITORY, bare_environment, run_cli

MANAGE = """\
import json, os, sys
step = sys.argv[1]
print(f"{step} with", " ".join(sys.argv[2:]) or "nothing more")
if step == os.environ.get("FAILING_STEP"):
    raise SystemExit("the reason why")
if step == "demo":
    people = [{"username": "olivia", "password": "a-b-c", "name": "Olivia", "role": "owner"}]
    with open(os.environ["GATEHOUSE_HOME"] + "/demo.json", "w") as file:
        json.dump({"url": os.environ["PUBLIC_URL"], "people": people, "tokens": {}, "version": "1"}, file)
"""
WSGI = """\
import json, os
def application(environ, start_response):
    beaten = os.path.exists(os.environ["GATEHOUSE_HOME"] + "/heartbeat")
    start_response("200 OK" if beaten else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps(sorted(os.environ)).encode()]
"""
SETTINGS = """\
SECRET_KEY = "x"
USE_TZ = True
"""
CELERY = """\
import os, pathlib
from celery import Celery
app = Celery("stand-in", broker=os.environ["BROKER_URL"])
app.conf.broker_connection_retry_on_startup = True
app.conf.beat_schedule = {"beat": {"task": "beat", "schedule": 0.5}}
@app.task(name="beat")
def beat():
    (pathlib.Path(os.environ["GATEHOUSE_HOME"]) / "heartbeat").touch()
"""
START = """\
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import portal.embedded.demo
portal.embedded.demo.REPOSITORY = pathlib.Path(sys.argv[2])
from portal.embedded.cli import main
sys.exit(main(["demo"]))
"""


class Demo:
    """A demo of these small files, in a process of its own."""

    def __init__(self, directory: Path, **env: str) -> None:
        self.home, self.port = directory / "home", free_port()
        code = directory / "code"
        (code / "portal").mkdir(parents=True, exist_ok=True)
        (code / "manage.py").write_text(MANAGE)
        for name, text in [("__init__", ""), ("settings", SETTINGS), ("wsgi", WSGI), ("celery", CELERY)]:
            (code / "portal" / f"{name}.py").write_text(text)
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(REPOSITORY), str(code)],
            cwd=directory,
            env=bare_environment(GATEHOUSE_HOME=str(self.home), PORT=str(self.port), **env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until_ready(self) -> list[str]:
        """What it said, with the clock taken off, up to the ready line."""
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line.rstrip("\n").partition(" s] ")[2] or line.rstrip("\n"))
            if line.startswith("ready "):
                return said
        raise AssertionError("\n".join(said))


@pytest.fixture
def start(directory: Path) -> Iterator[Callable[..., Demo]]:
    """Starts a demo, and stops it when the test has not."""
    started: list[Demo] = []

    def begin(**env: str) -> Demo:
        started.append(Demo(directory, **env))
        return started[-1]

    yield begin
    for demo in started:
        if demo.process.poll() is None:
            demo.process.terminate()
        demo.process.communicate(timeout=60)


def test_the_demo_takes_its_steps_in_order_and_ends_with_one_ready_line(start: Callable[..., Demo]) -> None:
    demo = start()
    said = demo.until_ready()
    steps = [line for line in said if "PostgreSQL is" not in line and "Valkey is" not in line and line]
    assert steps == [
        f"Gatehouse starts in {demo.home}",
        "Creating the database cluster",
        "Migrating the database",
        "Publishing the shipped content",
        "  install with nothing more",
        "Starting web, worker and beat",
        "Adding the sample data",
        "  demo with nothing more",
        "Sign in as  Password  Name    Role",
        "----------  --------  ------  -----",
        "olivia      a-b-c     Olivia  owner",
        f"ready http://127.0.0.1:{demo.port}",
    ]
    assert (demo.home / "logs" / "migrate.log").read_text() == "migrate with --database owner --no-input\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/readyz", timeout=60) as answer:
        names = json.loads(answer.read())
    assert {"DATABASE_URL", "BROKER_URL", "CACHE_URL", "SECRET_KEY", "SEALING_KEY", "PUBLIC_URL"} <= set(names)
    assert not {"DATABASE_OWNER_URL", "DATABASE_AUDITOR_URL"} & set(names)
    children = json.loads((demo.home / "children.json").read_text())
    assert [child["name"] for child in children] == ["postgres", "valkey", "web", "worker", "beat"]
    os.kill(children[2]["pid"], signal.SIGKILL)
    restarted = demo.process.stdout.readline() + demo.process.stdout.readline()
    assert "The web server ended (SIGKILL); starting it again in 0.1 s" in restarted
    assert "The web server was started again" in restarted
    demo.process.send_signal(signal.SIGINT)
    rest, _ = demo.process.communicate(timeout=60)
    assert "Everything has stopped; the data is kept." in rest
    assert demo.process.returncode == 0
    assert [child["name"] for child in children if born_at(child["pid"]) == child["born"]] == []


def test_the_second_start_skips_what_would_change_nothing(start: Callable[..., Demo], directory: Path) -> None:
    def started_and_stopped() -> list[str]:
        demo = start()
        said = demo.until_ready()
        demo.process.send_signal(signal.SIGINT)
        demo.process.communicate(timeout=60)
        return said

    steps = {"Migrating the database", "Publishing the shipped content", "Adding the sample data"}
    assert steps <= set(started_and_stopped())
    assert not steps & set(started_and_stopped())
    migrations = directory / "code" / "portal" / "migrations"
    migrations.mkdir()
    (migrations / "0002_more.py").write_text("# one more")
    assert steps <= set(started_and_stopped()), "a new migration is a reason to prepare anew"


@pytest.mark.parametrize("moment", ["Gatehouse starts", "Creating the database", "Starting web"])
def test_ctrl_c_while_it_starts_stops_what_runs_already(start: Callable[..., Demo], moment: str) -> None:
    demo = start()
    for line in demo.process.stdout:
        if moment in line:
            break
    demo.process.send_signal(signal.SIGINT)
    rest, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 130
    assert rest.endswith("gatehouse: Stopped before everything was up.\n")
    assert json.loads((demo.home / "children.json").read_text()) == []
    assert run_cli("status", home=demo.home).returncode == 3


@pytest.mark.parametrize("step", ["migrate", "install"])
def test_a_failing_step_ends_the_demo_with_its_last_words(start: Callable[..., Demo], step: str) -> None:
    demo = start(FAILING_STEP=step)
    said, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 1
    assert f"gatehouse: `manage.py {step}` ended (exit status 1). {demo.home}/logs/{step}.log ends with:\n" in said
    assert said.endswith("    the reason why\n")
    assert json.loads((demo.home / "children.json").read_text()) == []


def test_a_taken_port_is_named_before_anything_starts(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_cli("demo", home=directory / "home", PORT=str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"gatehouse: Port {port} is taken by another program. Choose another: `make demo PORT={port + 1}`.\n"
    )
    assert not (directory / "home" / "data").exists()


def test_a_demo_without_people_is_an_error(directory: Path) -> None:
    with pytest.raises(EmbeddedError, match="does not list the people"):
        sign_in_table(directory / "demo.json")
