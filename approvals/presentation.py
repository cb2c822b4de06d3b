"""How a release reads on its page: the answer, the gate's criteria, the signature lines, the path to green."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.choices import Outcome, ReleaseState
from approvals.gate_words import title
from approvals.grounds import Grounds
from approvals.models import Release, Verdict
from approvals.policies import gate_reason
from evidence.models import EvaluationRun
from portal.models import User
from usecases.choices import Environment
from usecases.manifests import Manifest, difference
from usecases.models import UseCase
from usecases.prompts import PromptDifference, prompt_differences

People = Mapping[str, Sequence[User]]


def question(release: Release) -> str:
    where = {
        Environment.PRODUCTION: _("May it be released to production?"),
        Environment.TEST: _("May it be released to the test environment?"),
        Environment.DEVELOPMENT: _("May it be released to the development environment?"),
    }
    return where[Environment(release.environment)]


def answer(grounds: Grounds) -> dict[str, str]:
    """One sentence: yes, or not yet and what is missing."""
    release = grounds.release
    verdict, text = _answer(grounds)
    return {"question": question(release), "verdict": verdict, "text": text, "note": _answer_note(grounds)}


def _answer(grounds: Grounds) -> tuple[str, str]:
    release = grounds.release
    state, why = release.state, release.state_reason
    if state == ReleaseState.APPROVED:
        return _approved_answer(grounds)
    over = {
        ReleaseState.SUSPENDED: _("No: it was approved and is suspended. %(why)s"),
        ReleaseState.REJECTED: _("No: it was rejected. %(why)s"),
        ReleaseState.RETURNED: _("No: it was returned for changes. %(why)s"),
        ReleaseState.WITHDRAWN: _("No: it was withdrawn. %(why)s"),
        ReleaseState.SUPERSEDED: _("No longer. %(why)s"),
    }
    if state in over:
        mark = Outcome.NOT_EVALUATED if state in (ReleaseState.WITHDRAWN, ReleaseState.SUPERSEDED) else Outcome.FAIL
        return mark, (over[ReleaseState(state)] % {"why": why}).strip()
    if grounds.changes:
        return Outcome.FAIL, _("Not yet: what it declares was changed after it was proposed.")
    if grounds.retired:
        return Outcome.FAIL, _("No: what it runs on was retired. Declare a version that runs on something else.")
    if grounds.objections:
        return Outcome.FAIL, _("Not yet: the data it stands on may not be used today.")
    if not grounds.allows:
        return grounds.outcome, _("Not yet: %(why)s") % {"why": _lower(gate_reason(grounds.outcome).text)}
    missing = len(grounds.open_lanes)
    text = ngettext("Not yet: %(n)s signature is missing.", "Not yet: %(n)s signatures are missing.", missing)
    return Outcome.INCONCLUSIVE, text % {"n": missing}


def _approved_answer(grounds: Grounds) -> tuple[str, str]:
    release = grounds.release
    if release.expires_at is not None and release.expires_at <= timezone.now():
        return Outcome.FAIL, _("No longer: its approval has expired. Propose the version again.")
    if grounds.retired:
        return Outcome.FAIL, _("No longer: what it runs on was retired. Declare a version that runs on something else.")
    if grounds.changes:
        return Outcome.FAIL, _("No longer: what was approved is not what the register says now.")
    if grounds.objections:
        return Outcome.FAIL, _("Not today: the data it stands on may not be used. It is let through again once it may.")
    return Outcome.PASS, _("Yes: every signature is there and the gate lets it through.")


def lets_through(grounds: Grounds) -> bool:
    """Whether the approval holds now: not ended, suspended, expired or overtaken by a change of the register."""
    release = grounds.release
    return release.state == ReleaseState.APPROVED and _approved_answer(grounds)[0] == Outcome.PASS


def _answer_note(grounds: Grounds) -> str:
    release = grounds.release
    if release.state not in (ReleaseState.PROPOSED, ReleaseState.APPROVED):
        return " ".join(grounds.changes)
    return " ".join([*grounds.changes, *(reason.text for reason in grounds.objections)])


def criteria(verdict: Verdict | None, use_case: UseCase) -> list[dict[str, Any]]:
    """The gate's criteria as rows: what was measured, against what, where it came from, what to do about it."""
    if verdict is None:
        return []
    runs = {
        str(run.pk): run
        for run in EvaluationRun.objects.filter(pk__in=verdict.runs).select_related("pushed_by", "pushed_by_account")
    }
    return [_criterion(row, runs, use_case) for row in verdict.criteria]


