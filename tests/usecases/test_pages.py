"""The register's pages: they show what is so, carry refusals, and work without scripts."""

from html import unescape

import pytest

from tests.usecases.scenes import MANIFEST, answered, cleared, registered
from usecases.actions.stages import stop_use_case
from usecases.actions.team import add_to_team
from usecases.actions.versions import declare_version
from usecases.models import (
    UseCase,
)
from usecases.policies import team_roles

TABS = ["", "discovery/", "data/", "checklist/", "risk/", "versions/", "history/"]


def text_of(response):
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("who", ["olivia", "rafael", "fiona"])
def test_every_tab_opens_for_who_may_see_the_use_case(cast, client_of, tab, who):
    use_case = cleared(cast)
    declare_version(actor=cast.actor("dev"), use_case=use_case, label="2026.11", manifest=MANIFEST)
    response = client_of(who).get(f"/use-cases/{use_case.reference}/{tab}")
    assert response.status_code == 200
    page = text_of(response)
    assert "Refund helper" in page
    assert page.count('aria-current="page"') == 2


@pytest.mark.parametrize("tab", [*TABS, "edit/", "versions/1/"])
def test_no_page_admits_a_use_case_to_who_may_not_see_it(cast, client_of, tab):
    use_case = registered(cast)
    assert client_of("otto").get(f"/use-cases/{use_case.reference}/{tab}").status_code == 404


def test_the_list_shows_what_one_may_see_and_counts_it(cast, client_of):
    registered(cast)
    registered(cast, title="Policy chat")
    page = text_of(client_of("amina").get("/use-cases/"))
    assert "Refund helper" in page
    assert "Policy chat" in page
    assert "2 use cases" in page
    assert "Nothing to see yet" in text_of(client_of("otto").get("/use-cases/"))
    assert "Refund helper" in text_of(client_of("olivia").get("/use-cases/"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=refund", ["Refund helper"]),
        ("q=refu", ["Refund helper"]),
        ("q=refnud+helper", ["Refund helper"]),
        ("q=payslips", ["Policy chat"]),
        ("q=UC-{second}", ["Policy chat"]),
        ("q=zebra", []),
        ("q=%26%7C%21%28", ["Policy chat", "Refund helper"]),
        ("stage=registered", ["Policy chat", "Refund helper"]),
        ("stage=pilot", []),
        ("tier=high", []),
        ("pattern=conversation", ["Policy chat"]),
        ("owner=oliv", ["Policy chat", "Refund helper"]),
        ("owner=fiona", []),
        ("unit={unit}", ["Policy chat", "Refund helper"]),
        ("stage=nonsense&unit=17", ["Policy chat", "Refund helper"]),
    ],
)
def test_the_list_is_narrowed_by_words_and_filters(cast, client_of, query, found):
    registered(cast)
    second = registered(cast, title="Policy chat", pattern="conversation", business_outcome="Fewer payslips are lost.")
    query = query.format(second=f"{second.number:04d}", unit=cast.units["Customer service"].pk)
    rows = client_of("amina").get(f"/use-cases/?{query}").context["rows"]
    assert [row.title for row in rows] == found


def test_a_hit_keeps_near_misses_out(cast, client_of):
    for title in ("Idea number 7", "Idea number 8"):
        registered(cast, title=title)
    rows = client_of("amina").get("/use-cases/?q=number+7").context["rows"]
    assert [row.title for row in rows] == ["Idea number 7"]
    rows = client_of("amina").get("/use-cases/?q=idae+number").context["rows"]
    assert [row.title for row in rows] == ["Idea number 8", "Idea number 7"]


def test_the_list_turns_pages_by_key_and_a_spoilt_key_is_empty(cast, client_of, monkeypatch):
    monkeypatch.setattr("usecases.views.register.PAGE", 2)
    titles = ["One", "Two", "Three"]
    for title in titles:
        registered(cast, title=title)
    client = client_of("amina")
    first = client.get("/use-cases/?pattern=retrieval")
    assert [row.title for row in first.context["rows"]] == ["Three", "Two"]
    second = client.get("/use-cases/" + first.context["older_url"])
    assert [row.title for row in second.context["rows"]] == ["One"]
    assert second.context["older_url"] == ""
    assert second.context["newest_url"] == "?pattern=retrieval"
    assert client.get("/use-cases/?before=nonsense").context["rows"] == []


