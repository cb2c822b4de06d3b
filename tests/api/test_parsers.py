"""What is no proper JSON is answered with 400 and a sentence, never with 500."""

import json
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from portal.api.parsers import MAX_DEPTH, loads
from tests.api.callers import Machine

ECHO = "/api/v1/probe/echo/"
BAD: dict[str, tuple[bytes, str]] = {
    "duplicate key": (b'{"a": 1, "a": 2}', "stands twice"),
    "duplicate key within": (b'{"a": [{"b": 1, "b": 1}]}', "stands twice"),
    "one level too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too deeply"),
    "far too deep": (b"[" * 100_000, "too deeply"),
    "too deep in objects": (b'{"a":' * 40 + b"1" + b"}" * 40, "too deeply"),
    "not a number": (b'{"a": NaN}', "not a number JSON knows"),
    "infinity": (b'{"a": -Infinity}', "not a number JSON knows"),
    "too large a float": (b'{"a": 1e999}', "too large"),
    "lone surrogate": (b'{"a": "\\ud800"}', "cannot be stored"),
    "lone surrogate in a key": (b'{"\\udfff": 1}', "cannot be stored"),
    "nul": (b'{"a": ["\\u0000"]}', "cannot be stored"),
    "raw nul": (b'{"a": "\x00"}', "not valid JSON"),
    "five thousand digits": (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
    "latin one": (b'{"a": "\xe9"}', "not UTF-8"),
    "encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
    "cut short": (b'{"a": ', "not valid JSON"),
    "two values": (b"{} {}", "not valid JSON"),
    "nothing but spaces": (b"  ", "not valid JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_body_that_is_no_proper_json_is_a_problem_and_never_a_failure(machine: Machine, name: str) -> None:
    body, said = BAD[name]
    response = machine.post(ECHO, body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "parse_error"
    assert said in response.json()["detail"]


def test_an_empty_text_is_no_json() -> None:
    with pytest.raises(ParseError, match="not valid JSON"):
        loads(b"")


def test_a_body_of_another_media_type_is_415(machine: Machine) -> None:
    response = machine.post(ECHO, b"a=1", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, True, None, "é\U0001f600"], "b": {}},
        [],
        "text",
        json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH),
        {"brackets in texts are no depth": "[{" * 100},
    ],
)
def test_proper_json_arrives_as_it_was_sent(machine: Machine, value: Any) -> None:
    response = machine.post(ECHO, value)
    assert (response.status_code, response.json()) == (200, {"got": value})


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"
