"""How a release moves from state to state: by its lifecycle, told in the trail, with those concerned informed."""

from typing import Any

from django.utils.translation import gettext as _

from approvals.lifecycle import RELEASES
from approvals.models import Release
from portal.actions.messages import take_back, tell
from portal.actors import Actor
from portal.audit import record
from portal.models import User


def references_of(release: Release) -> list[str]:
    reference = release.use_case.reference
    return [reference, f"{reference}/releases/{release.number}"]


def tell_of(actor: Actor, action: str, release: Release, sentence: str, **data: Any) -> None:
    """One sentence in the trail about this release."""
    record(
        actor,
        action,
        release,
        sentence,
        use_case=release.use_case_id,
        data={"number": release.number, "environment": release.environment, "digest": release.digest, **data},
        references=references_of(release),
    )


def move(actor: Actor, release: Release, verb: str, sentence: str, *, reason: str = "", **fields: Any) -> None:
    """Take the step in the caller's transaction, in which the release's row is locked; IllegalTransition otherwise."""
    step = RELEASES.transition(verb, release.state)
    release.state = step.target
    release.state_reason = reason
    for name, value in fields.items():
        setattr(release, name, value)
    release.save(update_fields=["state", "state_reason", "changed_at", *fields])
    tell_of(actor, step.event, release, sentence, reason=reason)
    # Every step leads away from waiting: nobody is asked to sign any more.
    take_back(url=ballot_url(release))


def named(release: Release) -> str:
    """The release as the subject of a sentence to somebody who has several."""
    return _("Release %(number)s of “%(title)s” for %(environment)s") % {
        "number": release.number,
        "title": release.use_case.title,
        "environment": release.get_environment_display().lower(),
    }


def concerned(release: Release) -> list[User]:
    """Who has to know what becomes of it: the accountable owner and whoever proposed it."""
    account = release.proposed_by_account
    proposer = release.proposed_by or (account.owner if account else None)
    return [release.use_case.owner, *([proposer] if proposer else [])]


def subject_of(release: Release) -> str:
    words = {"reference": release.use_case.reference, "number": release.number}
    return _("%(reference)s: release %(number)s") % words


def inform(people: list[User], release: Release, text: str) -> None:
    tell(people, subject=subject_of(release), text=text, url=release_url(release))


def ask(people: list[User], release: Release, text: str) -> None:
    """Tell those who can sign; what they were told is taken back once they cannot any more."""
    tell(people, subject=subject_of(release), text=text, url=ballot_url(release))


def ballot_url(release: Release) -> str:
    """Where the release is decided: only what asks for a signature leads there."""
    return f"{release_url(release)}#decide"


def release_url(release: Release) -> str:
    """The page of the release as a path."""
    return f"/use-cases/{release.use_case.reference}/releases/{release.number}/"
