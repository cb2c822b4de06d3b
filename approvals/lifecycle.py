"""Which states a release has and which verb leads where."""

from approvals.choices import ReleaseState
from portal.lifecycle import Lifecycle, Transition

RELEASES = Lifecycle(
    name="release",
    initial=ReleaseState.PROPOSED,
    states=tuple(ReleaseState.values),
    transitions=(
        Transition("approve_release", ReleaseState.PROPOSED, ReleaseState.APPROVED, "release.approved"),
        Transition("reject_release", ReleaseState.PROPOSED, ReleaseState.REJECTED, "release.rejected"),
        Transition("return_release", ReleaseState.PROPOSED, ReleaseState.RETURNED, "release.returned"),
        Transition("suspend_release", ReleaseState.APPROVED, ReleaseState.SUSPENDED, "release.suspended"),
        Transition(
            "withdraw_release",
            (ReleaseState.PROPOSED, ReleaseState.APPROVED, ReleaseState.SUSPENDED),
            ReleaseState.WITHDRAWN,
            "release.withdrawn",
        ),
        Transition(
            "supersede_release",
            (ReleaseState.APPROVED, ReleaseState.SUSPENDED),
            ReleaseState.SUPERSEDED,
            "release.superseded",
        ),
    ),
    terminal=(ReleaseState.REJECTED, ReleaseState.RETURNED, ReleaseState.WITHDRAWN, ReleaseState.SUPERSEDED),
)
