"""What a release declares: the canonical text people approve, its digest, and what has changed since in plain words."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import rfc8785
from django.utils.translation import gettext as _

from approvals.models import GatePolicyVersion, Release
from evidence.models import EvaluationRun
from portal.models import User
from usecases.choices import DataClass, DataUseState, Pattern, Tier
from usecases.data_approvals import uses_of
from usecases.models import DataUse, SystemVersion, UseCase

SCHEMA = "gatehouse.release/v1"
Declaration = dict[str, Any]


def policy_in_force(tier: str) -> GatePolicyVersion | None:
    """The gate policy a tier is judged by now; None means that nothing of this tier can be released."""
    return GatePolicyVersion.objects.filter(tier=tier, retired_at__isnull=True).first()


def declare(
    *,
    use_case: UseCase,
    version: SystemVersion,
    environment: str,
    policy_digest: str,
    runs: Iterable[EvaluationRun],
) -> Declaration:
    """Everything that people approve, as plain values."""
    cited = [{"id": str(run.pk), "raw_sha256": run.raw_sha256, "revision": run.revision} for run in runs]
    return _declaration(use_case, version.digest, environment, policy_digest, cited)


def canonical(declaration: Mapping[str, Any]) -> str:
    """The RFC 8785 text whose SHA-256 is the release's digest."""
    text: bytes = rfc8785.dumps(dict(declaration))
    return text.decode()


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def declared_digest(release: Release) -> str:
    """The digest recomputed from what the register says now, with the runs cited at proposal.

    It differs from `release.digest` when the declaration changed: nobody approved what stands there now.
    """
    return digest_of(canonical(declared_now(release)))


def declared_now(release: Release, *, fresh: bool = False, uses: list[DataUse] | None = None) -> Declaration:
    """The declaration as the register says it now.

    Use case and policy are read anew, unless the caller has just read them with the release (`fresh`); `uses` are the
    data uses where the caller has read these.
    """
    use_case = release.use_case if fresh else UseCase.objects.get(pk=release.use_case_id)
    in_force = fresh and release.policy.retired_at is None and release.policy.tier == use_case.tier
    policy = release.policy if in_force else policy_in_force(use_case.tier)
    cited = json.loads(release.canon)["runs"]
    digest = policy.digest if policy else ""
    return _declaration(use_case, release.system_version.digest, release.environment, digest, cited, uses)


def changes_since_proposal(release: Release, *, fresh: bool = False, uses: list[DataUse] | None = None) -> list[str]:
    """What was changed in the register since the proposal, one sentence each; empty while the digest still holds."""
    now = declared_now(release, fresh=fresh, uses=uses)
    if digest_of(canonical(now)) == release.digest:
        return []
    return list(_changes(json.loads(release.canon), now)) or [_("The declaration is not the one that was proposed.")]


def declared_pattern(release: Release) -> str:
    """The pattern the release was proposed with: what decides which criteria apply to it."""
    return str(json.loads(release.canon)["use_case"]["pattern"])


def _declaration(
    use_case: UseCase,
    version_digest: str,
    environment: str,
    policy_digest: str,
    cited: list[dict[str, Any]],
    uses: list[DataUse] | None = None,
) -> Declaration:
    return {
        "schema": SCHEMA,
        "version": version_digest,
        "environment": environment,
        "tier": use_case.tier,
        "policy": policy_digest,
        "use_case": {
            "reference": use_case.reference,
            "title": use_case.title,
            "business_outcome": use_case.business_outcome,
            "user_group": use_case.user_group,
            "pattern": use_case.pattern,
            "owner": str(use_case.owner_id),
        },
        "data_uses": sorted(
            (_data_use(use) for use in (uses_of(use_case.pk) if uses is None else uses)), key=lambda use: use["source"]
        ),
        "runs": sorted(cited, key=lambda run: str(run["id"])),
    }


def _data_use(use: DataUse) -> dict[str, Any]:
    return {
        "source": str(use.data_source_id),
        "name": use.data_source.name,
        "classification": use.data_source.classification,
        "personal_data": use.data_source.personal_data,
        "purpose": use.purpose,
        "access_boundary": use.access_boundary,
        "state": use.state,
    }


def _changes(then: Declaration, now: Declaration) -> Iterator[str]:
    labels = {
        "title": _("title"),
        "business_outcome": _("business outcome"),
        "user_group": _("user group"),
        "pattern": _("pattern"),
        "owner": _("accountable owner"),
    }
    for key, label in labels.items():
        before, after = then["use_case"][key], now["use_case"][key]
        if before != after:
            yield _("The %(what)s was “%(before)s” when the release was proposed and is “%(after)s” now.") % {
                "what": label,
                "before": _shown(key, before),
                "after": _shown(key, after),
            }
    if then["tier"] != now["tier"]:
        yield _("The risk tier was %(before)s when the release was proposed and is %(after)s now.") % {
            "before": _label(Tier, then["tier"]),
            "after": _label(Tier, now["tier"]) if now["tier"] else _("not concluded"),
        }
    if then["policy"] != now["policy"]:
        yield _("The gate policy was replaced since the release was proposed.")
    yield from _data_use_changes(then["data_uses"], now["data_uses"])


def _data_use_changes(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[str]:
    before, after = ({use["source"]: use for use in uses} for uses in (then, now))
    for source, use in after.items():
        if source not in before:
            yield _("The data source “%(name)s” was added.") % {"name": use["name"]}
        elif use["state"] != before[source]["state"]:
            yield _("The use of “%(name)s” is now: %(state)s.") % {
                "name": use["name"],
                "state": _label(DataUseState, use["state"]).lower(),
            }
        elif use["classification"] != before[source]["classification"]:
            yield _("“%(name)s” is now classified as %(class)s.") % {
                "name": use["name"],
                "class": _label(DataClass, use["classification"]).lower(),
            }
        elif use != before[source]:
            yield _("What the use of “%(name)s” is for, or its boundary, was changed.") % {"name": use["name"]}
    for source in before.keys() - after.keys():
        yield _("The data source “%(name)s” was removed.") % {"name": before[source]["name"]}


def _shown(key: str, value: str) -> str:
    if key == "owner":
        return User.objects.filter(pk=value).values_list("name", flat=True).first() or _("somebody")
    return _label(Pattern, value) if key == "pattern" else value


def _label(choices: Any, value: str) -> str:
    return str(choices(value).label) if value in choices.values else value
