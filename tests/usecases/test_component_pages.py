"""The pages and the API of the catalogue, and the version page that compares with any other."""

from datetime import timedelta

import pytest

from tests.evidence.scenes import case, recorded
from tests.usecases.scenes import MANIFEST, registered
from usecases.actions.components import catalogue_component, set_retirement
from usecases.actions.registration import edit_use_case
from usecases.actions.retirements import review_retirements
from usecases.actions.versions import declare_version
from usecases.catalogue import todays_date
from usecases.models import Component, WorkItem
from usecases.prompts import Line, compare_texts, sides_of


def declare(cast, use_case, text="Answer from the sources only.", label="2026.11", **model):
    manifest = {
        **MANIFEST,
        "model": {**MANIFEST["model"], **model},
        "prompts": [{"name": "system", "version": label, "text": text}],
    }
    return declare_version(actor=cast.actor("dev"), use_case=use_case, label=label, manifest=manifest)


def page(client, path, **params):
    response = client.get(path, params)
    return response.status_code, response.content.decode()


def retire(cast, version, days):
    model = Component.objects.get(kind="model", version_components__system_version=version)
    day = todays_date() + timedelta(days=days)
    return set_retirement(actor=cast.actor("petra"), component=model, retires_on=day, source="Their page.")


def test_the_catalogue_is_narrowed_by_kind_words_provider_and_attention(cast, client_of):
    first = declare(cast, registered(cast))
    declare(cast, registered(cast, title="Other"), name="large", provider="mistral")
    client = client_of("dev")
    assert all(name in page(client, "/components/")[1] for name in ("gpt-4o", "large", "system"))
    for params in ({"kind": "model", "q": "gpt 2024"}, {"provider": "Azure"}):
        body = page(client, "/components/", **params)[1]
        assert ("gpt-4o" in body, ">large<" in body, ">system<" in body) == (True, False, False)
    assert "Nothing needs attention" in page(client, "/components/", attention="on")[1]
    retire(cast, first, 100)
    assert "gpt-4o" in page(client, "/components/", attention="on")[1]
    assert "Nothing matches" in page(client, "/components/", q="no such thing")[1]


def test_the_catalogue_turns_its_pages_by_name_and_ends(cast, client_of):
    for n in range(60):
        catalogue_component(actor=cast.actor("dev"), kind="tool", name=f"tool-{n:02d}", version="1")
    client = client_of("olivia")
    first = client.get("/components/").context
    second = client.get(f"/components/{first['next_url']}").context
    names = [row.name for row in (*first["rows"], *second["rows"])]
    assert names == [f"tool-{n:02d}" for n in range(60)]
    assert (len(first["rows"]), second["next_url"]) == (50, "")
    assert page(client, "/components/", after="no key")[0] == 200


def test_a_component_says_where_it_runs_as_far_as_one_may_see(cast, client_of):
    use_case = registered(cast)
    declare(cast, use_case, region="westeurope")
    hidden = registered(cast, title="Ledger reader", by="arno", owner=cast.fiona, unit=cast.units["Finance"])
    declare(cast, hidden, text="Read.")
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    model = Component.objects.get(kind="model")
    status, body = page(client_of("dev"), model.get_absolute_url())
    assert (status, "Refund helper" in body, "westeurope" in body, "Ledger reader" in body) == (200, True, True, False)
    assert "Ledger reader" in page(client_of("rafael"), model.get_absolute_url())[1]


def test_tools_known_from_hidden_use_cases_only_are_not_shown_with_an_agent(cast, client_of):
    hidden = registered(cast, title="Ledger reader", by="arno", owner=cast.fiona, unit=cast.units["Finance"])
    manifest = {**MANIFEST, "tools": [{"name": "ledger-lookup", "version": "1", "access": "read"}]}
    declare_version(actor=cast.actor("dev"), use_case=hidden, label="1", manifest=manifest)
    tool = Component.objects.get(kind="tool")
    agent = catalogue_component(actor=cast.actor("dev"), kind="agent", name="Desk", version="1", parts=[tool])
    assert "ledger-lookup" in page(client_of("petra"), agent.get_absolute_url())[1]
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    assert "ledger-lookup" not in page(client_of("petra"), agent.get_absolute_url())[1]
    assert page(client_of("petra"), tool.get_absolute_url())[0] == 404


