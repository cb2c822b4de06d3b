"""Tags: who puts them on, what they look like, and where they stop."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.access import Refused
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.stages import stop_use_case
from usecases.actions.tags import tag_use_case
from usecases.models import UseCase


def tags(use_case):
    return UseCase.objects.get(pk=use_case.pk).tags


def test_tags_are_put_on_and_taken_off_in_one_sentence(cast):
    use_case, olivia = registered(cast), cast.actor("olivia")
    tag_use_case(actor=olivia, use_case=use_case, add=["Wave 1", "gdpr", "gdpr"])
    assert tags(use_case) == ["gdpr", "wave-1"]
    tag_use_case(actor=olivia, use_case=use_case, add=["wave-2", "gdpr"], remove=["wave-1", "never-there"])
    assert tags(use_case) == ["gdpr", "wave-2"]
    assert sentences("use_case.tagged") == [
        f"put the tags wave-1, gdpr on {use_case.reference}.",
        f"put the tag wave-2 on and took the tag wave-1 off {use_case.reference}.",
    ]
    assert events("use_case.tagged")[1].payload["data"] == {"added": ["wave-2"], "removed": ["wave-1"]}


def test_tagging_what_is_tagged_so_writes_nothing(cast):
    use_case, olivia = registered(cast), cast.actor("olivia")
    tag_use_case(actor=olivia, use_case=use_case, add=["gdpr"])
    before = UseCase.objects.get(pk=use_case.pk).updated_at
    tag_use_case(actor=olivia, use_case=use_case, add=["gdpr"], remove=["other"])
    assert UseCase.objects.get(pk=use_case.pk).updated_at == before
    assert len(events("use_case.tagged")) == 1


@pytest.mark.parametrize("word", ["ümlaut", "a--b", "-a", "a_b", "x" * 41, "a/b", "<b>", "\x00"])
def test_what_is_no_tag_says_how_to_mend_it(cast, word):
    use_case = registered(cast)
    with pytest.raises(ValidationError, match="letters a to z") as error:
        tag_use_case(actor=cast.actor("olivia"), use_case=use_case, add=["fine", word])
    assert list(error.value.message_dict) == ["add"]
    assert tags(use_case) == []


def test_twenty_tags_are_the_most_for_the_verb_and_for_the_database(cast):
    use_case, olivia = registered(cast), cast.actor("olivia")
    tag_use_case(actor=olivia, use_case=use_case, add=[f"t{number}" for number in range(20)])
    with pytest.raises(ValidationError, match="at most 20 tags"):
        tag_use_case(actor=olivia, use_case=use_case, add=["one-more"])
    assert len(tags(use_case)) == 20
    with pytest.raises(IntegrityError, match="use_case_tags_are_few"), transaction.atomic():
        UseCase.objects.filter(pk=use_case.pk).update(tags=[f"t{number}" for number in range(21)])


@pytest.mark.parametrize("who", ["rafael", "dev", "fiona", "otto", "admin", "pipeline"])
def test_who_may_not_edit_tags_nothing(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        tag_use_case(actor=cast.actor(who), use_case=use_case, add=["mine"])
    assert codes(refused) == ["not_editor"]
    assert (tags(use_case), events("use_case.tagged")) == ([], [])


def test_a_stopped_use_case_keeps_its_tags(cast):
    use_case, olivia = registered(cast), cast.actor("olivia")
    tag_use_case(actor=olivia, use_case=use_case, add=["gdpr"])
    stop_use_case(actor=olivia, use_case=use_case, reason="The budget went elsewhere.")
    with pytest.raises(Refused) as refused:
        tag_use_case(actor=olivia, use_case=use_case, remove=["gdpr"])
    assert (codes(refused), tags(use_case)) == (["stopped"], ["gdpr"])


def test_tags_are_edited_on_the_page_and_a_wrong_one_keeps_what_was_typed(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("olivia"), f"/use-cases/{use_case.reference}/"
    assert client.post(f"{address}tags/", {"add": "wave 1, gdpr"}).status_code == 302
    page = client.get(address).content.decode()
    assert 'href="/use-cases/?tag=wave-1"' in page
    assert "Remove the tag gdpr" in page
    assert client.post(f"{address}tags/", {"remove": "gdpr"}).status_code == 302
    assert tags(use_case) == ["wave-1"]
    refused = client.post(f"{address}tags/", {"add": "fine, ümlaut"})
    assert refused.status_code == 422
    assert "letters a to z" in refused.content.decode()
    assert tags(use_case) == ["wave-1"]
    assert "Remove the tag" not in client_of("rafael").get(address).content.decode()


def test_tags_over_the_api(cast, api):
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/tags/"
    body = api("olivia").post(path, {"add": ["wave 1", "gdpr"], "remove": []}).json()
    assert body["tags"] == ["gdpr", "wave-1"]
    assert api("olivia").post(path, {"add": ["ü"]}).status_code == 400
    assert api("rafael").post(path, {"add": ["x"]}).status_code == 403
    assert api("otto").post(path, {"add": ["x"]}).status_code == 404
    assert [row["title"] for row in api("aud").get("use-cases/", tag="gdpr").json()["results"]] == ["Refund helper"]
    assert tags(use_case) == ["gdpr", "wave-1"]
