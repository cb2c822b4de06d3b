"""Many rows at once: the same answer as row by row, whatever is sent and in whatever format."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.actions.sums import check_sums
from evidence.api import usage as door
from evidence.models import UsageRecord
from tests.cast import Cast
from tests.evidence.scenes import usage, version_of
from tests.evidence.test_push_api import USAGE, Caller
from tests.evidence.test_usage_sums import rolled_back
from usecases.models import UseCase

HERE = "UC-HERE"  # stands for the use case's reference, which the database counts
DAY = usage().day.isoformat()
NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"
COMPARED = [
    "use_case", "system_version", "day", "environment", "team", "provider", "model", "operation", "requests",
    "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens", "successful_outcomes", "list_cost",
    "billed_cost", "effective_cost", "currency", "cost_basis", "finality",
]  # fmt: skip


@pytest.fixture
def digest(cast: Cast) -> str:
    return version_of(cast).digest


@pytest.fixture
def pipeline(cast: Cast) -> Caller:
    return Caller(cast, "pipeline", ["read", "evidence"])


@pytest.fixture
def columns_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MANY", 0)


def reference() -> str:
    return UseCase.objects.get().reference


def stored() -> list[Any]:
    return sorted(UsageRecord.objects.values_list(*COMPARED), key=repr)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.just(2**63), st.just(1.5), st.just(1e-7), st.just(""),
    st.sampled_from([" spaced ", "\x00", "\x1c", "\ud800", "ä" * 41, "x" * 200, "\\N", '"', "a,b", "12", "1e3", "-1"]),
    st.just([]), st.just({}),
)  # fmt: skip
PLAIN: dict[str, Any] = {
    "use_case": st.sampled_from([HERE, HERE, "UC-9999"]),
    "day": st.sampled_from([DAY, "2026-10-31", "2026-02-30", "2014-01-01", "0000-01-01"]),
    "environment": st.sampled_from(["production", "test"]),
    "team": st.sampled_from(["claims", "\\N", 'say "no"', "a,b", "é"]),
    "model": st.sampled_from(["a", "b"]),
    "requests": st.sampled_from([10, 0, "7"]),
    "failed_requests": st.sampled_from([0, 9]),
    "input_tokens": st.sampled_from([100, 2**62]),
    "cached_input_tokens": st.sampled_from([0, 101]),
    "output_tokens": st.just(5),
    "successful_outcomes": st.sampled_from([None, 4]),
    "list_cost": st.sampled_from(["1.000000001", 2]),
    "billed_cost": st.sampled_from(["-1.5", 0.25, "1.1234567891"]),
    "effective_cost": st.sampled_from(["99999999999.999999999", None, "100000000000"]),
    "currency": st.sampled_from(["EUR", "EUR", "USD", "eur"]),
    "cost_basis": st.sampled_from(["billed", "allocated", "guessed"]),
    "finality": st.sampled_from(["final", "provisional"]),
}
REST = {name: value for name, value in PLAIN.items() if name not in ("use_case", "day")}
ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"use_case": st.just(HERE), "day": st.just(DAY)}, optional={**REST, "colour": st.just("blue")}
        ),
        st.fixed_dictionaries({}, optional={**PLAIN, **dict.fromkeys(REST, ODD)}),
        st.fixed_dictionaries({"use_case": st.just(HERE), "day": st.just(DAY)}, optional=dict.fromkeys(REST, ODD)),
        st.just("no row"),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=ROWS, by_line=st.booleans())
def test_columns_answer_and_store_what_row_by_row_does(
    pipeline: Caller, digest: str, rows: list[Any], by_line: bool
) -> None:
    text = "\n".join(json.dumps(row) for row in rows) if by_line else json.dumps(rows)
    text = text.replace(HERE, reference())
    kind = NDJSON if by_line else "application/json"
    answers, tables = [], []
    for many in (10_000, 0):
        with rolled_back(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(door, "MANY", many)
            response = pipeline.post(USAGE, text, content_type=kind)
            answers.append((response.status_code, response.json()))
            tables.append(stored())
            assert check_sums() == []
    for each in answers:
        each[1].pop("request_id", None)
    assert answers[0] == answers[1]
    assert tables[0] == tables[1]


def rows_of(digest: str) -> list[dict[str, str]]:
    here = reference()
    return [
        {"use_case": here, "day": DAY, "model": "a, b", "requests": "10", "effective_cost": "1.25",
         "currency": "EUR", "version": f"sha256:{digest}"},
        {"use_case": here, "day": DAY, "model": "silent"},
        {"use_case": here, "day": DAY, "model": "wrong", "requests": "many"},
        {"use_case": here, "day": DAY, "model": " trimmed "},
        {"use_case": here, "day": DAY, "model": "trimmed"},
    ]  # fmt: skip


def as_csv(rows: list[dict[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, ["use_case", "day", "model", "requests", "effective_cost", "currency", "version"])
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    import polars

    written = io.BytesIO()
    table = polars.DataFrame(rows, schema=["use_case", "day", "model", "requests", "effective_cost", "currency",
                                           "version"])  # fmt: skip
    table.with_columns(polars.col("day").str.to_date()).write_parquet(written)
    return written.getvalue()


@pytest.mark.parametrize(("kind", "write"), [(CSV, as_csv), (PARQUET, as_parquet)])
@pytest.mark.usefixtures("columns_always")
def test_a_table_is_stored_row_by_row_and_what_is_empty_is_not_reported(
    pipeline: Caller, digest: str, kind: str, write: Any
) -> None:
    response = pipeline.post(USAGE, write(rows_of(digest)), content_type=kind)
    body = response.json()
    assert (response.status_code, body["created"], body["changed"], body["unchanged"]) == (200, 3, 0, 0)
    assert body["rejected"] == [
        {"row": 3, "reason": "requests: A valid integer is required."},
        {"row": 5, "reason": "The same key stands in row 4 already."},
    ]
    rows = UsageRecord.objects.order_by("model").values_list("model", "requests", "effective_cost", "currency")
    assert [(model, requests, str(cost), currency) for model, requests, cost, currency in rows] == [
        ("a, b", 10, "1.250000000", "EUR"),
        ("silent", None, "None", ""),
        ("trimmed", None, "None", ""),
    ]
    assert UsageRecord.objects.get(model="a, b").system_version.digest == digest  # type: ignore[union-attr]
    again = pipeline.post(USAGE, write(rows_of(digest)), content_type=kind).json()
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 3)


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (CSV, f"use_case,day,colour\n{HERE},2026-11-01,blue\n", "not known: colour"),
        (CSV, f"use_case,model\n{HERE},a\n", "missing: day"),
        (CSV, f"use_case,day\n{HERE},2026-11-01,more\n", "cannot be read as CSV"),
        (PARQUET, b"use_case,day\n", "no Parquet file"),
        (PARQUET, b"PAR1broken", "Parquet"),
    ],
)
def test_a_file_that_is_no_table_of_usage_is_refused_whole_with_what_to_mend(
    pipeline: Caller, digest: str, kind: str, body: Any, words: str
) -> None:
    response = pipeline.post(USAGE, body, content_type=kind)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert words in response.json()["detail"]
    assert not UsageRecord.objects.exists()


def test_a_table_longer_than_allowed_is_refused(pipeline: Caller, digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MOST_LINES", 2)
    response = pipeline.post(USAGE, as_csv(rows_of(digest)), content_type=CSV)
    assert (response.status_code, UsageRecord.objects.exists()) == (400, False)
    assert "more than 2 rows" in response.json()["detail"]


@pytest.mark.usefixtures("columns_always")
def test_of_a_table_that_is_wrong_throughout_only_the_first_rows_are_looked_at(
    pipeline: Caller, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_DOUBTFUL", 1)
    rows = [{"use_case": reference(), "day": DAY, "requests": "x", "model": str(number)} for number in range(2)]
    reasons = [each["reason"] for each in pipeline.post(USAGE, as_csv(rows), content_type=CSV).json()["rejected"]]
    assert reasons[0] == "requests: A valid integer is required."
    assert reasons[1].startswith("Not looked at:")


@pytest.mark.usefixtures("columns_always")
def test_many_rows_of_a_use_case_that_may_not_be_seen_are_about_nothing(pipeline: Caller, digest: str) -> None:
    UseCase.objects.update(restricted=True)
    body = pipeline.post(USAGE, as_csv(rows_of(digest)[:2]), content_type=CSV).json()
    assert [each["reason"] for each in body["rejected"]] == [f"There is no use case {reference()}."] * 2
    assert not UsageRecord.objects.exists()


@pytest.mark.usefixtures("columns_always")
def test_who_may_not_push_is_refused_many_rows_as_one(cast: Cast, digest: str) -> None:
    response = Caller(cast, "pipeline", ["read"]).post(USAGE, as_csv(rows_of(digest)[:2]), content_type=CSV)
    assert (response.status_code, response.json()["code"]) == (403, "not_evidence_source")
    assert not UsageRecord.objects.exists()
