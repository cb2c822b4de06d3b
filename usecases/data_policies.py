"""May this actor do this with data now? The catalogue, and what use cases do with its sources."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from portal.access import Reason, Ruling, capabilities_anywhere, capabilities_at, rule, unless
from portal.actors import Actor
from portal.delegation import acts_for, answers_for, independent
from usecases.choices import DataClass, DataUseState
from usecases.models import DataSource, DataUse, UseCase, UseCaseUserPermission
from usecases.policies import TEAM_CAPABILITIES, _able, _person, _running
from usecases.validity import lowered

# Only the owner speaks for these: who builds on a source does not say that it may be built on.
OWNERS_ALONE = frozenset({"grounding"})


def may_declare_data_source(actor: Actor) -> Ruling:
    declares = "declare_data" in capabilities_anywhere(actor) or _declares_on_a_team(actor)
    text = _("Adding a data source needs the role of architect, or a part as owner or contributor on some team.")
    return rule([_person(actor), unless(declares, "not_declaring", text)])


def _declares_on_a_team(actor: Actor) -> bool:
    if actor.person is None or not actor.person.is_active:
        return False
    parts = [f"team_{role}" for role, may in TEAM_CAPABILITIES.items() if "declare_data" in may]
    return UseCaseUserPermission.objects.filter(user=actor.person, permission__codename__in=parts).exists()


def may_request_data_use(actor: Actor, use_case: UseCase, use: DataUse | None = None) -> Ruling:
    """`use` is the one already declared for the same source, if any."""
    text = _("Asking for data needs a part as owner or contributor on the team, or the role of architect.")
    waiting = use is not None and use.state == DataUseState.REQUESTED
    return rule(
        [
            _person(actor),
            _able(actor, use_case, "declare_data", "not_declaring", text),
            _running(use_case),
            unless(
                not waiting,
                "already_requested",
                _("This use waits for the source's owner already. Wait for the answer, or ask the owner."),
                conflict=True,
            ),
        ]
    )


def may_decide_data_use(actor: Actor, use: DataUse) -> Ruling:
    """Approve or refuse: the source's owner alone, and never for a request of their own."""
    return rule(
        [
            *_owners_answer(actor, use, use.requested_by_id),
            unless(
                use.state in (DataUseState.REQUESTED, DataUseState.REOPENED),
                "already_decided",
                _("This request was decided already. A new request opens it again."),
                conflict=True,
            ),
        ]
    )


def _owners_answer(actor: Actor, use: DataUse, asked_by: uuid.UUID | None) -> list[Reason | None]:
    """A person, the source's owner or who acts for them today, and not whoever asked.

    A delegate answers nothing that either of the two asked for, and nothing for a use case of their own.
    """
    owner = use.data_source.owner
    return [
        _person(actor),
        unless(
            answers_for(actor, owner.pk),
            "not_source_owner",
            _("Only %(name)s, who owns this data source, decides who may use it.") % {"name": owner.name},
        ),
        unless(
            asked_by is None or not actor.is_person(asked_by),
            "own_request",
            _("You asked for this use yourself, so it needs a second person. Let somebody else on the team ask."),
        ),
        *independent(actor, owner, {use.requested_by_id, use.renewal_requested_by_id}),
        unless(
            not (acts_for(actor, owner.pk) and actor.is_person(use.use_case.owner_id)),
            "delegate_owns_use_case",
            _("You act for %(name)s, but this use case is yours, so it needs somebody else.") % {"name": owner.name},
        ),
    ]


def may_request_renewal(actor: Actor, use: DataUse) -> Ruling:
    """Ask for more time for what is approved; it stays approved meanwhile."""
    text = _("Asking for data needs a part as owner or contributor on the team, or the role of architect.")
    return rule(
        [
            _person(actor),
            _able(actor, use.use_case, "declare_data", "not_declaring", text),
            _running(use.use_case),
            _renewable(use),
            unless(
                use.renewal_requested_at is None,
                "already_requested",
                _("Its owner was asked for more time already. Wait for the answer, or ask the owner."),
                conflict=True,
            ),
        ]
    )


def _renewable(use: DataUse) -> Reason | None:
    return unless(
        use.state == DataUseState.APPROVED and use.valid_until is not None,
        "nothing_to_renew",
        _("Only an approval that ends on some day is renewed. Anything else is asked for anew."),
        conflict=True,
    )


def may_renew_data_use(actor: Actor, use: DataUse) -> Ruling:
    """More time: the source's owner alone, whether asked or not, and never for their own asking."""
    asked_by = use.renewal_requested_by_id or use.requested_by_id
    return rule([*_owners_answer(actor, use, asked_by), _renewable(use)])


def may_decline_renewal(actor: Actor, use: DataUse) -> Ruling:
    return rule(
        [
            *may_renew_data_use(actor, use).reasons,
            unless(
                use.renewal_requested_at is not None or use.lapsed,
                "nothing_asked",
                _("Nobody asked for more time. The approval ends by itself on its day."),
                conflict=True,
            ),
        ]
    )


def may_end_data_use(actor: Actor, use: DataUse) -> Ruling:
    """The team says that it no longer uses the source; also on a use case that was stopped."""
    text = _("Ending a use needs a part as owner or contributor on the team, or the role of architect.")
    return rule(
        [
            _person(actor),
            _able(actor, use.use_case, "declare_data", "not_declaring", text),
            unless(use.state != DataUseState.ENDED, "ended", _("This use was ended already."), conflict=True),
        ]
    )


def may_change_data_source(actor: Actor, source: DataSource, changes: Mapping[str, Any] | None = None) -> Ruling:
    """Without changes: may anything of it be changed? Some of it only its owner says."""
    changes = changes or {}
    owns = actor.is_person(source.owner_id)
    text = _("A data source is changed by %(name)s, who owns it, or by an architect of its unit.")
    delicate = (source.classification, source.personal_data)
    after = (changes.get("classification", delicate[0]), changes.get("personal_data", delicate[1]))
    return rule(
        [
            _person(actor),
            unless(owns or _architect(actor, source), "not_source_editor", text % {"name": source.owner.name}),
            unless(
                owns or not lowered(DataClass.values, delicate, after),
                "only_owner_lowers",
                _("Only %(name)s, who owns it, may say that its data are less delicate.") % {"name": source.owner.name},
            ),
            unless(
                owns or not OWNERS_ALONE & changes.keys(),
                "only_owner_vouches",
                _("Only %(name)s, who owns it, says whether answers may rest on it.") % {"name": source.owner.name},
            ),
        ]
    )


def _architect(actor: Actor, source: DataSource) -> bool:
    return "declare_data" in capabilities_at(actor, source.unit.path)


def may_certify_data_source(actor: Actor, source: DataSource) -> Ruling:
    return rule(
        [
            _person(actor),
            unless(
                actor.is_person(source.owner_id),
                "not_source_owner",
                _("Only %(name)s, who owns this data source, vouches for it.") % {"name": source.owner.name},
            ),
        ]
    )


def may_report_refresh(actor: Actor, source: DataSource) -> Ruling:
    """People who may change the source, and the machines that push evidence."""
    machine = actor.kind == "service" and "push_evidence" in capabilities_at(actor, source.unit.path)
    by_person = actor.kind == "person" and (actor.is_person(source.owner_id) or _architect(actor, source))
    text = _("A refresh is reported by the source's owner, an architect, or a service account that pushes evidence.")
    return rule([unless(machine or by_person, "not_reporter", text)])
