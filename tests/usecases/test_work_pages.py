"""The pages on which the work on a use case is done: answers, data, checklist, risk, versions, history."""

import json

from django.conf import settings

from tests.usecases.scenes import MANIFEST, MODERATE, answered, registered, source_of, submitted
from usecases.actions.data_sources import request_data_use
from usecases.actions.facts import record_fact
from usecases.actions.registration import edit_use_case
from usecases.actions.team import add_to_team
from usecases.models import (
    Answer,
    ChecklistConfirmation,
    DataSource,
    DataUse,
    RiskReview,
    SystemVersion,
)
from usecases.questionnaires import current_questionnaire, latest_answers, open_questions, questions_of, sections_of

TABS = ["", "discovery/", "data/", "checklist/", "risk/", "versions/", "history/"]


def text_of(response):
    return " ".join(response.content.decode().split())


def test_an_answer_is_saved_by_an_ordinary_form(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/discovery/"
    response = client_of("olivia").post(address + "reuse/", {"value": "The connection.", "seen_revision": "0"})
    assert (response.status_code, response["Location"]) == (303, f"{address}#q-reuse")
    assert Answer.objects.get().value == "The connection."
    page = text_of(client_of("olivia").get(address))
    assert "The connection.</textarea>" in page
    assert "1 of 21 answered, 0 not known yet." in page


def test_an_answer_saved_by_itself_updates_state_and_progress_only(cast, client_of):
    use_case = registered(cast)
    client = client_of("olivia", headers={"HX-Request": "true"})
    address = f"/use-cases/{use_case.reference}/discovery/"
    response = client.post(address + "harm_severity/", {"value": "unsure", "seen_revision": "0"})
    assert response.status_code == 200
    page = text_of(response)
    assert 'id="state-harm_severity"' in page
    assert 'name="seen_revision" value="1"' in page
    assert 'id="progress" class="stack-s" hx-swap-oob="true"' in page
    assert "0 of 21 answered, 1 not known yet." in page
    assert "<textarea" not in page


def test_the_stage_moves_on_the_page_with_the_first_answer(cast, client_of):
    use_case = registered(cast)
    client = client_of("olivia", headers={"HX-Request": "true"})
    address = f"/use-cases/{use_case.reference}/discovery/"
    first = text_of(client.post(address + "reuse/", {"value": "Nothing.", "seen_revision": "0"}))
    assert '<nav class="spine" id="stages" hx-swap-oob="true"' in first
    assert '<b> Discovery </b> <span class="hidden"> current stage </span>' in first
    second = text_of(client.post(address + "reuse/", {"value": "The connection.", "seen_revision": "1"}))
    assert 'id="stages"' not in second
    assert '<nav class="spine" id="stages" aria-label' in text_of(client_of("olivia").get(address))


def test_ones_own_other_window_is_called_so(cast, client_of):
    use_case = answered(cast, {"reuse": "In the first window."})
    address = f"/use-cases/{use_case.reference}/discovery/reuse/"
    response = client_of("olivia").post(address, {"value": "In the second.", "seen_revision": "0"})
    assert response.status_code == 409
    page = text_of(response)
    assert "You changed this answer in another window. Compare both, then save again." in page
    assert "Your text is above and not saved yet." in page
    assert "In the second.</textarea>" in page
    assert Answer.objects.get().value == "In the first window."


def test_what_is_optional_holds_nothing_up_but_every_question_is_counted(cast, client_of):
    use_case = registered(cast)
    questions = list(questions_of(current_questionnaire().definition))
    assert [len(part.questions) for part in sections_of(current_questionnaire().definition)] == [10, 11]
    assert "Twenty-one questions follow: ten about what it is for, eleven about what could go wrong." in text_of(
        client_of("olivia").get("/use-cases/new/")
    )
    assert open_questions({}) == len(questions) == 21
    answered(cast, {each.key: "unsure" for each in questions if each.kind == "choice"}, use_case)
    assert open_questions(latest_answers(use_case)) == 10
    words = {each.key: "Known." for each in questions if each.kind != "choice" and each.required}
    answered(cast, words, use_case)
    assert open_questions(latest_answers(use_case)) == 0


def test_the_checklist_tells_what_somebody_stated_from_what_the_portal_recorded(cast, client_of):
    use_case = registered(cast)
    record_fact(actor=cast.actor("ingest"), use_case=use_case, name="evaluation_set", value=214, statement="214 cases.")
    rows = client_of("fiona").get(f"/use-cases/{use_case.reference}/checklist/").context["rows"]
    told = {row["status"].item.id: (row["status"].state, row["stated_by"]) for row in rows}
    assert told["PC02"] == ("satisfied", "Olivia")
    assert told["PC05"] == ("satisfied", "")
    assert told["PC08"] == ("open", "")
    page = text_of(client_of("fiona").get(f"/use-cases/{use_case.reference}/checklist/"))
    assert (page.count("Stated by Olivia"), page.count("Shown by facts")) == (3, 1)


def test_floors_that_are_only_assumed_and_raise_nothing_are_folded_away(cast, client_of):
    use_case = answered(cast, {**MODERATE, "harm_severity": "5", "scale": "unsure", "eu_tier": "unsure"})
    context = client_of("olivia").get(f"/use-cases/{use_case.reference}/risk/").context
    idle, shown = context["idle"], context["floors"]
    assert [floor.id for floor in idle] == ["F2", "F8"]
    assert [(floor.id, floor.assumed, floor.raised) for floor in shown] == [("F4", False, False)]
    page = text_of(client_of("olivia").get(f"/use-cases/{use_case.reference}/risk/"))
    assert "Also assumed until answered, without effect: F2, F8 </summary>" in page
    raising = answered(cast, {**MODERATE, "eu_tier": "unsure"})
    context = client_of("olivia").get(f"/use-cases/{raising.reference}/risk/").context
    assert [(floor.id, floor.assumed, floor.raised) for floor in context["floors"]] == [("F2", True, True)]
    assert [floor.id for floor in context["idle"]] == ["F8"]


def test_a_conflict_shows_the_other_text_and_keeps_the_typed_one(cast, client_of):
    use_case = answered(cast, {"reuse": "What Arno wrote."})
    address = f"/use-cases/{use_case.reference}/discovery/reuse/"
    typed = {"value": "What Olivia typed.", "seen_revision": "0"}
    response = client_of("olivia").post(address, typed)
    assert response.status_code == 409
    page = text_of(response)
    assert "What Olivia typed.</textarea>" in page
    assert "What Arno wrote." in page
    assert 'name="seen_revision" value="0"' in page
    assert 'name="replaced_revision" value="1"' in page
    fragment = client_of("olivia", headers={"HX-Request": "true"}).post(address, typed)
    assert fragment.status_code == 422
    assert 'id="state-reuse"' in text_of(fragment)
    assert "What Arno wrote." in text_of(fragment)
    assert Answer.objects.count() == 1
    assert client_of("olivia").post(address, {**typed, "replaced_revision": "1"}).status_code == 303
    assert Answer.objects.get(revision=2).value == "What Olivia typed."


def test_what_cannot_be_an_answer_stays_on_the_page(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/discovery/"
    response = client_of("olivia").post(address + "reuse/", {"value": "x" * 4001, "seen_revision": ""})
    assert response.status_code == 422
    assert "x" * 4001 in text_of(response)
    assert client_of("olivia").post(address + "no_such/", {"value": "x"}).status_code == 404
    assert client_of("rafael").post(address + "reuse/", {"value": "x"}).status_code == 403
    assert Answer.objects.count() == 0


def test_data_is_asked_for_and_decided_by_its_owner(cast, client_of):
    use_case, source = registered(cast), source_of(cast)
    address = f"/use-cases/{use_case.reference}/data/"
    assert client_of("olivia").post(address, {"data_source": source.pk, "purpose": ""}).status_code == 422
    asked = {"data_source": source.pk, "purpose": "Answer questions.", "access_boundary": "Agents only."}
    assert client_of("olivia").post(address, asked).status_code == 302
    use = DataUse.objects.get()
    page = text_of(client_of("olivia").get(address))
    assert "Only Petra, who owns this data source, decides who may use it." in page
    assert client_of("olivia").post(f"/data-uses/{use.pk}/approve/", {}).status_code == 403
    assert client_of("petra").post(f"/data-uses/{use.pk}/refuse/", {"note": ""}).status_code == 422
    assert client_of("petra").post(f"/data-uses/{use.pk}/approve/", {"note": "Fine."}).status_code == 302
    use.refresh_from_db()
    assert (use.state, use.note) == ("approved", "Fine.")


def test_a_sources_owner_decides_without_seeing_the_use_case(cast, client_of):
    use_case, source = registered(cast), source_of(cast, "otto")
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source, purpose="Answer questions."
    )
    client = client_of("otto")
    assert "Approve this use" in text_of(client.get(f"/data-sources/{source.pk}/"))
    assert client.post(f"/data-uses/{use.pk}/refuse/", {"note": "Not this."}).status_code == 302
    assert DataUse.objects.get().state == "refused"


def test_a_source_names_only_use_cases_one_may_see(cast, client_of):
    use_case, source = registered(cast), source_of(cast)
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source, purpose="Answer questions."
    )
    assert use_case.reference in text_of(client_of("fiona").get(f"/data-sources/{source.pk}/"))
    assert client_of("otto").get(f"/data-sources/{source.pk}/").status_code == 404
    assert client_of("otto").post(f"/data-uses/{use.pk}/approve/", {}).status_code == 404
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    assert use_case.reference not in text_of(client_of("fiona").get(f"/data-sources/{source.pk}/"))


