"""Pages and API of teams, handovers and ownership: what they show, and that a refusal keeps what was typed."""

from portal.actions.people import deactivate_person
from tests.usecases.scenes import registered, source_of
from usecases.actions.registration import edit_use_case
from usecases.actions.stewardship import decline_request, request_handover, request_to_join
from usecases.models import DataSource, StewardshipRequest, UseCase


def text_of(response):
    return " ".join(response.content.decode().split())


def test_the_team_page_says_who_does_what_and_what_is_empty(cast, client_of):
    use_case = registered(cast)
    address = f"/use-cases/{use_case.reference}/team/"
    page = text_of(client_of("olivia").get(address))
    for label in ("Use case owner", "Platform", "Engineering", "Operations", "Governance and risk", "Contributor"):
        assert label in page
    assert "Nobody is named who notices when it fails in use." in page
    assert "Hand it over" in page
    page = text_of(client_of("dev").get(address))
    assert "Hand it over" not in page
    assert "Ask to join" in page


def test_a_handover_by_form_keeps_what_was_typed_when_refused(cast, client_of):
    use_case = registered(cast)
    olivia, address = client_of("olivia"), f"/use-cases/{use_case.reference}/hand-over/"
    refused = olivia.post(address, {"person": "", "message": "The tariffs change in March."})
    assert refused.status_code == 422
    assert "The tariffs change in March." in text_of(refused)
    assert StewardshipRequest.objects.count() == 0
    assert olivia.post(address, {"person": cast.dev.pk, "message": ""})["Location"].endswith("/team/")
    assert "Dev is asked to take over" in text_of(olivia.get(f"/use-cases/{use_case.reference}/team/"))


def test_who_is_asked_reads_a_restricted_use_case_they_do_not_see_yet(cast, client_of):
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    request = request_handover(actor=cast.actor("olivia"), subject=use_case, person=cast.otto)
    otto = client_of("otto")
    assert otto.get(use_case.get_absolute_url()).status_code == 404
    page = text_of(otto.get(request.get_absolute_url()))
    assert "Refund questions are answered within one hour." in page
    assert use_case.get_absolute_url() not in page, "no link that leads nowhere"
    assert client_of("dev").get(request.get_absolute_url()).status_code == 404
    assert otto.post(request.get_absolute_url() + "accept/").status_code == 302
    assert otto.get(use_case.get_absolute_url()).status_code == 200


def test_declining_by_form_needs_a_reason(cast, client_of):
    request = request_handover(actor=cast.actor("olivia"), subject=registered(cast), person=cast.dev)
    dev, address = client_of("dev"), request.get_absolute_url() + "decline/"
    assert dev.post(address, {"answer": ""}).status_code == 422
    assert dev.post(address, {"answer": "No time."})["Location"] == "/"
    request.refresh_from_db()
    assert request.state == "declined"
    assert "No time." in text_of(client_of("olivia").get(request.get_absolute_url()))


def test_the_home_page_shows_what_one_is_asked(cast, client_of):
    use_case, source = registered(cast), source_of(cast)
    request_handover(actor=cast.actor("petra"), subject=source, person=cast.dev)
    request_to_join(actor=cast.actor("dev"), use_case=use_case, message="I build it.")
    assert "Do you take over “Policy library”?" in text_of(client_of("dev").get("/"))
    page = text_of(client_of("olivia").get("/"))
    assert f"Dev asks to join {use_case.reference}" in page
    assert "I build it." in page


def test_the_ownership_page_proves_and_lists_what_has_nobody(cast, client_of):
    use_case, source = registered(cast), source_of(cast, owner="olivia")
    deactivate_person(actor=cast.actor("admin"), person=cast.olivia, stand_in=cast.dev)
    page = text_of(client_of("admin").get("/ownership/"))
    assert "Without anybody present who answers: 0, of 1 running use cases and 1 data sources." in page
    assert "1 use cases and 1 data sources wait for a stand-in to accept." in page
    for request in StewardshipRequest.objects.all():
        decline_request(actor=cast.actor("dev"), request=request, answer="Not mine.")
    page = text_of(client_of("arno").get("/ownership/"))
    assert "Without anybody present who answers: 2, of 1 running use cases and 1 data sources." in page
    assert "Not everything is owned" in page
    assert UseCase.objects.without_present_owner().get() == use_case
    assert DataSource.objects.without_present_owner().get() == source
    team = text_of(client_of("arno").get(f"/use-cases/{use_case.reference}/team/"))
    assert "Its owner has left" in team
    assert "Name a stand-in" in team
    assert "Name a stand-in" in text_of(client_of("arno").get(f"/data-sources/{source.pk}/"))
    assert client_of("dev").get("/ownership/").status_code == 404


def test_a_restricted_orphan_is_counted_for_all_and_named_to_risk_only(cast, client_of):
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    deactivate_person(actor=cast.actor("admin"), person=cast.olivia, stand_in=cast.dev)
    decline_request(actor=cast.actor("dev"), request=StewardshipRequest.objects.get(), answer="Not mine.")
    page = text_of(client_of("arno").get("/ownership/"))
    assert "1 more is hidden from you" in page
    assert "Refund helper" not in page
    rafael = client_of("rafael")
    assert "Refund helper" in text_of(rafael.get("/ownership/"))
    assert rafael.post(f"/use-cases/{use_case.reference}/hand-over/", {"person": cast.sam.pk}).status_code == 302
    assert UseCase.objects.without_present_owner().count() == 0


def test_switching_off_asks_for_the_stand_in_on_its_page(cast, client_of):
    registered(cast)
    admin, address = client_of("admin"), f"/people/{cast.olivia.pk}/deactivate/"
    page = text_of(admin.get(address))
    assert "1 use case they own" in page
    assert 'name="stand_in"' in page
    assert admin.post(address).status_code == 422
    cast.olivia.refresh_from_db()
    assert cast.olivia.is_active
    assert admin.post(address, {"stand_in": cast.dev.pk}).status_code == 302
    cast.olivia.refresh_from_db()
    assert not cast.olivia.is_active


def test_the_same_by_api(cast, api):
    use_case = registered(cast)
    made = api("olivia").post(f"use-cases/{use_case.reference}/stewardship-requests/", {"person": "dev"})
    assert (made.status_code, made.json()["kind"], made.json()["state"]) == (201, "handover", "open")
    both = {"person": "dev", "role": "platform"}
    assert api("olivia").post(f"use-cases/{use_case.reference}/stewardship-requests/", both).status_code == 400
    pk = made.json()["id"]
    refused = api("arno").post(f"stewardship-requests/{pk}/accept/")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_asked")
    assert api("dev").post(f"stewardship-requests/{pk}/accept/").json()["state"] == "accepted"
    parts = api("arno").get(f"use-cases/{use_case.reference}/team/").json()["results"]
    assert [(part["person"]["name"], part["role"]) for part in parts] == [("Dev", "owner"), ("Olivia", "contributor")]
    [listed] = api("arno").get(f"use-cases/{use_case.reference}/stewardship-requests/").json()["results"]
    assert listed["id"] == pk
