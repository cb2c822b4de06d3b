"""The register over HTTP: strict in, explicit out, one problem shape for every refusal."""

import pytest

from tests.usecases.scenes import MANIFEST, MODERATE, answered, cleared, registered, source_of, submitted
from usecases.models import Answer, ChecklistConfirmation, DataUse, RiskReview, SystemVersion, UseCase

NEW = {
    "title": "Refund helper",
    "business_outcome": "One hour instead of two days.",
    "user_group": "Twelve agents.",
    "pattern": "retrieval",
}


def problem(response):
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def faults(response):
    assert problem(response) == (400, "invalid")
    return sorted(error["field"] for error in response.json()["errors"])


def test_a_person_registers_with_themselves_as_owner(cast, api):
    response = api("olivia").post("use-cases/", NEW)
    use_case = UseCase.objects.get()
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/use-cases/{use_case.reference}/")
    assert response.json() == {
        "reference": use_case.reference,
        "title": "Refund helper",
        "business_outcome": "One hour instead of two days.",
        "user_group": "Twelve agents.",
        "pattern": "retrieval",
        "owner": {"id": str(cast.olivia.pk), "name": "Olivia"},
        "unit": {"id": str(cast.units["Customer service"].pk), "name": "Customer service"},
        "stage": "registered",
        "tier": "",
        "restricted": False,
        "tags": [],
        "registered_at": response.json()["registered_at"],
        "updated_at": response.json()["updated_at"],
        "url": f"/use-cases/{use_case.reference}/",
    }


