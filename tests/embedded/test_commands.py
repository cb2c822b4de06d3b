"""`run`, `test`, `reset` and the rest, as a person calls them."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.embedded.accounts import service_account
from tests.embedded.kept import REPOSITORY, run_cli

PRINT_ENVIRONMENT = ("python", "-c", "import json, os; print(json.dumps(dict(os.environ)))")


def test_run_keeps_data_and_secrets_between_two_runs_and_returns_the_command_s_status(directory: Path) -> None:
    home = directory / "home"
    sql = "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_OWNER_URL'], autocommit=True); "
    first = run_cli("run", "--", "python", "-c", sql + "c.execute('CREATE TABLE kept (id int)')", home=home)
    assert (first.returncode, first.stderr) == (0, "")
    secrets = (home / "secrets.json").read_text()
    count = "print(c.execute('SELECT count(*) FROM kept').fetchone()); raise SystemExit(7)"
    second = run_cli("run", "--", "python", "-c", sql + count, home=home)
    assert (second.returncode, second.stdout) == (7, "(0,)\n")
    assert (home / "secrets.json").read_text() == secrets
    assert stat.S_IMODE((home / "secrets.json").stat().st_mode) == 0o600


def test_test_hands_out_a_throw_away_world_and_leaves_nothing_behind() -> None:
    theirs = {
        "DATABASE_URL": "postgres://somebody@production.example/gatehouse",
        "SECRET_KEY_FILE": "/run/secrets/key",
        "PGSSLMODE": "require",
    }
    done = run_cli("test", "--", *PRINT_ENVIRONMENT, **theirs)
    assert (done.returncode, done.stderr) == (0, "")
    env = json.loads(done.stdout)
    for name, role in [
        ("URL", "gatehouse_app"),
        ("OWNER_URL", "gatehouse_owner"),
        ("AUDITOR_URL", "gatehouse_auditor"),
    ]:
        assert env[f"DATABASE_{name}"].startswith(f"postgres://{role}:")
    assert env["DATABASE_ADMIN_URL"].startswith("postgres://postgres:")
    assert env["ALLOWED_HOSTS"] == "127.0.0.1,localhost"
    assert env["DJANGO_SETTINGS_MODULE"] == "portal.settings"
    assert env["PUBLIC_URL"] == f"http://127.0.0.1:{env['PORT']}"
    assert env["SECRET_KEY"]
    assert "SECRET_KEY_FILE" not in env
    assert "PGSSLMODE" not in env
    assert not Path(env["GATEHOUSE_HOME"]).parent.exists()


@pytest.mark.parametrize(("options", "fsync"), [((), "off"), (("--durable",), "on")])
def test_a_test_owner_makes_databases_whose_tables_the_application_may_use(
    options: tuple[str, ...], fsync: str
) -> None:
    script = """if True:
        import os, psycopg
        def connect(name, database):
            return psycopg.connect(os.environ[name].rpartition('/')[0] + '/' + database, autocommit=True)
        owner = connect('DATABASE_OWNER_URL', 'gatehouse')
        owner.execute('CREATE DATABASE pattern')
        with connect('DATABASE_OWNER_URL', 'pattern') as pattern:
            pattern.execute('CREATE TABLE note (body text)')
        owner.execute('CREATE DATABASE copy TEMPLATE pattern')
        with connect('DATABASE_URL', 'copy') as app:
            print(app.execute("INSERT INTO note VALUES ('x') RETURNING body").fetchone()[0])
        print(owner.execute('SHOW fsync').fetchone()[0], owner.execute('SHOW max_connections').fetchone()[0])
    """
    done = run_cli("test", *options, "--", "python", "-c", script)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"x\n{fsync} 200\n")


def test_named_services_replace_the_embedded_ones(directory: Path) -> None:
    theirs = {
        "DATABASE_URL": "postgres://app@db.example/gatehouse",
        "DATABASE_OWNER_URL": "postgres://owner@db.example/gatehouse",
        "BROKER_URL": "redis://broker.example/0",
        "CACHE_URL_FILE": "/run/secrets/cache",
        "SECRET_KEY": "theirs",
    }
    done = run_cli("run", "--", *PRINT_ENVIRONMENT, home=directory / "home", **theirs)
    assert (done.returncode, done.stderr) == (0, "")
    env = json.loads(done.stdout)
    assert {name: env[name] for name in theirs} == theirs
    assert "CACHE_URL" not in env
    assert not (directory / "home" / "data").exists()


def test_half_named_services_are_refused(directory: Path) -> None:
    done = run_cli("run", "--", "true", home=directory / "home", DATABASE_URL="postgres://app@db.example/gatehouse")
    assert done.returncode == 1
    assert done.stderr == ("gatehouse: DATABASE_URL is set, but not DATABASE_OWNER_URL. Set all of them, or none.\n")


def test_lost_secrets_stop_the_start_and_touch_no_data(directory: Path) -> None:
    home = directory / "home"
    assert run_cli("run", "--", "true", home=home).returncode == 0
    (home / "secrets.json").unlink()
    done = run_cli("run", "--", "true", home=home)
    assert done.returncode == 1
    assert "secrets.json is missing" in done.stderr
    assert not (home / "secrets.json").exists()
    assert (home / "data" / "postgres" / "cluster" / "PG_VERSION").exists()


def test_reset_forgets_everything(directory: Path) -> None:
    home = directory / "home"
    assert run_cli("run", "--", "true", home=home).returncode == 0
    done = run_cli("reset", home=home)
    assert (done.returncode, done.stdout) == (0, f"Forgotten: everything in {home}.\n")
    assert [path.name for path in home.iterdir()] == ["gatehouse.lock"]


@pytest.mark.parametrize("command", [("reset",), ("run", "--", "true")])
def test_a_directory_with_other_files_never_becomes_a_home(directory: Path, command: tuple[str, ...]) -> None:
    (directory / "thesis.txt").write_text("years of work")
    done = run_cli(*command, home=directory)
    assert done.returncode == 1
    assert done.stderr == (
        f"gatehouse: GATEHOUSE_HOME={directory} holds other files. "
        "Name an empty or new directory: `reset` empties it.\n"
    )
    assert [path.name for path in directory.iterdir()] == ["thesis.txt"]


def test_a_taken_port_of_the_database_is_refused(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_cli("run", "--", "true", home=directory / "home", GATEHOUSE_POSTGRES_PORT=port)
    assert done.returncode == 1
    assert f"GATEHOUSE_POSTGRES_PORT={port} is taken by another program" in done.stderr


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(directory: Path, port: str) -> None:
    done = run_cli("demo", home=directory / "home", PORT=port)
    assert (done.returncode, done.stderr) == (
        1,
        f"gatehouse: PORT={port} is not a port; give a number from 1 to 65535.\n",
    )


def test_a_home_with_a_long_path_has_its_sockets_elsewhere(directory: Path) -> None:
    home = directory / ("long" * 30) / "home"
    done = run_cli("run", "--", *PRINT_ENVIRONMENT, home=home)
    assert (done.returncode, done.stderr) == (0, "")
    path = Path(json.loads(done.stdout)["CACHE_URL"].partition("@")[2].partition("?")[0])
    assert len(os.fsencode(path)) < 100
    assert not path.parent.parent.exists()


def test_a_command_that_does_not_exist_is_named() -> None:
    done = run_cli("test", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (
        1,
        "gatehouse: no-such-command cannot be started: No such file or directory.\n",
    )


@pytest.mark.parametrize("words", [("run",), ("test", "--"), ("status", "--", "true")])
def test_only_run_and_test_take_a_command(words: tuple[str, ...]) -> None:
    done = run_cli(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "take a command after `--`" in done.stderr


def test_nothing_heavy_is_imported() -> None:
    script = "import portal.embedded.cli, sys; print({'django', 'celery', 'psycopg', 'redis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_as_root_the_services_run_as_an_unprivileged_account() -> None:
    account = service_account()
    assert (account is None) == (os.geteuid() != 0)
    assert account is None or account.uid != 0
