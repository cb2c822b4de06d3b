"""What may be seen, as a predicate in SQL: fetching is the permission check.

Three shapes, never `a OR b` (44 times slower at 100,000 use cases): who sees everything gets no predicate; one use
case or few are looked for with `id IN (team arm UNION ALL unit arm)`; a page of a long list takes its rows arm by arm,
ordered and limited, before the arms join.
"""

import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast

from django.apps import apps
from django.contrib.postgres.search import SearchQuery, TrigramSimilarity
from django.db import models
from django.db.models import Q
from django.http import Http404

from portal.access import CAPABILITIES, capabilities_anywhere, unit_paths_with
from portal.actors import Actor
from portal.models import BusinessUnit, User
from portal.querysets import standing_grants

if TYPE_CHECKING:
    from usecases.models import DataSource, UseCase  # noqa: F401 - named in quotes below

_REFERENCE = re.compile(r"(?i)uc-?(\d{1,9})")
_WORD = re.compile(r"\w+")


class UseCaseQuerySet(models.QuerySet["UseCase"]):
    def visible_to(self, actor: Actor) -> Self:
        """The use cases this actor may know of; none for the inactive and for nobody."""
        arms = _arms(actor)
        if arms is None:
            return self
        return (
            self.filter(id__in=_joined([self.model._default_manager.filter(arm) for arm in arms]))
            if arms
            else self.none()
        )

    def get_visible(self, actor: Actor, reference: str) -> "UseCase":
        """The use case with this reference, or 404: what may not be seen does not exist."""
        prefix, _, digits = reference.partition("-")
        if prefix != "UC" or not digits.isdigit() or len(digits) > 9:
            raise Http404
        found = self.visible_to(actor).select_related("unit", "owner").filter(number=int(digits)).first()
        if found is None or found.reference != reference:
            raise Http404
        return found

    def search(self, words: str, *, similar: bool = False) -> Self:
        """Those whose reference, title, outcome or users hold words that begin so; or those of a similar title.

        Similar ones are for when the words hit nothing that the actor may see: whether they hit something hidden must
        not show.
        """
        if found := _REFERENCE.fullmatch(words.strip()):
            return self.filter(number=int(found[1]))
        parts = _WORD.findall(words)
        if not parts:
            return self
        prefixes = " & ".join(f"{part}:*" for part in parts[:12])
        text = SearchQuery(prefixes, config="simple", search_type="raw")
        return self.filter(title__trigram_similar=words) if similar else self.filter(search=text)

    def narrowed(
        self,
        *,
        q: str = "",
        stage: str = "",
        tier: str = "",
        pattern: str = "",
        unit: BusinessUnit | None = None,
        owner: str = "",
        similar: bool = False,
    ) -> Self:
        """The list's filters, the same for page and API; `owner` is part of a name, `unit` includes all below."""
        found = self.search(q, similar=similar) if q else self
        exact = {"stage": stage, "tier": tier, "pattern": pattern}
        found = found.filter(**{field: value for field, value in exact.items() if value})
        if unit is not None:
            found = found.filter(unit_id__in=BusinessUnit.objects.filter(path__startswith=unit.path).values("id"))
        if owner:
            found = found.filter(owner_id__in=User.objects.filter(name__icontains=owner).values("id"))
        return found

    def page_visible_to(self, actor: Actor, before: str, size: int) -> tuple[list[Any], str]:
        """(newest changes first, the key of the next page or ""); the key is the time and id of the last row.

        Each arm of what the actor may see is ordered and limited by its own index before the arms join, so that the
        owner of three and the auditor of all wait equally long.
        """
        wanted = self
        if before:
            moment, _mark, row_id = before.partition("_")
            try:
                at, pk = datetime.fromisoformat(moment), uuid.UUID(row_id)
            except ValueError:
                return [], ""
            wanted = self.filter(updated_at__lte=at).exclude(updated_at=at, id__gte=pk)
        found = list(wanted._limited(actor, size + 1, "-updated_at", "-id").order_by("-updated_at", "-id")[: size + 1])
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        return found[:size], f"{last.updated_at.isoformat()}_{last.pk}"

    def count_visible_to(self, actor: Actor, limit: int) -> int:
        """How many there are, at most `limit`: counting all of a large register for a caption is not worth it."""
        return self._limited(actor, limit)[:limit].count()

    def _limited(self, actor: Actor, size: int, *order: str) -> Self:
        """Enough rows for `size` of those the actor may see, taken arm by arm; unordered without `order`."""
        arms = _arms(actor)
        if arms is None:
            return self.order_by()
        if not arms:
            return self.none()
        taken = [self.filter(arm).order_by(*order)[:size] for arm in arms]
        # The narrowing stands in every arm already; outside it would only be checked again.
        return self._same_shape().filter(id__in=_joined(taken))

    def _same_shape(self) -> Self:
        """No rows filtered, the same related rows fetched along."""
        shape = cast("Self", self.model._default_manager.all())
        shape.query.select_related = self.query.select_related
        return shape

    def similar_to(self, title: str) -> Self:
        """Titles close to this one, closest first."""
        near = self.annotate(closeness=TrigramSimilarity("title", title)).filter(title__trigram_similar=title)
        return near.order_by("-closeness", "-id")

    def lock(self, use_case: "UseCase") -> "UseCase":
        """The same use case, read anew and locked until the verb's transaction ends."""
        return self.select_for_update(of=("self",)).select_related("unit", "owner").get(pk=use_case.pk)


