"""Reading releases: only through the use cases an actor may see."""

import uuid
from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from approvals.choices import LaneKey, ReleaseState
from approvals.models import Release
from portal import actors
from portal.access import CAPABILITIES
from portal.models import Grant, User
from portal.querysets import standing_absences
from usecases.models import Component, UseCase

if TYPE_CHECKING:
    from portal.actors import Actor

STANDING = (ReleaseState.APPROVED, ReleaseState.SUSPENDED)
JUDGED = (ReleaseState.PROPOSED, *STANDING)


def visible_releases(actor: "Actor") -> QuerySet[Release]:
    """The releases of the use cases this actor may know of."""
    return _releases_among(UseCase.objects.visible_to(actor))


def _releases_among(use_cases: QuerySet[UseCase]) -> QuerySet[Release]:
    return Release.objects.filter(use_case__in=use_cases.values("pk")).select_related(
        "use_case", "system_version", "policy", "proposed_by", "proposed_by_account"
    )


def get_visible_release(actor: "Actor", pk: uuid.UUID) -> Release:
    """The release with this id, or 404."""
    its_own = UseCase.objects.filter(id__in=Release.objects.filter(pk=pk).values("use_case_id"))
    found = _releases_among(its_own.visible_to(actor)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def releases_on(component: Component, actor: "Actor") -> QuerySet[Release]:
    """The releases of versions that run on the component, of use cases this actor may know of, newest first."""
    return visible_releases(actor).filter(system_version__version_components__component=component).order_by("-id")


def releases_of(use_case: UseCase) -> QuerySet[Release]:
    """The releases of a use case the caller has already fetched as the actor, newest first."""
    return (
        Release.objects.filter(use_case=use_case)
        .select_related("use_case", "system_version", "policy", "proposed_by", "proposed_by_account")
        .order_by("-number")
    )


def standing_release(use_case: UseCase, environment: str) -> Release | None:
    """The release that stands for an environment, approved or suspended; at most one does."""
    return releases_of(use_case).filter(environment=environment, state__in=STANDING).first()


def deciders_of(use_case: UseCase) -> dict[str, list[User]]:
    """Who could sign each lane by a grant that is valid now: whom to tell and whom to ask."""
    lanes_of_role = {
        role: [key for key in LaneKey.values if f"decide_{key}" in able] for role, able in CAPABILITIES.items()
    }
    roles = [role for role, lanes in lanes_of_role.items() if lanes]
    now = timezone.now()
    grants = (
        Grant.objects.filter(role__in=roles, valid_from__lte=now, service_account__isnull=True)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))
        .select_related("unit", "person", "group")
        .prefetch_related("group__user_set")
    )
    found: dict[str, dict[object, User]] = defaultdict(dict)
    for grant in grants:
        if grant.unit is not None and not use_case.unit.path.startswith(grant.unit.path):
            continue
        people = [grant.person] if grant.person else list(grant.group.user_set.all()) if grant.group else []
        for person in people:
            for key in lanes_of_role[grant.role]:
                if person.is_active:
                    found[key][person.pk] = person
    acting = standing_absences().filter(person=use_case.owner_id).select_related("delegate")
    found[LaneKey.BUSINESS] = {
        use_case.owner_id: use_case.owner,
        **{each.delegate_id: each.delegate for each in acting},
    }
    return {key: sorted(_who_see(use_case, people), key=lambda user: user.name) for key, people in found.items()}


def _who_see(use_case: UseCase, people: dict[object, User]) -> list[User]:
    """A restricted use case is hidden from most grants: who cannot see it cannot be asked."""
    if not use_case.restricted:
        return list(people.values())
    return [
        person
        for person in people.values()
        if UseCase.objects.filter(pk=use_case.pk).visible_to(actors.person(person)).exists()
    ]
