"""From the upload to the undoing: what rows do, who may, what comes back."""

from collections import Counter
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.access import Refused
from portal.files import path_of
from portal.models import AuditEvent
from tests.cast import Cast
from tests.usecases.importing.files import SMALL
from tests.usecases.importing.scenes import applied, checked, fates, gone_on, undone, uploaded
from tests.usecases.scenes import codes, registered
from usecases.actions.import_work import run_import, waiting
from usecases.actions.imports import map_import, read_import_anew, request_apply, request_check
from usecases.actions.registration import edit_use_case
from usecases.importing.readings import Way
from usecases.models import Fact, ImportedUseCase, ImportRow, RegisterImport, UseCase, UseCaseUserPermission
from usecases.policies import team_roles

CHANGED = SMALL.replace("Letters leave the same day.", "Letters leave within the hour.")


def snapshot() -> dict[str, Any]:
    """Every row of the register that an import could touch, but for the counter of the trail."""
    return {
        model.__name__: sorted(
            str({name: value for name, value in row.items() if name not in ("audit_rev", "search")})
            for row in model.objects.values()
        )
        for model in (UseCase, Fact, ImportedUseCase, UseCaseUserPermission)
    }


def test_an_upload_is_read_and_its_columns_are_suggested(cast: Cast) -> None:
    made = uploaded(cast)
    assert made.state == "uploaded"
    assert made.way == {"format": "csv", "encoding": "utf-8", "delimiter": ";", "sheet": "", "header_row": 3}
    assert made.mapping["columns"] == {
        "0": "external_id", "1": "title", "2": "business_outcome", "3": "reported_stage", "4": "reported_impact",
        "5": "owner", "6": "started_on",
    }  # fmt: skip
    assert (made.row_count, UseCase.objects.count()) == (4, 0)


def test_a_dry_run_says_row_by_row_what_would_happen_and_changes_nothing(cast: Cast) -> None:
    before = snapshot()
    made = checked(cast)
    assert fates(made) == [
        (4, "create", "Letter helper"), (5, "create", "Claims triage"), (6, "create", "Fraud radar"),
        (7, "create", "Meeting notes"),
    ]  # fmt: skip
    assert made.counts == {"create": 4, "change": 0, "same": 0, "refuse": 0, "skip": 2, "incomplete": 4}
    reasons = dict(ImportRow.objects.values_list("number", "reasons"))
    assert reasons[5] == [
        "Its id stands 2 times in this file; name and unit tell the rows apart.",
        "“nobody here” is no account here; Olivia answers for it until somebody else is named.",
    ]
    assert "Reported stage “Research or Administrative Action Complete” is no word of ours" in reasons[6][0]
    assert snapshot() == before


def test_what_is_applied_is_registered_reported_and_told_once_each(cast: Cast) -> None:
    made = applied(cast)
    assert (made.state, made.error) == ("applied", "")
    letter = UseCase.objects.get(title="Letter helper")
    assert (letter.stage, letter.pattern, letter.owner, letter.registered_by) == (
        "registered", "unstated", cast.olivia, cast.arno,
    )  # fmt: skip
    assert letter.user_group == "Not stated in the imported register."
    known = dict(Fact.objects.filter(use_case=letter).values_list("name", "value"))
    assert known == {
        "owner_named": str(cast.olivia.pk), "business_outcome": "Letters leave the same day.",
        "reported_stage": "pilot", "reported_impact": "high",
    }  # fmt: skip
    assert team_roles(cast.olivia, letter) == ["owner"]
    told = Counter(AuditEvent.objects.exclude(payload__actor__kind="worker").values_list("payload__action", flat=True))
    assert told["use_case.registered"] == 4
    assert told["register_import.applied"] == 1
    record = ImportedUseCase.objects.get(use_case=letter)
    assert record.values["started_on"] == {"value": "2024-01", "precision": "month", "raw": "Jan-24"}
    assert ["Start date", "Jan-24"] in record.cells


def test_three_ways_of_saying_nothing_stay_three(cast: Cast) -> None:
    applied(cast)
    values = ImportedUseCase.objects.get(use_case__title="Meeting notes").values
    assert values["reported_stage"] == {"state": "not_applicable", "raw": "N/A"}
    assert values["reported_impact"] == {"state": "unknown", "raw": "TBD"}
    assert values["started_on"] == {"state": "unanswered"}


