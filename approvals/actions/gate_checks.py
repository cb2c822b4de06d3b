"""Asking the gate: may this digest be deployed there, now? Every doubt is a no, and every no says why."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from prometheus_client import Counter

from approvals import signing
from approvals.actions.attestations import artifacts_of
from approvals.actions.gates import judge_in_memory
from approvals.actions.moves import tell_of
from approvals.attestation import (
    GATE_REPLY_LIFETIME,
    Artifact,
    GateReplyFacts,
    Reference,
    UseCaseFact,
    canonical,
    gate_reply_statement,
    timestamp,
)
from approvals.choices import ReleaseState
from approvals.grounds import Grounds, grounds_of
from approvals.measurements import evidence_for
from approvals.models import Attestation, Release
from approvals.policies import gate_reason, may_ask_gate, retired_reason, still_stands
from approvals.querysets import standing_release
from portal.access import Reason, require, unless
from portal.actors import Actor
from portal.models import AuditEvent
from usecases.catalogue import is_retired
from usecases.choices import Stage
from usecases.models import UseCase
from usecases.policies import capabilities

log = structlog.get_logger(__name__)
CHECKS = Counter("gatehouse_gate_checks", "Answers of the gate", ["answer"])


@dataclass(frozen=True)
class Reply:
    """The answer; clients trust only `envelope`, the signed statement of the same."""

    allow: bool
    reasons: tuple[Reason, ...]
    nonce: str
    evaluated_at: datetime
    expires_at: datetime
    attestations: tuple[str, ...]
    envelope: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "allow": self.allow,
            "reasons": [reason.text for reason in self.reasons],
            "codes": [reason.code for reason in self.reasons],
            "nonce": self.nonce,
            "evaluated_at": timestamp(self.evaluated_at),
            "expires_at": timestamp(self.expires_at),
            "attestations": list(self.attestations),
            "envelope": self.envelope,
        }


@dataclass(frozen=True)
class Found:
    """What one snapshot of the database says: about the release that stands, and about what was asked of it.

    `ends_at` is when the calendar ends the yes: the release's approval, or the first approval of its data.
    """

    now: datetime
    use_case: UseCase | None
    release: Release | None
    standing: tuple[Reason, ...]
    asked: tuple[Reason, ...]
    attestation: Attestation | None
    ends_at: datetime | None = None


def check(
    *,
    actor: Actor,
    use_case_reference: str,
    environment: str,
    digest: str,
    artifacts: Sequence[Mapping[str, str]],
    nonce: str,
) -> Reply:
    """Judge everything anew from one snapshot and sign the answer, good for 15 minutes at most.

    A use case that does not exist and one the actor may not see get the same answer. Raises Refused for who may not
    ask at all; any other failure is an exception, never an allow.
    """
    fresh = actor.afresh()
    require(may_ask_gate(fresh))
    wanted = tuple(Artifact(item["name"], item["sha256"]) for item in artifacts)
    with _snapshot():
        found = _find(fresh, use_case_reference, environment, digest, wanted)
    reply = _reply(found, use_case_reference, environment, digest, wanted, nonce)
    CHECKS.labels("allow" if reply.allow else "deny").inc()
    log.info(
        "gate checked", use_case=use_case_reference, environment=environment, allow=reply.allow, asked_by=actor.key
    )
    if found.release is not None:
        _remember(actor, found.release, found.standing)
    return reply


@contextmanager
def _snapshot() -> Iterator[None]:
    """One state of the database for all that is read; inside somebody else's transaction, theirs."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _find(actor: Actor, reference: str, environment: str, digest: str, artifacts: tuple[Artifact, ...]) -> Found:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    use_case = _use_case(actor, reference)
    if use_case is None:
        text = _("There is no use case %(reference)s that you may ask about.") % {"reference": reference}
        return Found(now, None, None, (), (Reason("unknown_use_case", text),), None)
    release = standing_release(use_case, environment)
    if release is None:
        text = _("No release is approved for this environment. Propose one and have it approved.")
        return Found(now, use_case, None, (Reason("no_release", text),), (), None)
    attestation = Attestation.objects.filter(release=release).order_by("-issued_at").first()
    grounds = grounds_of(release, fresh=True)
    standing = tuple(_standing_reasons(release, grounds, attestation, now))
    asked = tuple(_asked_reasons(release, digest, artifacts))
    return Found(now, use_case, release, standing, asked, attestation, _end_of(release, grounds))


def _end_of(release: Release, grounds: Grounds) -> datetime | None:
    """The first of: the approval's own end, the day after its data may last be used, the day a part of it is gone."""
    gone = [each.retires_on for each in grounds.retiring if each.retires_on is not None]
    last = [grounds.holds_until + timedelta(days=1)] if grounds.holds_until else []
    midnights = [datetime.combine(day, time.min, UTC) for day in (*gone, *last)]
    return min((end for end in (release.expires_at, *midnights) if end is not None), default=None)


def _use_case(actor: Actor, reference: str) -> UseCase | None:
    prefix, _dash, digits = reference.partition("-")
    if prefix != "UC" or not digits.isdecimal() or not digits.isascii() or len(digits) > 9:
        return None
    found = UseCase.objects.filter(number=int(digits)).visible_to(actor).select_related("unit", "owner").first()
    if found is None or found.reference != reference or "ask_gate" not in capabilities(actor, found):
        return None
    return found


