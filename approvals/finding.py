"""What approvals adds to finding things: the verdict as a filter, late decisions, releases in the palette."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import In
from django.utils.translation import gettext_lazy as _

from approvals.choices import Outcome, ReleaseState
from approvals.models import Release, Verdict
from approvals.querysets import JUDGED, visible_releases
from portal.palette import Hit
from usecases.finding.filters import Filter, due
from usecases.finding.palette import number_in

if TYPE_CHECKING:
    from portal.actors import Actor


def _judged(values: Sequence[str]) -> Q:
    """The newest release that is proposed or stands was last judged so: from the verdicts, to gather what fits."""
    later = Verdict.objects.filter(release=OuterRef("release"), judged_at__gt=OuterRef("judged_at"))
    newer = Release.objects.filter(
        use_case=OuterRef("release__use_case"), state__in=JUDGED, number__gt=OuterRef("release__number")
    )
    found = Verdict.objects.filter(outcome__in=values, release__state__in=JUDGED)
    return Q(id__in=found.exclude(Exists(later)).exclude(Exists(newer)).values("release__use_case_id"))


def _judged_one_by_one(values: Sequence[str]) -> Q:
    """The same asked of each row, for a page in some order: it stops at its last row."""
    latest = Verdict.objects.filter(release=OuterRef("pk")).order_by("-judged_at", "-id").values("outcome")[:1]
    judged = Release.objects.filter(use_case=OuterRef("pk"), state__in=JUDGED).order_by("-number")
    outcome = Subquery(judged.annotate(outcome=Subquery(latest)).values("outcome")[:1])
    # The planner takes a bare comparison for rare and would judge every row before it sorts them.
    return Q(Coalesce(In(outcome, list(values)), Value(False), output_field=BooleanField()))


VERDICT = Filter("verdict", _("Verdict"), where=_judged_one_by_one, indexed=_judged, choices=tuple(Outcome.choices))


def late_releases() -> QuerySet[Any]:
    """Use cases with a release that waits too long for its decisions."""
    return Release.objects.filter(state=ReleaseState.PROPOSED, proposed_at__lt=due()).values("use_case_id")


def releases(actor: "Actor", words: str, limit: int) -> list[Hit]:
    """Releases whose version's label begins so, or those of the use case with this reference."""
    found = visible_releases(actor).order_by("-proposed_at", "-id")
    number = number_in(words)
    if number is not None:
        found = found.filter(use_case__number=number)
    else:
        found = found.filter(system_version__label__istartswith=words)
    return [
        Hit(
            label=f"{release.use_case.reference} · {release.system_version.label}",
            note=f"{release.use_case.title} · {release.get_state_display()}",
            url=release.get_absolute_url(),
        )
        for release in found[:limit]
    ]
