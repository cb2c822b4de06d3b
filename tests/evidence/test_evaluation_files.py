"""Evaluation files through the doors: uploaded on the page, sent over the API, tried on under a mapping, read again."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from evidence.actions import synchronisation, syncs
from evidence.actions.connectors import change_connector, create_connector
from evidence.actions.evaluation_files import record_evaluation_file
from evidence.actions.previews import preview
from evidence.models import Connector, EvaluationRun, SyncRun
from evidence.views.presentation import state_of, verdict_of
from portal.access import Refused
from portal.files import path_of
from tests.cast import PASSWORD, Cast
from tests.evidence.connectors.files import PAYLOADS, mapped
from tests.evidence.scenes import counted, version_of
from tests.evidence.test_push_api import Caller
from tests.usecases.scenes import events
from usecases.models import SystemVersion

FILES = "/api/v1/evaluation-files/"
DEEPEVAL, PROMPTFOO = PAYLOADS / "deepeval" / "test_run.json", PAYLOADS / "promptfoo" / "results.json"
METRICS = {
    "Groundedness": {
        "dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 0.8,
    },
    "Flaky": {"dimension": "relevance", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 0.8},
}  # fmt: skip
ROWS = [{**rule, "metric": metric, "kind": "numeric"} for metric, rule in METRICS.items()]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)


@pytest.fixture
def pipeline(cast: Cast) -> Caller:
    return Caller(cast, "pipeline", ["evidence"])


def said(version: SystemVersion, /, **more: Any) -> dict[str, Any]:
    told = {"use_case": version.use_case.reference, "version": version.digest, "finished_at": "2026-11-20T08:00:00Z"}
    return {**told, "metrics": json.dumps(METRICS), **more}


def sent(caller: Caller, file: Path, values: dict[str, Any], **headers: str) -> Any:
    form = {**values, "file": SimpleUploadedFile(file.name, file.read_bytes())}
    return caller.client.post(FILES, form, headers={**caller.headers, **headers})


def faults(response: Any) -> dict[str, str]:
    """What a problem says, by field."""
    return {each["field"]: each["message"] for each in response.json()["errors"]}


def signed_in(name: str) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": name, "password": PASSWORD})
    return client


def files_of(cast: Cast, **changes: Any) -> Connector:
    values: dict[str, Any] = {"kind": "evaluation_file", "name": "Files", "config": {}, **changes}
    return create_connector(actor=cast.actor("petra"), **values)


def uploaded(
    cast: Cast, connector: Connector, file: Path, version: SystemVersion | None = None, **more: Any
) -> SyncRun:
    told = {"finished_at": "2026-11-20T08:00:00Z", **more}
    if version is not None:
        told |= {"use_case": version.use_case.reference, "version": version.digest}
    run = syncs.request_file_sync(
        actor=cast.actor("petra"), connector=connector, name=file.name, chunks=[file.read_bytes()], told=told
    )
    synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    return run


def test_a_file_sent_as_a_form_is_recorded_for_its_version(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    response = sent(pipeline, DEEPEVAL, said(version))
    assert response.status_code == 201, response.json()
    body = response.json()
    sha256 = hashlib.sha256(DEEPEVAL.read_bytes()).hexdigest()
    assert (body["format"], body["file_sha256"], body["rejects"]) == ("deepeval", sha256, [])
    run = EvaluationRun.objects.get()
    assert counted(run) == {"groundedness": (2, 2, 0, 0, 1), "relevance": (2, 1, 1, 0, 1)}
    assert (run.attributes["file_sha256"], run.attributes["format"]) == (sha256, "deepeval")
    assert (run.source, run.pushed_by_account) == (f"push:{cast.accounts['pipeline'].pk}", cast.accounts["pipeline"])
    assert path_of(sha256).read_bytes() == DEEPEVAL.read_bytes()


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "application/gzip"])
def test_a_file_sent_as_the_body_is_read_alike(cast: Cast, pipeline: Caller, content_type: str) -> None:
    version = version_of(cast)
    body = DEEPEVAL.read_bytes()
    response = pipeline.client.post(
        FILES,
        gzip.compress(body) if content_type.endswith("gzip") else body,
        content_type=content_type,
        headers=pipeline.headers,
        query_params=said(version, file_name="nightly.json"),
    )
    assert response.status_code == 201, response.json()
    assert [run["change"] for run in response.json()["runs"]] == ["created"]
    assert EvaluationRun.objects.get().attributes["file"] == "nightly.json"


def test_the_same_file_twice_is_one_run_and_a_changed_one_a_revision(
    cast: Cast, pipeline: Caller, tmp_path: Path
) -> None:
    version = version_of(cast)
    first = sent(pipeline, DEEPEVAL, said(version)).json()["runs"][0]
    again = sent(pipeline, DEEPEVAL, said(version))
    assert (again.status_code, again.json()["runs"][0]["change"], again.json()["runs"][0]["id"]) == (
        200, "unchanged", first["id"],
    )  # fmt: skip
    changed = tmp_path / "test_run.json"
    changed.write_text(DEEPEVAL.read_text().replace('"score": 0.5', '"score": 0.9'))
    revised = sent(pipeline, changed, said(version))
    assert (revised.status_code, revised.json()["runs"][0]["change"], revised.json()["runs"][0]["revision"]) == (
        201, "revised", 2,
    )  # fmt: skip
    assert EvaluationRun.objects.filter(is_current=True).count() == 1


def test_an_idempotency_key_answers_a_repeated_file_alike(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    first = sent(pipeline, DEEPEVAL, said(version), **{"Idempotency-Key": "night"})
    again = sent(pipeline, DEEPEVAL, said(version), **{"Idempotency-Key": "night"})
    assert (again.status_code, again.json(), again["Idempotent-Replay"]) == (201, first.json(), "true")
    other = sent(pipeline, PROMPTFOO, said(version), **{"Idempotency-Key": "night"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"finished_at": ""}, "finished_at", "Datetime has wrong format"),
        ({"version": "ab" * 32}, "version", "no version of this digest"),
        ({"metrics": "{"}, "metrics", "not valid JSON"),
        ({"metrics": '{"Groundedness": {"dimension": "groundedness"}}'}, "metrics", "required"),
        ({"metrics": "{}"}, "file", "No case has a score"),
        ({"format": "inspect"}, "file", "This is no file of Inspect"),
        ({"format": "excel"}, "format", "not a valid choice"),
        ({"colour": "red"}, "colour", "not known"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_recorded(
    cast: Cast, pipeline: Caller, change: dict[str, Any], field: str, words: str
) -> None:
    response = sent(pipeline, DEEPEVAL, said(version_of(cast), **change))
    assert response.status_code == 400, response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert words in next(text for name, text in faults(response).items() if name.startswith(field))
    assert EvaluationRun.objects.count() == 0


def test_a_file_without_a_time_wants_to_be_told_it(cast: Cast, pipeline: Caller) -> None:
    values = said(version_of(cast))
    del values["finished_at"]
    response = sent(pipeline, DEEPEVAL, values)
    assert response.status_code == 400
    assert "finished_at" in faults(response)["file"]


@pytest.mark.parametrize("body", [b"", b"garbage", b"[" * 100_000, b"PK\x03\x04zip", b"\xff\xfe\x00", b"<xml/>", b"{}"])
def test_a_body_that_is_no_file_is_refused(cast: Cast, pipeline: Caller, body: bytes) -> None:
    response = pipeline.client.post(
        FILES, body, content_type="text/plain", headers=pipeline.headers, query_params=said(version_of(cast))
    )
    assert response.status_code == 400
    assert list(faults(response)) == ["file"]
    assert EvaluationRun.objects.count() == 0


def test_who_may_not_push_evidence_here_keeps_no_file(cast: Cast, tmp_path: Path) -> None:
    version = version_of(cast)
    with pytest.raises(Refused):
        record_evaluation_file(
            actor=cast.actor("olivia"), use_case=version.use_case, version=version, name="x",
            chunks=[DEEPEVAL.read_bytes()], source="push:x", mappings=(mapped("Groundedness"),),
        )  # fmt: skip
    assert not path_of(hashlib.sha256(DEEPEVAL.read_bytes()).hexdigest()).exists()
    assert EvaluationRun.objects.count() == 0
    hidden = sent(Caller(cast, "pipeline", ["evidence"]), DEEPEVAL, said(version, use_case="UC-9999"))
    assert hidden.status_code == 404


def test_a_connector_s_mapping_is_used_by_who_may_see_it_alone(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    connector = files_of(cast, dimension_mapping=ROWS)
    values = said(version, connector=str(connector.pk))
    del values["metrics"]
    assert sent(pipeline, DEEPEVAL, values).status_code == 404
    able = Caller(cast, "ingest", ["evidence", "connectors"])
    response = sent(able, DEEPEVAL, values)
    assert response.status_code == 201, response.json()
    assert counted(EvaluationRun.objects.get())["groundedness"] == (2, 2, 0, 0, 1)


def test_an_uploaded_file_is_read_for_what_was_said_with_it(cast: Cast) -> None:
    version = version_of(cast)
    run = uploaded(cast, files_of(cast, dimension_mapping=ROWS), DEEPEVAL, version)
    assert (run.state, run.counts["created"], run.rejects) == ("succeeded", 1, [])
    found = EvaluationRun.objects.get()
    assert (found.system_version, found.attributes["file_sha256"]) == (version, run.file_sha256)
    (event,) = events("sync_run.requested")
    assert event.payload["data"]["told"]["use_case"] == version.use_case.reference


def test_both_prompts_of_a_promptfoo_file_are_runs_and_one_can_be_chosen(cast: Cast) -> None:
    version = version_of(cast)
    assert uploaded(cast, files_of(cast), PROMPTFOO, version).counts["created"] == 2
    run = uploaded(cast, files_of(cast, name="Other"), PROMPTFOO, version, column="hr-policy-answer@2")
    assert run.counts["created"] == 1
    assert any("“latency” has no mapping" in reject["reason"] for reject in run.rejects)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"format": "excel"}, "format"),
        ({"use_case": "refunds"}, "use_case"),
        ({"version": "1.0"}, "version"),
        ({"finished_at": "yesterday"}, "finished_at"),
        ({"run": "x" * 121}, "run"),
        ({"colour": "red"}, "told"),
    ],
)
def test_what_is_said_with_a_file_is_checked_before_it_is_kept(cast: Cast, told: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        syncs.request_file_sync(actor=cast.actor("petra"), connector=files_of(cast), name="x", chunks=[b"x"], told=told)
    assert list(refused.value.message_dict) == [field]
    assert SyncRun.objects.count() == 0
    assert not path_of(hashlib.sha256(b"x").hexdigest()).exists()


def test_a_kept_file_is_read_again_under_the_mapping_as_it_is_now(cast: Cast) -> None:
    version, petra = version_of(cast), cast.actor("petra")
    connector = files_of(cast)
    run = uploaded(cast, connector, DEEPEVAL, version)
    assert run.counts.get("created", 0) == 0
    change_connector(actor=petra, connector=connector, dimension_mapping=ROWS)
    client = signed_in("petra")
    place = f"/connectors/{connector.pk}/runs/{run.pk}/"
    assert "Read the file again" in client.get(place).content.decode()
    response = client.post(f"{place}again/")
    again = SyncRun.objects.exclude(pk=run.pk).get()
    assert response["Location"] == f"/connectors/{connector.pk}/runs/{again.pk}/"
    assert (again.file_sha256, again.told) == (run.file_sha256, run.told)
    with pytest.raises(Refused):
        syncs.request_file_again(actor=petra, run=again)
    synchronisation.run_sync(again.pk)
    assert EvaluationRun.objects.get().system_version == version


def test_a_mapping_is_tried_on_the_newest_file_and_saves_nothing(cast: Cast) -> None:
    connector, petra = files_of(cast), cast.actor("petra")
    assert preview(actor=petra, connector=connector, mapping=[]) is None
    uploaded(cast, connector, DEEPEVAL)
    seen = preview(actor=petra, connector=connector, mapping=[])
    assert seen is not None
    assert [(each.metric, each.numbers, each.failed) for each in seen.metrics] == [
        ("Flaky", 1, 1), ("Groundedness", 2, 0),
    ]  # fmt: skip
    assert [run.counts for run in seen.runs] == [()]
    with pytest.raises(Refused):
        preview(actor=cast.actor("aud"), connector=connector, mapping=[])


def test_the_mapping_page_lists_the_file_s_metrics_and_previews_before_saving(cast: Cast) -> None:
    connector, client = files_of(cast), signed_in("petra")
    place = f"/connectors/{connector.pk}/mapping/"
    assert "Upload a file on the connector" in client.get(place).content.decode()
    uploaded(cast, connector, DEEPEVAL)
    page = client.get(place).content.decode()
    assert 'value="Groundedness"' in page
    assert "nothing would be counted" in " ".join(page.split())
    form = {"rows-TOTAL_FORMS": "2", "rows-INITIAL_FORMS": "0", "lines": "", "rows-1-metric": "Flaky"}
    form |= {f"rows-0-{name}": str(value) for name, value in ROWS[0].items()}
    tried = client.post(place, {**form, "preview": "1"})
    assert tried.status_code == 200
    assert "which is not saved yet" in tried.content.decode()
    assert "“Flaky” has no mapping" in tried.content.decode()
    connector.refresh_from_db()
    assert connector.dimension_mapping == []
    assert client.post(place, form).status_code == 302
    connector.refresh_from_db()
    assert [row["metric"] for row in connector.dimension_mapping] == ["Groundedness"]


def test_a_preview_says_why_a_file_cannot_be_read(cast: Cast, tmp_path: Path) -> None:
    connector, client = files_of(cast), signed_in("petra")
    table = tmp_path / "scores.csv"
    table.write_text("id,score\nq-1,0.9\nq-2,\n")
    uploaded(cast, connector, table)
    page = client.get(f"/connectors/{connector.pk}/mapping/").content.decode()
    assert "There are: id, score." in page
    change_connector(actor=cast.actor("petra"), connector=connector, config={"item_column": "id"})
    page = client.get(f"/connectors/{connector.pk}/mapping/").content.decode()
    assert 'value="score"' in page


def test_the_upload_form_asks_what_the_file_does_not_say(cast: Cast) -> None:
    connector, client = files_of(cast, dimension_mapping=ROWS), signed_in("petra")
    version = version_of(cast)
    file = SimpleUploadedFile("test_run.json", DEEPEVAL.read_bytes())
    told = {"use_case": version.use_case.reference, "version": version.digest, "finished_at": "2026-11-20 08:00"}
    assert client.post(f"/connectors/{connector.pk}/upload/", {"file": file, **told}).status_code == 302
    run = SyncRun.objects.get()
    assert run.told == {
        "use_case": version.use_case.reference, "version": version.digest, "finished_at": "2026-11-20T08:00:00+00:00",
    }  # fmt: skip
    file.seek(0)
    response = client.post(f"/connectors/{connector.pk}/upload/", {"file": file, "use_case": "refunds"})
    assert response.status_code == 422
    assert SyncRun.objects.count() == 1


def test_a_version_is_named_by_its_label_within_its_use_case(cast: Cast) -> None:
    version = version_of(cast)
    told = {"use_case": version.use_case.reference, "version": version.label}
    run = syncs.request_file_sync(
        actor=cast.actor("petra"), connector=files_of(cast), name="x", chunks=[b"x"], told=told
    )
    assert run.told == {"use_case": version.use_case.reference, "version": version.digest}


@pytest.mark.parametrize(
    ("reference", "text"), [("", "Name the use case too"), ("UC-0001", "has no version called “2031”")]
)
def test_a_label_that_leads_to_no_version_is_refused_in_words(cast: Cast, reference: str, text: str) -> None:
    version_of(cast)
    told = {"use_case": reference, "version": "2031"}
    with pytest.raises(ValidationError) as refused:
        syncs.request_file_sync(actor=cast.actor("petra"), connector=files_of(cast), name="x", chunks=[b"x"], told=told)
    assert text in refused.value.message_dict["version"][0]
    assert SyncRun.objects.count() == 0


def test_a_file_of_which_nothing_could_be_read_is_no_success_on_any_page(cast: Cast) -> None:
    connector = files_of(cast)
    run = SyncRun.objects.create(
        connector=connector, trigger="file", state="succeeded", next_at=connector.created_at,
        counts={"found": 3, "rejected": 3, "created": 0},
    )  # fmt: skip
    assert (state_of(run), verdict_of(run)) == ("Nothing could be read", "fail")
    run.counts["created"] = 1
    assert (state_of(run), verdict_of(run)) == ("Done", "pass")
