"""The manifest's canonical form, its digest, its refusals and the difference of two."""

import copy
import hashlib
import random
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.strategies import raw_manifests
from usecases.manifests import Change, ManifestError, difference, normalise


def claims_assistant() -> dict[str, Any]:
    return {
        "schema": "gatehouse.manifest/v1",
        "model": {"provider": "azure", "name": "gpt-4o", "version": "2024-08-06", "region": "westeurope"},
        "prompts": [{"name": "system", "version": "7", "text": "Answer from the policy wording only."}],
        "tools": [
            {"name": "policy-search", "version": "3", "access": "read"},
            {"name": "claim-notes", "version": "1", "access": "write"},
        ],
        "knowledge_sources": [{"name": "policy-wordings", "version": "2026-06", "reference": "DS-0004"}],
        "guardrails": [{"name": "pii-filter", "version": "2"}],
        "application": {
            "repository": "claims/assistant",
            "commit": "0a1b2c3",
            "artifacts": [{"name": "image", "sha256": "a" * 64}],
        },
        "parameters": {"temperature": "0.2", "max_tokens": 800, "stream": True},
    }


def changed(path: list[str | int], value: object) -> dict[str, Any]:
    raw = claims_assistant()
    place: Any = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return raw


def faults(raw: Any) -> list[tuple[str, str]]:
    with pytest.raises(ManifestError) as caught:
        normalise(raw)
    return caught.value.errors


def test_the_canonical_form_is_complete_and_ordered_and_its_hash_is_the_digest():
    manifest = normalise(claims_assistant())
    text = "Answer from the policy wording only."
    sha256 = hashlib.sha256(text.encode()).hexdigest()

    assert manifest.canonical == (
        '{"application":{"artifacts":[{"name":"image","sha256":"' + "a" * 64 + '"}],"commit":"0a1b2c3",'
        '"repository":"claims/assistant"},"guardrails":[{"name":"pii-filter","version":"2"}],'
        '"knowledge_sources":[{"name":"policy-wordings","reference":"DS-0004","version":"2026-06"}],'
        '"model":{"name":"gpt-4o","provider":"azure","region":"westeurope","version":"2024-08-06"},'
        '"parameters":{"max_tokens":800,"stream":true,"temperature":"0.2"},'
        '"prompts":[{"name":"system","sha256":"' + sha256 + '","version":"7"}],"schema":"gatehouse.manifest/v1",'
        '"tools":[{"access":"write","name":"claim-notes","version":"1"},'
        '{"access":"read","name":"policy-search","version":"3"}]}'
    )
    assert manifest.digest == hashlib.sha256(manifest.canonical.encode()).hexdigest()
    assert manifest.prompt_texts == {sha256: text}


def test_a_section_left_out_and_an_empty_one_are_the_same_manifest():
    model = {"provider": "azure", "name": "gpt-4o", "version": "1"}
    short = {"schema": "gatehouse.manifest/v1", "model": model}
    long = {
        **short,
        "prompts": [],
        "tools": [],
        "knowledge_sources": [],
        "guardrails": [],
        "application": {"artifacts": []},
        "parameters": {},
    }
    assert normalise(short) == normalise(long)


def test_a_prompt_given_as_text_and_as_hash_is_the_same_manifest():
    by_text = normalise(claims_assistant())
    by_hash = normalise(by_text.data)
    assert by_hash == by_text
    assert by_hash.prompt_texts == {}


def test_lists_are_ordered_by_utf16_units_as_keys_are():
    tools = [{"name": name, "version": "1", "access": "read"} for name in ("\ufb01", "\U0001f600", "z")]
    ordered = normalise(changed(["tools"], tools)).data["tools"]
    assert [tool["name"] for tool in ordered] == ["z", "\U0001f600", "\ufb01"]


@given(raw_manifests, st.randoms(use_true_random=False))
def test_no_order_of_keys_or_entries_changes_the_digest(raw: dict[str, Any], dice: random.Random):
    assert normalise(_shuffled(raw, dice)) == normalise(raw)