def _standing_reasons(
    release: Release, grounds: Grounds, attestation: Attestation | None, now: datetime
) -> Iterator[Reason]:
    """Everything that speaks against the release that stands, whoever asks."""
    expired = release.expires_at is None or release.expires_at <= now
    suspended = release.state == ReleaseState.SUSPENDED
    checks = [
        unless(release.use_case.stage != Stage.STOPPED, "use_case_stopped", _("The use case was stopped.")),
        unless(
            not suspended,
            "release_suspended",
            _("Release %(number)s is suspended: %(why)s") % {"number": release.number, "why": release.state_reason},
        ),
        unless(
            release.state == ReleaseState.APPROVED or suspended,
            "release_not_approved",
            _("Release %(number)s is not approved.") % {"number": release.number},
        ),
        unless(
            not expired,
            "approval_expired",
            _("The approval of release %(number)s has expired. Propose the version again.")
            % {"number": release.number},
        ),
        unless(
            not grounds.changes,
            "declaration_changed",
            _("What was approved is not what the register says now: %(changes)s")
            % {"changes": " ".join(grounds.changes)},
        ),
        retired_reason([each for each in grounds.retiring if is_retired(each, now)]),
        unless(
            attestation is not None and attestation.expires_at > now,
            "no_attestation",
            _("The approval has no valid signed statement yet. Ask again in a minute."),
        ),
    ]
    yield from (reason for reason in checks if reason is not None)
    yield from grounds.objections
    yield from _approval_reasons(release, grounds)
    yield from _evidence_reasons(release)


def _approval_reasons(release: Release, grounds: Grounds) -> Iterator[Reason]:
    if not grounds.complete:
        yield Reason("approvals_incomplete", _("Not every lane of the release is approved."))
    for lane, decision in grounds.decisions.items():
        if not still_stands(decision, release.use_case):
            text = _("%(name)s, who signed the lane “%(lane)s”, may no longer sign it. Propose the version again.")
            yield Reason(
                "approver_not_eligible", text % {"name": (decision.signed_for or decision.person).name, "lane": lane}
            )


def _evidence_reasons(release: Release) -> Iterator[Reason]:
    """The evidence judged now, in memory: a lost message cannot let a failing release through."""
    judged = judge_in_memory(release, evidence_for(release))
    if judged.allows:
        return
    against = [criterion.explanation for criterion in judged.criteria if criterion.verdict != "pass"]
    reason = gate_reason(judged.outcome)
    yield Reason(reason.code, " ".join([reason.text, *against[:5]]))


def _asked_reasons(release: Release, digest: str, artifacts: tuple[Artifact, ...]) -> Iterator[Reason]:
    if digest != release.system_version.digest:
        text = _(
            "The digest is not that of the approved system version: release %(number)s approves version %(label)s with"
            " the digest %(digest)s. Deploy what was approved."
        )
        version = release.system_version
        words = {"number": release.number, "label": version.label, "digest": version.digest}
        yield Reason("digest_differs", text % words)
    approved = set(artifacts_of(release))
    for artifact in artifacts:
        if artifact not in approved:
            text = _("The artifact %(name)s with this digest is not part of the approved version.")
            yield Reason("artifact_not_approved", text % {"name": artifact.name})


def _reply(
    found: Found, reference: str, environment: str, digest: str, artifacts: tuple[Artifact, ...], nonce: str
) -> Reply:
    reasons = (*found.asked, *found.standing)
    allow = not reasons and found.release is not None
    expires_at = found.now + GATE_REPLY_LIFETIME
    if allow and found.ends_at is not None:
        expires_at = min(expires_at, found.ends_at)
    attestation = found.attestation if allow else None
    statement = gate_reply_statement(
        GateReplyFacts(
            allow=allow,
            reasons=tuple(reason.text for reason in reasons),
            nonce=nonce,
            evaluated_at=found.now,
            expires_at=expires_at,
            use_case=UseCaseFact(
                f"{settings.PUBLIC_URL}/use-cases/{reference}/",
                reference,
                found.use_case.tier if found.use_case else "",
            ),
            environment=environment,
            version_digest=digest,
            artifacts=artifacts,
            attestations=(_reference(attestation),) if attestation else (),
        )
    )
    signing.ensure_keys(settings.GATEHOUSE_HOME)
    envelope = signing.sign(canonical(statement), "gate", home=settings.GATEHOUSE_HOME)
    ids = (str(attestation.pk),) if attestation else ()
    return Reply(allow, reasons, nonce, found.now, expires_at, ids, envelope)


def _reference(attestation: Attestation) -> Reference:
    uri = f"{settings.PUBLIC_URL}/api/v1/releases/{attestation.release_id}/attestations/"
    return Reference(uri, attestation.statement_digest)


@transaction.atomic
def _remember(actor: Actor, release: Release, reasons: tuple[Reason, ...]) -> uuid.UUID | None:
    """Tell the trail when what the gate says of this release is no longer what it said before.

    Only what concerns the release counts; a pipeline that asks with a wrong digest changes nothing.
    """
    codes = sorted({reason.code for reason in reasons})
    last = (
        AuditEvent.objects.filter(
            object_type=Release._meta.db_table,
            object_id=release.pk,
            payload__action__in=["gate.allowed", "gate.denied"],
        )
        .order_by("-object_rev")
        .first()
    )
    if last is not None and last.payload["data"]["codes"] == codes:
        return None
    answer = "denied" if codes else "allowed"
    sentence = f"was told by the gate that release {release.number} of {release.use_case.reference} is {answer}."
    tell_of(actor, f"gate.{answer}", release, sentence, codes=codes, reason=" ".join(r.text for r in reasons))
    return release.pk