def test_the_day_is_set_on_the_page_and_its_faults_are_shown_there(cast, client_of):
    declare(cast, registered(cast))
    model = Component.objects.get(kind="model")
    path = f"{model.get_absolute_url()}retirement/"
    wrong = client_of("petra").post(path, {"retires_on": "soon", "source": ""})
    assert (wrong.status_code, "Enter a valid date." in wrong.content.decode()) == (422, True)
    done = client_of("petra").post(path, {"retires_on": "2027-06-01", "source": "Their page."})
    model.refresh_from_db()
    assert (done.status_code, str(model.retires_on)) == (302, "2027-06-01")
    assert client_of("petra").get(path)["Location"] == model.get_absolute_url()


def test_an_agent_is_added_and_described_on_its_pages(cast, client_of):
    client = client_of("dev")
    made = client.post("/components/new/", {"kind": "agent", "name": "Desk", "version": "1"})
    agent = Component.objects.get()
    assert (made.status_code, made["Location"]) == (302, agent.get_absolute_url())
    again = client.post("/components/new/", {"kind": "agent", "name": "Desk", "version": "1"})
    assert (again.status_code, "in the catalogue already" in again.content.decode()) == (422, True)
    client.post(f"{agent.get_absolute_url()}edit/", {"acts_as": "sp-desk", "licence": "Ours"})
    agent.refresh_from_db()
    assert (agent.acts_as, agent.licence) == ("sp-desk", "Ours")
    wrong = client.post(f"{agent.get_absolute_url()}edit/", {"card": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert Component.objects.count() == 1


def test_two_prompts_are_shown_side_by_side(cast, client_of):
    use_case = registered(cast)
    declare(cast, use_case, "One.\nTwo.", "1")
    declare(cast, use_case, "One.\nTwo and a half.\nThree.", "2", version="2025")
    older, newer = Component.objects.filter(kind="prompt").order_by("id")
    status, body = page(client_of("dev"), f"/components/{newer.pk}/compare/{older.pk}/")
    assert status == 200
    assert body.index("Two.") < body.index("Two and a half.")
    model = Component.objects.filter(kind="model").first()
    assert page(client_of("dev"), f"/components/{model.pk}/compare/{older.pk}/")[0] == 404
    assert page(client_of("otto"), f"/components/{newer.pk}/compare/{older.pk}/")[0] == 404


def test_what_was_removed_stands_opposite_of_what_was_added():
    lines = [Line("same", "a"), Line("removed", "b"), Line("added", "c"), Line("added", "d"), Line("same", "e")]
    sides = sides_of(lines)
    assert [(line.kind, line.text) for line in sides.left] == [
        ("same", "a"),
        ("removed", "b"),
        ("gap", ""),
        ("same", "e"),
    ]
    assert [line.text for line in sides.right] == ["a", "c", "d", "e"]
    assert sides_of([]).left == ()


def test_a_text_that_is_not_stored_is_not_compared(cast):
    assert compare_texts("system", "a" * 64, "b" * 64) is None


def test_a_version_is_compared_with_any_other(cast, client_of):
    use_case = registered(cast)
    for number in (1, 2, 3):
        declare(cast, use_case, f"Text {number}.", str(number), version=f"2025-0{number}")
    path = f"/use-cases/{use_case.reference}/versions/3/"
    assert "model version changed from 2025-02 to 2025-03" in page(client_of("dev"), path)[1]
    body = page(client_of("dev"), path, **{"with": "1"})[1]
    assert "model version changed from 2025-01 to 2025-03" in body
    assert ("Text 1." in body, "Text 2." in body) == (True, False)
    for odd in ("9", "x", "-1", "٣"):
        assert "from 2025-02 to 2025-03" in page(client_of("dev"), path, **{"with": odd})[1]


def test_a_version_says_which_kinds_its_evaluation_set_lacks(cast, client_of):
    version = declare(cast, registered(cast))
    recorded(cast.actor("ingest"), version, case("q-1", grounded="0.9"), case("q-2", "edge_case", grounded="0.9"))
    response = client_of("dev").get(f"/use-cases/{version.use_case.reference}/versions/1/")
    covered = {row["kind"] for row in response.context["coverage"] if row["covered"]}
    assert (len(response.context["coverage"]), covered) == (6, {"common_question", "edge_case"})


def test_an_evaluation_set_says_what_the_newest_run_on_it_covered(cast, client_of):
    version = declare(cast, registered(cast))
    recorded(cast.actor("ingest"), version, case("q-1", grounded="0.9"), case("q-2", "unsafe_prompt", grounded="0.9"))
    golden = catalogue_component(actor=cast.actor("dev"), kind="evaluation_set", name="golden", version="3")
    response = client_of("dev").get(f"/components/{golden.pk}/coverage/")
    assert [str(label) for label in response.context["missing"]] == [
        "Edge case",
        "Known failure",
        "Source-grounded",
        "Expected characteristic",
    ]
    assert f"/components/{golden.pk}/coverage/" in page(client_of("dev"), golden.get_absolute_url())[1]
    other = catalogue_component(actor=cast.actor("dev"), kind="evaluation_set", name="golden", version="4")
    assert "nothing is known of its cases" in page(client_of("dev"), f"/components/{other.pk}/coverage/")[1]


def test_work_is_shown_on_the_use_case_and_set_aside_there(cast, client_of):
    version = declare(cast, registered(cast))
    retire(cast, version, 100)
    review_retirements(released=[])
    item, case_page = WorkItem.objects.get(), version.use_case.get_absolute_url()
    assert "Move off" in page(client_of("olivia"), case_page)[1]
    assert "/dismiss/" not in page(client_of("dev"), case_page)[1]
    path = f"/work-items/{item.pk}/dismiss/"
    wrong = client_of("olivia").post(path, {"reason": ""})
    assert wrong.status_code == 422
    done = client_of("olivia").post(path, {"reason": "It ends in May."})
    item.refresh_from_db()
    assert (done.status_code, item.state, item.reason) == (302, "dismissed", "It ends in May.")
    assert "Move off" not in page(client_of("olivia"), case_page)[1]


def test_the_api_lists_components_and_what_runs_on_them(cast, api):
    use_case = registered(cast)
    declare(cast, use_case, region="westeurope")
    declare(cast, use_case, label="next", version="2026")
    found = api("pipeline").get("components/", kind="model", q="2024").json()["results"]
    assert [row["version"] for row in found] == ["2024-11-20"]
    uses = api("pipeline").get(f"components/{found[0]['id']}/uses/").json()["results"]
    assert [(row["use_case"], row["number"], row["newest"], row["details"]) for row in uses] == [
        (use_case.reference, 1, False, {"region": "westeurope"})
    ]
    assert api("otto").get(f"components/{found[0]['id']}/").status_code == 404


def test_the_api_adds_describes_and_retires(cast, api):
    tool = api("dev").post("components/", {"kind": "mcp_server", "name": "orders", "version": "2"}).json()
    agent = api("dev").post("components/", {"kind": "agent", "name": "Desk", "parts": [tool["id"]]})
    assert agent.status_code == 201
    path = f"components/{agent.json()['id']}/"
    assert api("dev").patch(path, {"licence": "Ours"}).json()["licence"] == "Ours"
    assert list(Component.objects.get(kind="agent").parts.all()) == [Component.objects.get(kind="mcp_server")]
    done = api("petra").put(f"{path}retirement/", {"retires_on": "2027-06-01", "source": "Their page."})
    assert done.json()["retires_on"] == "2027-06-01"
    assert api("dev").patch(path, {"name": "another"}).status_code == 400
    assert api("olivia").patch(path, {"licence": "Mine"}).status_code == 403
    assert Component.objects.get(kind="agent").licence == "Ours"


@pytest.mark.parametrize("who", ["olivia", "arno"])
def test_the_api_lists_work_and_sets_it_aside(cast, api, who):
    version = declare(cast, registered(cast))
    retire(cast, version, 100)
    review_retirements(released=[])
    row = api(who).get("work-items/").json()["results"][0]
    assert (row["use_case"], row["component_name"], row["state"]) == (
        version.use_case.reference,
        "azure gpt-4o 2024-11-20",
        "open",
    )
    assert api("dev").post(f"work-items/{row['id']}/dismiss/", {"reason": "No."}).status_code == 403
    done = api(who).post(f"work-items/{row['id']}/dismiss/", {"reason": "It ends in May."})
    assert (done.status_code, done.json()["state"]) == (200, "dismissed")
    assert api(who).get("work-items/").json()["results"] == []
