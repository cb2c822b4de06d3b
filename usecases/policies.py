"""May this actor do this now? Every policy collects all reasons, in words for the page."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from portal.access import (
    Reason,
    Ruling,
    capabilities_anywhere,
    capabilities_at,
    organisation_capabilities,
    rule,
    unless,
)
from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.checklists import ItemStatus
from usecases.choices import DocumentState, ReviewState, Sharing, Stage, TeamRole, Tier, WorkState
from usecases.classification import TIERS, Classification, lowest_residual_tier
from usecases.models import (
    ChecklistConfirmation,
    Document,
    RiskReview,
    SavedView,
    UseCase,
    UseCaseUserPermission,
    WorkItem,
)

# What a part on one use case's team gives there.
TEAM_CAPABILITIES: dict[str, frozenset[str]] = {
    TeamRole.OWNER: frozenset(
        {
            "view",
            "edit",
            "answer",
            "declare_data",
            "confirm_checklist",
            "submit_review",
            "propose_release",
            "manage_team",
        }
    ),
    TeamRole.PLATFORM: frozenset({"view", "declare_version", "propose_release"}),
    TeamRole.ENGINEERING: frozenset({"view", "declare_version", "propose_release", "push_evidence"}),
    TeamRole.OPERATIONS: frozenset({"view"}),
    TeamRole.GOVERNANCE: frozenset({"view", "confirm_checklist"}),
    TeamRole.CONTRIBUTOR: frozenset({"view", "edit", "answer", "declare_data"}),
}


def capabilities(actor: Actor, use_case: UseCase) -> frozenset[str]:
    """What the actor may do with this use case: grants on its unit and parts on its team, together."""
    remembered = actor._cache.setdefault("use_cases", {})
    if use_case.pk not in remembered:
        found = set(capabilities_at(actor, use_case.unit.path))
        if actor.person is not None and actor.person.is_active:
            for role in team_roles(actor.person, use_case):
                found |= TEAM_CAPABILITIES[role]
        remembered[use_case.pk] = frozenset(found)
    result: frozenset[str] = remembered[use_case.pk]
    return result


def remember_team(actor: Actor, use_case: UseCase, parts: Iterable[tuple[object, str]]) -> None:
    """Takes (person id, role) of everybody on its team as read; `capabilities` then asks no more."""
    mine = [TEAM_CAPABILITIES[role] for person_id, role in parts if actor.is_person(person_id)]
    active = actor.person is not None and actor.person.is_active
    found = frozenset().union(*mine) if active else frozenset()
    actor._cache.setdefault("use_cases", {})[use_case.pk] = capabilities_at(actor, use_case.unit.path) | found


def remember_capabilities(actor: Actor, use_cases: Iterable[UseCase]) -> None:
    """Reads the actor's parts on all of these at once; `capabilities` then asks no more."""
    parts: dict[object, set[str]] = {use_case.pk: set() for use_case in use_cases}
    if actor.person is not None and actor.person.is_active:
        found = UseCaseUserPermission.objects.filter(user=actor.person, content_object__in=list(parts))
        for pk, codename in found.values_list("content_object_id", "permission__codename"):
            parts[pk] |= TEAM_CAPABILITIES[codename.removeprefix("team_")]
    remembered = actor._cache.setdefault("use_cases", {})
    for use_case in use_cases:
        remembered[use_case.pk] = capabilities_at(actor, use_case.unit.path) | parts[use_case.pk]


def team_roles(person: User, use_case: UseCase) -> list[str]:
    """The person's parts on this use case's team."""
    codenames = UseCaseUserPermission.objects.filter(user=person, content_object=use_case).values_list(
        "permission__codename", flat=True
    )
    return [codename.removeprefix("team_") for codename in codenames]


def may_register_use_case(actor: Actor, unit: BusinessUnit | None = None) -> Ruling:
    able = "register" in (capabilities_at(actor, unit.path) if unit else capabilities_anywhere(actor))
    return rule(
        [
            unless(
                able,
                "not_registrar",
                _("Registering a use case here needs the role of business owner or architect in this business unit."),
            )
        ]
    )


def _person(actor: Actor) -> Reason | None:
    return unless(actor.kind == "person", "not_a_person", _("This is for a person to do, not for a machine."))


def _running(use_case: UseCase) -> Reason | None:
    return unless(
        use_case.stage != Stage.STOPPED,
        "stopped",
        _("This use case was stopped. Register a new one to take the idea up again."),
        conflict=True,
    )


def _able(actor: Actor, use_case: UseCase, capability: str, code: str, text: str) -> Reason | None:
    return unless(capability in capabilities(actor, use_case), code, text)