def _source(run: EvaluationRun | None, use_case: UseCase) -> dict[str, str]:
    """The run as the page names it, with the address of its cases."""
    if run is None:
        return {}
    pusher = run.pushed_by or run.pushed_by_account
    words = _("%(run)s, pushed by %(name)s") if pusher else _("%(run)s, read by a connector")
    return {
        "words": words % {"run": run.name, "name": pusher.name if pusher else ""},
        "url": reverse("evidence:run", kwargs={"reference": use_case.reference, "pk": run.pk}),
    }


def _criterion(row: Mapping[str, Any], runs: Mapping[str, EvaluationRun], use_case: UseCase) -> dict[str, Any]:
    criterion, measured = row["criterion"], row["measurement"] or {}
    upper = criterion["statistic"] == "defect_rate"
    rules = {
        "point": _("the rate itself"),
        "lower_bound": _("its lower 95 % bound"),
        "upper_bound": _("its upper 95 % bound"),
    }
    return {
        **row,
        "title": _(title(criterion["dimension"])),
        "threshold": criterion["threshold"],
        "rule": criterion["rule"],
        "better": "lower" if upper else "higher",
        "asks": (_("at most %(share)s %% may fail") if upper else _("at least %(share)s %% must pass"))
        % {"share": f"{criterion['threshold'] * 100:g}"},
        "judged_by": rules[criterion["rule"]],
        "source": _source(runs.get(measured.get("reference", "")), use_case),
        "errored": measured.get("errored", 0),
        "skipped": measured.get("skipped", 0),
    }


def lane_lines(grounds: Grounds, yours: Sequence[str], deciders: People) -> list[dict[str, Any]]:
    """One signature line per lane, in signing order."""
    return [_lane_line(grounds, lane, lane.key in yours, deciders.get(lane.key, [])) for lane in grounds.lanes]


def _lane_line(grounds: Grounds, lane: Any, yours: bool, people: Sequence[User]) -> dict[str, Any]:
    line: dict[str, Any] = {"key": lane.key, "title": _(lane.title), "asks": _(lane.asks)}
    decision = grounds.decisions.get(lane.key)
    if decision is not None:
        return {
            **line,
            "state": "signed",
            "person": decision.person,
            "acted_for": decision.signed_for,
            "decision": decision.kind,
            "decided_at": decision.decided_at,
            "comment": decision.comment,
        }
    if grounds.release.state != ReleaseState.PROPOSED:
        return {**line, "state": "open", "person": None, "note": _("Not signed when the release ended.")}
    able = _independent(grounds, lane, people)
    return {**line, "state": "yours" if yours else "open", "person": able[0] if len(able) == 1 else None,
            "note": "" if yours else _who_can(able)}  # fmt: skip


def _independent(grounds: Grounds, lane: Any, people: Sequence[User]) -> list[User]:
    """Of those with the role, those who took no part and have not signed another lane."""
    release = grounds.release
    signed = {decision.person_id for decision in grounds.decisions.values()}
    barred: set[object] = set()
    if lane.independent:
        barred = {*grounds.contributions, release.proposed_by_id, release.use_case.owner_id}
    else:
        # Whoever acts for the owner took no part either; the owner may have.
        barred = {*grounds.contributions, release.proposed_by_id}
        barred.discard(release.use_case.owner_id)
    return [person for person in people if person.pk not in signed and person.pk not in barred]


