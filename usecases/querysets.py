"""What may be seen, as a predicate in SQL: fetching is the permission check.

Three shapes, never `a OR b` (44 times slower at 100,000 use cases): who sees everything gets no predicate; one use
case or few are looked for with `id IN (team arm UNION ALL unit arm)`; a page of a long list takes its rows arm by arm,
ordered and limited, before the arms join.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self, cast

from django.apps import apps
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramSimilarity
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.http import Http404

from portal.access import CAPABILITIES, capabilities_anywhere, unit_paths_with
from portal.actors import Actor
from portal.delegation import principals_of
from portal.models import User
from portal.querysets import standing_absences, standing_grants
from usecases.choices import OWNERSHIP, RequestState, Stage

if TYPE_CHECKING:
    from usecases.models import Component, DataSource, StewardshipRequest, UseCase, WorkItem  # noqa: F401 - in quotes

_REFERENCE = re.compile(r"(?i)uc-?(\d{1,9})")
_WORD = re.compile(r"\w+")
COMPARED = 300


def reference_in(words: str) -> int | None:
    """The number when the words are a use case's reference, as UC-0042 or uc42."""
    found = _REFERENCE.fullmatch(words.strip())
    return int(found[1]) if found else None


def reference_of(number: int) -> str:
    return f"UC-{number:04d}"


def prefixes_of(words: str) -> str:
    """The words as a text search for all of them, each from its beginning; "" when there is none."""
    return " & ".join(f"{part}:*" for part in _WORD.findall(words)[:12])


