"""What waits for one person: everything that person alone, or nobody before them, can move on. Reads, never writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import JSONField, OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast, JSONObject
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.choices import LaneKey, ReleaseState
from approvals.lanes import lane as lane_by_key
from approvals.models import Decision, Release
from approvals.presentation import url_of
from approvals.querysets import visible_releases
from portal.access import capabilities_at
from portal.actors import Actor
from portal.delegation import acts_for, answers_for, principals_of
from portal.models import Notice, User
from usecases.choices import DataUseState, RequestKind, ReviewState, Stage
from usecases.data_approvals import spoken
from usecases.data_policies import may_decide_data_use, may_renew_data_use
from usecases.models import DataUse, RiskReview, StewardshipRequest, UseCase, WorkItem
from usecases.validity import SOON

MOST = 100
LATE_AFTER_DAYS = 5
LATE_BEFORE_DAYS = 30


@dataclass(frozen=True)
class Entry:
    """One thing that waits, since when, and what to press."""

    since: datetime
    title: str
    url: str
    text: str
    verb: str
    due_on: date | None = None
    # The name of the absent person whose duty it is; empty for one's own.
    acting_for: str = ""
    # What was told about it says no more than this entry does.
    says_all: bool = False

    @property
    def days(self) -> int:
        return max((timezone.now() - self.since).days, 0)

    @property
    def hours(self) -> int:
        return max(int((timezone.now() - self.since).total_seconds() // 3600), 0)

    @property
    def age(self) -> str:
        """Days, or hours while it is younger than a day; no number for what came just now."""
        return str(self.days or self.hours or "")

    @property
    def unit(self) -> str:
        if self.days:
            return ngettext("day", "days", self.days)
        return _("h") if self.hours else _("just now")

    @property
    def late(self) -> bool:
        if self.due_on is not None:
            return (self.due_on - timezone.now().date()).days <= LATE_BEFORE_DAYS
        return self.days >= LATE_AFTER_DAYS


def waiting_for(actor: Actor) -> list[Entry]:
    """What waits for this person, longest first. A constant number of queries, whatever waits."""
    if actor.person is None:
        return []
    entries = [
        *_stewardship(actor, actor.person),
        *_data_uses(actor),
        *_risk_reviews(actor),
        *_releases(actor),
        *_work_items(actor),
    ]
    return sorted(entries, key=lambda entry: entry.since)


def own_use_cases(actor: Actor) -> list[UseCase]:
    """The use cases this person is accountable for, the last changed first."""
    if actor.person is None:
        return []
    found = UseCase.objects.filter(owner_id=actor.person.pk).exclude(stage=Stage.STOPPED).visible_to(actor)
    return list(found.annotate(open_release=_open_release()).order_by("-updated_at", "-id")[:50])


def signed_lanes() -> ArraySubquery:
    """The lanes of a release that somebody has decided."""
    return ArraySubquery(Decision.objects.filter(release=OuterRef("pk")).values("lane"))


def _open_release() -> Subquery:
    """The release of a use case that needs somebody: a suspended one first, then the oldest that waits."""
    found = Release.objects.filter(use_case=OuterRef("pk"), state__in=[ReleaseState.SUSPENDED, ReleaseState.PROPOSED])
    told = JSONObject(
        number="number",
        state="state",
        lanes="lanes",
        signed=signed_lanes(),
        proposed_by=Cast("proposed_by_id", TextField()),
    )
    return Subquery(found.order_by("-state", "number").values_list(told)[:1], output_field=JSONField())


@dataclass(frozen=True)
class OpenRelease:
    """What a release that is suspended or waits lets one say about the next step; `proposed_by` is a person's id."""

    number: int
    state: str
    lanes: list[str]
    signed: list[str]
    proposed_by: str | None

    @classmethod
    def of(cls, release: Any) -> "OpenRelease":
        """From a row that was read with `signed=signed_lanes()`."""
        by = str(release.proposed_by_id) if release.proposed_by_id else None
        return cls(release.number, release.state, release.lanes, release.signed, by)

    def step(self, actor: Actor, use_case: UseCase) -> tuple[str, str]:
        """(what happens next, where)."""
        url = reverse("approvals:release", kwargs={"reference": use_case.reference, "number": self.number})
        told = {"number": self.number}
        if self.state == ReleaseState.SUSPENDED:
            return _("See why release %(number)s is suspended") % told, url
        missing = [key for key in self.lanes if key not in self.signed]
        alone = len(self.lanes) == 1 and actor.person is not None and self.proposed_by == str(actor.person.pk)
        if LaneKey.BUSINESS in missing and actor.is_person(use_case.owner_id) and not alone:
            return _("Sign release %(number)s") % told, url
        words = ngettext(
            "Wait for %(count)s signature on release %(number)s",
            "Wait for %(count)s signatures on release %(number)s",
            len(missing),
        )
        return words % {**told, "count": len(missing)}, url


