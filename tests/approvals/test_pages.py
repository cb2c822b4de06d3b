"""The pages of this floor: what they show to whom, and that a form only ever calls its verb."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from approvals.actions.attestations import issue_attestation
from approvals.actions.gates import sweep
from approvals.actions.releases import propose_release
from approvals.models import Decision, Release
from portal.models import Notice
from tests.approvals.doors import browser
from tests.approvals.story import MANIFEST, a_release, a_run, a_use_case, a_version, approved, sign
from tests.cast import Cast
from usecases.choices import Tier
from usecases.models import DataSource, DataUse, RiskReview


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def url(release: Release, verb: str = "") -> str:
    tail = f"{verb}/" if verb else ""
    return f"/use-cases/{release.use_case.reference}/releases/{release.number}/{tail}"


def ballot(release: Release, lane: str, **more: str) -> dict[str, str]:
    return {
        "lane": lane,
        "digest": release.system_version.digest,
        "release_digest": release.digest,
        "comment": "Fine.",
        **more,
    }


def test_the_release_page_answers_the_question(cast: Cast) -> None:
    release = a_release(cast)
    page = text(browser(cast, "aud").get(url(release)))
    assert "May it be released to production?" in page
    assert "Not yet: 3 signatures are missing." in page
    assert "Groundedness passed in 320 of 320 cases (100 %), which meets the required 85 %." in page
    assert "Your decision" not in page


def test_an_approved_release_says_yes_and_offers_its_attestation(cast: Cast) -> None:
    release = approved(cast)
    issue_attestation(release_id=release.pk)
    client = browser(cast, "aud")
    page = text(client.get(url(release)))
    assert "Yes: every signature is there and the gate lets it through." in page
    assert "Download the attestation" in page
    assert "no longer lets anything through" not in page
    download = client.get(url(release, "attestations"))
    assert download["Content-Disposition"].startswith("attachment; filename=")
    assert download.content.count(b"\n") == 1


@pytest.mark.parametrize(
    "ended",
    [
        {"state": "superseded"},
        {"state": "suspended"},
        {"state": "withdrawn"},
        {"approved_at": timezone.now() - timedelta(days=91), "expires_at": timezone.now() - timedelta(days=1)},
    ],
    ids=["superseded", "suspended", "withdrawn", "expired"],
)
def test_an_approval_that_no_longer_holds_is_history(cast: Cast, ended: dict[str, Any]) -> None:
    release = approved(cast)
    issue_attestation(release_id=release.pk)
    Release.objects.filter(pk=release.pk).update(**ended)
    client = browser(cast, "aud")
    page = text(client.get(url(release)))
    assert "Download the attestation" not in page
    assert "Release 1 was approved once. It no longer lets anything through" in page
    assert client.get(url(release, "attestations")).status_code == 200


def test_a_signature_by_form_and_back_to_the_page(cast: Cast) -> None:
    release = a_release(cast)
    response = browser(cast, "sam").post(url(release, "approve"), ballot(release, "security"))
    assert (response.status_code, response["Location"]) == (303, url(release))
    assert Decision.objects.get().comment == "Fine."
    assert "Fine." in text(browser(cast, "aud").get(url(release)))


@pytest.mark.parametrize(("verb", "state"), [("reject", "rejected"), ("return", "returned")])
def test_a_no_by_form(cast: Cast, verb: str, state: str) -> None:
    release = a_release(cast)
    assert browser(cast, "sam").post(url(release, verb), ballot(release, "security")).status_code == 303
    assert Release.objects.get().state == state


def test_a_refused_signature_keeps_what_was_written(cast: Cast) -> None:
    release = a_release(cast)
    a_run(release.system_version, passed=100)
    response = browser(cast, "sam").post(
        url(release, "approve"), ballot(release, "security", comment="My long thoughts.")
    )
    assert response.status_code == 409
    assert "My long thoughts." in text(response)
    assert "The gate fails" in text(response)
    assert Decision.objects.count() == 0


def test_who_took_part_sees_why_not(cast: Cast) -> None:
    release = a_release(cast, by="petra")
    page = text(browser(cast, "petra").get(url(release)))
    assert "took no part in the release, and you proposed it." in page
    assert "Reject this release" not in page


def test_a_page_shows_what_changed_since_the_last_approval(cast: Cast) -> None:
    from approvals.actions.releases import propose_release

    old = approved(cast)
    version = a_version(cast, old.use_case, "2.0", version="2026-09-01")
    new = propose_release(actor=cast.actor("dev"), use_case=old.use_case, version=version, environment="production")
    page = text(browser(cast, "aud").get(url(new)))
    assert "2026-09-01" in page
    assert "Groundedness was not measured." in page


def test_a_prompt_that_reads_differently_is_shown_line_by_line(cast: Cast) -> None:
    from approvals.actions.releases import propose_release
    from usecases.actions.versions import declare_version

    old = approved(cast)
    texts = ("Answer from the sources.\nBe brief.", "Answer from the sources.\nSay <b>where</b> from.")
    for label, prompt in zip(("1.1", "1.2"), texts, strict=True):
        manifest = {**MANIFEST, "prompts": [{"name": "system", "version": label, "text": prompt}]}
        version = declare_version(actor=cast.actor("dev"), use_case=old.use_case, label=label, manifest=manifest)
        a_run(version)
        new = propose_release(actor=cast.actor("dev"), use_case=old.use_case, version=version, environment="production")
        page = text(browser(cast, "aud").get(url(new)))
        if label == "1.1":
            assert "How the prompt" not in page
            for lane in new.lanes:
                sign(cast, new, lane)
    assert "How the prompt “system” reads differently" in page
    assert re.findall(r'data-line="(\w+)"', page) == ["same", "removed", "added"]
    assert "Say &lt;b&gt;where&lt;/b&gt; from." in page


def test_a_changed_declaration_is_told_on_the_page(cast: Cast) -> None:
    release = a_release(cast)
    type(release.use_case).objects.filter(pk=release.use_case_id).update(title="A wider assistant")
    page = text(browser(cast, "aud").get(url(release)))
    assert "Not yet: what it declares was changed after it was proposed." in page
    assert "is “A wider assistant” now." in page


def test_a_release_is_proposed_by_form(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    address = f"/use-cases/{use_case.reference}/releases/"
    client = browser(cast, "dev")
    assert "Propose this version" in text(client.get(address))
    response = client.post(address, {"version": str(version.pk), "environment": "test", "note": "Look at the prompts."})
    assert (response.status_code, response["Location"]) == (303, f"{address}1/")
    again = client.post(address, {"version": str(version.pk), "environment": "test", "note": "Again."})
    assert (again.status_code, Release.objects.count()) == (409, 1)
    assert "Again." in text(again)
    assert client.post(address, {"environment": "moon"}).status_code == 422


def test_who_may_not_propose_sees_the_reason_on_the_button(cast: Cast) -> None:
    use_case = a_use_case(cast)
    page = text(browser(cast, "aud").get(f"/use-cases/{use_case.reference}/releases/"))
    assert "A release is proposed by its owner, by engineering, by platform or by a pipeline." in page
    assert "No system version is declared." in page


def test_a_release_is_withdrawn_by_form(cast: Cast) -> None:
    release = a_release(cast)
    assert browser(cast, "olivia").post(url(release, "withdraw"), {"reason": "Too early."}).status_code == 303
    assert Release.objects.get().state_reason == "Too early."


def test_reading_never_decides(cast: Cast) -> None:
    release = a_release(cast)
    client = browser(cast, "sam")
    for verb in ("approve", "reject", "return", "withdraw"):
        response = client.get(url(release, verb))
        assert (response.status_code, response["Location"]) == (302, url(release))
    assert Release.objects.get().state == "proposed"


def test_what_may_not_be_known_is_not_found(cast: Cast) -> None:
    release = a_release(cast)
    client = browser(cast, "otto")
    assert client.get(url(release)).status_code == 404
    assert client.post(url(release, "approve"), ballot(release, "security")).status_code == 404
    assert Client().get(url(release)).status_code == 302


def test_the_panel_is_a_fragment_for_htmx_and_a_page_without(cast: Cast) -> None:
    release = approved(cast)
    address = f"/use-cases/{release.use_case.reference}/releases/panel/"
    client = browser(cast, "aud")
    assert b"<html" in client.get(address).content
    fragment = client.get(address, headers={"HX-Request": "true"})
    assert b"<html" not in fragment.content
    assert "Release 1 for production" in text(fragment)


def test_hostile_words_stay_words(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "business", "return", comment="<script>alert(1)</script> {{ 7|add:7 }}")
    page = browser(cast, "aud").get(url(release)).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7|add:7 }}" in page


# --- home ----------------------------------------------------------------------------------------------------------


def test_home_names_what_waits_for_each_person(cast: Cast) -> None:
    release = a_release(cast)
    waiting = f"Release 1 of {release.use_case.reference} waits for your signature"
    told = {name: waiting in text(browser(cast, name).get("/")) for name in cast.people}
    assert {name for name, waits in told.items() if waits} == {"olivia", "amina", "petra", "sam"}


def test_a_signed_release_waits_no_longer_for_who_signed(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "technical")
    assert "waits for your signature" not in text(browser(cast, "amina").get("/"))
    assert "waits for your signature" not in text(browser(cast, "petra").get("/"))


def test_home_names_data_reviews_and_suspensions(cast: Cast) -> None:

    release = approved(cast)
    use_case = release.use_case
    source = DataSource.objects.create(
        name="Policies", system="DMS", owner=cast.fiona, unit=cast.units["Finance"], classification="internal",
        personal_data=False, declared_by=cast.petra,
    )  # fmt: skip
    a_run(release.system_version, passed=10)
    sweep()
    DataUse.objects.create(use_case=use_case, data_source=source, purpose="Answers", requested_by=cast.arno)
    RiskReview.objects.create(
        use_case=use_case, number=1, factors={}, context={}, scheme_version="1", scheme_digest="0" * 64,
        classification={}, proposed_tier="high", provisional=False, submitted_by=cast.arno,
    )  # fmt: skip
    assert f"May {use_case.reference} use “Policies”?" in text(browser(cast, "fiona").get("/"))
    assert f"Conclude the risk review of {use_case.reference}" in text(browser(cast, "rafael").get("/"))
    assert f"Release 1 of {use_case.reference} is suspended" in text(browser(cast, "olivia").get("/"))
    for bystander in ("arno", "aud", "otto"):
        assert "Nothing waits for you." in text(browser(cast, bystander).get("/"))


def test_home_teaches_when_it_is_empty(cast: Cast) -> None:
    page = text(browser(cast, "otto").get("/"))
    assert "Your docket is empty" in page
    assert "You own no use case" in page


def test_home_lists_own_use_cases_and_news(cast: Cast) -> None:
    use_case = a_use_case(cast)
    Notice.objects.create(person=cast.olivia, text="Something <b>happened</b>.", url="/use-cases/")
    page = text(browser(cast, "olivia").get("/"))
    assert use_case.title in page
    assert "Complete the checklist and have a release for production approved" in page
    assert "Something &lt;b&gt;happened&lt;/b&gt;." in page


def next_words(cast: Cast, person: str = "olivia") -> tuple[str, str]:
    """What the first page names as the next step of the person's only use case, and where it leads."""
    (row,) = browser(cast, person).get("/").context["own"]
    words: tuple[str, str] = row["next"]
    return words