def test_a_source_is_added_from_the_catalogue(cast, client_of):
    values = {
        "name": "Refund orders",
        "system": "SAP",
        "owner": cast.fiona.pk,
        "unit": cast.units["Finance"].pk,
        "classification": "confidential",
        "personal_data": "on",
    }
    client = client_of("arno")
    assert client.post("/data-sources/new/", {}).status_code == 422
    assert client.post("/data-sources/new/", values).status_code == 302
    assert DataSource.objects.get().personal_data is True
    again = client.post("/data-sources/new/", values)
    assert again.status_code == 422
    assert "has a data source of this name" in text_of(again)
    assert "Refund orders" in text_of(client.get("/data-sources/?q=orders"))
    assert [row.name for row in client.get("/data-sources/?q=nothing").context["rows"]] == []
    assert client_of("otto").post("/data-sources/new/", values | {"name": "x"}).status_code == 403


def test_the_catalogue_is_not_for_people_without_any_part(cast, client_of, api):
    use_case, source = registered(cast), source_of(cast)
    otto = client_of("otto")

    def shown():
        names = [row.name for row in otto.get("/data-sources/").context["rows"]]
        assert sorted(row["name"] for row in api("otto").get("data-sources/").json()["results"]) == names
        return names

    assert shown() == []
    assert otto.get(f"/data-sources/{source.pk}/").status_code == 404
    source_of(cast, owner="otto", name="Room plans")
    assert shown() == ["Room plans"], "whoever owns a source answers for it"
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.otto, role="engineering")
    assert shown() == ["Policy library", "Room plans"]
    assert otto.get(f"/data-sources/{source.pk}/").status_code == 200


