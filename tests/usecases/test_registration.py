"""Registering a use case, editing it, and its team."""

import pytest
from django.db import IntegrityError, transaction

from portal.access import Refused
from portal.audit import mention
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import advance, stop_use_case
from usecases.actions.team import add_to_team, remove_from_team
from usecases.choices import Stage, TeamRole
from usecases.models import Fact, UseCase, UseCaseUserPermission
from usecases.policies import team_roles


def known(use_case):
    return dict(Fact.objects.filter(use_case=use_case, until__isnull=True).values_list("name", "statement"))


def test_an_owner_registers_a_use_case_and_joins_its_team(cast):
    use_case = registered(cast)
    assert use_case.stage == Stage.REGISTERED
    assert use_case.registered_by == cast.olivia
    assert team_roles(cast.olivia, use_case) == ["owner"]
    assert known(use_case) == {
        "owner_named": "Olivia is its accountable owner.",
        "business_outcome": "Refund questions are answered within one hour.",
        "user_group": "Twelve agents of customer service.",
        "pattern": "Answers from documents",
    }
    assert sentences() == [
        f"registered {use_case.reference} “Refund helper” with {mention(cast.olivia)} as its owner.",
        f"added {mention(cast.olivia)} to the team of {use_case.reference} as use case owner.",
    ]
    assert [event.use_case_id for event in events()] == [use_case.pk, use_case.pk]


def test_a_pipeline_registers_in_its_owners_name(cast):
    use_case = registered(cast, by="pipeline")
    assert use_case.registered_by == cast.olivia


@pytest.mark.parametrize("who", ["otto", "rafael", "dev", "fiona", "ingest"])
def test_who_may_not_register_changes_nothing(cast, who):
    with pytest.raises(Refused) as refused:
        registered(cast, by=who)
    assert codes(refused) == ["not_registrar"]
    assert UseCase.objects.count() == 0
    assert events() == []


def test_an_owner_registers_only_in_their_own_unit(cast):
    with pytest.raises(Refused) as refused:
        registered(cast, unit=cast.units["Finance"])
    assert codes(refused) == ["not_registrar"]
    assert UseCase.objects.count() == 0


def test_an_edit_writes_what_changed_and_the_facts_with_it(cast):
    use_case = registered(cast)
    edited = edit_use_case(
        actor=cast.actor("olivia"), use_case=use_case, title="Refund assistant", pattern="agent", user_group=None
    )
    assert (edited.title, edited.pattern, edited.user_group) == ("Refund assistant", "agent", use_case.user_group)
    assert known(edited)["pattern"] == "Agent with tools"
    assert sentences("use_case.edited") == [f"changed the title, the pattern of {use_case.reference}."]
    data = events("use_case.edited")[0].payload["data"]
    assert data == {
        "before": {"title": "Refund helper", "pattern": "retrieval"},
        "after": {"title": "Refund assistant", "pattern": "agent"},
    }


def test_an_edit_that_changes_nothing_writes_nothing(cast):
    use_case = registered(cast)
    before = UseCase.objects.get(pk=use_case.pk).updated_at
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund helper")
    assert UseCase.objects.get(pk=use_case.pk).updated_at == before
    assert events("use_case.edited") == []


