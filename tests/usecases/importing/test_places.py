"""The words of the owner and unit columns: matched by a person, remembered, and bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from tests.cast import Cast
from tests.usecases.importing.scenes import checked, gone_on, uploaded
from usecases.actions.imports import map_import, request_apply, request_check
from usecases.models import RegisterImport, UseCase

FILE = "Name;Unit;Owner\nOurs;Service desk;O. Nobody\nTheirs;Service desk;fiona\nThird;Finance;O. Nobody\n"


def words(made: RegisterImport, field: str) -> list[tuple[Any, ...]]:
    return [(word["word"], word["ours"], word["count"]) for word in made.words if word["field"] == field]


def matched(cast: Cast, made: RegisterImport, **said: dict[str, str]) -> RegisterImport:
    columns = {int(place): name for place, name in made.mapping["columns"].items()}
    map_import(actor=cast.actor("arno"), register_import=made, columns=columns, words=said)
    return gone_on(cast, made, request_check)


def test_words_that_lead_nowhere_are_listed_first_with_how_often_they_stand(cast: Cast) -> None:
    made = checked(cast, FILE)
    assert words(made, "unit") == [("Service desk", "", 2), ("Finance", "Finance", 1)]
    assert words(made, "owner") == [("O. Nobody", "", 2), ("fiona", "fiona", 1)]


def test_words_matched_by_hand_are_applied_and_remembered_for_the_next_file(cast: Cast) -> None:
    made = matched(cast, checked(cast, FILE), unit={"Service  Desk": "Customer service"}, owner={"O. Nobody": "Olivia"})
    assert words(made, "owner")[0] == ("O. Nobody", "olivia", 2)
    gone_on(cast, made, request_apply)
    placed = dict(UseCase.objects.values_list("title", "owner__username"))
    assert placed == {"Ours": "olivia", "Theirs": "fiona", "Third": "olivia"}
    assert set(UseCase.objects.filter(title__in=["Ours", "Theirs"]).values_list("unit__name", flat=True)) == {
        "Customer service"
    }
    assert uploaded(cast, FILE).mapping == made.mapping


@pytest.mark.parametrize(
    ("field", "ours", "told"),
    [("owner", "nobody at all", "Nobody here signs in as"), ("unit", "Atlantis", "is no business unit here")],
)
def test_a_match_with_nobody_here_is_refused_in_words(cast: Cast, field: str, ours: str, told: str) -> None:
    made = checked(cast, FILE)
    with pytest.raises(ValidationError) as refused:
        matched(cast, made, **{field: {"O. Nobody": ours}})
    assert told in refused.value.messages[0]
    assert RegisterImport.objects.get(pk=made.pk).mapping == made.mapping


def test_of_very_many_words_fifty_are_listed_and_the_rest_is_counted(
    cast: Cast, client_of: Callable[..., Client]
) -> None:
    rows = "".join(f"Case {number};Desk {number}\n" for number in range(120))
    made = checked(cast, f"Name;Unit\n{rows}Last;Desk 7\n")
    assert len(words(made, "unit")) == 51
    assert words(made, "unit")[0] == ("Desk 7", "", 2)
    page = " ".join(client_of("arno").get(made.get_absolute_url()).content.decode().split())
    assert "Business unit: 70 rarer words in 70 rows are not listed." in page


def test_the_page_takes_matches_and_says_what_is_wrong_with_one(cast: Cast, client_of: Callable[..., Client]) -> None:
    made = checked(cast, FILE)
    client, address = client_of("arno"), f"/imports/{made.pk}/words/"
    places = {word["word"]: f"word_{place}" for place, word in enumerate(made.words)}
    wrong = client.post(address, {places["O. Nobody"]: "nobody at all"})
    assert wrong.status_code == 422
    assert "Nobody here signs in as “nobody at all”." in wrong.content.decode()
    given = {places["O. Nobody"]: "olivia", places["Service desk"]: "Customer service", places["Finance"]: "Finance"}
    assert client.post(address, given).status_code == 302
    assert RegisterImport.objects.get().mapping["words"]["owner"]["o. nobody"] == "olivia"
