"""Tells each sample use case up to its point, by verbs only. Told again, it changes nothing that is there."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone

from approvals.actions.decisions import decide
from approvals.actions.releases import propose_release
from approvals.choices import DecisionKind, LaneKey
from approvals.models import Release
from approvals.samples.cast import actor
from approvals.samples.content import organisation, use_cases
from approvals.samples.door import Door
from approvals.samples.measurements import payloads_of, runs_of, usage_of
from approvals.samples.sources import connect
from portal.models import BusinessUnit, User
from usecases.actions.checklists import confirm_item
from usecases.actions.data_catalogue import certify_data_source, report_refresh
from usecases.actions.data_sources import approve_data_use, declare_data_source, request_data_use
from usecases.actions.discovery import answer_question
from usecases.actions.registration import register_use_case
from usecases.actions.risk_reviews import conclude_risk_review, submit_risk_review
from usecases.actions.versions import declare_version
from usecases.choices import DataUseState, Environment, ReviewState
from usecases.models import ChecklistConfirmation, DataSource, DataUse, RiskReview, SystemVersion, UseCase

Say = Callable[[str], None]
ORDER = ("discovery", "review", "pilot", "gated", "suspended", "production")
# Who signs which lane; whoever owns the use case is replaced by the approver.
SIGNERS = {
    LaneKey.TECHNICAL: "petra",
    LaneKey.SECURITY: "sam",
    LaneKey.PRIVACY: "priya",
    LaneKey.LEGAL: "leo",
    LaneKey.RISK: "rafael",
    LaneKey.EXECUTIVE: "amina",
}
CONFIRMED = {
    "PC07": "Role matrix reviewed with security; every tool has an identity of its own with read access.",
    "PC08": "Dashboard for answer health and system health, alert thresholds agreed, looked at every Monday.",
    "PC10": "Support path rehearsed with the service desk; flagged answers reach the owner within a working day.",
    "PC11": "Scale when the success measure is reached in eight weeks; stop if an unacceptable failure reaches a user.",
}


def tell(door: Door, say: Say) -> None:
    """All six, in order."""
    _declare_sources()
    for entry in use_cases():
        use_case = _register(entry)
        say(f"{use_case.reference}  {entry['title']} ({entry['point']})")
        _tell_one(entry, use_case, door)
    connect()
    say("connectors: the cloud bill is read by a worker")


def _tell_one(entry: dict[str, Any], use_case: UseCase, door: Door) -> None:
    reached = ORDER.index(entry["point"])
    _answer(entry, use_case)
    _data(entry, use_case, approve=reached >= ORDER.index("review"))
    if reached >= ORDER.index("review"):
        _review(entry, use_case, conclude=reached > ORDER.index("review"))
    if reached < ORDER.index("pilot"):
        return
    versions = _versions(entry, use_case)
    _measure(entry, use_case, versions, door)
    _confirm(use_case)
    if entry["point"] == "pilot":
        _release(use_case, versions[0], Environment.DEVELOPMENT, sign=True)
    elif entry["point"] == "gated":
        _release(use_case, versions[0], Environment.TEST, sign=False)
    else:
        _release(use_case, versions[0], Environment.TEST, sign=True)
        _release(use_case, versions[0], Environment.PRODUCTION, sign=True)
    if len(versions) > 1:
        waiting = _release(use_case, versions[1], Environment.PRODUCTION, sign=False)
        if waiting is not None:
            _sign(waiting, LaneKey.SECURITY, "Prompt and guardrails are unchanged but for the two added lines.")
    if entry["point"] == "suspended":
        _fail(entry, use_case, versions, door)


def _declare_sources() -> None:
    for entry in organisation()["data_sources"]:
        if not DataSource.objects.filter(name=entry["name"]).exists():
            fields = {key: value for key, value in entry.items() if key not in ("owner", "unit")}
            source = declare_data_source(
                actor=actor("arno"),
                owner=User.objects.get(username=entry["owner"]),
                unit=_unit(entry["unit"]),
                **fields,
            )
            _vouch(source, entry["owner"])


def _vouch(source: DataSource, owner: str) -> None:
    """Its owner certifies it for half a year; what promises to be fresh was refreshed last night."""
    until = timezone.localdate() + timedelta(days=180)
    certify_data_source(actor=actor(owner), data_source=source, valid_until=until, note="Read with the data office.")
    if source.refresh_every_hours:
        last_night = timezone.now() - timedelta(hours=7)
        report_refresh(actor=actor(owner), data_source=source, refreshed_at=last_night)


def _unit(name: str) -> BusinessUnit:
    return BusinessUnit.objects.get(name=name, parent__isnull=False)


def _register(entry: dict[str, Any]) -> UseCase:
    found = UseCase.objects.filter(title=entry["title"]).select_related("unit", "owner").first()
    return found or register_use_case(
        actor=actor(entry["owner"]),
        title=entry["title"],
        business_outcome=entry["outcome"],
        user_group=entry["user_group"],
        pattern=entry["pattern"],
        owner=User.objects.get(username=entry["owner"]),
        unit=_unit(entry["unit"]),
    )


def _answer(entry: dict[str, Any], use_case: UseCase) -> None:
    """Arno asks, and writes down what the owner says; what is answered already is left alone."""
    answers = {"business_outcome": entry["outcome"]} | entry["answers"]
    answers |= {factor: str(value) for factor, value in entry["factors"].items()}
    known = set(use_case.answers.values_list("question", flat=True))
    for question, value in answers.items():
        if question not in known:
            answer_question(actor=actor("arno"), use_case=use_case, question=question, value=value)
    use_case.refresh_from_db()


def _data(entry: dict[str, Any], use_case: UseCase, *, approve: bool) -> None:
    for wanted in entry["data"]:
        source = DataSource.objects.select_related("owner").get(name=wanted["source"])
        use = DataUse.objects.filter(use_case=use_case, data_source=source).first() or request_data_use(
            actor=actor("arno"),
            use_case=use_case,
            data_source=source,
            purpose=wanted["purpose"],
            access_boundary=wanted["boundary"],
        )
        if approve and use.state == DataUseState.REQUESTED:
            approve_data_use(actor=actor(source.owner.username), data_use=use, note="Agreed as described.")


def _review(entry: dict[str, Any], use_case: UseCase, *, conclude: bool) -> None:
    review = RiskReview.objects.filter(use_case=use_case).order_by("-number").first()
    review = review or submit_risk_review(actor=actor("arno"), use_case=use_case)
    if conclude and review.state == ReviewState.SUBMITTED:
        conclude_risk_review(actor=actor("rafael"), review=review, tier=entry["tier"], rationale=entry["rationale"])
    use_case.refresh_from_db()


def _versions(entry: dict[str, Any], use_case: UseCase) -> list[SystemVersion]:
    return [
        declare_version(actor=actor("dev"), use_case=use_case, label=spec["label"], manifest=_manifest(entry, spec))
        for spec in entry["versions"]
    ]


def _manifest(entry: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    provider, model, version = spec["model"]
    return {
        "schema": "gatehouse.manifest/v1",
        "model": {
            "provider": provider,
            "name": model,
            "version": version,
            "endpoint": f"https://northwind-{entry['key']}.openai.azure.example",
            "region": "swedencentral",
        },
        "prompts": [{"name": spec["prompt"], "version": spec["prompt_version"], "text": spec["text"]}],
        "tools": [
            {"name": name, "version": number, "access": access} for name, number, access in spec.get("tools", [])
        ],
        "knowledge_sources": [{"name": wanted["source"], "version": "2026-09"} for wanted in entry["data"]],
        "guardrails": [{"name": name, "version": "3"} for name in entry["guardrails"]],
        "application": {
            "repository": f"git.northwind-bank.example/ai/{entry['key']}",
            "commit": spec["commit"],
            "artifacts": [
                {
                    "name": f"registry.northwind-bank.example/{entry['key']}",
                    "sha256": hashlib.sha256(f"{entry['key']}:{spec['label']}".encode()).hexdigest(),
                }
            ],
        },
        "parameters": {"temperature": "0.2", "max_output_tokens": 600},
    }


def _measure(entry: dict[str, Any], use_case: UseCase, versions: list[SystemVersion], door: Door) -> None:
    """Evaluation runs and usage, through the push API with the evaluation pipeline's token."""
    known = _as_pushed(entry, versions)
    last = _last_night(use_case)
    for payload in runs_of(entry, known, use_case.reference, last):
        door.push_run(payload)
    days = 56 if entry["point"] in ("production", "suspended") else 21
    door.push_usage(usage_of(entry, known, use_case.reference, last, days))