def test_the_same_file_again_changes_nothing(cast: Cast) -> None:
    applied(cast)
    before = snapshot()
    again = applied(cast)
    assert (again.counts["same"], again.counts["create"], again.counts["change"]) == (4, 0, 0)
    assert snapshot() == before


def test_a_later_file_updates_and_undoing_it_brings_everything_back(cast: Cast) -> None:
    first = applied(cast)
    before = snapshot()
    later = applied(cast, CHANGED)
    assert (later.counts["change"], later.counts["same"]) == (1, 3)
    letter = UseCase.objects.get(title="Letter helper")
    assert letter.business_outcome == "Letters leave within the hour."
    assert (
        Fact.objects.get(use_case=letter, name="business_outcome", until__isnull=True).value == letter.business_outcome
    )
    back = undone(cast, later)
    assert (back.state, back.counts["undone"], back.counts["kept"]) == ("undone", 1, 0)
    assert snapshot() == before
    assert undone(cast, first).counts["kept"] == 0
    assert UseCase.objects.count() == 0


def test_undoing_leaves_what_somebody_built_on_and_says_why(cast: Cast) -> None:
    made = applied(cast)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, user_group="Forty clerks.")
    back = undone(cast, made)
    assert (back.counts["undone"], back.counts["kept"]) == (3, 1)
    assert UseCase.objects.get() == letter
    kept = ImportRow.objects.get(register_import=made, use_case=letter).kept
    assert kept == f"Since then somebody changed the user group of {letter.reference}."


def test_what_was_edited_here_is_not_overwritten_by_a_later_file(cast: Cast) -> None:
    applied(cast)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, business_outcome="Ours.")
    later = applied(cast, CHANGED)
    assert UseCase.objects.get(pk=letter.pk).business_outcome == "Ours."
    row = ImportRow.objects.get(register_import=later, number=4)
    assert row.reasons == [
        "The business outcome was edited here since; that stays, and the source's is kept with the row."
    ]


def test_rows_in_another_order_are_known_again(cast: Cast) -> None:
    applied(cast)
    lines = SMALL.splitlines(keepends=True)
    again = checked(cast, "".join([*lines[:3], *reversed(lines[3:])]))
    assert (again.counts["same"], again.counts["create"], again.counts["change"]) == (4, 0, 0)


def test_an_id_that_stands_twice_no_longer_is_still_known(cast: Cast) -> None:
    applied(cast)
    once = "".join(line for line in SMALL.splitlines(keepends=True) if "Fraud radar" not in line)
    again = checked(cast, once)
    assert (again.counts["same"], again.counts["create"]) == (3, 0)


def test_a_word_the_user_translates_is_taken_and_remembered(cast: Cast) -> None:
    made = checked(cast)
    words = {"reported_stage": {"Research or  Administrative Action Complete": "retired"}}
    columns = {int(place): name for place, name in made.mapping["columns"].items()}
    map_import(actor=cast.actor("arno"), register_import=made, columns=columns, words=words)
    made = gone_on(cast, gone_on(cast, made, request_check), request_apply)
    fraud = UseCase.objects.get(title="Fraud radar")
    assert Fact.objects.get(use_case=fraud, name="reported_stage").value == "retired"
    assert uploaded(cast).mapping == made.mapping


def test_a_register_that_changed_since_the_dry_run_is_shown_again_first(cast: Cast) -> None:
    made = checked(cast)
    applied(cast)
    before = snapshot()
    made = gone_on(cast, made, request_apply)
    assert made.state == "checked"
    assert made.error == "The register changed since the dry run. Look at it again before you apply it."
    assert made.counts["same"] == 4
    assert snapshot() == before


def test_a_file_can_be_read_another_way(cast: Cast) -> None:
    made = uploaded(cast, "Näme;Stage\nBrief;Pilot\n".encode("cp1252"))
    assert made.way["encoding"] == "cp1252"
    made = read_import_anew(actor=cast.actor("arno"), register_import=made, way=Way(encoding="mac_roman", header_row=1))
    assert made.headers[0] == "N‰me"
    with pytest.raises(ValidationError) as refused:
        read_import_anew(actor=cast.actor("arno"), register_import=made, way=Way(encoding="utf-8"))
    assert "not text in the encoding utf-8" in refused.value.messages[0]
    assert RegisterImport.objects.get(pk=made.pk).headers[0] == "N‰me"