def test_htmx_gets_only_the_rows(cast, client_of):
    registered(cast)
    response = client_of("amina", headers={"HX-Request": "true"}).get("/use-cases/?q=refund")
    assert b"<html" not in response.content
    assert b"Refund helper" in response.content
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize(("path", "limit"), [("/use-cases/", 8), ("/use-cases/{reference}/", 12)])
def test_pages_ask_the_database_the_same_number_of_times_however_much_there_is(
    cast, client_of, path, limit, django_assert_max_num_queries
):
    use_case = answered(cast)
    client = client_of("olivia")
    address = path.format(reference=use_case.reference)
    client.get(address)
    with django_assert_max_num_queries(limit) as few:
        client.get(address)
    for title in ("Two", "Three", "Four"):
        registered(cast, title=title)
    for name in ("arno", "dev", "fiona"):
        add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.people[name], role="contributor")
    with django_assert_max_num_queries(limit) as many:
        client.get(address)
    assert len(many) == len(few)


def test_registering_takes_one_form_with_owner_and_unit_chosen(cast, client_of):
    client = client_of("olivia")
    form = client.get("/use-cases/new/").context["form"]
    assert (form["owner"].value(), form["unit"].value()) == (cast.olivia.pk, cast.units["Customer service"].pk)
    assert list(form.fields["unit"].queryset) == [cast.units["Customer service"]]
    values = {
        "title": "Refund helper",
        "business_outcome": "One hour instead of two days.",
        "user_group": "Twelve agents.",
        "pattern": "retrieval",
        "owner": cast.olivia.pk,
        "unit": cast.units["Customer service"].pk,
    }
    response = client.post("/use-cases/new/", values)
    use_case = UseCase.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/use-cases/{use_case.reference}/discovery/")
    assert use_case.title == "Refund helper"


def test_a_faulty_registration_keeps_what_was_typed(cast, client_of):
    response = client_of("olivia").post("/use-cases/new/", {"title": "", "user_group": "Twelve <agents>."})
    assert response.status_code == 422
    assert "Twelve &lt;agents&gt;." in text_of(response)
    assert UseCase.objects.count() == 0


def test_who_may_not_register_reads_why_and_a_forced_post_is_refused(cast, client_of):
    client = client_of("rafael")
    page = text_of(client.get("/use-cases/new/"))
    assert "Not yours to do" in page
    assert "Registering a use case here needs the role" in page
    assert 'name="title"' not in page
    values = {
        "title": "x",
        "business_outcome": "x",
        "user_group": "x",
        "pattern": "agent",
        "owner": cast.olivia.pk,
        "unit": cast.units["Risk"].pk,
    }
    refused = client.post("/use-cases/new/", values)
    assert refused.status_code == 403
    assert "Registering a use case here needs the role" in text_of(refused)
    assert UseCase.objects.count() == 0


def test_similar_names_are_offered_only_as_far_as_one_may_see_them(cast, client_of):
    registered(cast)
    assert b"Refund helper" in client_of("amina").get("/use-cases/similar/?title=refund+helpers").content
    assert b"Refund helper" not in client_of("otto").get("/use-cases/similar/?title=refund+helpers").content
    assert client_of("amina").get("/use-cases/similar/?title=re").content.strip() == b""


def test_the_overview_says_what_is_next_and_whose_turn_it_is(cast, client_of):
    use_case = registered(cast)
    steps = client_of("olivia").get(f"/use-cases/{use_case.reference}/").context["steps"]
    assert [(step.text, step.you) for step in steps] == [
        ("Answer 21 discovery questions", True),
        ("Submit for risk review", True),
        ("Conclude the risk review", False),
        ("Close 8 checklist items", True),
        ("Have a release approved for production", True),
    ]
    steps = client_of("rafael").get(f"/use-cases/{use_case.reference}/").context["steps"]
    assert [step.you for step in steps] == [False, False, True, False, False]