class UseCaseQuerySet(models.QuerySet["UseCase"]):
    def visible_to(self, actor: Actor) -> Self:
        """The use cases this actor may know of; none for the inactive and for nobody.

        Narrow first, ask then: what was filtered before stands in every arm, so that one use case is looked for by
        its own index and not among all those the actor may see.
        """
        arms = _arms(actor)
        if arms is None:
            return self
        return self.filter(id__in=_joined([self.filter(arm).order_by() for arm in arms])) if arms else self.none()

    def get_visible(self, actor: Actor, reference: str) -> "UseCase":
        """The use case with this reference, or 404: what may not be seen does not exist."""
        prefix, _, digits = reference.partition("-")
        if prefix != "UC" or not digits.isdigit() or len(digits) > 9:
            raise Http404
        found = self.filter(number=int(digits)).visible_to(actor).select_related("unit", "owner").first()
        if found is None or found.reference != reference:
            raise Http404
        return found

    def search(self, words: str, *, similar: bool = False) -> Self:
        """Those whose reference, title, outcome or users hold words that begin so; or those of a similar title.

        Similar ones are for when the words hit nothing that the actor may see: whether they hit something hidden must
        not show.
        """
        number = reference_in(words)
        if number is not None:
            return self.filter(number=number)
        prefixes = prefixes_of(words)
        if not prefixes:
            return self
        text = SearchQuery(prefixes, config="simple", search_type="raw")
        return self.filter(title__trigram_word_similar=words) if similar else self.filter(search=text)

    def page_visible_to(
        self, actor: Actor, before: str, size: int, *, shown: Callable[[Any], Any] = lambda rows: rows
    ) -> tuple[list[Any], str]:
        """(newest changes first, the key of the next page or ""); the key is the time and id of the last row.

        `shown` gives the rows another form, or what else is fetched along with them.

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
        found = list(shown(wanted.taken_for(actor, size + 1, "-updated_at", "-id")))
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        return found[:size], f"{last.updated_at.isoformat()}_{last.pk}"

    def count_visible_to(self, actor: Actor, limit: int) -> int:
        """How many there are, at most `limit`: counting all of a large register for a caption is not worth it."""
        arms = _arms(actor)
        if arms is None:
            return self.order_by()[:limit].count()
        if not arms:
            return 0
        taken = [self.order_by().filter(arm).values("id")[:limit] for arm in arms]
        # A plain union: who is on a team and has the unit's role sees the case once.
        found = taken[0].union(*taken[1:]) if len(taken) > 1 else taken[0]
        return min(limit, found.count())

    def ids_visible_to(self, actor: Actor, limit: int) -> list[uuid.UUID]:
        """The ids of those the actor may see, in no order, at most `limit`: to know whether they are few."""
        return list(self._limited(actor, limit).values_list("id", flat=True)[:limit])

    def taken_for(self, actor: Actor, size: int, *order: Any) -> Self:
        """The first `size` of those the actor may see in this order, taken arm by arm like a page."""
        return self._limited(actor, size, *order).order_by(*order)[:size]

    def _limited(self, actor: Actor, size: int, *order: Any) -> Self:
        """Enough rows for `size` of those the actor may see, taken arm by arm in this order; itself unordered."""
        arms = _arms(actor)
        if arms is None:
            return self.order_by()
        if not arms:
            return self.none()
        taken = [self.filter(arm).order_by(*order)[:size] for arm in arms]
        # The narrowing stands in every arm already; outside it would only be checked again.
        return self._same_shape().filter(id__in=_joined(taken))

    def _same_shape(self) -> Self:
        """No rows filtered; the same columns, and the same related rows fetched along."""
        shape = cast("Self", self.model._default_manager.all())
        shape.query.select_related = self.query.select_related
        shape.query.deferred_loading = self.query.deferred_loading
        return shape

    def similar_to(self, title: str) -> Self:
        """Titles close to this one, closest first."""
        near = self.annotate(closeness=TrigramSimilarity("title", title)).filter(title__trigram_similar=title)
        return near.order_by("-closeness", "-id")

    def about(self, words: list[str]) -> Self:
        """Those whose title, outcome or users hold any of these words, the best match first; `words` are plain.

        Only so many are compared: a word that half the register holds must not cost a sort of half the register.
        """
        text = SearchQuery(" | ".join(words), config="simple", search_type="raw")
        some = self.filter(search=text).order_by()[:COMPARED].values("id")
        ranked = self.model._default_manager.filter(id__in=some).annotate(rank=SearchRank("search", text))
        return cast("Self", ranked.order_by("-rank", "-id"))

    def without_present_owner(self) -> Self:
        """Running use cases that nobody present answers for: the owner left and nobody present is asked to follow.

        The proof that there are no orphans is that this is empty; the page on ownership shows its count.
        """
        return self.exclude(stage=Stage.STOPPED).filter(owner__is_active=False).exclude(_somebody_asked("use_case"))

    def waiting_for_an_owner(self) -> Self:
        """Running use cases whose owner left and for which somebody present is asked."""
        return self.exclude(stage=Stage.STOPPED).filter(owner__is_active=False).filter(_somebody_asked("use_case"))

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
    seers |= Q(pk__in=standing_absences().filter(person_id=use_case.owner_id).values("delegate_id"))
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
        return self.filter(owner_id__in=[actor.person.pk, *principals_of(actor)])

    def without_present_owner(self) -> Self:
        """Sources that nobody present decides about, and nobody present is asked to."""
        return self.filter(owner__is_active=False).exclude(_somebody_asked("data_source"))

    def waiting_for_an_owner(self) -> Self:
        """Sources whose owner left and for which somebody present is asked."""
        return self.filter(owner__is_active=False).filter(_somebody_asked("data_source"))


class StewardshipRequestQuerySet(models.QuerySet["StewardshipRequest"]):
    def for_ownership(self) -> Self:
        """Open ones that would give a thing another owner."""
        return self.filter(state=RequestState.OPEN, kind__in=OWNERSHIP)

    def waiting_for(self, person: User, acting_for: Iterable[uuid.UUID] = ()) -> Self:
        """Open ones that this person answers: asked to own something, or asked by who wants to join their team.

        Of the teams of those they act for too, but never what those are asked to own.
        """
        asked = self.for_ownership().filter(person=person).values("id")
        owners = [person.pk, *acting_for]
        open_joins = self.filter(state=RequestState.OPEN, use_case__owner__in=owners).exclude(kind__in=OWNERSHIP)
        joins = open_joins.exclude(person=person).values("id")
        return self.filter(id__in=asked.union(joins, all=True))

    def get_known(self, actor: Actor, pk: uuid.UUID) -> "StewardshipRequest | None":
        """The request, for who asked, for who is asked, and for whoever sees what it is about; None for others."""
        found = self.told().filter(pk=pk).first()
        if found is None or actor.is_person(found.person_id) or actor.is_person(found.requested_by_id):
            return found
        subject = found.subject
        seen = type(subject)._default_manager.all().visible_to(actor)
        return found if seen.filter(pk=subject.pk).exists() else None

    def told(self) -> Self:
        """With everything a page or an answer says about them."""
        return self.select_related(
            "use_case__unit",
            "use_case__owner",
            "data_source__unit",
            "data_source__owner",
            "person",
            "requested_by",
            "closed_by",
        )


def _somebody_asked(subject: str) -> Exists:
    """Whether somebody whose account is on is asked to own the row."""
    requests = apps.get_model("usecases", "StewardshipRequest")._default_manager
    return Exists(
        requests.filter(
            **{subject: OuterRef("pk")}, state=RequestState.OPEN, kind__in=OWNERSHIP, person__is_active=True
        )
    )


class ComponentQuerySet(models.QuerySet["Component"]):
    def visible_to(self, actor: Actor) -> Self:
        """What runs in a use case this actor may know of, and what a person put into the catalogue.

        A component known from hidden use cases only would tell of them, so it is as hidden as they are.
        """
        arms = _arms(actor)
        if arms is None:
            return self
        if not arms or not ("view" in capabilities_anywhere(actor) or _is_on_a_team(actor)):
            return self.none()
        cases = apps.get_model("usecases", "UseCase")
        links = apps.get_model("usecases", "VersionComponent")
        seen = _joined([cases._default_manager.filter(arm) for arm in arms])
        running = links._default_manager.filter(use_case_id__in=seen).values("component_id")
        catalogued = self.model._default_manager.filter(catalogued_at__isnull=False).values("id")
        return self.filter(id__in=running.union(catalogued, all=True))

    def get_visible(self, actor: Actor, pk: uuid.UUID) -> "Component":
        """The component with this id, or 404."""
        found = self.visible_to(actor).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def narrowed(self, *, q: str = "", kind: str = "", provider: str = "", retiring_by: date | None = None) -> Self:
        """The list's filters, the same for page and API; each word of `q` is part of name, provider or version."""
        found = self
        for word in q.split()[:8]:
            found = found.filter(Q(name__icontains=word) | Q(provider__icontains=word) | Q(version__icontains=word))
        if kind:
            found = found.filter(kind=kind)
        if provider:
            found = found.filter(provider__iexact=provider)
        return found if retiring_by is None else found.filter(retires_on__lte=retiring_by)

    def page(self, after: str, size: int) -> tuple[list[Any], str]:
        """(a page by name, the key of the next page or ""); a key no page handed out gives nothing."""
        found = self.order_by("name", "id")
        if after:
            name, _mark, row_id = after.rpartition("_")
            try:
                pk = uuid.UUID(row_id)
            except ValueError:
                return [], ""
            found = found.filter(name__gte=name).exclude(name=name, id__lte=pk)
        rows = list(found[: size + 1])
        return rows[:size], f"{rows[size - 1].name}_{rows[size - 1].pk}" if len(rows) > size else ""

    def lock(self, component: "Component") -> "Component":
        return self.select_for_update(of=("self",)).get(pk=component.pk)


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def visible_to(self, actor: Actor) -> Self:
        """The work of use cases this actor may know of."""
        cases = apps.get_model("usecases", "UseCase")
        return self.filter(use_case_id__in=cases._default_manager.visible_to(actor).values("id"))

    def open(self) -> Self:
        return self.filter(state="open")


