"""A start with a missing or malformed setting ends with one clear line; every setting may stand in a file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import Error

from portal import env
from portal.checks import the_application_owns_nothing
from tests.databases import as_owner

ROOT = Path(__file__).parent.parent.parent
SHOW = "import django; from django.conf import settings; print(repr(settings.{name}))"


def _start(changes: dict[str, str | None], show: str = "VERSION") -> subprocess.CompletedProcess[str]:
    """A process that reads the settings, with these variables changed or (None) taken away."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OIDC_")}
    for name, value in changes.items():
        environment.pop(name, None)
        environment.pop(f"{name}_FILE", None)
        if value is not None:
            environment[name] = value
    return subprocess.run(
        [sys.executable, "-c", SHOW.format(name=show)],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


STOPS: dict[str, tuple[dict[str, str | None], str]] = {
    "no key": ({"SECRET_KEY": None}, "SECRET_KEY (or SECRET_KEY_FILE) is not set"),
    "blank key": ({"SECRET_KEY": "  "}, "SECRET_KEY (or SECRET_KEY_FILE) is not set"),
    "short key": ({"SECRET_KEY": "hunter2"}, "SECRET_KEY is too short, at least 32 characters"),
    "no sealing key": ({"SEALING_KEY": None}, "SEALING_KEY (or SEALING_KEY_FILE) is not set"),
    "odd sealing key": ({"SEALING_KEY": "hunter2!"}, "SEALING_KEY is not valid base64"),
    "short sealing key": ({"SEALING_KEY": "aHVudGVyMg=="}, "SEALING_KEY must decode to 32 bytes, not 7"),
    "no database": ({"DATABASE_URL": None}, "DATABASE_URL (or DATABASE_URL_FILE) is not set"),
    "another database": ({"DATABASE_URL": "sqlite:///hunter2"}, "DATABASE_URL is not an address that starts with"),
    "half a database": ({"DATABASE_URL": "postgres://u:hunter2@h:port/d"}, "DATABASE_URL is not a complete address"),
    "odd owner": ({"DATABASE_OWNER_URL": "hunter2"}, "DATABASE_OWNER_URL is not an address that starts with"),
    "odd pool": (
        {"DATABASE_POOL": "hunter2", "DATABASE_POOLED": "true"},
        "DATABASE_POOL cannot be read: a int is expected.",
    ),
    "odd switch": ({"LOCAL_SIGN_IN": "hunter2"}, "LOCAL_SIGN_IN cannot be read: a bool is expected."),
    "no broker": ({"BROKER_URL": None}, "BROKER_URL (or BROKER_URL_FILE) is not set"),
    "odd broker": ({"BROKER_URL": "http://hunter2"}, "BROKER_URL is not an address that starts with"),
    "odd cache": ({"CACHE_URL": "hunter2"}, "CACHE_URL is not an address that starts with redis:"),
    "odd address": ({"PUBLIC_URL": "hunter2.example"}, "PUBLIC_URL is not an address that starts with https:"),
    "half a provider": ({"OIDC_ISSUER": "https://i.example"}, "OIDC_CLIENT_ID (or OIDC_CLIENT_ID_FILE) is not set"),
    "short metrics token": ({"METRICS_TOKEN": "hunter2"}, "METRICS_TOKEN is too short, at least 16 characters"),
    "no such file": ({"SECRET_KEY": None, "SECRET_KEY_FILE": "/nowhere/hunter2"}, "SECRET_KEY_FILE does not name"),
}


@pytest.mark.parametrize("case", STOPS)
def test_a_wrong_setting_stops_the_start_with_one_clear_line(case: str) -> None:
    changes, said = STOPS[case]
    found = _start(changes)
    assert found.returncode == 78
    assert found.stderr.startswith(f"gatehouse: {said}")
    assert found.stderr.count("\n") == 1
    assert "hunter2" not in found.stderr, "a value may be a secret"
    assert found.stdout == ""


def test_a_setting_may_stand_in_a_file_that_ends_with_a_line_break(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file, long enough for signing\n")
    found = _start({"SECRET_KEY": None, "SECRET_KEY_FILE": str(secret)}, "SECRET_KEY")
    assert (found.returncode, found.stdout.strip()) == (0, "'from a file, long enough for signing'")


def test_the_file_goes_before_the_variable(tmp_path: Path) -> None:
    host = tmp_path / "hosts"
    host.write_text("one.example, two.example\n")
    found = _start({"ALLOWED_HOSTS": "three.example", "ALLOWED_HOSTS_FILE": str(host)}, "ALLOWED_HOSTS")
    assert found.stdout.strip() == "['one.example', 'two.example']"


def test_debugging_is_never_on() -> None:
    assert _start({"DEBUG": "1"}, "DEBUG").stdout.strip() == "False"


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("https://gatehouse.example", "SESSION_COOKIE_SECURE", "True"),
        ("https://gatehouse.example", "SECURE_HSTS_SECONDS", "31536000"),
        ("http://127.0.0.1:8000/", "PUBLIC_URL", "'http://127.0.0.1:8000'"),
        ("http://127.0.0.1:8000", "CSRF_COOKIE_SECURE", "False"),
    ],
)
def test_the_public_address_decides_how_strict_cookies_are(url: str, name: str, value: str) -> None:
    assert _start({"PUBLIC_URL": url}, name).stdout.strip() == value


def test_stopping_says_why_and_returns_the_exit_code_of_a_configuration_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        env.stop("No.")
    assert stopped.value.code == 78
    assert capsys.readouterr().err == "gatehouse: No.\n"


# --- The database role ----------------------------------------------------------------------------------------------


def test_the_applications_role_passes_the_check(db: None) -> None:
    assert the_application_owns_nothing(None) == []


def test_the_owners_role_does_not(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with as_owner() as owner:
        monkeypatch.setattr("portal.checks.connection", owner)
        [found] = the_application_owns_nothing(None)
    assert isinstance(found, Error)
    assert found.id == "gatehouse.E001"
    assert "could rewrite the audit trail" in found.msg


def test_the_check_runs_before_a_deployment_as_that_role() -> None:
    """The whole way: a portal told to run as the owner is told not to."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--database", "default", "--fail-level", "ERROR"]
    owner = os.environ | {"DATABASE_URL": os.environ["DATABASE_OWNER_URL"]}
    for environment, code in ((dict(os.environ), 0), (owner, 1)):
        found = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ("gatehouse.E001" in found.stderr, found.returncode) == (bool(code), code), found.stderr