def test_the_description_is_edited_and_its_restriction_only_by_an_owner(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/edit/"
    values = {"title": "Refund assistant", "business_outcome": "b", "user_group": "u", "pattern": "agent"}
    assert "restricted" not in client_of("arno").get(address).context["form"].fields
    assert client_of("arno").post(address, {**values, "restricted": "on"}).status_code == 302
    use_case.refresh_from_db()
    assert (use_case.title, use_case.restricted) == ("Refund assistant", False)
    assert client_of("olivia").post(address, {**values, "restricted": "on"}).status_code == 302
    use_case.refresh_from_db()
    assert use_case.restricted is True
    assert client_of("amina").get(address).status_code == 404


def test_a_refused_edit_is_a_page_with_the_reason(cast, client_of):
    use_case = registered(cast)
    values = {"title": "Mine", "business_outcome": "b", "user_group": "u", "pattern": "agent"}
    response = client_of("amina").post(f"/use-cases/{use_case.reference}/edit/", values)
    assert response.status_code == 403
    assert "Changing the description needs a part as owner" in text_of(response)
    use_case.refresh_from_db()
    assert use_case.title == "Refund helper"


def test_a_description_that_may_not_be_changed_is_a_reason_and_no_form(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/edit/"
    page = text_of(client_of("amina").get(address))
    assert "Not yours to do" in page
    assert "Changing the description needs a part as owner" in page
    assert 'name="title"' not in page
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    page = text_of(client_of("olivia").get(address))
    assert "Not possible yet" in page
    assert "This use case was stopped." in page
    assert 'name="title"' not in page


def test_the_team_is_changed_from_the_overview(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("olivia"), f"/use-cases/{use_case.reference}/team/"
    assert client.post(address + "add/", {"person": cast.otto.pk, "role": "contributor"}).status_code == 302
    assert team_roles(cast.otto, use_case) == ["contributor"]
    assert client.post(address + "add/", {"person": "", "role": "king"}).status_code == 422
    assert client.post(address + "remove/", {"person": cast.otto.pk, "role": "contributor"}).status_code == 302
    assert team_roles(cast.otto, use_case) == []
    assert client.post(address + "remove/", {"person": cast.olivia.pk, "role": "owner"}).status_code == 409
    assert team_roles(cast.olivia, use_case) == ["owner"]


def test_stopping_asks_for_a_reason(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("olivia"), f"/use-cases/{use_case.reference}/stop/"
    assert client.post(address, {"reason": " "}).status_code == 422
    assert UseCase.objects.get().stage == "registered"
    assert client.post(address, {"reason": "No budget."}).status_code == 302
    assert UseCase.objects.get().stage == "stopped"


@pytest.mark.parametrize("address", ["/use-cases/", "/use-cases/UC-0001/", "/data-sources/"])
def test_a_signed_out_visitor_is_asked_to_sign_in(client, db, address):
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={address}")


def test_a_name_that_stands_already_is_registered_only_when_said_to_be_another(cast, client_of):
    first = registered(cast)
    client = client_of("olivia")
    data = {
        "title": " refund HELPER",
        "business_outcome": "Another thing.",
        "user_group": "Others.",
        "pattern": "drafting",
        "owner": cast.olivia.pk,
        "unit": cast.units["Customer service"].pk,
    }
    refused = client.post("/use-cases/new/", data)
    assert refused.status_code == 422
    assert f"{first.reference} has this name already." in refused.content.decode()
    assert UseCase.objects.count() == 1
    assert client.post("/use-cases/new/", {**data, "anyway": "yes"}).status_code == 302
    assert UseCase.objects.count() == 2


def test_a_name_that_stands_on_something_hidden_is_nobodys_business(cast, client_of):
    hidden = registered(cast, unit=cast.units["Risk"], owner=cast.rafael, by="arno", title="Secret helper")
    data = {
        "title": "Secret helper",
        "business_outcome": "Another thing.",
        "user_group": "Others.",
        "pattern": "drafting",
        "owner": cast.olivia.pk,
        "unit": cast.units["Customer service"].pk,
    }
    assert client_of("olivia").get(f"/use-cases/{hidden.reference}/").status_code == 404
    assert client_of("olivia").post("/use-cases/new/", data).status_code == 302


def test_the_links_to_files_hold_the_filters_of_the_list(cast, client_of):
    registered(cast)
    registered(cast, title="Draft helper", pattern="drafting")
    client = client_of("olivia")
    page = client.get("/use-cases/?pattern=drafting&sort=title").content.decode()
    links = [unescape(part.split('"')[0]) for part in page.split('href="')[1:] if "/export/" in part.split('"')[0]]
    assert len(links) == 3
    rows = b"".join(client.get(links[0]).streaming_content).decode().strip().splitlines()
    assert len(rows) == 2
    assert "Draft helper" in rows[1]