@pytest.mark.parametrize("who", ["rafael", "amina", "dev", "otto", "pipeline"])
def test_who_may_not_edit_changes_nothing(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        edit_use_case(actor=cast.actor(who), use_case=use_case, title="Mine")
    assert codes(refused) == ["not_editor"]
    assert UseCase.objects.get(pk=use_case.pk).title == "Refund helper"
    assert events("use_case.edited") == []


def test_only_an_owner_restricts_who_may_see_it(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        edit_use_case(actor=cast.actor("arno"), use_case=use_case, restricted=True)
    assert codes(refused) == ["not_owner"]
    assert UseCase.objects.get(pk=use_case.pk).restricted is False
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    visible = {name for name in cast.people if UseCase.objects.visible_to(cast.actor(name)).exists()}
    assert visible == {"olivia", "rafael", "aud"}


def test_a_stopped_use_case_is_not_edited(cast):
    use_case = registered(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="The budget went elsewhere.")
    with pytest.raises(Refused) as refused:
        edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Again")
    assert codes(refused) == ["stopped"]
    assert refused.value.is_conflict
    assert UseCase.objects.get(pk=use_case.pk).title == "Refund helper"


def test_an_owner_adds_and_removes_people(cast):
    use_case = registered(cast)
    olivia = cast.actor("olivia")
    add_to_team(actor=olivia, use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)
    add_to_team(actor=olivia, use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)
    assert team_roles(cast.otto, use_case) == ["contributor"]
    assert UseCase.objects.visible_to(cast.actor("otto")).get() == use_case
    remove_from_team(actor=olivia, use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)
    remove_from_team(actor=olivia, use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)
    assert team_roles(cast.otto, use_case) == []
    assert UseCase.objects.visible_to(cast.actor("otto")).exists() is False
    assert sentences()[2:] == [
        f"added {mention(cast.otto)} to the team of {use_case.reference} as contributor.",
        f"removed {mention(cast.otto)} from the team of {use_case.reference} as contributor.",
    ]


@pytest.mark.parametrize("who", ["arno", "rafael", "otto", "admin"])
def test_who_is_no_owner_on_the_team_adds_nobody(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        add_to_team(actor=cast.actor(who), use_case=use_case, person=cast.otto, role=TeamRole.OWNER)
    assert codes(refused) == ["not_owner"]
    assert UseCaseUserPermission.objects.count() == 1


def test_somebody_whose_account_is_off_is_not_added(cast):
    use_case = registered(cast)
    cast.otto.is_active = False
    cast.otto.save()
    with pytest.raises(Refused) as refused:
        add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)
    assert codes(refused) == ["inactive"]
    assert UseCaseUserPermission.objects.count() == 1


def test_the_accountable_owner_stays_on_the_team(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        remove_from_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.olivia, role=TeamRole.OWNER)
    assert codes(refused) == ["accountable_owner"]
    assert team_roles(cast.olivia, use_case) == ["owner"]
    assert events("team.left") == []


def test_a_stage_moves_along_the_table_and_is_told(cast):
    use_case = registered(cast)
    advance(actor=cast.actor("olivia"), use_case=use_case, verb="start_discovery")
    assert use_case.stage == UseCase.objects.get(pk=use_case.pk).stage == "discovery"
    assert sentences("use_case.discovery_started") == [f"moved {use_case.reference} from registered to discovery."]


def test_a_stage_does_not_skip(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        advance(actor=cast.actor("olivia"), use_case=use_case, verb="go_live")
    assert codes(refused) == ["wrong_stage"]
    assert refused.value.is_conflict
    assert UseCase.objects.get(pk=use_case.pk).stage == "registered"


def test_the_database_refuses_a_stage_that_skips(cast):
    use_case = registered(cast)
    with pytest.raises(Exception, match="Invalid transition"), transaction.atomic():
        UseCase.objects.filter(pk=use_case.pk).update(stage="production")
    assert UseCase.objects.get(pk=use_case.pk).stage == "registered"


def test_only_an_owner_on_the_team_stops_it(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        stop_use_case(actor=cast.actor("rafael"), use_case=use_case, reason="Too risky.")
    assert codes(refused) == ["not_owner"]
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="The budget went elsewhere.")
    assert UseCase.objects.get(pk=use_case.pk).stage == "stopped"
    assert events("use_case.stopped")[0].payload["data"]["reason"] == "The budget went elsewhere."


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"title": ""}, "use_case_title_is_not_blank"),
        ({"business_outcome": ""}, "use_case_outcome_is_not_blank"),
        ({"user_group": ""}, "use_case_user_group_is_not_blank"),
        ({"pattern": "magic"}, "use_case_pattern_is_known"),
        ({"tier": "tiny"}, "use_case_tier_is_known"),
    ],
)
def test_the_database_refuses_values_that_make_no_sense(cast, change, constraint):
    use_case = registered(cast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        UseCase.objects.filter(pk=use_case.pk).update(**change)


def test_a_fact_has_one_current_value(cast):
    use_case = registered(cast)
    fact = Fact.objects.get(use_case=use_case, name="pattern")
    fact.pk = None
    with pytest.raises(IntegrityError, match="fact_has_one_current_value"), transaction.atomic():
        Fact.objects.create(
            use_case=use_case,
            name="pattern",
            value="agent",
            statement="Agent",
            source="person",
            recorded_by="x",
            as_of=fact.as_of,
        )