@given(raw_manifests)
def test_normalising_again_changes_nothing(raw: dict[str, Any]):
    once = normalise(raw)
    assert normalise(once.data) == once
    assert rfc8785.dumps(once.data).decode() == once.canonical


@given(raw_manifests, st.data())
def test_any_changed_field_changes_the_digest_and_is_named_in_the_difference(raw: dict[str, Any], data: st.DataObject):
    old = normalise(raw)
    leaves = list(_leaves({key: value for key, value in old.data.items() if key != "schema"}))
    path, value = data.draw(st.sampled_from(leaves))
    other = copy.deepcopy(old.data)
    place: Any = other
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = _different(path[-1], value)

    new = normalise(other)

    assert new.digest != old.digest
    assert difference(old, new) != []


@given(raw_manifests, raw_manifests)
def test_two_manifests_differ_exactly_when_their_digests_do(one: dict[str, Any], two: dict[str, Any]):
    old, new = normalise(one), normalise(two)
    assert (difference(old, new) == []) is (old.digest == new.digest)
    assert difference(old, old) == []


def _shuffled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(item, dice)) for key, item in value.items()]
        dice.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        items = [_shuffled(item, dice) for item in value]
        dice.shuffle(items)
        return items
    return value


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, step))
    else:
        yield path, value


def _different(field: str | int, value: Any) -> Any:
    if field == "access":
        return "write" if value == "read" else "read"
    if field in ("sha256", "commit"):
        return ("1" if value[0] == "0" else "0") + value[1:]
    if isinstance(value, bool):
        return int(value)  # 1 and true compare equal in Python; they are not the same manifest
    return value - 1 if isinstance(value, int) and value > 0 else (value + 1 if isinstance(value, int) else value + "x")


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        (["schema"], "v2", "schema", '"schema": "gatehouse.manifest/v1"'),
        (["model"], {"provider": "azure", "name": "gpt-4o"}, "model.version", "Missing"),
        (["model"], {}, "model.provider", "Missing"),
        (["model"], [], "model", "must be an object"),
        (["model", "region"], None, "model.region", "leave the key out"),
        (["model", "name"], "  ", "model.name", "must not be blank"),
        (["model", "name"], "x" * 501, "model.name", "at most 500"),
        (["model", "name"], "a\x00b", "model.name", "NUL"),
        (["model", "name"], "a\ud800", "model.name", "surrogate"),
        (["model", "colour"], "red", "model", "Unknown keys: colour. Known here: provider, name, version"),
        (["licence"], "MIT", "", "Unknown keys: licence. Known here: schema, model, prompts"),
        (["tools"], {}, "tools", "must be a list"),
        (["tools", 1, "access"], "Read", "tools[1].access", "read or write"),
        (["tools", 1, "name"], "policy-search", "tools", "“policy-search” is named more than once"),
        (["tools", 0], "policy-search", "tools[0]", "must be an object"),
        (["tools"], [{"name": str(n), "version": "1", "access": "read"} for n in range(201)], "tools", "at most 200"),
        (["prompts", 0, "sha256"], "0" * 64, "prompts[0].text", "not the one declared"),
        (["prompts", 0, "text"], "x" * 200_001, "prompts[0].text", "at most 200000"),
        (["prompts", 0], {"name": "system", "version": "7"}, "prompts[0].sha256", "Missing"),
        (["guardrails", 0, "text"], "x", "guardrails[0]", "Unknown keys: text"),
        (["knowledge_sources", 0, "sha256"], "A" * 64, "knowledge_sources[0].sha256", "64 lower-case"),
        (["application", "commit"], "0a1b2c", "application.commit", "7 to 64"),
        (["application", "commit"], "HEAD-of-main", "application.commit", "7 to 64"),
        (["application", "artifacts", 0, "sha256"], "a" * 63, "application.artifacts[0].sha256", "64 lower-case"),
        (["parameters", "temperature"], 0.2, "parameters.temperature", 'for example "0.2"'),
        (["parameters", "seed"], 2**53, "parameters.seed", "write it as a string"),
        (["parameters", "stop"], ["\n"], "parameters.stop", "must be a string"),
        (["parameters"], {str(n): n for n in range(201)}, "parameters", "at most 200"),
    ],
)
def test_a_fault_is_refused_where_it_is_and_says_how_to_mend_it(
    path: list[str | int], value: object, where: str, says: str
):
    found = faults(changed(path, value))
    assert [place for place, _ in found if place == where] == [where]
    assert says in dict(found)[where]