def people_who_see(use_case: "UseCase") -> models.QuerySet[User]:
    """Everybody who may see this use case now: the same rule as `visible_to`, asked from the other side."""
    needed = "see_restricted" if use_case.restricted else "view"
    roles = [role for role, able in CAPABILITIES.items() if needed in able]
    above = [uuid.UUID(part) for part in use_case.unit.path.split(".") if part]
    grants = standing_grants().filter(Q(unit__isnull=True) | Q(unit_id__in=above), role__in=roles).order_by()
    # By name: models stand on this room.
    team = apps.get_model("usecases", "UseCaseUserPermission")._default_manager.filter(content_object_id=use_case.pk)
    seers = Q(pk__in=grants.filter(person__isnull=False).values("person_id"))
    seers |= Q(pk__in=team.values("user_id"))
    seers |= Q(pk__in=User.groups.through.objects.filter(group__in=grants.values("group_id")).values("user_id"))
    return User.objects.filter(seers, is_active=True)


class DataSourceQuerySet(models.QuerySet["DataSource"]):
    def visible_to(self, actor: Actor) -> Self:
        """The catalogue for whoever may look at something here or has a part on a team; for others what they own.

        What exists is no secret among those who work with it; nothing of it is anybody else's business.
        """
        if "view" in capabilities_anywhere(actor) or _is_on_a_team(actor):
            return self
        if actor.person is None or not actor.person.is_active:
            return self.none()
        return self.filter(owner_id=actor.person.pk)


def _is_on_a_team(actor: Actor) -> bool:
    if actor.person is None or not actor.person.is_active:
        return False
    team = apps.get_model("usecases", "UseCaseUserPermission")
    return bool(team._default_manager.filter(user_id=actor.person.pk).exists())


def _arms(actor: Actor) -> list[Q] | None:
    """The ways by which this actor sees use cases, each simple enough for one index; None: sees all, []: none."""
    if not actor.signed_in or (actor.person is not None and not actor.person.is_active):
        return []
    view = unit_paths_with(actor, "view")
    unrestricted = unit_paths_with(actor, "see_restricted")
    if view is None and unrestricted is None:
        return None
    arms = [_team_arm(actor), _unit_arm(view, restricted_too=False), _unit_arm(unrestricted, restricted_too=True)]
    return [arm for arm in arms if arm is not None]


def _joined(arms: list[Any]) -> Any:
    """The ids of all arms, as one subquery."""
    ids = [arm.values("id") for arm in arms]
    return ids[0].union(*ids[1:], all=True) if len(ids) > 1 else ids[0]


def _team_arm(actor: Actor) -> Q | None:
    """Use cases on whose team the person is; only people are on teams."""
    if actor.person is None:
        return None
    # By name: models stand on this room.
    team = apps.get_model("usecases", "UseCaseUserPermission")
    return Q(id__in=team._default_manager.filter(user_id=actor.person.pk).values("content_object_id"))


def _unit_arm(paths: list[str] | None, *, restricted_too: bool) -> Q | None:
    """Use cases in the units below these paths; None means the whole organisation, no path means none."""
    if paths == []:
        return None
    arm = Q() if restricted_too else Q(restricted=False)
    if paths is None:
        return arm
    below = Q()
    for path in paths:
        below |= Q(path__startswith=path)
    return arm & Q(unit_id__in=BusinessUnit.objects.filter(below).values("id"))
