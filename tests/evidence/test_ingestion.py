"""Recording evaluation runs: once per content, revisions, honest counts, refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from evidence.events import evidence_recorded
from evidence.models import EvaluationDimension, EvaluationRun, EvaluationScore
from evidence.querysets import current_runs, latest_dimensions
from evidence.readings import ITEM_KINDS
from portal.access import Refused
from portal.actors import worker
from tests.cast import Cast
from tests.evidence.scenes import BROKEN, FINISHED, GROUNDED, case, counted, recorded, run_of, version_of
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.models import Fact

WORKER = worker("connector")


@contextmanager
def heard() -> Iterator[list[dict[str, Any]]]:
    """What was announced meanwhile."""
    told: list[dict[str, Any]] = []

    def listen(**sent: Any) -> None:
        told.append({key: sent[key] for key in ("use_case_id", "version_id", "revised")})

    evidence_recorded.connect(listen)
    try:
        yield told
    finally:
        evidence_recorded.disconnect(listen)


def test_a_run_is_stored_with_its_scores_and_counts(cast: Cast) -> None:
    version = version_of(cast)
    done = recorded(
        cast.actor("dev"),
        version,
        case("q-1", "edge_case", grounded="0.9", toxic="1"),
        case("q-2", "unsafe_prompt", grounded=BROKEN, toxic="5"),
    )
    assert done.change == "created"
    run = EvaluationRun.objects.get()
    assert (run.cases, run.revision, run.is_current, run.pushed_by) == (2, 1, True, cast.dev)
    assert counted(run) == {"groundedness": (2, 1, 1, 0, 1), "safety": (2, 2, 0, 0, 1)}
    failed = EvaluationScore.objects.get(state="errored")
    assert (failed.item_id, failed.metric, failed.value, failed.passed, failed.error) == (
        "q-2", "grounded", None, None, BROKEN,
    )  # fmt: skip
    assert EvaluationScore.objects.count() == 4
    assert sentences("evaluation_run.recorded") == [
        "recorded evaluation run “Nightly” of 2 cases for version candidate of UC-"
        f"{version.use_case.number:04d} (revision 1). One judgement failed."
    ]


def test_the_same_run_twice_is_one_run_and_tells_nobody(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    version = version_of(cast)
    first = recorded(WORKER, version)
    told = len(events()) + len(events("evaluation_run.recorded"))
    with heard() as announced, django_capture_on_commit_callbacks(execute=True):
        again = recorded(WORKER, version)
    assert (again.change, again.run.pk) == ("unchanged", first.run.pk)
    assert (EvaluationRun.objects.count(), EvaluationScore.objects.count(), announced) == (1, 1, [])
    assert len(events()) + len(events("evaluation_run.recorded")) == told


def test_a_changed_run_is_a_new_revision_and_the_old_one_stays(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    version = version_of(cast)
    recorded(WORKER, version, case("q-1", grounded="0.9"))
    with heard() as announced, django_capture_on_commit_callbacks(execute=True):
        done = recorded(WORKER, version, case("q-1", grounded="0.2"))
    assert done.change == "revised"
    assert list(EvaluationRun.objects.order_by("revision").values_list("revision", "is_current")) == [
        (1, False),
        (2, True),
    ]
    assert [(row.passed, row.run_id) for row in latest_dimensions(version)] == [(0, done.run.pk)]
    assert announced == [{"use_case_id": version.use_case_id, "version_id": version.pk, "revised": True}]
    assert len(sentences("evaluation_run.revised")) == 1


def test_a_run_that_changes_back_is_a_third_revision(cast: Cast) -> None:
    version = version_of(cast)
    for value in ("0.9", "0.2", "0.9"):
        recorded(WORKER, version, case("q-1", grounded=value))
    assert EvaluationRun.objects.get(is_current=True).revision == 3


def test_the_same_rows_read_with_another_threshold_are_a_revision(cast: Cast) -> None:
    version = version_of(cast)
    recorded(WORKER, version, case("q-1", grounded="0.75"), raw_sha256="a" * 64)
    reading = run_of(case("q-1", grounded="0.75"))
    (only,) = reading.cases[0].scores
    stricter = replace(reading.cases[0], scores=(replace(only, threshold=Decimal("0.8"), passed=False),))
    done = recorded(WORKER, version, raw_sha256="a" * 64, cases=(stricter,))
    assert (done.change, counted(done.run)) == ("revised", {"groundedness": (1, 1, 0, 0, 0)})


def test_a_run_that_moves_to_another_version_tells_both(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    old = version_of(cast)
    new = version_of(cast, old.use_case, model={"provider": "azure", "name": "gpt-4.1", "version": "1"})
    recorded(WORKER, old)
    with heard() as announced, django_capture_on_commit_callbacks(execute=True):
        recorded(WORKER, new)
    assert {told["version_id"] for told in announced} == {old.pk, new.pk}
    assert latest_dimensions(old) == []


def test_a_listener_that_breaks_does_not_break_the_recording(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    def breaks(**_sent: Any) -> None:
        raise RuntimeError("no broker")

    evidence_recorded.connect(breaks)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            recorded(WORKER, version_of(cast))
    finally:
        evidence_recorded.disconnect(breaks)
    assert EvaluationRun.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"external_id": ""}, "1 to 200 characters"),
        ({"finished_at": None}, "has not finished"),
        ({"finished_at": timezone.now() + timedelta(days=3)}, "in the future"),
        ({"cases": ()}, "no judged cases"),
        ({"cases": (case("q-1"),)}, "No case has a score"),
        ({"cases": (case("q-1", grounded="1"), case("q-1", grounded="0"))}, "Item q-1, trial 1 occurs twice"),
        (
            {"cases": (replace(case("q-7"), scores=case("q-7", grounded="1").scores * 2),)},
            "Item q-7, trial 1 is judged twice by grounded",
        ),
        (
            {"cases": (replace(case("q"), scores=(replace(case("q", grounded="1").scores[0], dimension="charm"),)),)},
            "“charm” (grounded) is no dimension",
        ),
        (
            {
                "cases": (
                    replace(
                        case("q"), scores=(replace(case("q", grounded="1").scores[0], threshold=None, passed=None),)
                    ),
                )
            },
            "grounded has no threshold",
        ),
    ],
)
def test_a_run_that_cannot_be_counted_honestly_is_refused(cast: Cast, changes: dict[str, Any], words: str) -> None:
    version = version_of(cast)
    with pytest.raises(ValidationError, match=words.replace("(", r"\(").replace(")", r"\)")):
        recorded(WORKER, version, **changes)
    assert (EvaluationRun.objects.count(), events("evaluation_run.recorded")) == (0, [])


def test_a_version_of_another_use_case_is_refused(cast: Cast) -> None:
    version, other = version_of(cast), registered(cast, title="Other")
    from evidence.actions.ingestion import record_evaluation_run

    with pytest.raises(ValidationError, match="belongs to another use case"):
        record_evaluation_run(actor=WORKER, use_case=other, version=version, reading=run_of(), source="s")
    assert EvaluationRun.objects.count() == 0


@pytest.mark.parametrize("name", ["olivia", "rafael", "amina", "petra", "aud", "otto", "admin"])
def test_who_may_not_push_evidence_is_refused_and_nothing_is_stored(cast: Cast, name: str) -> None:
    version = version_of(cast)
    with pytest.raises(Refused) as refused:
        recorded(cast.actor(name), version)
    assert codes(refused) == ["not_evidence_source"]
    assert EvaluationRun.objects.count() == 0


def test_the_evaluation_set_becomes_a_fact_of_the_newest_run(cast: Cast) -> None:
    version = version_of(cast)
    six = [case(f"q-{kind}", kind, grounded="1") for kind in ITEM_KINDS if kind != "unspecified"]
    recorded(WORKER, version, *six)
    fact = Fact.objects.get(name="evaluation_set", until__isnull=True)
    assert (fact.statement, fact.value["cases"], len(fact.value["kinds"])) == (
        "Evaluation set of 6 cases, six kinds.", 6, 6,
    )  # fmt: skip
    recorded(WORKER, version, external_id="older", finished_at=FINISHED - timedelta(days=2))
    assert Fact.objects.get(name="evaluation_set", until__isnull=True).pk == fact.pk


def test_the_newest_current_run_speaks_for_each_dimension(cast: Cast) -> None:
    version = version_of(cast)
    recorded(WORKER, version, case("a", grounded="0.1", toxic="1"), external_id="one")
    later = recorded(WORKER, version, case("a", grounded="1"), external_id="two", finished_at=FINISHED + timedelta(1))
    found = {row.dimension: row.run.external_id for row in latest_dimensions(version)}
    assert found == {"groundedness": "two", "safety": "one"}
    assert current_runs(version.use_case)[0] == later.run


def test_text_that_cannot_be_stored_is_marked_and_an_address_that_is_no_link_is_left_out(cast: Cast) -> None:
    done = recorded(WORKER, version_of(cast), name="a\x00b\ud800c", url="javascript:alert(1)")
    assert (done.run.name, done.run.url) == ("a�b�c", "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evaluation_score SET value = 1",
        "DELETE FROM evaluation_dimension",
        "UPDATE evaluation_run SET raw_sha256 = 'x'",
        "UPDATE evaluation_run SET cases = 1000",
    ],
)
def test_the_database_keeps_what_was_measured_as_it_was(cast: Cast, statement: str) -> None:
    recorded(WORKER, version_of(cast))
    from django.db.utils import DatabaseError

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def _dimension(run: EvaluationRun, **changes: int) -> EvaluationDimension:
    values = {"total": 2, "scored": 1, "errored": 1, "skipped": 0, "passed": 1, **changes}
    return EvaluationDimension(
        run=run, dimension="safety", scale_min=0, scale_max=1, direction="higher", mean=None, **values
    )


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [({"total": 3}, "evaluation_dimension_adds_up"), ({"passed": 2}, "evaluation_dimension_passes_fit")],
)
def test_the_database_refuses_counts_that_do_not_add_up(cast: Cast, changes: dict[str, int], constraint: str) -> None:
    run = recorded(WORKER, version_of(cast)).run
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        _dimension(run, **changes).save()


def test_the_database_refuses_a_second_current_revision_and_a_score_without_a_value(cast: Cast) -> None:
    run = recorded(WORKER, version_of(cast)).run
    with pytest.raises(IntegrityError, match="evaluation_run_one_is_current"), transaction.atomic():
        EvaluationRun.objects.create(
            use_case=run.use_case, system_version=run.system_version, source=run.source, external_id=run.external_id,
            revision=2, name="x", cases=1, finished_at=FINISHED, raw_sha256="0" * 64,
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="evaluation_score_has_value_iff_scored"), transaction.atomic():
        EvaluationScore.objects.create(
            run=run, item_id="z", item_kind="edge_case", dimension="safety", metric=GROUNDED.metric, state="errored",
            value=1, passed=True, scale_min=0, scale_max=1, direction="higher", threshold=1, judge_kind="code",
        )  # fmt: skip