def test_the_next_step_follows_the_releases_before_the_stage(cast: Cast) -> None:
    release = a_release(cast)
    assert next_words(cast) == ("Sign release 1", url(release))
    sign(cast, release, "business")
    assert next_words(cast) == ("Wait for 2 signatures on release 1", url(release))
    sign(cast, release, "technical")
    assert next_words(cast) == ("Wait for 1 signature on release 1", url(release))
    sign(cast, release, "security")
    assert next_words(cast)[0] == "Keep the evidence fresh"
    a_run(release.system_version, passed=10)
    sweep()
    second = propose_release(
        actor=cast.actor("dev"), use_case=release.use_case, version=release.system_version, environment="test"
    )
    assert second.number == 2
    assert next_words(cast) == ("See why release 1 is suspended", url(release))


def test_the_panel_tells_the_overview_what_a_release_needs_next(cast: Cast) -> None:
    release = a_release(cast)
    address = reverse("approvals:panel", kwargs={"reference": release.use_case.reference})
    told = f'<p id="release-next" hx-swap-oob="true"><a href="{url(release)}">%s</a></p>'
    for person, words in (("olivia", "Sign release 1"), ("dev", "Wait for 3 signatures on release 1")):
        client = browser(cast, person)
        assert told % words in text(client.get(address, headers={"HX-Request": "true"}))
        assert "release-next" not in text(client.get(address))
    overview = text(browser(cast, "olivia").get(f"/use-cases/{release.use_case.reference}/"))
    assert '<p id="release-next" hidden></p>' in overview
    assert "Have a release approved for production" in overview


