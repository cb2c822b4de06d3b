"""Proposing a system version for an environment, and taking the proposal back."""

import uuid
from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from approvals.actions.gates import judge_release, locked
from approvals.actions.moves import ask, concerned, inform, move, named, tell_of
from approvals.actions.policies import fix_gate_criteria
from approvals.choices import LaneKey
from approvals.declarations import canonical, declare, digest_of, policy_in_force
from approvals.lanes import lanes_for
from approvals.measurements import evidence_of
from approvals.models import GatePolicyVersion, Release, ReleaseContributor
from approvals.policies import may_propose_release, may_withdraw_release
from approvals.querysets import deciders_of
from portal.access import Denied, Reason, Refused, require
from portal.actors import Actor
from portal.models import User
from usecases.choices import Environment
from usecases.models import Answer, SystemVersion, UseCase


def propose_release(
    *, actor: Actor, use_case: UseCase, version: SystemVersion, environment: str, note: str = ""
) -> Release:
    """Ask that this version may run in this environment, and have the gate judge it at once.

    What people will approve is written down here: declaration, tier, policy, lanes and who took part. Raises Refused.
    """
    try:
        release = _propose(actor, use_case, version, Environment(environment), note)
    except IntegrityError as error:
        if "release_one_is_proposed_per_environment" not in str(error):
            raise
        text = _("Another release for this environment was proposed in this moment. Have it decided first.")
        raise Refused(Denied((Reason("release_open", text, conflict=True),))) from error
    judge_release(release_id=release.pk, judged_by=actor.key)
    return release


@transaction.atomic
def _propose(actor: Actor, use_case: UseCase, version: SystemVersion, environment: str, note: str) -> Release:
    # NO KEY: evidence and answers that only point at the use case need not wait.
    UseCase.objects.select_for_update(no_key=True).get(pk=use_case.pk)
    use_case = UseCase.objects.select_related("owner", "unit").get(pk=use_case.pk)
    require(may_propose_release(actor, use_case, version, environment))
    fix_gate_criteria(use_case=use_case)
    policy = policy_in_force(use_case.tier)
    assert policy is not None
    text = canonical(
        declare(
            use_case=use_case,
            version=version,
            environment=environment,
            policy_digest=policy.digest,
            runs=evidence_of(version).runs,
        )
    )
    number = (Release.objects.filter(use_case=use_case).aggregate(highest=Max("number"))["highest"] or 0) + 1
    release = Release.objects.create(
        use_case=use_case,
        number=number,
        system_version=version,
        environment=environment,
        tier=use_case.tier,
        policy=policy,
        canon=text,
        digest=digest_of(text),
        lanes=[lane.key for lane in lanes_for(use_case.tier)],
        note=note,
        proposed_by=actor.person,
        proposed_by_account=actor.account,
    )
    parts = set(_contributions(actor, version, use_case, policy))
    ReleaseContributor.objects.bulk_create(
        ReleaseContributor(release=release, person_id=person, part=part) for person, part in sorted(parts, key=str)
    )
    _announce(actor, release)
    return release


def _announce(actor: Actor, release: Release) -> None:
    reference, where = release.use_case.reference, release.get_environment_display().lower()
    tell_of(
        actor,
        "release.proposed",
        release,
        f"proposed version “{release.system_version.label}” of {reference} for {where} as release {release.number}.",
        version=release.system_version.digest,
        tier=release.tier,
        policy=release.policy.digest,
        lanes=release.lanes,
    )
    deciders = deciders_of(release.use_case)
    proposer = actor.person.pk if actor.person else None
    asked = {user.pk: user for key in release.lanes for user in deciders.get(LaneKey(key), []) if user.pk != proposer}
    text = _("%(release)s waits for a decision.") % {"release": named(release)}
    ask(list(asked.values()), release, text)


def _contributions(
    actor: Actor, version: SystemVersion, use_case: UseCase, policy: GatePolicyVersion
) -> Iterator[tuple[uuid.UUID, str]]:
    """(person, part) of everyone who made what the release claims: none of them signs an independent lane."""
    if version.declared_by_id is not None:
        yield version.declared_by_id, "version"
    # Every run ever pushed for the version, not only the current ones: a superseded reading shaped what followed.
    pushed = User.objects.filter(pushed_runs__system_version=version)
    yield from ((pk, "evidence") for pk in pushed.values_list("pk", flat=True).distinct())
    answered = Answer.objects.filter(use_case=use_case).values_list("answered_by_id", flat=True).distinct()
    yield from ((pk, "answers") for pk in answered)
    if policy.published_by_id is not None:
        yield policy.published_by_id, "policy"
    if actor.person is not None:
        yield actor.person.pk, "proposal"


@transaction.atomic
def withdraw_release(*, actor: Actor, release: Release, reason: str = "") -> Release:
    """Take a release back: one that waits is not decided any more, one that stands no longer passes the gate."""
    held = locked(release.pk)
    require(may_withdraw_release(actor, held))
    why = f": {reason}" if reason else "."
    sentence = f"withdrew release {held.number} of {held.use_case.reference}{why}"
    move(actor, held, "withdraw_release", sentence, reason=reason)
    others = [person for person in concerned(held) if not actor.is_person(person.pk)]
    inform(others, held, _("%(release)s was withdrawn.") % {"release": named(held)})
    return held