def test_the_limits_themselves_are_accepted():
    normalise(changed(["model", "name"], "x" * 500))
    normalise(changed(["prompts", 0, "text"], "x" * 200_000))
    normalise(changed(["tools"], [{"name": str(n), "version": "1", "access": "read"} for n in range(200)]))
    normalise(changed(["parameters", "seed"], 2**53 - 1))
    normalise(changed(["parameters", "stop"], ""))


def test_all_faults_are_reported_together():
    raw = changed(["model"], {"provider": "azure"})
    raw["tools"][0]["access"] = "admin"
    raw["parameters"]["temperature"] = 0.2
    assert [path for path, _ in faults(raw)] == [
        "model.name",
        "model.version",
        "tools[0].access",
        "parameters.temperature",
    ]


def test_a_missing_model_is_said_once():
    assert [path for path, _ in faults({"schema": "gatehouse.manifest/v1"})] == ["model"]


def test_a_canonical_form_of_64_kib_is_accepted_and_one_byte_more_is_not():
    tools = [{"name": f"{n:03}" + "x" * 279, "version": "1", "access": "read"} for n in range(200)]
    tools[0]["version"] = "1" * 101
    assert len(normalise(changed(["tools"], tools)).canonical) == 65536

    tools[0]["version"] = "1" * 102
    message = "The manifest is 65537 bytes in canonical form; shorten it to 65536 or fewer."
    assert faults(changed(["tools"], tools)) == [("", message)]


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_something_that_is_no_object_is_refused(raw: object):
    assert faults(raw)[0][0] == ""


def test_the_difference_reads_as_plain_sentences():
    new = claims_assistant()
    new["model"]["version"] = "2024-11-20"
    del new["model"]["region"]
    new["model"]["endpoint"] = "https://models.example"
    new["prompts"][0]["text"] = "Answer from the policy wording and say where."
    new["tools"] = [{"name": "policy-search", "version": "3", "access": "write"}]
    new["knowledge_sources"].append({"name": "case-law", "version": "1"})
    new["application"]["artifacts"] = [{"name": "wheel", "sha256": "b" * 64}]
    new["parameters"] = {"temperature": "0.4", "max_tokens": 800, "stream": 1}
    old_text, new_text = (
        hashlib.sha256(text.encode()).hexdigest()[:12]
        for text in ("Answer from the policy wording only.", "Answer from the policy wording and say where.")
    )

    changes = difference(normalise(claims_assistant()), normalise(new))

    assert [change.sentence for change in changes] == [
        "model endpoint set to https://models.example",
        "model region removed; it was westeurope",
        "model version changed from 2024-08-06 to 2024-11-20",
        f"prompt system text changed from {old_text}… to {new_text}…",
        "tool removed: claim-notes (version 1, write access)",
        "tool policy-search access changed from read to write",
        "data source added: case-law (version 1)",
        "artifact removed: image (aaaaaaaaaaaa…)",
        "artifact added: wheel (bbbbbbbbbbbb…)",
        "parameter stream changed from true to 1",
        "parameter temperature changed from 0.2 to 0.4",
    ]
    assert changes[2] == Change(
        "changed", "model.version", "2024-08-06", "2024-11-20", "model version changed from 2024-08-06 to 2024-11-20"
    )
    assert {change.kind for change in changes} == {"added", "removed", "changed"}