def test_all_news_is_put_away_at_once_and_only_ones_own(cast: Cast) -> None:
    for person in (cast.olivia, cast.olivia, cast.sam):
        Notice.objects.create(person=person, text="Something happened.", url="/use-cases/")
    client = browser(cast, "olivia")
    assert "Put all away" in text(client.get("/"))
    response = client.post("/notices/read/")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "Something happened." not in text(client.get("/"))
    assert Notice.objects.filter(read_at__isnull=True).values_list("person__username", flat=True).get() == "sam"


def test_pages_cost_the_same_however_much_there_is(cast: Cast) -> None:
    release = a_release(cast, Tier.HIGH)
    reference = release.use_case.reference
    addresses = {"/": ("olivia", 12), url(release): ("sam", 15), f"/use-cases/{reference}/releases/": ("dev", 12)}

    def costs() -> dict[str, int]:
        found = {}
        for address, (who, _most) in addresses.items():
            client = browser(cast, who)
            client.get("/use-cases/")  # the first page of a session writes its CSRF secret
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            found[address] = len(queries)
        return found

    before = costs()
    for _ in range(3):
        a_release(cast, Tier.HIGH, environment="test")
    assert costs() == before
    assert {address: cost <= addresses[address][1] for address, cost in before.items()} == dict.fromkeys(
        addresses, True
    ), before