def _is_on_a_team(actor: Actor) -> bool:
    if actor.person is None or not actor.person.is_active:
        return False
    team = apps.get_model("usecases", "UseCaseUserPermission")
    return bool(team._default_manager.filter(user_id=actor.person.pk).exists())


def _arms(actor: Actor) -> list[Q] | None:
    """The ways by which this actor sees use cases, each simple enough for one index; None: sees all, []: none."""
    if not actor.signed_in or (actor.person is not None and not actor.person.is_active):
        return []
    if "arms" not in actor._cache:
        actor._cache["arms"] = _arms_by_grants(actor)
    arms: list[Q] | None = actor._cache["arms"]
    return arms


def _arms_by_grants(actor: Actor) -> list[Q] | None:
    view = unit_paths_with(actor, "view")
    unrestricted = unit_paths_with(actor, "see_restricted")
    if view is None and unrestricted is None:
        return None
    arms = [
        _team_arm(actor),
        _delegate_arm(actor),
        _unit_arm(view, restricted_too=False),
        _unit_arm(unrestricted, restricted_too=True),
    ]
    return [arm for arm in arms if arm is not None]


def _joined(arms: list[Any]) -> Any:
    """The ids of all arms, as one subquery."""
    ids = [arm.values("id") for arm in arms]
    return ids[0].union(*ids[1:], all=True) if len(ids) > 1 else ids[0]


# Written out, since the arms stand in every page's queries and composing each subquery anew costs more than running it.
_OF_TEAM = "SELECT content_object_id FROM use_case_user_permission WHERE user_id = %s"
_OF_UNITS = "SELECT id FROM business_unit WHERE path LIKE ANY(%s)"


def _team_arm(actor: Actor) -> Q | None:
    """Use cases on whose team the person is; only people are on teams."""
    if actor.person is None:
        return None
    return Q(id__in=RawSQL(_OF_TEAM, [actor.person.pk]))  # noqa: S611  # nosec B611


def _delegate_arm(actor: Actor) -> Q | None:
    """What those whom the actor acts for today are accountable for: nobody does a duty on what they may not see."""
    away = list(principals_of(actor))
    return Q(owner_id__in=away) if away else None


def _unit_arm(paths: list[str] | None, *, restricted_too: bool) -> Q | None:
    """Use cases in the units below these paths; None means the whole organisation, no path means none."""
    if paths == []:
        return None
    arm = Q() if restricted_too else Q(restricted=False)
    if paths is None:
        return arm
    # Paths are hexadecimal digits and dots: nothing in them has a meaning in a pattern.
    return arm & Q(unit_id__in=RawSQL(_OF_UNITS, [[f"{path}%" for path in paths]]))  # noqa: S611  # nosec B611
