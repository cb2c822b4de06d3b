"""Undoing in several steps: what stays says why and is offered again, and the page asks before anything goes."""

from collections.abc import Callable

from django.test import Client

from tests.cast import Cast
from tests.usecases.importing.files import SMALL
from tests.usecases.importing.scenes import applied, undone
from tests.usecases.importing.test_verbs import CHANGED
from usecases.actions.registration import edit_use_case
from usecases.models import Fact, ImportRow, RegisterImport, UseCase


def test_rows_that_a_later_import_kept_go_once_that_one_is_undone(cast: Cast) -> None:
    first = applied(cast)
    later = applied(cast, CHANGED)
    back = undone(cast, first)
    assert (back.state, back.standing, back.counts["undone"], back.counts["kept"]) == ("applied", "Partly undone", 3, 1)
    kept = ImportRow.objects.get(register_import=first, number=4)
    assert (kept.standing, kept.kept) == ("Kept", "“inventory.csv” was imported over it since. Undo that first.")
    assert undone(cast, later).state == "undone"
    again = undone(cast, first)
    assert (again.state, again.counts["undone"], again.counts["kept"]) == ("undone", 4, 0)
    assert {row.standing for row in ImportRow.objects.filter(register_import=first)} == {"Undone"}
    assert UseCase.objects.count() == 0


def test_what_was_only_edited_goes_when_somebody_says_so_and_not_before(cast: Cast) -> None:
    made = applied(cast)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, user_group="Forty clerks.")
    for _time in range(2):
        back = undone(cast, made)
        assert (back.state, back.counts["undone"], back.counts["kept"]) == ("applied", 3, 1)
        assert UseCase.objects.get() == letter
    back = undone(cast, made, edited_too=True)
    assert (back.state, back.counts["undone"], back.counts["kept"]) == ("undone", 4, 0)
    assert (UseCase.objects.count(), Fact.objects.count()) == (0, 0)


def test_a_field_written_over_since_stays_when_the_change_around_it_is_undone(cast: Cast) -> None:
    applied(cast)
    later = applied(cast, CHANGED)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, business_outcome="Ours.")
    assert undone(cast, later).counts["kept"] == 1
    assert undone(cast, later, edited_too=True).state == "undone"
    letter.refresh_from_db()
    assert letter.business_outcome == "Ours."
    fact = Fact.objects.get(use_case=letter, name="business_outcome", until__isnull=True)
    assert fact.value == "Ours."


def test_the_page_says_what_will_go_and_what_stays_before_anything_is_undone(
    cast: Cast, client_of: Callable[..., Client]
) -> None:
    made = applied(cast)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, user_group="Forty clerks.")
    client = client_of("arno")
    page = client.get(f"/imports/{made.pk}/undo/").content.decode()
    assert "3 use cases will be removed and 0 brought back" in " ".join(page.split())
    assert f"Since then somebody changed the user group of {letter.reference}." in page
    assert RegisterImport.objects.get().state == "applied"
    assert client.post(f"/imports/{made.pk}/undo/").status_code == 302
    assert RegisterImport.objects.get().state == "undoing"


def test_the_import_says_of_each_row_what_became_of_it_in_words_people_see(
    cast: Cast, client_of: Callable[..., Client]
) -> None:
    made = applied(cast)
    letter = UseCase.objects.get(title="Letter helper")
    edit_use_case(actor=cast.actor("olivia"), use_case=letter, user_group="Forty clerks.")
    undone(cast, made)
    client = client_of("arno")
    page = client.get(made.get_absolute_url()).content.decode()
    assert "Partly undone" in page
    assert "Kept, because: Since then somebody" in page
    assert page.count("<span>Undone</span>") == 3
    assert "user_group" not in page
    assert "reported_stage" not in page
    kept = client.get(made.get_absolute_url(), {"outcome": "kept"}).content.decode()
    assert ("Letter helper" in kept, "Meeting notes" in kept) == (True, False)


def test_a_row_without_a_name_and_an_id_is_refused_and_says_why(cast: Cast) -> None:
    made = applied(cast, SMALL + ";;Nobody knows what.;Pilot;;;\n")
    row = ImportRow.objects.get(register_import=made, number=9)
    assert (row.outcome, row.use_case) == ("refuse", None)
    assert row.reasons == ["The row has no name, and no id of its source to call it by. Give it a name in the file."]
    assert (made.counts["create"], made.counts["refuse"], UseCase.objects.count()) == (4, 1, 4)
