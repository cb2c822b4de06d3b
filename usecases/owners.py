"""Who answers for what: what a person holds, who was asked to follow, and whether an owner is present."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access import Reason
from portal.models import User
from usecases.choices import DataUseState, RequestKind, RequestState, Stage
from usecases.models import DataSource, DataUse, StewardshipRequest, UseCase


def owned_by(person: User) -> tuple[QuerySet[UseCase], QuerySet[DataSource]]:
    """What the person answers for: running use cases and data sources, in one order for locks."""
    cases = UseCase.objects.filter(owner=person).exclude(stage=Stage.STOPPED)
    return cases.order_by("pk"), DataSource.objects.filter(owner=person).order_by("pk")


def asked_to_own(person: User) -> QuerySet[StewardshipRequest]:
    """Open requests that wait for this person to take something over."""
    return StewardshipRequest.objects.for_ownership().filter(person=person).order_by("pk")


def holdings_of(person: User) -> list[str]:
    """What would be left without anybody to answer for it, in words; empty for nothing. The ground asks by name."""
    return list(_held(person))


def _held(person: User) -> Iterator[str]:
    cases, sources = owned_by(person)
    waiting = DataUse.objects.filter(data_source__owner=person, state=DataUseState.REQUESTED).count()
    joins = StewardshipRequest.objects.filter(
        kind=RequestKind.JOIN, state=RequestState.OPEN, use_case__owner=person
    ).count()
    if count := cases.count():
        words = ngettext("%(count)s use case they own", "%(count)s use cases they own", count) % {"count": count}
        more = ngettext("with %(count)s request to join", "with %(count)s requests to join", joins) % {"count": joins}
        yield f"{words}, {more}" if joins else words
    if count := sources.count():
        words = ngettext("%(count)s data source they own", "%(count)s data sources they own", count) % {"count": count}
        more = ngettext(
            "with %(count)s request to use it that waits", "with %(count)s requests to use them that wait", waiting
        ) % {"count": waiting}
        yield f"{words}, {more}" if waiting else words
    if count := asked_to_own(person).count():
        words = ngettext("%(count)s request to take something over", "%(count)s requests to take something over", count)
        yield words % {"count": count}


def open_request(subject: UseCase | DataSource) -> StewardshipRequest | None:
    """The open request that would give this another owner; the database knows that there is at most one."""
    found = StewardshipRequest.objects.for_ownership().select_related("person", "requested_by")
    if isinstance(subject, UseCase):
        return found.filter(use_case=subject).first()
    return found.filter(data_source=subject).first()


def absent_owner(use_case: UseCase) -> Reason | None:
    """Why nothing new is released while nobody present answers for the use case; None when its owner is there."""
    if use_case.owner.is_active:
        return None
    asked, left = open_request(use_case), use_case.owner.name
    if asked is None:
        text = _(
            "%(left)s, who was accountable, has left and nobody is asked to follow. Have an architect name somebody."
        )
        return Reason("owner_absent", text % {"left": left}, conflict=True)
    text = _("%(left)s, who was accountable, has left. %(name)s is asked to stand in and has to accept first.")
    return Reason("owner_absent", text % {"left": left, "name": asked.person.name}, conflict=True)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The proof that nothing is orphaned: how many there are, how many wait for an answer, how many have nobody."""

    use_cases: int
    use_cases_waiting: int
    use_cases_orphaned: int
    data_sources: int
    data_sources_waiting: int
    data_sources_orphaned: int

    @property
    def orphaned(self) -> int:
        return self.use_cases_orphaned + self.data_sources_orphaned


def coverage() -> Coverage:
    """Counted over the whole register, whoever asks: figures only, no name. One query for each kind of thing."""
    cases = _counted(UseCase.objects.exclude(stage=Stage.STOPPED), UseCase.objects.all())
    sources = _counted(DataSource.objects.all(), DataSource.objects.all())
    return Coverage(*cases, *sources)


def _counted(all_of_them: Any, owned: Any) -> tuple[int, int, int]:
    """(all, those that wait for a stand-in's answer, those without anybody), by the very sets that pages list."""
    found = all_of_them.aggregate(
        all=Count("pk"),
        waiting=Count("pk", filter=Q(pk__in=owned.waiting_for_an_owner().values("pk"))),
        orphaned=Count("pk", filter=Q(pk__in=owned.without_present_owner().values("pk"))),
    )
    return found["all"], found["waiting"], found["orphaned"]
