"""Bills of materials: valid CycloneDX, the same manifest back, and everything listed that a manifest cannot hold."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.strategies import raw_manifests
from tests.usecases.scenes import MANIFEST, registered
from usecases.actions.bills import bill_of, declare_from_bill
from usecases.actions.components import describe_component
from usecases.actions.versions import declare_version
from usecases.bills import About, Known, read_bill, write_bill
from usecases.manifests import ManifestError, normalise
from usecases.models import Component, SystemVersion

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
ABOUT = About("UC-0001", "Refund helper", "2026.11", 3, "d" * 64, "2026-11-24T10:00:00Z")
FULL = {
    **MANIFEST,
    "model": {**MANIFEST["model"], "region": "westeurope", "endpoint": "https://models.example.org"},
    "tools": [{"name": "order-lookup", "version": "3", "access": "read"}],
    "knowledge_sources": [{"name": "policies", "version": "2026-11", "sha256": "a" * 64, "reference": "s3://x"}],
    "guardrails": [{"name": "pii-filter", "version": "1.4"}],
    "application": {
        "repository": "https://git.example/x",
        "commit": "a" * 40,
        "artifacts": [{"name": "image", "sha256": "b" * 64}],
    },
    "parameters": {"temperature": "0.2", "top_k": 7, "stream": True, "stop": "null"},
}


def faults(bill: Any) -> list[str]:
    error = VALIDATOR.validate_str(json.dumps(bill))
    return [] if error is None else [str(error)[:500]]


@settings(max_examples=60)
@given(raw=raw_manifests)
def test_what_is_written_is_valid_and_read_back_as_the_same_manifest(raw: Any) -> None:
    normal = normalise(raw)
    bill = write_bill(normal.data, ABOUT, Known())
    assert faults(bill) == []
    read = read_bill(json.loads(json.dumps(bill)))
    assert normalise(read.manifest).digest == normal.digest
    assert (read.not_expressed, read.label, read.digest) == ([], "2026.11", "d" * 64)


def test_a_version_as_a_bill_names_its_model_data_hashes_and_card(cast: Any) -> None:
    version = declare_version(actor=cast.actor("dev"), use_case=registered(cast), label="2026.11", manifest=FULL)
    describe_component(
        actor=cast.actor("petra"),
        component=Component.objects.get(kind="model"),
        licence="Commercial",
        card="https://example.org/card",
        description="A large model.",
        modalities=["text", "image"],
    )
    bill = bill_of(version)
    assert faults(bill) == []
    model = bill["components"][0]
    assert (model["type"], model["supplier"], model["version"]) == (
        "machine-learning-model",
        {"name": "azure"},
        "2024-11-20",
    )
    assert model["licenses"] == [{"license": {"name": "Commercial"}}]
    assert model["modelCard"]["modelParameters"]["inputs"] == [{"format": "image"}, {"format": "text"}]
    kinds = [(each["type"], each["name"]) for each in bill["components"][1:]]
    assert kinds == [
        ("data", "system"),
        ("application", "order-lookup"),
        ("data", "policies"),
        ("application", "pii-filter"),
        ("file", "image"),
    ]
    assert bill["components"][1]["hashes"] == [{"alg": "SHA-256", "content": version.manifest["prompts"][0]["sha256"]}]
    assert bill_of(version) == bill, "the same version gives the same bill"


def test_reading_our_own_bill_is_the_version_that_exists(cast: Any) -> None:
    use_case, dev = registered(cast), cast.actor("dev")
    version = declare_version(actor=dev, use_case=use_case, label="2026.11", manifest=FULL)
    again, left = declare_from_bill(actor=dev, use_case=use_case, bill=bill_of(version))
    assert (again.pk, left, SystemVersion.objects.count()) == (version.pk, [], 1)
    other, left = declare_from_bill(actor=dev, use_case=registered(cast), bill=bill_of(version))
    assert (other.digest, other.label, left) == (version.digest, "2026.11", [])


def test_a_bill_changed_by_hand_says_so(cast: Any) -> None:
    use_case, dev = registered(cast), cast.actor("dev")
    bill = bill_of(declare_version(actor=dev, use_case=use_case, label="1", manifest=FULL))
    bill["components"][0]["version"] = "2026-01-01"
    version, left = declare_from_bill(actor=dev, use_case=use_case, bill=bill, label="2")
    assert (version.number, version.label) == (2, "2")
    assert [text.partition(":")[0] for text in left] == ["The bill was changed since it was written"]


FOREIGN = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {
        "authors": [{"name": "Somebody"}],
        "component": {
            "type": "application",
            "name": "assistant",
            "version": "4.2",
            "externalReferences": [{"type": "vcs", "url": "https://git.example/x"}],
        },
    },
    "components": [
        {"type": "machine-learning-model", "publisher": "mistral", "name": "large", "version": "2", "purl": "pkg:x/y"},
        {"type": "machine-learning-model", "name": "embedder", "version": "1"},
        {"type": "data", "name": "policies", "version": "7"},
        {"type": "data", "name": "unversioned"},
        {"type": "library", "name": "django", "version": "5.2"},
        {"type": "file", "name": "image", "hashes": [{"alg": "SHA-256", "content": "B" * 64}]},
    ],
    "dependencies": [{"ref": "a"}],
    "vulnerabilities": [],
}


def test_a_foreign_bill_is_read_as_far_as_it_goes_and_the_rest_is_listed() -> None:
    read = read_bill(FOREIGN)
    normal = normalise(read.manifest)
    assert normal.data["model"] == {"provider": "mistral", "name": "large", "version": "2"}
    assert normal.data["knowledge_sources"] == [{"name": "policies", "version": "7"}]
    assert normal.data["application"] == {
        "repository": "https://git.example/x",
        "artifacts": [{"name": "image", "sha256": "b" * 64}],
    }
    assert read.not_expressed == [
        "metadata.authors",
        "purl of “large”",
        "the component “embedder” (machine-learning-model)",
        "the component “unversioned” (data)",
        "the component “django” (library)",
        "dependencies",
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "no CycloneDX bill"),
        ({"bomFormat": "SPDX"}, "no CycloneDX bill"),
        ({"bomFormat": "CycloneDX", "components": "x"}, "names no component of type machine-learning-model"),
        ({"bomFormat": "CycloneDX", "components": [{}] * 1001}, "at most 1000"),
    ],
)
def test_what_is_no_bill_is_refused_with_a_reason(raw: Any, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        read_bill(raw)


KEYS = ["type", "name", "hashes", "properties", "data", "supplier"]
odd = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(raw=odd)
def test_odd_shapes_are_faults_or_are_listed_and_never_an_error_of_ours(raw: Any) -> None:
    bill = {
        "bomFormat": "CycloneDX",
        "metadata": raw,
        "components": [{"type": "machine-learning-model", "name": "m"}, raw],
    }
    read = read_bill(bill)
    with pytest.raises(ManifestError, match="version"):
        normalise(read.manifest)


def test_the_api_gives_a_bill_and_takes_it(cast: Any, api: Any) -> None:
    use_case = registered(cast)
    declare_version(actor=cast.actor("dev"), use_case=use_case, label="2026.11", manifest=FULL)
    path = f"use-cases/{use_case.reference}/versions/"
    given = api("pipeline").get(f"{path}1/bom/")
    assert (given.status_code, faults(given.json())) == (200, [])
    again = api("pipeline").post(f"{path}from-bom/", {"bill": given.json()})
    assert (again.status_code, again.json()["version"]["number"], again.json()["not_expressed"]) == (200, 1, [])
    made = api("pipeline").post(f"{path}from-bom/", {"bill": FOREIGN, "label": "other"})
    assert (made.status_code, made.json()["version"]["label"]) == (201, "other")
    assert "dependencies" in made.json()["not_expressed"]
    wrong = api("pipeline").post(
        f"{path}from-bom/", {"bill": {**FOREIGN, "components": [{"type": "machine-learning-model"}]}}
    )
    assert wrong.status_code == 400
    assert {each["field"] for each in wrong.json()["errors"]} >= {"bill.model.version", "bill.model.provider"}
    assert SystemVersion.objects.count() == 2


def upload(bill: Any) -> dict[str, Any]:
    return {"bill": SimpleUploadedFile("bom.json", json.dumps(bill).encode(), "application/json")}


def test_a_file_declares_a_version_on_the_page_and_the_rest_is_shown(cast: Any, client_of: Any) -> None:
    use_case = registered(cast)
    page = f"/use-cases/{use_case.reference}/versions/from-bom/"
    response = client_of("dev").post(page, upload(FOREIGN))
    assert response.status_code == 200
    assert "the component “django” (library)" in response.content.decode()
    assert SystemVersion.objects.get().label == "4.2"
    refused = client_of("dev").post(page, upload({"bomFormat": "CycloneDX"}))
    assert (refused.status_code, "names no component" in refused.content.decode()) == (422, True)
    assert SystemVersion.objects.count() == 1
