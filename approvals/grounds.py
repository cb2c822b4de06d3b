"""Everything a decision about one release stands on, read once: policies, pages and verbs look at the same values."""

import uuid
from dataclasses import dataclass, field
from datetime import date

from approvals.choices import DecisionKind, Outcome
from approvals.declarations import changes_since_proposal
from approvals.lanes import Lane, lane
from approvals.models import Decision, Release, Verdict
from portal.access import Reason
from usecases.catalogue import is_retired, retirements_of
from usecases.data_approvals import grounding_objections, next_end, objections, uses_of
from usecases.models import Component, DataUse


@dataclass(frozen=True)
class Grounds:
    """`contributions` names by person the parts they had in what the release claims; `changes` make it stale.

    `retiring` are the parts of the version that are gone, or will be within half a year. `objections` are what the
    register says today against relying on the release, whatever the evidence: a release that has any is neither
    approved nor let through, and is again as soon as they are gone. `holds_until` is the last day before the calendar
    brings a new one.
    """

    release: Release
    verdict: Verdict | None
    decisions: dict[str, Decision]
    contributions: dict[uuid.UUID, list[str]]
    changes: list[str]
    retiring: list[Component] = field(default_factory=list)
    objections: tuple[Reason, ...] = ()
    holds_until: date | None = None

    @property
    def retired(self) -> list[Component]:
        return [component for component in self.retiring if is_retired(component)]

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return tuple(lane(key) for key in self.release.lanes)

    @property
    def open_lanes(self) -> tuple[Lane, ...]:
        return tuple(each for each in self.lanes if each.key not in self.decisions)

    @property
    def outcome(self) -> str:
        """What the gate says; without a verdict nothing was evaluated."""
        return self.verdict.outcome if self.verdict else Outcome.NOT_EVALUATED

    @property
    def allows(self) -> bool:
        return bool(self.verdict and self.verdict.allows)

    @property
    def complete(self) -> bool:
        """Every lane asked has approved; no lane at all is never complete."""
        approved = {key for key, decision in self.decisions.items() if decision.kind == DecisionKind.APPROVE}
        return bool(self.release.lanes) and approved >= set(self.release.lanes)


def newest_verdict(release: Release) -> Verdict | None:
    return Verdict.objects.filter(release_id=release.pk).order_by("-judged_at", "-id").first()


def grounds_of(release: Release, *, fresh: bool = False) -> Grounds:
    """Reads the grounds; `fresh` says that use case, version and policy were just read together with the release."""
    contributions: dict[uuid.UUID, list[str]] = {}
    for person, part in release.contributors.order_by("part").values_list("person_id", "part"):
        contributions.setdefault(person, []).append(part)
    uses = uses_of(release.use_case_id)
    decisions = release.decisions.select_related("person", "signed_for").order_by("decided_at", "id")
    return Grounds(
        release=release,
        verdict=newest_verdict(release),
        decisions={decision.lane: decision for decision in decisions},
        contributions=contributions,
        changes=changes_since_proposal(release, fresh=fresh, uses=uses),
        retiring=retirements_of(release.system_version_id),
        objections=tuple(objections_to(release, uses)),
        holds_until=next_end(uses),
    )


def objections_to(release: Release, uses: list[DataUse]) -> list[Reason]:
    """What the register says today against relying on the release; further kinds of objection are added here."""
    return [*objections(uses), *grounding_objections(release.system_version.manifest, uses)]