def _as_pushed(entry: dict[str, Any], versions: list[SystemVersion]) -> list[dict[str, str]]:
    return [
        {"label": version.label, "digest": version.digest, "provider": spec["model"][0], "model": spec["model"][1]}
        for version, spec in zip(versions, entry["versions"], strict=True)
    ]


def _last_night(use_case: UseCase) -> date:
    """Bound to the registration, so that the story told again next week is the same story."""
    return use_case.registered_at.astimezone(UTC).date() - timedelta(days=1)


def _confirm(use_case: UseCase) -> None:
    known = set(
        ChecklistConfirmation.objects.filter(use_case=use_case, withdrawn_at=None).values_list("item", flat=True)
    )
    for item, evidence in CONFIRMED.items():
        if item not in known:
            confirm_item(actor=actor("arno"), use_case=use_case, item=item, evidence=evidence)


def _release(use_case: UseCase, version: SystemVersion, environment: str, *, sign: bool) -> Release | None:
    """Proposed by Dev and, when `sign`, decided by every lane; None when this claim was made before."""
    if Release.objects.filter(use_case=use_case, system_version=version, environment=environment).exists():
        return None
    release = propose_release(actor=actor("dev"), use_case=use_case, version=version, environment=environment)
    if sign:
        for lane in list(release.lanes):
            _sign(release, str(lane), "")
    release.refresh_from_db()
    return release


def _sign(release: Release, lane: str, comment: str) -> None:
    owner = release.use_case.owner.username
    signer = owner if lane == LaneKey.BUSINESS else SIGNERS[LaneKey(lane)]
    if signer == owner and lane != LaneKey.BUSINESS:
        signer = "amina"
    decide(
        actor=actor(signer),
        release=release,
        lane=lane,
        kind=DecisionKind.APPROVE,
        comment=comment,
        digest=release.system_version.digest,
    )


def _fail(entry: dict[str, Any], use_case: UseCase, versions: list[SystemVersion], door: Door) -> None:
    """Tonight's run fails the gate of what is in production; a worker suspends the release by itself."""
    shares = entry["failing"]
    tonight = _last_night(use_case) + timedelta(days=1)
    known = _as_pushed(entry, versions)[shares["version"]]
    for payload in payloads_of(entry, shares, known, use_case.reference, tonight):
        payload["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        payload["started_at"] = payload["finished_at"]
        door.push_run_once(payload)