def test_a_form_that_is_not_theirs_names_no_colleague_to_anybody(cast, client_of):
    page = client_of("otto").get("/data-sources/new/")
    assert (page.status_code, page.context["ruling"].reasons[0].code) == (200, "not_declaring")
    assert "Adding a data source needs the role of architect" in text_of(page)
    assert "Olivia" not in text_of(page)
    refused = client_of("otto").post("/data-sources/new/", {})
    assert refused.status_code == 403
    assert "Olivia" not in text_of(refused)
    assert "Olivia" in text_of(client_of("arno").get("/data-sources/new/"))


def test_the_catalogue_turns_pages_by_name(cast, client_of, monkeypatch):
    monkeypatch.setattr("usecases.views.catalogue.PAGE", 2)
    for name in ("Beta_1", "Alpha", "Gamma"):
        source_of(cast, name=name)
    client = client_of("amina")
    first = client.get("/data-sources/")
    assert [row.name for row in first.context["rows"]] == ["Alpha", "Beta_1"]
    second = client.get("/data-sources/" + first.context["next_url"])
    assert [row.name for row in second.context["rows"]] == ["Gamma"]
    assert client.get("/data-sources/?cursor=spoilt").context["rows"] == []


def test_a_checklist_item_is_confirmed_and_withdrawn(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("olivia"), f"/use-cases/{use_case.reference}/checklist/"
    assert client.post(address + "PC08/confirm/", {"evidence": ""}).status_code == 422
    assert client.post(address + "PC99/confirm/", {"evidence": "x"}).status_code == 404
    assert client.post(address + "PC08/withdraw/", {}).status_code == 404
    saved = client.post(address + "PC08/confirm/", {"evidence": "The dashboard.", "link": "https://example.org/d"})
    assert saved.status_code == 302
    page = text_of(client.get(address))
    assert "4 of 11 items stand." in page
    assert "https://example.org/d" in page
    assert client.post(address + "PC01/confirm/", {"evidence": "x"}).status_code == 409
    assert client.post(address + "PC08/withdraw/", {"reason": "Off."}).status_code == 302
    assert ChecklistConfirmation.objects.get().withdrawn_by == cast.olivia


def test_a_link_to_evidence_is_never_a_script(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/checklist/PC08/confirm/"
    response = client_of("olivia").post(address, {"evidence": "x", "link": "javascript:alert(1)"})
    assert response.status_code == 422
    assert ChecklistConfirmation.objects.count() == 0


def test_the_risk_page_explains_the_tier_and_carries_the_refusal(cast, client_of):
    use_case = answered(cast, {**MODERATE, "eu_tier": "high_risk_annex_iii", "novelty": "unsure"})
    page = text_of(client_of("olivia").get(f"/use-cases/{use_case.reference}/risk/"))
    assert "Impact 3 × exposure 3 = 9 of 25." in page
    assert "The law counts this use as high-risk or high-impact." in page
    assert "1 question is unanswered and counts as its worst case." in page
    assert "Submit for risk review" in page
    page = text_of(client_of("fiona").get(f"/use-cases/{use_case.reference}/risk/"))
    assert "Submitting for review needs a part as owner on the team" in page


def test_a_review_is_submitted_returned_and_concluded_on_its_page(cast, client_of):
    use_case = answered(cast)
    address = f"/use-cases/{use_case.reference}/risk/"
    assert client_of("olivia").post(address + "submit/").status_code == 302
    reviewer = client_of("rafael")
    assert "Conclude this review" in text_of(reviewer.get(address))
    assert reviewer.post(address + "1/return/", {"rationale": ""}).status_code == 422
    assert reviewer.post(address + "1/return/", {"rationale": "Name the users."}).status_code == 302
    assert client_of("olivia").post(address + "submit/").status_code == 302
    short = reviewer.post(address + "2/conclude/", {"tier": "low", "rationale": "Fine."})
    assert short.status_code == 422
    assert "at least 20 characters" in text_of(short)
    assert client_of("olivia").post(address + "2/conclude/", {"tier": "low", "rationale": "x"}).status_code == 403
    assert reviewer.post(address + "9/conclude/", {"tier": "low", "rationale": "x"}).status_code == 404
    assert reviewer.post(address + "2/conclude/", {"tier": "moderate", "rationale": "Agreed."}).status_code == 302
    assert [row.state for row in RiskReview.objects.order_by("number")] == ["returned", "concluded"]
    page = text_of(client_of("olivia").get(address))
    assert "Name the users." in page
    assert "Agreed." in page


def test_answers_changed_after_submitting_are_pointed_out(cast, client_of):
    review = submitted(cast)
    address = f"/use-cases/{review.use_case.reference}/"
    assert "Answers changed since" not in text_of(client_of("rafael").get(address + "risk/"))
    client_of("olivia").post(address + "discovery/scale/", {"value": "4", "seen_revision": "1"})
    assert "Answers changed since" in text_of(client_of("rafael").get(address + "risk/"))


def test_a_version_is_declared_and_read(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("dev"), f"/use-cases/{use_case.reference}/versions/"
    for manifest in ("{", "[]", "1"):
        assert client.post(address, {"label": "1", "manifest": manifest}).status_code == 422
    faulty = client.post(address, {"label": "1", "manifest": json.dumps({**MANIFEST, "tools": "none"})})
    assert faulty.status_code == 422
    assert "<code>tools</code>" in text_of(faulty)
    assert "This must be a list." in text_of(faulty)
    assert SystemVersion.objects.count() == 0
    hostile = {**MANIFEST, "prompts": [{"name": "system", "version": "7", "text": "<script>alert(1)</script>"}]}
    assert client.post(address, {"label": "1", "manifest": json.dumps(hostile)}).status_code == 302
    second = client.post(address, {"label": "2", "manifest": json.dumps(MANIFEST)})
    assert second["Location"] == f"{address}2/"
    again = client.post(address, {"label": "3", "manifest": json.dumps(MANIFEST)}, follow=True)
    assert again.redirect_chain == [(f"{address}2/", 302)]
    assert "This is already version 2 (2); nothing new was declared." in text_of(again)
    assert SystemVersion.objects.count() == 2
    page = text_of(client.get(address + "2/"))
    assert "prompt system text changed from" in page
    assert f'<span class="ref">{settings.VERSION}</span>' in page
    assert "Answer from the sources only." in page
    assert "&lt;script&gt;alert(1)" in text_of(client.get(address + "1/"))
    assert "<script>alert(1)" not in text_of(client.get(address + "1/"))
    assert client.get(address + "3/").status_code == 404


def test_the_example_on_the_page_is_a_manifest_that_is_accepted(cast, client_of):
    use_case = registered(cast)
    client, address = client_of("dev"), f"/use-cases/{use_case.reference}/versions/"
    example = client.get(address).context["example"]
    assert client.post(address, {"label": "1", "manifest": example}).status_code == 302
    assert SystemVersion.objects.count() == 1


def test_history_tells_every_step_newest_first(cast, client_of):
    use_case = answered(cast, {"reuse": "The connection."})
    entries = client_of("aud").get(f"/use-cases/{use_case.reference}/history/").context["entries"]
    lines = [entry.line for entry in entries]
    assert [line.action for line in lines] == [
        "answer.saved",
        "use_case.discovery_started",
        "team.joined",
        "use_case.registered",
    ]
