"""gatehouse digest: the pipeline and the portal compute the same digest and refuse the same manifests."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gatehouse
from tests.cli.strategies import raw_manifests
from usecases import manifests

COMMAND = Path(gatehouse.__file__)
MODEL = {"provider": "azure", "name": "gpt-4o", "version": "1"}
SHORT = {"schema": "gatehouse.manifest/v1", "model": MODEL}


def test_the_digest_is_printed_alone(run, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(SHORT))
    outcome = run("digest", path, token=None)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == manifests.normalise(SHORT).digest + "\n"
    assert run("digest", path, "--json").json["digest"] == manifests.normalise(SHORT).digest


@given(raw_manifests, st.booleans())
def test_command_and_portal_agree_on_every_valid_manifest(raw: dict[str, Any], ascii_only: bool):
    written = json.dumps(raw, ensure_ascii=ascii_only).encode()
    ours = gatehouse.manifest_digest(gatehouse.parse(written, "it"))
    theirs = manifests.normalise(raw)
    assert ours == theirs.digest
    assert gatehouse.canonical(gatehouse.normalised(raw)) == theirs.canonical


def test_both_order_names_beyond_the_basic_plane_by_utf16_units():
    names = ("\ufb01", "\U0001f600", "z")
    tools = [{"name": name, "version": "1", "access": "read"} for name in names]
    raw = {**SHORT, "tools": tools, "parameters": dict.fromkeys(names, 1)}
    assert gatehouse.canonical(gatehouse.normalised(raw)) == manifests.normalise(raw).canonical


def test_both_know_the_same_form():
    assert gatehouse.FIELDS == manifests.FIELDS
    assert gatehouse.LISTS == manifests.LISTS
    assert gatehouse.SCHEMA == manifests.SCHEMA
    for limit in ("MAX_CANONICAL_BYTES", "MAX_ENTRIES", "MAX_STRING", "MAX_PROMPT_TEXT"):
        assert getattr(gatehouse, limit) == getattr(manifests, limit)


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.sampled_from([0.5, "", "  ", "a\x00", "\ud800", "x" * 501, "A" * 64, "a" * 64, "read", "abcdef0", [], {}, [{}]]),
)


@given(raw_manifests, junk, st.data())
def test_command_and_portal_refuse_the_same_manifests(raw: dict[str, Any], value: Any, data: st.DataObject):
    place, key = data.draw(st.sampled_from(list(_places(raw))))
    place[key] = value
    try:
        expected = manifests.normalise(raw).digest
    except manifests.ManifestError:
        expected = None
    try:
        found = gatehouse.manifest_digest(raw)
    except gatehouse.Misused:
        found = None
    assert found == expected


def _places(value: Any) -> Any:
    """Every spot of a manifest, and one that does not exist yet in every object."""
    if isinstance(value, dict):
        yield value, "surprise"
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(item)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": "gatehouse.manifest/v1", "model": 1}', "model: this must be an object"),
        ("{}", 'must say "schema": "gatehouse.manifest/v1"'),
        (json.dumps({**SHORT, "licence": "MIT"}), "unknown key licence"),
        (json.dumps({**SHORT, "parameters": {"temperature": 0.2}}), 'for example "0.2"'),
        (json.dumps({**SHORT, "parameters": {"seed": 2**53}}), "too large"),
        ('{"schema": "a", "schema": "b"}', "'schema' appears twice"),
        ("\ufeff{}", "not well-formed JSON"),
        ("NaN", "NaN is not a JSON value"),
        ("[" * 100_000, "nested too deeply"),
        ("", "not well-formed JSON"),
    ],
)
def test_a_manifest_that_the_portal_would_refuse_has_no_digest(run, tmp_path, text, says):
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    outcome = run("digest", path)
    assert (outcome.code, outcome.out) == (20, "")
    assert says in outcome.err


def test_the_command_is_one_file_for_python_3_9_with_cryptography_as_its_only_package():
    tree = ast.parse(COMMAND.read_text(), feature_version=(3, 9))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        assert not isinstance(node, ast.Match | ast.TryStar)
    import sys

    assert found - sys.stdlib_module_names == {"cryptography"}


def test_no_command_and_an_unknown_one_cannot_decide(run):
    assert run().code == 20
    assert run("approve").code == 20