@pytest.mark.parametrize("who", ["otto", "rafael", "dev", "aud", "ingest"])
def test_who_may_not_register_brings_nothing_in(cast: Cast, who: str) -> None:
    with pytest.raises(Refused) as refused:
        uploaded(cast, by=who)
    assert codes(refused) == ["not_importer"]
    assert RegisterImport.objects.count() == 0


def test_an_owner_imports_into_their_own_unit_only(cast: Cast) -> None:
    made = checked(cast, "Name;Unit\nOurs;Customer service\nTheirs;Finance\n", by="olivia")
    assert fates(made) == [(2, "create", "Ours"), (3, "refuse", "Theirs")]
    with pytest.raises(Refused):
        uploaded(cast, by="olivia", default_unit=cast.units["Finance"])


def test_a_machine_imports_in_an_owners_name(cast: Cast) -> None:
    made = applied(cast, by="pipeline")
    assert (made.state, made.uploader_account) == ("applied", cast.accounts["pipeline"])
    assert set(UseCase.objects.values_list("registered_by__username", flat=True)) == {"olivia"}


def test_a_name_that_is_here_already_is_pointed_out(cast: Cast) -> None:
    here = registered(cast, title="Letter helper")
    checked(cast)
    assert ImportRow.objects.get(number=4).reasons == [
        f"{here.reference} has this name already; this row becomes another."
    ]


def test_a_worker_that_died_is_followed_by_another(cast: Cast) -> None:
    made = uploaded(cast)
    request_check(actor=cast.actor("arno"), register_import=made)
    assert waiting() == [made.pk]
    run_import(made.pk)
    assert waiting() == []
    run_import(made.pk)
    assert RegisterImport.objects.get(pk=made.pk).state == "checked"


def test_an_asker_who_lost_their_role_meanwhile_changes_nothing(cast: Cast) -> None:
    made = checked(cast, by="olivia")
    request_apply(actor=cast.actor("olivia"), register_import=made)
    cast.olivia.is_active = False
    cast.olivia.save()
    run_import(made.pk)
    made.refresh_from_db()
    assert (made.state, UseCase.objects.count()) == ("checked", 0)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"state": "half done"}, "register_import_state_is_known|Invalid transition"),
        ({"source_name": ""}, "register_import_names_its_source"),
        ({"uploader": None}, "register_import_has_one_uploader"),
    ],
)
def test_the_database_refuses_imports_that_make_no_sense(cast: Cast, change: dict[str, Any], constraint: str) -> None:
    made = uploaded(cast)
    with pytest.raises(Exception, match=constraint), transaction.atomic():
        RegisterImport.objects.filter(pk=made.pk).update(**change)
    made.refresh_from_db()
    assert made.state == "uploaded"


def test_the_database_knows_rows_and_keys_once(cast: Cast) -> None:
    made = applied(cast)
    row, record = ImportRow.objects.filter(register_import=made)[0], ImportedUseCase.objects.all()[0]
    row.pk = record.pk = None
    with pytest.raises(IntegrityError, match="import_row_stands_once"), transaction.atomic():
        ImportRow(**{**values_of(row), "id": made.pk}).save(force_insert=True)
    with pytest.raises(IntegrityError, match="imported_use_case_is_known_once"), transaction.atomic():
        ImportedUseCase(**{**values_of(record), "id": made.pk}).save(force_insert=True)
    with pytest.raises(IntegrityError, match="import_row_outcome_is_known"), transaction.atomic():
        ImportRow.objects.filter(register_import=made).update(outcome="perhaps")


def values_of(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_an_empty_file_is_refused_in_words(cast: Cast) -> None:
    with pytest.raises(ValidationError) as refused:
        uploaded(cast, b"")
    assert refused.value.message_dict == {"file": ["The file is empty."]}
    assert RegisterImport.objects.count() == 0


def test_a_file_that_was_lost_is_missed_in_words(cast: Cast) -> None:
    made = uploaded(cast)
    path_of(made.file_sha256).unlink()
    request_check(actor=cast.actor("arno"), register_import=made)
    run_import(made.pk)
    made.refresh_from_db()
    assert (made.state, made.error) == ("uploaded", "The file is no longer kept here. Upload it again.")