def test_a_pipeline_names_the_owner_by_sign_in_name_and_the_unit_by_name(cast, api):
    pipeline = api("pipeline")
    assert faults(pipeline.post("use-cases/", NEW)) == ["owner"]
    response = pipeline.post("use-cases/", {**NEW, "owner": "Olivia", "unit": "Finance"})
    assert response.status_code == 201
    assert (response.json()["owner"]["name"], response.json()["unit"]["name"]) == ("Olivia", "Finance")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"pattern": "magic"}, "pattern"),
        ({"owner": "nobody"}, "owner"),
        ({"unit": "Nowhere"}, "unit"),
        ({"tier": "low"}, "tier"),
        ({"stage": "production"}, "stage"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_registered(cast, api, change, field):
    assert faults(api("olivia").post("use-cases/", {**NEW, **change})) == [field]
    assert UseCase.objects.count() == 0


def test_registering_is_refused_with_its_reason(cast, api):
    response = api("rafael").post("use-cases/", NEW)
    assert problem(response) == (403, "not_registrar")
    assert response.json()["reasons"][0]["text"].startswith("Registering a use case here needs the role")
    assert problem(api("pipeline", ["read"]).post("use-cases/", {**NEW, "owner": "olivia"})) == (403, "not_registrar")
    assert UseCase.objects.count() == 0


def test_the_same_key_registers_once(cast, api):
    olivia = api("olivia")
    first = olivia.post("use-cases/", NEW, **{"Idempotency-Key": "one"})
    again = olivia.post("use-cases/", NEW, **{"Idempotency-Key": "one"})
    assert (first.json(), again["Idempotent-Replay"]) == (again.json(), "true")
    other = olivia.post("use-cases/", {**NEW, "title": "Else"}, **{"Idempotency-Key": "one"})
    assert problem(other) == (409, "idempotency_key_reused")
    assert UseCase.objects.count() == 1


def test_the_list_holds_what_one_may_see_and_is_filtered(cast, api):
    registered(cast)
    registered(cast, title="Policy chat", pattern="conversation")
    body = api("amina").get("use-cases/", page_size=1).json()
    assert sorted(body) == ["next", "previous", "results"]
    assert [row["title"] for row in body["results"]] == ["Policy chat"]
    following = api("amina").client.get(body["next"]).json()
    assert [row["title"] for row in following["results"]] == ["Refund helper"]
    found = api("amina").get("use-cases/", q="helper", unit="Customer service", owner="oliv").json()
    assert [row["title"] for row in found["results"]] == ["Refund helper"]
    assert api("otto").get("use-cases/").json()["results"] == []
    assert faults(api("amina").get("use-cases/", stage="nonsense")) == ["stage"]


def test_what_one_may_not_see_does_not_exist(cast, api):
    use_case = registered(cast)
    for path in ("", "versions/", "answers/", "data-uses/", "checklist/", "risk-reviews/"):
        assert problem(api("otto").get(f"use-cases/{use_case.reference}/{path}")) == (404, "not_found")
    assert problem(api("amina").get("use-cases/UC-99999/")) == (404, "not_found")
    assert problem(api("amina").get("use-cases/nonsense/")) == (404, "not_found")


def test_a_change_names_only_what_changes(cast, api):
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/"
    response = api("olivia").patch(path, {"title": "Refund assistant"})
    assert (response.status_code, response.json()["title"]) == (200, "Refund assistant")
    assert response.json()["user_group"] == use_case.user_group
    assert faults(api("olivia").patch(path, {"owner": "arno"})) == ["owner"]
    assert problem(api("amina").patch(path, {"title": "Mine"})) == (403, "not_editor")
    assert UseCase.objects.get().title == "Refund assistant"


def test_a_pipeline_declares_a_version_once(cast, api):
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/versions/"
    first = api("pipeline").post(path, {"label": "2026.11", "manifest": MANIFEST})
    assert first.status_code == 201
    assert (first.json()["number"], first.json()["declared_by"]["name"]) == (1, "pipeline")
    again = api("pipeline").post(path, {"label": "else", "manifest": MANIFEST})
    assert (again.status_code, again.json()) == (200, first.json())
    assert api("amina").get(path).json()["results"] == [first.json()]
    assert api("amina").get(path + "1/").json() == first.json()
    assert problem(api("amina").get(path + "2/")) == (404, "not_found")
    assert SystemVersion.objects.count() == 1


def test_a_faulty_manifest_names_every_place(cast, api):
    use_case = registered(cast)
    body = {"label": "x", "manifest": {**MANIFEST, "model": {"provider": "azure"}, "tools": "none"}}
    response = api("dev").post(f"use-cases/{use_case.reference}/versions/", body)
    assert faults(response) == ["manifest.model.name", "manifest.model.version", "manifest.tools"]
    assert problem(api("olivia").post(f"use-cases/{use_case.reference}/versions/", {**body, "manifest": MANIFEST})) == (
        403,
        "not_declaring_versions",
    )
    assert SystemVersion.objects.count() == 0


def test_an_answer_is_put_and_a_stale_one_carries_both_texts(cast, api):
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/answers/"
    saved = api("olivia").put(path + "reuse/", {"value": "The connection."})
    assert (saved.status_code, saved.json()["revision"]) == (200, 1)
    stale = api("arno").put(path + "reuse/", {"value": "Nothing."})
    assert problem(stale) == (409, "stale_answer")
    assert (stale.json()["current"]["value"], stale.json()["typed"]) == ("The connection.", "Nothing.")
    assert api("arno").put(path + "scale/", {"value": ""}).status_code == 204
    assert faults(api("arno").put(path + "scale/", {"value": "9"})) == ["value"]
    assert faults(api("arno").put(path + "no_such/", {"value": "9"})) == ["question"]
    assert problem(api("dev").put(path + "reuse/", {"value": "x"})) == (403, "not_answering")
    assert [row["value"] for row in api("dev").get(path).json()["results"]] == ["The connection."]
    assert Answer.objects.count() == 1


def test_data_is_declared_requested_and_decided(cast, api):
    use_case = registered(cast)
    body = {
        "name": "Policy library",
        "system": "SharePoint",
        "owner": "petra",
        "unit": "Technology",
        "classification": "internal",
        "personal_data": False,
    }
    source = api("arno").post("data-sources/", body)
    assert source.status_code == 201
    assert faults(api("arno").post("data-sources/", body)) == ["name"]
    assert problem(api("otto").post("data-sources/", {**body, "name": "x"})) == (403, "not_declaring")
    assert api("amina").get("data-sources/").json()["results"] == [source.json()]
    path = f"use-cases/{use_case.reference}/data-uses/"
    asked = api("olivia").post(path, {"data_source": source.json()["id"], "purpose": "Answer questions."})
    assert (asked.status_code, asked.json()["state"]) == (201, "requested")
    assert faults(api("olivia").post(path, {"data_source": str(use_case.pk), "purpose": "x"})) == ["data_source"]
    pk = asked.json()["id"]
    assert problem(api("olivia").post(f"data-uses/{pk}/approve/")) == (403, "not_source_owner")
    assert faults(api("petra").post(f"data-uses/{pk}/refuse/")) == ["note"]
    approved = api("petra").post(f"data-uses/{pk}/approve/", {"note": "Fine."})
    assert (approved.json()["state"], approved.json()["decided_by"]["name"]) == ("approved", "Petra")
    assert problem(api("petra").post(f"data-uses/{pk}/refuse/", {"note": "No."})) == (409, "already_decided")
    assert problem(api("otto").post(f"data-uses/{pk}/approve/")) == (404, "not_found")
    assert api("amina").get(path).json()["results"] == [approved.json()]
    assert DataUse.objects.count() == 1


def test_a_checklist_item_is_confirmed_and_withdrawn(cast, api):
    use_case = registered(cast)
    path = f"use-cases/{use_case.reference}/checklist/"
    confirmed = api("olivia").post(path + "PC08/confirm/", {"evidence": "The dashboard."})
    assert (confirmed.status_code, confirmed.json()["state"], confirmed.json()["source"]) == (
        201,
        "confirmed",
        "Olivia",
    )
    assert problem(api("olivia").post(path + "PC08/confirm/", {"evidence": "x"})) == (409, "already_confirmed")
    assert problem(api("olivia").post(path + "PC99/confirm/", {"evidence": "x"})) == (404, "not_found")
    assert faults(api("olivia").post(path + "PC07/confirm/", {"evidence": "x", "link": "javascript:1"})) == ["link"]
    rows = {row["item"]: row["state"] for row in api("rafael").get(path).json()["results"]}
    assert (len(rows), rows["PC08"], rows["PC01"], rows["PC07"]) == (11, "confirmed", "satisfied", "open")
    withdrawn = api("olivia").post(path + "PC08/withdraw/", {"reason": "Off."})
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "open")
    assert ChecklistConfirmation.objects.count() == 1