def may_edit_use_case(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Changing the description needs a part as owner or contributor on its team, or the role of architect.")
    return rule([_able(actor, use_case, "edit", "not_editor", text), _running(use_case)])


def may_restrict_use_case(actor: Actor, use_case: UseCase) -> Ruling:
    """Who may hide it from everybody but its team, risk and audit, or show it again."""
    text = _("Only an owner on its team decides who else may see this use case.")
    return rule([_able(actor, use_case, "manage_team", "not_owner", text), _running(use_case)])


def may_move_use_case(actor: Actor, use_case: UseCase) -> Ruling:
    """Out of its unit; whoever moves it must be able to register in the other one, too."""
    text = _("Moving it to another unit needs a part as owner on its team, or the role of architect.")
    able = {"manage_team", "register"} & capabilities(actor, use_case)
    return rule([unless(able, "not_mover", text), _running(use_case)])


def may_tag_use_case(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Tagging needs a part as owner or contributor on its team, or the role of architect.")
    return rule([_able(actor, use_case, "edit", "not_editor", text), _running(use_case)])


def may_ask_owner(actor: Actor, use_case: UseCase) -> Ruling:
    """Who may ask an accountable owner to look at their use case again."""
    able = {"edit", "conclude_review", "manage_team"} & capabilities(actor, use_case)
    text = _("Asking owners needs the role of architect or risk reviewer, or a part on its team.")
    return rule([_person(actor), unless(able, "not_asking", text), _running(use_case)])


def may_manage_team(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("The team is changed by an owner on it. Ask %(name)s.") % {"name": use_case.owner.name}
    return rule([_person(actor), _able(actor, use_case, "manage_team", "not_owner", text), _running(use_case)])


def may_add_to_team(actor: Actor, use_case: UseCase, person: User) -> Ruling:
    return rule(
        [
            *may_manage_team(actor, use_case).reasons,
            unless(person.is_active, "inactive", _("This person's account is switched off."), conflict=True),
        ]
    )


def may_remove_from_team(actor: Actor, use_case: UseCase, person: User, role: str) -> Ruling:
    accountable = role == TeamRole.OWNER and person.pk == use_case.owner_id
    text = _("%(name)s is accountable for this use case and stays on its team.") % {"name": person.name}
    return rule(
        [
            *may_manage_team(actor, use_case).reasons,
            unless(not accountable, "accountable_owner", text, conflict=True),
        ]
    )


def may_answer(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Answering needs a part as owner or contributor on the team, or the role of architect.")
    return rule([_person(actor), _able(actor, use_case, "answer", "not_answering", text), _running(use_case)])


def may_confirm_checklist(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Confirming an item needs a part as owner or governance on the team, or the role of architect.")
    return rule(
        [_person(actor), _able(actor, use_case, "confirm_checklist", "not_confirming", text), _running(use_case)]
    )


def may_confirm_item(actor: Actor, use_case: UseCase, status: ItemStatus) -> Ruling:
    missing = _("A fact is missing first: %(what)s") % {"what": status.statement}
    return rule(
        [
            *may_confirm_checklist(actor, use_case).reasons,
            unless(
                status.item.confirm,
                "read_from_facts",
                _("This item is read from facts. It turns green by itself once they are known."),
                conflict=True,
            ),
            unless(
                status.confirmation is None,
                "already_confirmed",
                _("This item was confirmed already. Withdraw that confirmation to give another one."),
                conflict=True,
            ),
            unless(not status.missing, "fact_missing", missing, conflict=True),
        ]
    )


def may_withdraw_confirmation(actor: Actor, confirmation: ChecklistConfirmation) -> Ruling:
    return rule(
        [
            *may_confirm_checklist(actor, confirmation.use_case).reasons,
            unless(
                confirmation.withdrawn_at is None,
                "withdrawn",
                _("This confirmation was withdrawn already."),
                conflict=True,
            ),
        ]
    )


def may_submit_risk_review(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Submitting for review needs a part as owner on the team, or the role of architect.")
    open_now = use_case.stage == Stage.REVIEW
    return rule(
        [
            _person(actor),
            _able(actor, use_case, "submit_review", "not_submitting", text),
            _running(use_case),
            unless(
                use_case.stage != Stage.REGISTERED,
                "discovery_not_started",
                _("Nothing was answered yet. Answer the discovery questions first."),
                conflict=True,
            ),
            unless(not open_now, "already_under_review", _("It waits for a risk reviewer already."), conflict=True),
        ]
    )


def may_conclude_risk_review(actor: Actor, review: RiskReview, tier: str = "") -> Ruling:
    """Conclude, or with no `tier` also return: a second person with the role, never submitter or owner."""
    use_case = review.use_case
    text = _("Concluding a review needs the role of risk reviewer.")
    return rule(
        [
            _person(actor),
            _able(actor, use_case, "conclude_review", "not_reviewer", text),
            unless(
                not actor.is_person(review.submitted_by_id),
                "own_submission",
                _("You submitted this review, so it needs a second person."),
            ),
            unless(
                not actor.is_person(use_case.owner_id),
                "own_use_case",
                _("You are accountable for this use case, so it needs a second person."),
            ),
            unless(
                review.state == ReviewState.SUBMITTED,
                "review_closed",
                _("This review was closed already. A new one starts with a new submission."),
                conflict=True,
            ),
            *_lowering(review, tier),
        ]
    )


def _lowering(review: RiskReview, tier: str) -> list[Reason | None]:
    if not tier or TIERS.index(tier) >= TIERS.index(review.proposed_tier):
        return []
    lowest = lowest_residual_tier(Classification.from_json(review.classification))
    return [
        unless(
            not review.provisional,
            "provisional",
            _("Some questions are unanswered, so the tier is not lowered. Return it to have them answered."),
            conflict=True,
        ),
        unless(
            TIERS.index(tier) >= TIERS.index(lowest),
            "below_floor",
            _("It cannot be lower than %(tier)s: at most one tier below the proposal, and never below a legal floor.")
            % {"tier": Tier(lowest).label},
            conflict=True,
        ),
    ]


def may_declare_version(actor: Actor, use_case: UseCase) -> Ruling:
    text = _(
        "Declaring a version needs a part as engineering or platform on the team, or the role of engineer or platform."
    )
    return rule([_able(actor, use_case, "declare_version", "not_declaring_versions", text), _running(use_case)])


def may_catalogue(actor: Actor) -> Ruling:
    """Add a component, say what is known about it, set its retirement: it concerns every use case that runs on it."""
    text = _("The catalogue is kept by platform and engineers: it needs one of these roles for the whole organisation.")
    able = "catalogue" in organisation_capabilities(actor)
    return rule([_person(actor), unless(able, "not_cataloguer", text)])


def may_dismiss_work_item(actor: Actor, item: WorkItem) -> Ruling:
    """Setting work aside is its owner's decision, or an architect's, with a reason."""
    text = _("Setting this aside needs a part as owner on the team, or the role of architect.")
    return rule(
        [
            _person(actor),
            _able(actor, item.use_case, "submit_review", "not_owner", text),
            unless(item.state == WorkState.OPEN, "work_ended", _("This work has ended already."), conflict=True),
        ]
    )


def may_stop_use_case(actor: Actor, use_case: UseCase) -> Ruling:
    text = _("Stopping a use case is for an owner on its team. Ask %(name)s.") % {"name": use_case.owner.name}
    return rule([_person(actor), _able(actor, use_case, "manage_team", "not_owner", text), _running(use_case)])


def may_add_document(actor: Actor, use_case: UseCase, owner: User | None = None) -> Ruling:
    """`owner` is who shall answer for the document, where it is known already."""
    text = _("Adding documents needs a part as owner or contributor on the team, or the role of architect.")
    return rule(
        [
            _person(actor),
            _able(actor, use_case, "edit", "not_editor", text),
            _running(use_case),
            unless(
                owner is None or owner.is_active,
                "inactive",
                _("This person's account is switched off."),
                conflict=True,
            ),
        ]
    )


def may_revise_document(actor: Actor, document: Document) -> Ruling:
    """A new revision, or retiring it: who may add documents here, and the document's owner while they see it."""
    use_case = document.use_case
    mine = actor.is_person(document.owner_id) and "view" in capabilities(actor, use_case)
    text = _("A document is revised by %(name)s, who owns it, or by who may edit the use case.")
    return rule(
        [
            _person(actor),
            None if mine else _able(actor, use_case, "edit", "not_editor", text % {"name": document.owner.name}),
            _running(use_case),
            unless(
                document.state == DocumentState.CURRENT,
                "retired",
                _("This document was retired. Add a new one to take its place."),
                conflict=True,
            ),
        ]
    )


def may_save_view(actor: Actor) -> Ruling:
    """Save a view of the register, or choose the one it opens with: whoever has an account of their own."""
    active = actor.person is None or actor.person.is_active
    return rule([_person(actor), unless(active, "inactive", _("Your account is switched off."))])


def may_share_view(actor: Actor, sharing: str, unit: BusinessUnit | None) -> Ruling:
    """Sharing shows nobody more than they may see; it only fills other people's menus."""
    home = actor.person.unit if actor.person is not None else None
    inside = sharing != Sharing.UNIT or unit is None or (home is not None and home.path.startswith(unit.path))
    known = sharing == Sharing.PRIVATE or "view" in capabilities_anywhere(actor)
    return rule(
        [
            unless(known, "not_sharing", _("Sharing a view needs a role somewhere in the organisation.")),
            unless(inside, "other_unit", _("Share it with your own business unit, or one above it.")),
        ]
    )


def may_read_view(actor: Actor, view: SavedView) -> Ruling:
    readable = SavedView.objects.readable_by(actor).filter(pk=view.pk).exists()
    return rule([unless(readable, "not_shared", _("This view is not shared with you."))])


def may_change_view(actor: Actor, view: SavedView) -> Ruling:
    text = _("Only %(name)s changes or removes this view. Save one of your own instead.") % {"name": view.owner.name}
    return rule([_person(actor), unless(actor.is_person(view.owner_id), "not_view_owner", text)])