def first_open(releases: Iterable[Any]) -> OpenRelease | None:
    """Of releases read with `signed=signed_lanes()`, the one that needs somebody first."""
    found = [each for each in releases if each.state in (ReleaseState.SUSPENDED, ReleaseState.PROPOSED)]
    found.sort(key=lambda each: (each.state != ReleaseState.SUSPENDED, each.number))
    return OpenRelease.of(found[0]) if found else None


def next_step(actor: Actor, use_case: UseCase) -> tuple[str, str]:
    """(what the owner does next, where), for a use case from `own_use_cases`: its releases first, then its stage."""
    told = use_case.open_release  # type: ignore[attr-defined]
    if told is not None:
        return OpenRelease(**told).step(actor, use_case)
    steps = {
        Stage.REGISTERED: (_("Answer the discovery questions"), "usecases:discovery"),
        Stage.DISCOVERY: (_("Finish discovery and submit the risk review"), "usecases:discovery"),
        Stage.REVIEW: (_("Wait for the risk review to be concluded"), "usecases:risk"),
        Stage.PILOT: (_("Complete the checklist and have a release for production approved"), "approvals:releases"),
        Stage.PRODUCTION: (_("Keep the evidence fresh"), "evidence:use-case"),
    }
    words, name = steps.get(Stage(use_case.stage), (_("Nothing more to do"), "usecases:detail"))
    return words, address(name, use_case)


def notices(actor: Actor) -> list[Notice]:
    """What the person was told and has not yet put away, newest first."""
    if actor.person is None:
        return []
    unread = Notice.objects.filter(person_id=actor.person.pk, read_at__isnull=True)
    return list(unread.order_by("-created_at", "-id")[:20])


def address(name: str, use_case: UseCase) -> str:
    """The page of that name for this use case; its first page when the name leads nowhere."""
    try:
        return reverse(name, kwargs={"reference": use_case.reference})
    except NoReverseMatch:
        return f"/use-cases/{use_case.reference}/"


def _data_uses(actor: Actor) -> Iterator[Entry]:
    """What the owner of a source is asked, and what the owner of a use case has to have renewed: one reading."""
    assert actor.person is not None
    me, soon = actor.person.pk, timezone.localdate() + SOON
    mine = DataUse.objects.filter(data_source__owner_id__in=[me, *principals_of(actor)])
    asked = mine.filter(state__in=[DataUseState.REQUESTED, DataUseState.REOPENED]).exclude(requested_by_id=me)
    more_time = mine.filter(renewal_requested_at__isnull=False).exclude(renewal_requested_by_id=me)
    approved = DataUse.objects.filter(state=DataUseState.APPROVED, use_case__owner_id=me)
    ending = approved.filter(valid_until__lte=soon, renewal_requested_at__isnull=True)
    arms = [arm.values("pk") for arm in (asked, more_time, ending)]
    found = (
        DataUse.objects.filter(pk__in=arms[0].union(*arms[1:]))
        .exclude(use_case__stage=Stage.STOPPED)
        .filter(use_case__in=UseCase.objects.visible_to(actor).values("pk"))
        .select_related("use_case", "data_source__owner", "requested_by", "renewal_requested_by")
        .order_by("requested_at")
    )
    for use in found[:MOST]:
        owner = use.data_source.owner
        if not use.waits_for_owner or not answers_for(actor, owner.pk):
            yield _to_renew(use)
        elif actor.is_person(owner.pk):
            yield _asked_of_owner(use)
        elif _answerable(actor, use):
            yield replace(_asked_of_owner(use), acting_for=owner.name)


