"""Secrets and files at rest."""

import uuid

import pytest

from evidence.sealing import SealBroken, seal, unseal
from portal.files import FileTooLarge, keep, path_of


def test_a_secret_opens_for_its_own_row_and_is_not_readable_at_rest() -> None:
    row = uuid.uuid4()
    sealed = seal(row, {"token": "canary-secret"})
    assert unseal(row, sealed) == {"token": "canary-secret"}
    assert b"canary" not in sealed
    assert seal(row, {"token": "canary-secret"}) != sealed


def test_a_secret_copied_to_another_row_opens_nothing() -> None:
    sealed = seal(uuid.uuid4(), {"token": "x"})
    with pytest.raises(SealBroken):
        unseal(uuid.uuid4(), sealed)


@pytest.mark.parametrize("place", [0, 15, -1])
def test_a_changed_ciphertext_opens_nothing(place: int) -> None:
    row = uuid.uuid4()
    sealed = bytearray(seal(row, {"token": "x"}))
    sealed[place] ^= 1
    with pytest.raises(SealBroken):
        unseal(row, bytes(sealed))


def test_a_connector_without_a_secret_has_none() -> None:
    assert unseal(uuid.uuid4(), None) == {}


def test_the_same_bytes_are_kept_once_under_their_hash() -> None:
    sha256 = keep([b"one ", b"file"])
    assert keep([b"one file"]) == sha256
    assert path_of(sha256).read_bytes() == b"one file"
    assert path_of(sha256).parent.name == sha256[:2]


def test_a_file_that_is_too_large_leaves_nothing_behind(tmp_path: object) -> None:
    with pytest.raises(FileTooLarge):
        keep([b"x" * 10, b"y" * 10], limit=15)
    assert [path for path in path_of("0" * 64).parents[1].rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "Z" * 64])
def test_what_is_no_hash_leads_nowhere(name: str) -> None:
    with pytest.raises(ValueError, match="Not a SHA-256"):
        path_of(name)
