"""Who is on a use case's team, in which part. Written here and nowhere else."""

from django.contrib.auth.models import Permission
from django.db import transaction

from portal.access import require
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import User
from usecases import policies
from usecases.choices import TeamRole
from usecases.models import UseCase, UseCaseUserPermission


@transaction.atomic
def add_to_team(*, actor: Actor, use_case: UseCase, person: User, role: str) -> None:
    """Give the person a part on this use case; a part they have already changes nothing. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_add_to_team(actor, use_case, person))
    join(actor=actor, use_case=use_case, person=person, role=role)


def join(*, actor: Actor, use_case: UseCase, person: User, role: str) -> None:
    """The part itself, for a verb that has ruled already: who registers for an owner need not be on the team."""
    _part, created = UseCaseUserPermission.objects.get_or_create(
        content_object=use_case, user=person, permission=_permission(role)
    )
    if not created:
        return
    record(
        actor,
        "team.joined",
        use_case,
        f"added {mention(person)} to the team of {use_case.reference} as {TeamRole(role).label.lower()}.",
        use_case=use_case.pk,
        data={"person": person.pk, "role": role},
        references=[use_case.reference],
    )
    # What the actor may do here was perhaps read before: it may be the actor who joined.
    actor._cache.pop("use_cases", None)


@transaction.atomic
def remove_from_team(*, actor: Actor, use_case: UseCase, person: User, role: str) -> None:
    """Take the part away; a part they do not have changes nothing. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_remove_from_team(actor, use_case, person, role))
    leave(actor=actor, use_case=use_case, person=person, role=role)


def leave(*, actor: Actor, use_case: UseCase, person: User, role: str) -> None:
    """The part's end itself, for a verb that has ruled already: a handover ends the former owner's part."""
    removed, _by_model = UseCaseUserPermission.objects.filter(
        content_object=use_case, user=person, permission=_permission(role)
    ).delete()
    if not removed:
        return
    record(
        actor,
        "team.left",
        use_case,
        f"removed {mention(person)} from the team of {use_case.reference} as {TeamRole(role).label.lower()}.",
        use_case=use_case.pk,
        data={"person": person.pk, "role": role},
        references=[use_case.reference],
    )
    actor._cache.pop("use_cases", None)


def _permission(role: str) -> Permission:
    return Permission.objects.get(content_type__app_label="usecases", codename=f"team_{TeamRole(role).value}")