def _answerable(actor: Actor, use: DataUse) -> bool:
    """Whether the delegate may answer: what either of the two asked for waits for the owner's return."""
    ruling = may_decide_data_use if use.renewal_requested_at is None else may_renew_data_use
    return bool(ruling(actor, use))


def _asked_of_owner(use: DataUse) -> Entry:
    told = {"use_case": use.use_case.reference, "source": use.data_source.name, "title": use.use_case.title}
    if use.state == DataUseState.REOPENED:
        title = _("Does the approval of “%(source)s” for %(use_case)s still hold?")
        text = _("%(title)s. To be confirmed again: %(why)s") % {**told, "why": use.reopened_reason}
    elif use.renewal_requested_by is not None:
        title = _("May %(use_case)s go on using “%(source)s”?")
        text = _("%(title)s. %(name)s asks for more time: %(purpose)s")
        text %= {**told, "name": use.renewal_requested_by.name, "purpose": use.purpose[:200]}
    else:
        title = _("May %(use_case)s use “%(source)s”?")
        text = _("%(title)s. Asked by %(name)s: %(purpose)s")
        text %= {**told, "name": use.requested_by.name, "purpose": use.purpose[:200]}
    url = address("usecases:data", use.use_case)
    return Entry(use.waits_since or use.requested_at, title % told, url, text, _("Decide about the data"))


def _to_renew(use: DataUse) -> Entry:
    """For the owner of the use case: since thirty days before the end."""
    assert use.valid_until is not None
    told = {"use_case": use.use_case.reference, "source": use.data_source.name, "day": spoken(use.valid_until)}
    title = _("Have the approval of “%(source)s” for %(use_case)s renewed")
    text = _("It lapsed on %(day)s: the gates say no until it is renewed.") if use.lapsed else _("It ends on %(day)s.")
    since = timezone.make_aware(datetime.combine(use.valid_until - SOON, time.min))
    return Entry(since, title % told, address("usecases:data", use.use_case), text % told, _("Ask for more time"))


def _stewardship(actor: Actor, person: User) -> Iterator[Entry]:
    """What this person is asked to own, and who asks to join a team of theirs or of who is away."""
    found = StewardshipRequest.objects.waiting_for(person, principals_of(actor)).told().order_by("requested_at")
    for request in found[:MOST]:
        subject = request.subject
        name = subject.reference if isinstance(subject, UseCase) else f"“{subject.name}”"
        joins = request.kind == RequestKind.JOIN
        title = _("%(who)s asks to join %(what)s") if joins else _("Do you take over %(what)s?")
        parts = [subject.title] if isinstance(subject, UseCase) else []
        if not joins:
            parts.append(_("asked by %(name)s") % {"name": request.requested_by.name})
        text = ", ".join(parts) + "."
        yield Entry(
            request.requested_at,
            title % {"what": name, "who": request.person.name},
            request.get_absolute_url(),
            f"{text} {request.message[:200]}".strip(),
            _("Read and answer"),
            acting_for=_in_place_of(actor, request.use_case.owner_id) if joins and request.use_case else "",
            says_all=True,
        )


def _in_place_of(actor: Actor, owner_id: object) -> str:
    """The name of the absent owner whose delegate the actor is; empty when they are the owner."""
    return principals_of(actor).get(owner_id, "") if acts_for(actor, owner_id) else ""  # type: ignore[call-overload]


def _risk_reviews(actor: Actor) -> Iterator[Entry]:
    assert actor.person is not None
    me = actor.person.pk
    found = (
        RiskReview.objects.filter(state=ReviewState.SUBMITTED)
        .exclude(Q(submitted_by_id=me) | Q(use_case__owner_id=me))
        .filter(use_case__in=UseCase.objects.visible_to(actor).values("pk"))
        .select_related("use_case__unit", "submitted_by")
        .order_by("submitted_at")
    )
    for review in found[:MOST]:
        if "conclude_review" not in capabilities_at(actor, review.use_case.unit.path):
            continue
        yield Entry(
            review.submitted_at,
            _("Conclude the risk review of %(use_case)s") % {"use_case": review.use_case.reference},
            address("usecases:risk", review.use_case),
            _("%(title)s. Proposed tier: %(tier)s.")
            % {"title": review.use_case.title, "tier": review.get_proposed_tier_display().lower()},
            _("Review the risk"),
        )