def test_a_review_is_submitted_returned_and_concluded(cast, api):
    use_case = answered(cast)
    path = f"use-cases/{use_case.reference}/risk-reviews/"
    assert problem(api("dev").post(path)) == (403, "not_submitting")
    submitted_ = api("olivia").post(path)
    assert (submitted_.status_code, submitted_.json()["proposed_tier"]) == (201, "moderate")
    assert problem(api("olivia").post(path)) == (409, "already_under_review")
    assert problem(api("olivia").post(path + "1/conclude/", {"tier": "low", "rationale": "x"})) == (403, "not_reviewer")
    assert faults(api("rafael").post(path + "1/return/", {})) == ["rationale"]
    assert api("rafael").post(path + "1/return/", {"rationale": "Name them."}).json()["state"] == "returned"
    api("olivia").post(path)
    assert faults(api("rafael").post(path + "2/conclude/", {"tier": "low", "rationale": "Fine."})) == ["rationale"]
    assert faults(api("rafael").post(path + "2/conclude/", {"tier": "tiny", "rationale": "Fine."})) == ["tier"]
    done = api("rafael").post(path + "2/conclude/", {"tier": "moderate", "rationale": "Agreed."})
    assert (done.status_code, done.json()["concluded_tier"]) == (200, "moderate")
    assert [row["number"] for row in api("amina").get(path).json()["results"]] == [2, 1]
    assert RiskReview.objects.count() == 2
    assert UseCase.objects.get().tier == "moderate"


@pytest.mark.parametrize("path", ["use-cases/", "use-cases/UC-0001/", "data-sources/"])
def test_nobody_reads_without_signing_in(client, db, path):
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"


def test_lists_ask_the_database_the_same_number_of_times(cast, api, django_assert_max_num_queries):
    registered(cast)
    source_of(cast)
    client = api("amina")
    for path in ("use-cases/", "data-sources/"):
        with django_assert_max_num_queries(8) as few:
            client.get(path)
        registered(cast)
        source_of(cast, name=f"Another {path}")
        with django_assert_max_num_queries(8) as many:
            client.get(path)
        assert len(many) == len(few)


def test_reviews_are_read_with_everything_they_froze(cast, api):
    review = submitted(cast, {**MODERATE, "novelty": "unsure"})
    row = api("aud").get(f"use-cases/{review.use_case.reference}/risk-reviews/").json()["results"][0]
    assert (row["factors"]["novelty"], row["provisional"], row["concluded_by"]) == (None, True, None)
    assert row["classification"]["score"] == review.classification["score"]
    assert api("aud").get(f"use-cases/{cleared(cast).reference}/").json()["tier"] == "moderate"
