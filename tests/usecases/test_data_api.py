"""The catalogue, data uses and documents over HTTP."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.usecases.scenes import registered, source_of
from usecases.actions.data_sources import approve_data_use, request_data_use
from usecases.actions.registration import edit_use_case
from usecases.models import DataSource, Document

PDF = b"%PDF-1.7\nAn assessment.\n"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.GATEHOUSE_HOME = tmp_path


def in_days(days):
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def sent(client, url, data=None, method="post"):
    return getattr(client, method)(f"/api/v1{url}", data or {}, content_type="application/json")


def use_of(cast, source, **more):
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=registered(cast), data_source=source, purpose="To answer."
    )
    return approve_data_use(actor=cast.actor("petra"), data_use=use, **more)


def test_a_source_is_read_changed_and_certified(cast, client_of):
    source, petra = source_of(cast), client_of("petra")
    url = f"/data-sources/{source.pk}/"
    changed = sent(petra, url, {"region": "EU", "refresh_every_hours": 24, "reason": "Agreed."}, "patch").json()
    assert (changed["region"], changed["refresh_every_hours"], changed["stale"]) == ("EU", 24, True)
    assert changed["description"] == source.description
    assert sent(petra, url + "certify/", {"valid_until": in_days(90)}).json()["certificate"] == "running"
    now = timezone.now().isoformat()
    assert sent(petra, url + "refreshed/", {"refreshed_at": now}).json()["stale"] is False
    refused = sent(client_of("fiona"), url, {"region": "US"}, "patch")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_source_editor")
    assert DataSource.objects.get().region == "EU"


def test_an_unknown_key_and_an_owner_are_refused(cast, client_of):
    source = source_of(cast)
    for key in ("owner", "colour"):
        answer = sent(client_of("petra"), f"/data-sources/{source.pk}/", {key: "fiona"}, "patch")
        assert answer.status_code == 400
    assert DataSource.objects.get().owner == cast.petra


def test_the_catalogue_is_filtered_over_http(cast, client_of):
    source_of(cast)
    source_of(cast, "fiona", "Orders")
    client = client_of("aud")
    names = [row["name"] for row in client.get("/api/v1/data-sources/?owner=fio").json()["results"]]
    assert names == ["Orders"]
    assert client.get("/api/v1/data-sources/?attention=everything").status_code == 400


def test_the_uses_of_a_source_are_those_of_use_cases_one_may_see(cast, client_of):
    source = source_of(cast)
    use = use_of(cast, source)
    url = f"/api/v1/data-sources/{source.pk}/uses/"
    assert [row["use_case"] for row in client_of("dev").get(url).json()["results"]] == [use.use_case.reference]
    edit_use_case(actor=cast.actor("olivia"), use_case=use.use_case, restricted=True)
    assert client_of("dev").get(url).json()["results"] == []
    assert len(client_of("petra").get(url).json()["results"]) == 1


def test_a_renewal_goes_through_http(cast, client_of):
    use = use_of(cast, source_of(cast), valid_until=timezone.localdate() + timedelta(days=5))
    asked = sent(client_of("olivia"), f"/data-uses/{use.pk}/ask-renewal/", {"reason": "It runs on."}).json()
    assert (asked["state"], asked["holds"], asked["renewal_requested_by"]["name"]) == ("approved", True, "Olivia")
    renewed = sent(client_of("petra"), f"/data-uses/{use.pk}/renew/", {"valid_until": in_days(300)}).json()
    assert (renewed["valid_until"], renewed["renewal_requested_by"]) == (in_days(300), None)
    declined = sent(client_of("petra"), f"/data-uses/{use.pk}/decline-renewal/", {"note": "No."})
    assert (declined.status_code, declined.json()["code"]) == (409, "nothing_asked")
    assert sent(client_of("olivia"), f"/data-uses/{use.pk}/end/").json()["state"] == "ended"


def test_a_document_is_uploaded_listed_revised_and_downloaded(cast, client_of):
    use_case, client = registered(cast), client_of("olivia")
    fields = {"title": "Assessment", "kind": "assessment", "owner": "priya", "effective_on": in_days(-3)}
    made = client.post(
        "/api/v1/documents/",
        {**fields, "use_case": use_case.reference, "file": SimpleUploadedFile("a.pdf", PDF)},
    )
    assert made.status_code == 201
    document = made.json()
    assert (document["revision"], document["media_type"], document["expired"]) == (1, "application/pdf", False)
    revised = client.post(
        f"/api/v1/documents/{document['id']}/revisions/",
        {"effective_on": in_days(0), "expires_on": in_days(9), "file": SimpleUploadedFile("b.pdf", PDF + b"2")},
    ).json()
    assert (revised["revision"], revised["expires_on"]) == (2, in_days(9))
    (listed,) = client.get(f"/api/v1/use-cases/{use_case.reference}/documents/").json()["results"]
    assert listed == revised
    file = client.get(f"/api/v1/documents/{document['id']}/revisions/1/file/")
    assert file.content == PDF
    retired = sent(client, f"/documents/{document['id']}/retire/", {"reason": "Replaced."}).json()
    assert retired["state"] == "retired"


def test_a_file_that_is_no_document_is_refused_over_http(cast, client_of):
    use_case = registered(cast)
    answer = client_of("olivia").post(
        "/api/v1/documents/",
        {
            "use_case": use_case.reference,
            "title": "Assessment",
            "kind": "assessment",
            "owner": "priya",
            "effective_on": in_days(0),
            "file": SimpleUploadedFile("a.pdf", b"<html><script>alert(1)</script>"),
        },
    )
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["file"]
    assert Document.objects.count() == 0


def test_a_document_of_a_use_case_one_may_not_see_does_not_exist(cast, client_of):
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    fields = {"title": "X", "kind": "other", "owner": "priya", "effective_on": in_days(0)}
    answer = client_of("dev").post(
        "/api/v1/documents/", {**fields, "use_case": use_case.reference, "file": SimpleUploadedFile("a.pdf", PDF)}
    )
    assert answer.status_code == 404
    assert Document.objects.count() == 0