def _releases(actor: Actor) -> Iterator[Entry]:
    found = (
        visible_releases(actor)
        .filter(state__in=[ReleaseState.PROPOSED, ReleaseState.SUSPENDED])
        .select_related("use_case__unit")
        .annotate(
            signed_lanes=ArrayAgg("decisions__lane", filter=Q(decisions__isnull=False), default=[], distinct=True),
            signers=ArrayAgg("decisions__person_id", filter=Q(decisions__isnull=False), default=[], distinct=True),
            made_by=ArrayAgg(
                "contributors__person_id", filter=Q(contributors__isnull=False), default=[], distinct=True
            ),
        )
        .order_by("proposed_at")
    )
    for release in found[:MOST]:
        if release.state == ReleaseState.SUSPENDED:
            yield from _suspended(actor, release)
        elif (key := _lane_for(actor, release)) is not None:
            place = _in_place_of(actor, release.use_case.owner_id) if key == LaneKey.BUSINESS else ""
            yield replace(_to_sign(release, key), acting_for=place)


def _lane_for(actor: Actor, release: Any) -> str | None:
    """The first open lane this person could sign. Deciding comes from grants only, so no team is read here."""
    assert actor.person is not None
    me = actor.person.pk
    if me in release.signers:
        return None
    able = capabilities_at(actor, release.use_case.unit.path)
    barred = me in release.made_by or me in (release.proposed_by_id, release.use_case.owner_id)
    for key in release.lanes:
        if key in release.signed_lanes:
            continue
        owner = release.use_case.owner_id
        alone = len(release.lanes) == 1 and release.proposed_by_id in (me, owner)
        if key == LaneKey.BUSINESS and owner == me and not alone:
            return str(key)
        if key == LaneKey.BUSINESS and acts_for(actor, owner) and not barred and not alone:
            return str(key)
        if key != LaneKey.BUSINESS and f"decide_{key}" in able and not barred:
            return str(key)
    return None


def _to_sign(release: Release, key: str) -> Entry:
    return Entry(
        release.proposed_at,
        _("Release %(number)s of %(use_case)s waits for your signature")
        % {"number": release.number, "use_case": release.use_case.reference},
        url_of(release),
        _("%(title)s, version %(version)s for %(environment)s. Your lane: %(lane)s.")
        % {
            "title": release.use_case.title,
            "version": release.system_version.label,
            "environment": release.get_environment_display().lower(),
            "lane": _(lane_by_key(key).title).lower(),
        },
        _("Read and decide"),
    )


def _work_items(actor: Actor) -> Iterator[Entry]:
    """What has to be done by a day for the use cases this person is accountable for."""
    assert actor.person is not None
    owners = [actor.person.pk, *principals_of(actor)]
    found = WorkItem.objects.open().filter(use_case__owner_id__in=owners).visible_to(actor)
    for item in found.select_related("use_case", "component").order_by("due_on")[:MOST]:
        told = {"reference": item.use_case.reference, "component": item.component}
        yield Entry(
            item.opened_at,
            _("Move %(reference)s off %(component)s") % told,
            item.use_case.get_absolute_url(),
            _("%(title)s. It is retired on %(day)s.")
            % {"title": item.use_case.title, "day": f"{item.due_on:%d %B %Y}"},
            _("See what runs on it"),
            item.due_on,
            _in_place_of(actor, item.use_case.owner_id),
        )


def _suspended(actor: Actor, release: Release) -> Iterator[Entry]:
    if not (actor.is_person(release.use_case.owner_id) or actor.is_person(release.proposed_by_id)):
        return
    yield Entry(
        release.changed_at,
        _("Release %(number)s of %(use_case)s is suspended")
        % {"number": release.number, "use_case": release.use_case.reference},
        url_of(release),
        f"{release.use_case.title}. {release.state_reason}",
        _("See what failed"),
    )
