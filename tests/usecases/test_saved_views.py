"""Saved views: kept, shared, begun with; and never a way to see more than one may."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.access import Refused
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions import saved_views
from usecases.actions.registration import edit_use_case
from usecases.actions.saved_views import begin_with_view, change_view, forget_view, save_view
from usecases.models import DefaultView, SavedView

PILOTS = {"stage": ["pilot", "nonsense"], "q": ["refund"], "sort": ["-title"], "columns": ["tags", "owner"]}


def saved(cast, who="olivia", name="Pilots", **values):
    return save_view(actor=cast.actor(who), name=name, **{"wanted": PILOTS, **values})


def readers(cast, view):
    return {name for name in cast.people if SavedView.objects.readable_by(cast.actor(name)).filter(pk=view.pk).exists()}


def test_a_view_keeps_what_makes_sense_and_is_told(cast):
    view = saved(cast, name="  My   pilots ")
    assert (view.name, view.wanted) == ("My pilots", {"q": ["refund"], "stage": ["pilot"]})
    assert (view.sort, view.columns) == ("-title", ["owner", "tags"])
    assert sentences("saved_view.saved") == ["saved the view “My pilots” for themselves."]
    assert readers(cast, view) == {"olivia"}


def test_a_view_is_shared_with_everybody_or_with_a_unit_and_all_below(cast):
    assert readers(cast, saved(cast, sharing="everybody")) == set(cast.people)
    of_unit = saved(cast, "dev", "Ours", sharing="unit", unit=cast.units["Technology"])
    assert readers(cast, of_unit) == {"arno", "sam", "dev", "petra", "admin"}
    above = saved(cast, "dev", "All", sharing="unit", unit=cast.units["Northwind Bank"])
    assert readers(cast, above) == set(cast.people)
    assert sentences("saved_view.saved")[1] == "saved the view “Ours” for Technology and all below."


def test_a_person_who_left_and_a_machine_read_no_view(cast):
    view = saved(cast, sharing="everybody")
    cast.dev.is_active = False
    assert SavedView.objects.readable_by(cast.actor("dev")).filter(pk=view.pk).exists() is False
    assert SavedView.objects.readable_by(cast.actor("pipeline")).exists() is False


@pytest.mark.parametrize(
    ("who", "sharing", "unit", "code"),
    [
        ("pipeline", "private", None, "not_a_person"),
        ("otto", "everybody", None, "not_sharing"),
        ("olivia", "unit", "Finance", "other_unit"),
    ],
)
def test_who_may_not_save_or_share_saves_nothing(cast, who, sharing, unit, code):
    with pytest.raises(Refused) as refused:
        saved(cast, who, sharing=sharing, unit=cast.units.get(unit))
    assert (codes(refused), SavedView.objects.count(), events("saved_view.saved")) == ([code], 0, [])


def test_otto_saves_one_for_himself(cast):
    assert readers(cast, saved(cast, "otto")) == {"otto"}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"name": " "}, "name"), ({"name": "Pilots"}, "name"), ({"name": "Ours", "sharing": "unit"}, "unit")],
)
def test_a_view_that_lacks_something_says_what(cast, values, field):
    saved(cast)
    with pytest.raises(ValidationError) as error:
        saved(cast, **values)
    assert (list(error.value.message_dict), SavedView.objects.count()) == ([field], 1)


def test_views_are_bounded(cast, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 1)
    saved(cast)
    with pytest.raises(ValidationError, match="You have 1 views"):
        saved(cast, name="Another")
    assert SavedView.objects.count() == 1


def test_only_its_owner_changes_or_removes_a_view(cast):
    view = saved(cast, sharing="everybody")
    for verb, values in ((change_view, {"name": "Mine"}), (forget_view, {})):
        with pytest.raises(Refused) as refused:
            verb(actor=cast.actor("arno"), view=view, **values)
        assert codes(refused) == ["not_view_owner"]
    view.refresh_from_db()
    assert view.name == "Pilots"
    change_view(actor=cast.actor("olivia"), view=view, name="Pilots!", sharing="private", wanted={"tier": ["high"]})
    view.refresh_from_db()
    assert (view.name, view.sharing, view.wanted, view.sort) == ("Pilots!", "private", {"tier": ["high"]}, "")
    change_view(actor=cast.actor("olivia"), view=view, name="Pilots!", wanted={"tier": ["high"]})
    assert len(events("saved_view.changed")) == 1
    forget_view(actor=cast.actor("olivia"), view=view)
    assert SavedView.objects.count() == 0
    assert sentences("saved_view.forgotten") == ["removed the view “Pilots!”, which was for themselves."]


def test_the_register_begins_with_the_view_a_person_chose(cast, client_of):
    registered(cast, pattern="agent", title="Agent")
    registered(cast)
    view = saved(cast, wanted={"pattern": ["agent"], "columns": ["tags"]}, sharing="everybody")
    begin_with_view(actor=cast.actor("aud"), view=view)
    client = client_of("aud")
    opened = client.get("/use-cases/")
    assert [row.title for row in opened.context["rows"]] == ["Agent"]
    assert opened.context["query"].shown == ("tags",)
    assert len(client.get("/use-cases/?view=all").context["rows"]) == 2
    assert len(client.get("/use-cases/?pattern=retrieval").context["rows"]) == 1
    assert len(client_of("olivia").get("/use-cases/").context["rows"]) == 2
    begin_with_view(actor=cast.actor("aud"), view=None)
    assert len(client.get("/use-cases/").context["rows"]) == 2
    begin_with_view(actor=cast.actor("aud"), view=view)
    forget_view(actor=cast.actor("olivia"), view=view)
    assert DefaultView.objects.count() == 0


def test_nobody_begins_with_a_view_that_is_not_shared_with_them(cast):
    view = saved(cast)
    with pytest.raises(Refused) as refused:
        begin_with_view(actor=cast.actor("aud"), view=view)
    assert (codes(refused), DefaultView.objects.count()) == (["not_shared"], 0)


def test_a_shared_view_shows_each_reader_what_they_may_see_anyway(cast, client_of):
    registered(cast)
    hidden = registered(cast, by="arno", title="Refund ledger", owner=cast.fiona, unit=cast.units["Finance"])
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    view = saved(cast, "fiona", wanted={"q": ["refund"]}, sharing="everybody")
    seen = {
        who: [row.title for row in client_of(who).get(f"/use-cases/?view={view.pk}").context["rows"]]
        for who in ("fiona", "aud", "dev", "otto")
    }
    assert {who: sorted(found) for who, found in seen.items()} == {
        "fiona": ["Refund helper", "Refund ledger"],
        "aud": ["Refund helper", "Refund ledger"],
        "dev": ["Refund helper"],
        "otto": [],
    }


def test_views_are_saved_changed_and_removed_on_their_pages(cast, client_of):
    client = client_of("olivia")
    page = client.get("/saved-views/new/?stage=pilot&sort=title")
    assert "Stage: Pilot" in page.content.decode()
    done = client.post("/saved-views/new/?stage=pilot&sort=title", {"name": "Pilots", "sharing": "private"})
    view = SavedView.objects.get()
    assert (done.status_code, done["Location"]) == (302, f"/use-cases/?view={view.pk}")
    assert (view.wanted, view.sort) == ({"stage": ["pilot"]}, "title")
    again = client.post("/saved-views/new/?stage=review", {"name": "Pilots", "sharing": "private"})
    assert (again.status_code, SavedView.objects.count()) == (422, 1)
    assert "You have a view of this name." in again.content.decode()
    client.post(f"/saved-views/{view.pk}/?tier=high", {"name": "High", "sharing": "everybody"})
    view.refresh_from_db()
    assert (view.name, view.wanted, view.sharing) == ("High", {"tier": ["high"]}, "everybody")
    assert client_of("arno").post(f"/saved-views/{view.pk}/remove/").status_code == 403
    client.post(f"/saved-views/{view.pk}/begin/")
    assert DefaultView.objects.get().person == cast.olivia
    assert "Begin with all use cases" in client.get("/saved-views/").content.decode()
    client.post("/saved-views/begin-as-usual/")
    assert DefaultView.objects.count() == 0
    client.post(f"/saved-views/{view.pk}/remove/")
    assert SavedView.objects.count() == 0


def test_a_private_view_does_not_exist_for_others(cast, client_of):
    view = saved(cast)
    client = client_of("aud")
    assert client.get(f"/saved-views/{view.pk}/").status_code == 404
    assert client.post(f"/saved-views/{view.pk}/begin/").status_code == 404
    registered(cast)
    assert client.get(f"/use-cases/?view={view.pk}").context["view"] is None


def test_views_over_the_api(cast, api):
    body = {"name": "Pilots", "wanted": {"stage": ["pilot"], "sort": ["title"], "columns": ["tags"]}}
    made = api("olivia").post("saved-views/", body)
    assert made.status_code == 201
    pk = made.json()["id"]
    assert made["Location"] == f"/api/v1/saved-views/{pk}/"
    assert (made.json()["wanted"], made.json()["sort"]) == ({"stage": ["pilot"]}, "title")
    assert api("aud").get(f"saved-views/{pk}/").status_code == 404
    changed = api("olivia").patch(f"saved-views/{pk}/", {"sharing": "everybody"})
    assert (changed.json()["sharing"], changed.json()["wanted"]) == ("everybody", {"stage": ["pilot"]})
    assert [row["name"] for row in api("aud").get("saved-views/").json()["results"]] == ["Pilots"]
    assert api("aud").patch(f"saved-views/{pk}/", {"name": "x"}).status_code == 403
    assert api("olivia").post("saved-views/", {**body, "name": "y", "wanted": {"stage": ["nope"]}}).status_code == 400
    assert api("olivia").post("saved-views/", {**body, "name": "y", "wanted": {"speed": ["1"]}}).status_code == 400
    assert api("pipeline").post("saved-views/", body).status_code == 403
    assert api("olivia").client.delete(f"/api/v1/saved-views/{pk}/").status_code == 204
    assert SavedView.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"name": ""}, "saved_view_name_is_not_blank"),
        ({"name": "Other"}, "saved_view_name_is_unique_for_owner"),
        ({"sharing": "world"}, "saved_view_sharing_is_known"),
        ({"sharing": "unit"}, "saved_view_unit_is_named_for_units_only"),
        ({"sort": "password"}, "saved_view_sort_is_known"),
        ({"columns": ["x"] * 21}, "saved_view_columns_are_few"),
    ],
)
def test_the_database_refuses_views_that_make_no_sense(cast, change, constraint):
    saved(cast, name="Other")
    view = saved(cast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SavedView.objects.filter(pk=view.pk).update(**change)
    view.refresh_from_db()
    assert (view.name, view.sharing) == ("Pilots", "private")
