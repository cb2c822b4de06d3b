"""Talking about a use case: who may, who is told, what stays, and how it is shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.access import Refused
from portal.actions.comments import mentioned
from portal.actors import person
from portal.models import Comment, CommentRevision, Notice, User
from tests.cast import Cast
from tests.usecases.scenes import codes, registered, sentences
from tests.usecases.test_pages import text_of
from usecases.actions.discussion import comment_on, edit_comment, withdraw_comment
from usecases.actions.registration import edit_use_case
from usecases.actions.team import add_to_team
from usecases.models import UseCase
from usecases.querysets import people_who_see

pytestmark = pytest.mark.django_db


def notices(user: User) -> list[str]:
    return list(Notice.objects.filter(person=user).values_list("text", flat=True))


def test_a_comment_is_kept_and_told_and_who_is_mentioned_gets_a_notice(cast: Cast) -> None:
    use_case = registered(cast)
    said = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Ready? @rafael, @RAFAEL and @olivia")
    assert (said.comment.about, said.comment.author, said.told, said.untold) == (
        use_case.reference,
        cast.olivia,
        ["Rafael"],
        [],
    )
    assert notices(cast.rafael) == [f"Olivia mentioned you in the discussion of {use_case.reference}."]
    assert notices(cast.olivia) == []
    assert sentences("comment.written") == [f"commented on {use_case.reference}."]


def test_who_may_not_see_it_is_not_told_and_the_writer_learns_so(cast: Cast) -> None:
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    use_case.refresh_from_db()
    said = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="@otto @dev @nobody.here @aud")
    assert (said.told, said.untold) == (["Aud"], ["otto", "dev", "nobody.here"])
    assert [notices(user) for user in (cast.otto, cast.dev)] == [[], []]


@pytest.mark.parametrize("restricted", [False, True])
def test_people_who_see_are_exactly_those_to_whom_it_is_visible(cast: Cast, restricted: bool) -> None:
    use_case = registered(cast)
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.otto, role="contributor")
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=restricted)
    User.objects.filter(pk=cast.amina.pk).update(is_active=False)
    use_case = UseCase.objects.select_related("unit").get(pk=use_case.pk)
    seers = {
        user.username
        for user in User.objects.all()
        if UseCase.objects.visible_to(person(user)).filter(pk=use_case.pk).exists()
    }
    assert set(people_who_see(use_case).values_list("username", flat=True)) == seers
    assert {"otto", "olivia", "aud"} <= seers
    assert ("dev" in seers) is not restricted


@pytest.mark.parametrize("text", ["", "   \n", "x" * 4001, "a\x00b", " ".join(f"@p{n}" for n in range(11))])
def test_nothing_too_much_or_too_many_names_is_refused_and_nothing_is_said(cast: Cast, text: str) -> None:
    use_case = registered(cast)
    with pytest.raises(ValidationError):
        comment_on(actor=cast.actor("olivia"), use_case=use_case, text=text)
    assert (Comment.objects.count(), sentences("comment.written")) == (0, [])


def test_a_machine_says_nothing(cast: Cast) -> None:
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        comment_on(actor=cast.actor("pipeline"), use_case=use_case, text="Done.")
    assert (codes(refused), Comment.objects.count()) == (["not_a_person"], 0)


def test_the_twenty_first_comment_in_ten_minutes_waits(cast: Cast) -> None:
    use_case = registered(cast)
    for number in range(20):
        comment_on(actor=cast.actor("olivia"), use_case=use_case, text=f"{number}")
    with pytest.raises(Refused) as refused:
        comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Again")
    assert (codes(refused), Comment.objects.count()) == (["too_many_comments"], 20)
    Comment.objects.update(written_at=timezone.now() - timedelta(minutes=11))
    assert comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Again").comment.text == "Again"


def test_an_edit_keeps_the_earlier_words_and_is_marked(cast: Cast) -> None:
    use_case = registered(cast)
    comment = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Redy?").comment
    edited = edit_comment(actor=cast.actor("olivia"), use_case=use_case, comment=comment, text="Ready?")
    assert (edited.text, edited.edited_at is not None) == ("Ready?", True)
    assert [row.text for row in CommentRevision.objects.filter(comment=comment)] == ["Redy?"]
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE comment_revision SET text = 'Never said'")
    edit_comment(actor=cast.actor("olivia"), use_case=use_case, comment=comment, text="Ready?")
    assert CommentRevision.objects.count() == 1


def test_only_its_author_changes_it_and_only_for_a_quarter_of_an_hour(cast: Cast) -> None:
    use_case = registered(cast)
    comment = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Ready?").comment
    for verb, more in ((edit_comment, {"text": "No."}), (withdraw_comment, {})):
        with pytest.raises(Refused) as refused:
            verb(actor=cast.actor("rafael"), use_case=use_case, comment=comment, **more)  # type: ignore[operator]
        assert codes(refused) == ["not_author"]
    Comment.objects.update(written_at=timezone.now() - timedelta(minutes=16))
    with pytest.raises(Refused) as refused:
        edit_comment(actor=cast.actor("olivia"), use_case=use_case, comment=comment, text="No.")
    assert codes(refused) == ["too_late"]
    comment.refresh_from_db()
    assert (comment.text, comment.withdrawn_at) == ("Ready?", None)


def test_a_withdrawn_comment_leaves_a_trace_without_its_words(
    cast: Cast, client_of: Callable[..., Any], api: Callable[..., Any]
) -> None:
    use_case = registered(cast)
    comment = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Between us.").comment
    withdraw_comment(actor=cast.actor("olivia"), use_case=use_case, comment=comment)
    page = text_of(client_of("rafael").get(f"{use_case.get_absolute_url()}discussion/"))
    assert "This comment was withdrawn." in page
    assert "Between us." not in page
    rows = api("rafael").get(f"use-cases/{use_case.reference}/comments/").json()["results"]
    assert [(row["text"], row["withdrawn_at"] is not None) for row in rows] == [("", True)]
    with pytest.raises(Refused) as refused:
        withdraw_comment(actor=cast.actor("olivia"), use_case=use_case, comment=comment)
    assert codes(refused) == ["withdrawn"]
    assert sentences("comment.withdrawn") == [f"withdrew a comment of @[{cast.olivia.pk}] on {use_case.reference}."]


def test_the_database_wants_words_and_whole_withdrawals(cast: Cast) -> None:
    use_case = registered(cast)
    comment = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Ready?").comment
    for change, name in (({"text": ""}, "comment_says_something"), ({"withdrawn_by": cast.olivia}, "withdrawal")):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Comment.objects.filter(pk=comment.pk).update(**change)
    comment.refresh_from_db()
    assert (comment.text, comment.withdrawn_by) == ("Ready?", None)


def test_words_are_shown_as_words_with_links_that_are_only_links(cast: Cast, client_of: Callable[..., Any]) -> None:
    use_case = registered(cast)
    text = "<script>alert(1)</script>\n\nSee https://example.org/a?b=1&c=2 and javascript:alert(1)"
    comment_on(actor=cast.actor("olivia"), use_case=use_case, text=text)
    page = client_of("olivia").get(f"{use_case.get_absolute_url()}discussion/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<a href="https://example.org/a?b=1&amp;c=2" rel="nofollow">' in page
    assert 'href="javascript' not in page


def test_the_page_says_who_was_told_and_who_was_not(cast: Cast, client_of: Callable[..., Any]) -> None:
    use_case = registered(cast)
    url = f"{use_case.get_absolute_url()}discussion/"
    page = text_of(client_of("olivia").post(url, {"text": "@rafael @otto, ready?"}, follow=True))
    assert "Told: Rafael." in page
    assert "Not told: @otto." in page
    assert client_of("olivia").post(url, {"text": " "}).status_code == 422
    assert client_of("otto").post(url, {"text": "Hello"}).status_code == 404
    assert Comment.objects.count() == 1


def test_completion_offers_only_people_who_may_see_it(cast: Cast, client_of: Callable[..., Any]) -> None:
    use_case = registered(cast)
    url = f"{use_case.get_absolute_url()}discussion/people/"
    assert "@olivia" in text_of(client_of("rafael").get(url, {"text": "Ask @o"}))
    assert "@otto" not in text_of(client_of("rafael").get(url, {"text": "Ask @o"}))
    assert text_of(client_of("rafael").get(url, {"text": "mail me at rafael@o"})).strip() == ""
    assert client_of("otto").get(url, {"text": "@o"}).status_code == 404


def test_the_api_writes_edits_and_withdraws(cast: Cast, api: Callable[..., Any]) -> None:
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/comments/"
    written = api("olivia").post(path, {"text": "Redy, @rafael? @otto"})
    assert written.status_code == 201
    assert (written.json()["told"], written.json()["untold"]) == (["Rafael"], ["otto"])
    one = f"{path}{written.json()['id']}/"
    assert api("olivia").patch(one, {"text": "Ready?"}).json()["text"] == "Ready?"
    assert api("rafael").patch(one, {"text": "No."}).status_code == 403
    assert api("olivia").send("delete", one, None, {}).json()["text"] == ""
    assert api("olivia").patch(one, {"text": "Ready?"}).status_code == 409


@given(st.text(max_size=200))
def test_mentions_in_any_text_are_plain_lower_case_names_each_once(text: str) -> None:
    found = mentioned(text)
    assert len(found) == len(set(found))
    assert all(name and name == name.lower() and f"@{name}" in text.lower() for name in found)
