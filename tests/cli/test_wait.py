"""gatehouse wait: patient with no and with trouble, until it is allowed or the time is up."""

from typing import Any

from tests.cli.conftest import Reply


def answers(portal: Any, *replies: Any) -> Any:
    """Give the replies one after the other, the last one for ever."""
    left = list(replies)

    def answer(question: dict[str, Any]) -> Any:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(question) if callable(reply) else reply

    return answer


def test_waiting_ends_when_the_gate_allows(check, portal):
    portal.answer = answers(portal, portal.deny, Reply(b"{}", 503), portal.allow)
    outcome = check("--interval", "0.05", "--timeout", "20", command="wait")
    assert outcome.code == 0
    assert outcome.out.startswith("allow: UC-0001")
    assert outcome.err == "waiting: The release expired.\nwaiting: The portal answered 503.\n"
    assert len({question["nonce"] for question in portal.asked}) == 3


def test_when_the_time_is_up_the_last_answer_stands(check, portal):
    portal.answer = portal.deny
    outcome = check("--interval", "0.2", "--timeout", "0.5", command="wait")
    assert outcome.code == 10
    assert outcome.out == "deny:\n- The release expired.\n- Lane risk has not decided.\n"
    assert 2 <= len(portal.asked) <= 4

    portal.answer = lambda question: Reply(b"{}", 500)
    assert check("--interval", "0.2", "--timeout", "0.3", command="wait").code == 20


def test_fail_fast_makes_the_first_denial_final_but_not_trouble(check, portal):
    portal.answer = answers(portal, Reply(b"{}", 500), portal.deny, portal.allow)
    outcome = check("--interval", "0.05", "--timeout", "20", "--fail-fast", command="wait")
    assert outcome.code == 10
    assert len(portal.asked) == 2


def test_a_wrong_argument_is_not_waited_for(check, portal):
    outcome = check("--artifact", "image", "--timeout", "20", command="wait")
    assert outcome.code == 20
    assert "waiting" not in outcome.err
    assert portal.paths == []