def _who_can(people: Sequence[User]) -> str:
    if not people:
        return _("Nobody can sign this lane now: give somebody who took no part the role it needs.")
    if len(people) == 1:
        return ""
    return _("Can be signed by %(names)s.") % {"names": ", ".join(person.name for person in people[:5])}


def path_to_green(grounds: Grounds, yours: Sequence[str], deciders: People) -> list[dict[str, Any]]:
    """What still has to happen and who has to do it, in order."""
    return list(_steps(grounds, yours, deciders)) if grounds.release.state == ReleaseState.PROPOSED else []


def _steps(grounds: Grounds, yours: Sequence[str], deciders: People) -> Iterator[dict[str, Any]]:
    release = grounds.release
    if grounds.changes:
        yield {"text": _("Withdraw this release and propose the version again"), "who": release.use_case.owner}
    for component in grounds.retired:
        text = _("Declare and propose a version without %(component)s") % {"component": component}
        yield {"text": text, "who": release.system_version.declared_by}
    for reason in grounds.objections:
        yield {
            "text": reason.text,
            "who": release.use_case.owner,
            "url": reverse("usecases:data", kwargs={"reference": release.use_case.reference}),
        }
    for remedy, titles in _remedies(grounds).items():
        yield {"text": remedy, "note": ", ".join(titles), "who": release.system_version.declared_by}
    if grounds.verdict is None:
        yield {"text": _("Have the gate judge the evidence"), "note": _("It does so by itself within a minute.")}
    for lane in grounds.open_lanes:
        able = _independent(grounds, lane, deciders.get(lane.key, []))
        mine = lane.key in yours
        yield {
            "text": _("Sign the lane “%(lane)s”") % {"lane": _(lane.title)},
            "you": mine,
            "who": able[0] if len(able) == 1 else None,
            "note": "" if mine or len(able) == 1 else _who_can(able),
            "url": f"#decide-{lane.key}" if mine else "",
        }


def _remedies(grounds: Grounds) -> dict[str, list[str]]:
    """What would settle the criteria that stand in the way; one remedy may settle several."""
    found: dict[str, list[str]] = {}
    verdict = None if grounds.allows else grounds.verdict
    for row in verdict.criteria if verdict else []:
        if row["verdict"] != Outcome.PASS:
            name = _(title(row["criterion"]["dimension"]))
            found.setdefault(row["remedy"] or row["explanation"], []).append(name)
    return found


def retirements(grounds: Grounds) -> list[dict[str, Any]]:
    """What of the version is gone or soon will be, each with the day and who said so."""
    told = {True: _("%(component)s was retired"), False: _("%(component)s will be retired")}
    return [
        {
            "text": told[component in grounds.retired] % {"component": component},
            "day": component.retires_on,
            "source": component.retirement_source,
            "verdict": Outcome.FAIL if component in grounds.retired else Outcome.INCONCLUSIVE,
            "url": component.get_absolute_url(),
        }
        for component in grounds.retiring
    ]


def differences(before: Release | None, after: Release) -> list[str] | None:
    """What is new against the last approved release, in sentences; None when there is none to compare with."""
    if before is None:
        return None
    return [change.sentence for change in difference(_manifest(before), _manifest(after))]


def prompt_changes(before: Release | None, after: Release) -> list[PromptDifference]:
    """The texts of the prompts that read differently than in the last approved release."""
    if before is None:
        return []
    return prompt_differences(before.system_version.manifest, after.system_version.manifest)


def _manifest(release: Release) -> Manifest:
    version = release.system_version
    return Manifest(version.canon, version.digest, version.manifest)


def url_of(release: Release) -> str:
    return reverse("approvals:release", kwargs={"reference": release.use_case.reference, "number": release.number})


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
