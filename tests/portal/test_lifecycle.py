"""A lifecycle is a table that checks itself, answers what leads where and draws its own diagram."""

import pytest

from portal.lifecycle import IllegalTransition, Lifecycle, LifecycleError, Transition

ROWS = (
    Transition("submit", "draft", "open", "review.submitted"),
    Transition("conclude", "open", "concluded", "review.concluded"),
    Transition("withdraw", ("draft", "open"), "withdrawn", "review.withdrawn"),
)
STATES = ("draft", "open", "concluded", "withdrawn")
REVIEW = Lifecycle("risk review", "draft", STATES, ROWS, ("concluded", "withdrawn"))


def lifecycle(states=STATES, rows=ROWS, terminal=("concluded", "withdrawn"), initial="draft"):
    return Lifecycle("risk review", initial, states, rows, terminal)


def test_a_verb_leads_from_its_source_to_its_target():
    assert REVIEW.target("submit", "draft") == "open"
    assert REVIEW.target("withdraw", "open") == "withdrawn"
    assert REVIEW.transition("conclude", "open").event == "review.concluded"


def test_an_illegal_transition_names_what_is_possible_instead():
    with pytest.raises(IllegalTransition) as refusal:
        REVIEW.target("conclude", "draft")
    assert str(refusal.value) == "A risk review that is draft cannot conclude; possible from here: submit, withdraw."
    assert refusal.value.possible == ("submit", "withdraw")


def test_an_illegal_transition_from_a_terminal_state_says_that_nothing_leads_on():
    with pytest.raises(IllegalTransition) as refusal:
        REVIEW.target("submit", "concluded")
    assert str(refusal.value) == "A risk review that is concluded cannot submit; nothing leads on from here."


def test_verbs_keep_the_order_of_the_table():
    assert REVIEW.verbs("draft") == ("submit", "withdraw")
    assert REVIEW.verbs("open") == ("conclude", "withdraw")
    assert REVIEW.verbs("concluded") == ()


def test_pairs_list_every_move_once_even_when_two_verbs_make_it():
    rows = (*ROWS, Transition("retract", "draft", "withdrawn", "review.retracted"))
    assert lifecycle(rows=rows).pairs() == (
        ("draft", "open"),
        ("open", "concluded"),
        ("draft", "withdrawn"),
        ("open", "withdrawn"),
    )


def test_the_diagram_shows_every_row_and_every_end():
    assert REVIEW.to_mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> draft\n"
        "    draft --> open: submit\n"
        "    open --> concluded: conclude\n"
        "    draft --> withdrawn: withdraw\n"
        "    open --> withdrawn: withdraw\n"
        "    concluded --> [*]\n"
        "    withdrawn --> [*]\n"
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"initial": "born"}, "the state born is not listed"),
        ({"terminal": ("concluded", "withdrawn", "gone")}, "the state gone is not listed"),
        ({"rows": (*ROWS, Transition("lose", "open", "lost", "review.lost"))}, "the state lost is not listed"),
        ({"states": (*STATES, "limbo"), "terminal": ("concluded", "withdrawn", "limbo")}, "nothing leads to limbo"),
        ({"states": (*STATES, "open")}, "a state is listed twice"),
        (
            {"rows": (*ROWS, Transition("submit", "draft", "withdrawn", "review.lost"))},
            "submit from draft is listed twice",
        ),
        ({"terminal": ("concluded",)}, "withdrawn has no way out; list it as terminal"),
        ({"terminal": ("concluded", "withdrawn", "open")}, "open is terminal but has a way out"),
        ({"rows": (*ROWS, Transition("Re-open", "open", "draft", "review.reopened"))}, "'Re-open' must be a plain"),
        ({"rows": (*ROWS, Transition("reopen", "open", "draft", "reopened"))}, "the event 'reopened' of reopen must"),
        ({"rows": (*ROWS, Transition("reopen", (), "draft", "review.reopened"))}, "reopen has no source state"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_when_it_is_made(change, complaint):
    with pytest.raises(LifecycleError) as refusal:
        lifecycle(**change)
    assert complaint in str(refusal.value)


def test_states_that_only_lead_to_each_other_are_unreachable():
    rows = (
        *ROWS,
        Transition("ping", "left", "right", "review.pinged"),
        Transition("pong", "right", "left", "review.ponged"),
    )
    with pytest.raises(LifecycleError) as refusal:
        lifecycle(states=(*STATES, "left", "right"), rows=rows)
    assert str(refusal.value) == "Lifecycle risk review: nothing leads to left; nothing leads to right"
