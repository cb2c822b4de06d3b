"""Who may do what: every route and method, every person and machine, the exact status."""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access.rows import Row
from tests.access.world import GONE, MACHINES, NOBODY, PEOPLE, POWERLESS, World, fresh_world

ROWS: list[Row] = [
    row
    for app in ("portal", "usecases", "stewardship", "data", "evidence", "approvals", "deeds")
    for row in import_module(f"tests.access.rows.{app}").ROWS
]
# What a machine without any scope may read all the same: who it is, and how the API is spoken.
OPEN_TO_ANY_TOKEN = {"api-me", "api-schema"}
# Whoever may read the trail reads all of it: a trail with holes proves nothing.
WHOLE_TRAIL = {"audit-trail", "api-audit-events"}
HIDDEN, MISSING = "UC-0002", "UC-9999"
NO_SUCH_ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fresh_world(django_db_blocker, tmp_path_factory.mktemp("home")) as built:
        yield built


def is_api(row: Row) -> bool:
    return row.name.startswith("api-") and row.name != "api-docs"


def label(row: Row) -> str:
    return f"{row.method} {row.name} {'-'.join(str(value) for value in row.kwargs.values())}".strip()


def routes(patterns: list[Any] | None = None, namespace: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """(name with its namespace, view) of every address."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inside = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from routes(pattern.url_patterns, inside)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern} needs a name"
            yield f"{namespace}{pattern.name}", pattern.callback


def methods(view: Callable[..., Any]) -> set[str]:
    """The methods a view answers to; HEAD goes with GET, OPTIONS tells nothing. Empty when it does not say."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is not None:
        found = {name.upper() for name in cls.http_method_names if hasattr(cls, name)}
    else:
        found = set(declared(view))
    return found - {"HEAD", "OPTIONS"}


def declared(view: Any) -> list[str]:
    """What `require_http_methods` and its kin were told, through whatever else wraps the view."""
    while view is not None:
        for name, cell in zip(view.__code__.co_freevars, view.__closure__ or (), strict=True):
            if name == "request_method_list":
                return list(cell.cell_contents)
        view = getattr(view, "__wrapped__", None)
    return []


def test_every_view_says_which_methods_it_takes() -> None:
    assert [name for name, view in routes() if not methods(view)] == []


def test_every_route_and_method_has_a_row() -> None:
    wanted = {(name, method) for name, view in routes() for method in methods(view)}
    listed = {(row.name, row.method) for row in ROWS}
    assert len(wanted) > 60
    assert wanted - listed == set(), "a route without a row"
    assert listed - wanted == set(), "a row without a route"


def test_names_of_routes_are_unique() -> None:
    names = [name for name, _view in routes()]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_every_row_gives_everybody_exactly_the_listed_status(world: World, row: Row) -> None:
    known = {*PEOPLE, *MACHINES}
    assert row.allowed.keys() <= known, "a row for somebody who does not exist"
    url = world.url(row.name, row.kwargs)
    # A machine's token opens the API only; on a page it is a stranger. So is who was switched off.
    strangers = {NOBODY, GONE, *(() if is_api(row) else MACHINES)}
    expected = {
        name: row.anonymous if name in strangers else row.allowed.get(name, row.others) for name in known | strangers
    }
    if row.name.startswith("scim-"):
        # They are machines all the same, and known to be others than a directory.
        expected |= dict.fromkeys(MACHINES, 403)
    found = {
        name: world.send(name, row.method, url, row.data, row.content_type).status_code for name in sorted(expected)
    }
    wrong = {name: f"{found[name]} instead of {expected[name]}" for name in expected if found[name] != expected[name]}
    assert wrong == {}


@pytest.mark.parametrize("row", [row for row in ROWS if is_api(row)], ids=label)
def test_a_token_without_scopes_opens_nothing(world: World, row: Row) -> None:
    response = world.send(POWERLESS, row.method, world.url(row.name, row.kwargs), row.data, row.content_type)
    if row.name in OPEN_TO_ANY_TOKEN:
        assert response.status_code == 200
    elif response.status_code == 200 and row.name == "api-usage-records" and row.method == "POST":
        assert response.json()["created"] == 0  # every row rejected, one by one
    elif response.status_code == 200 and row.name == "api-litellm-calls":
        assert response.json()["counted"] == 0
    elif response.status_code == 200:
        assert row.method == "GET"
        assert response.json()["results"] == []
    else:
        assert response.status_code in (400, 403, 404, 409, 415, 422)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not is_api(row) and (row.name, "GET") not in {(r.name, r.method) for r in ROWS}],
    ids=label,
)  # fmt: skip
def test_an_address_that_only_takes_a_form_leads_back_to_its_page(world: World, row: Row) -> None:
    """Whoever reloads a refused form opens its address: never a dead end, for whoever may see the page."""
    address = world.url(row.name, row.kwargs)
    for caller in ("olivia", "admin", "otto"):
        opened = world.send(caller, "GET", address)
        assert opened.status_code == 302
        assert opened["Location"] != address
        assert world.send(caller, "GET", opened["Location"]).status_code in (200, 404), opened["Location"]
    assert world.send(NOBODY, "GET", address).status_code == 302


def of_a_hidden_use_case() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """(name, method, words of what is hidden, words of what is not there) for every route below a use case."""
    seen = set()
    for row in ROWS:
        if "reference" in row.kwargs and (row.name, row.method) not in seen:
            seen.add((row.name, row.method))
            yield row.name, row.method, {**row.kwargs, "reference": HIDDEN}, {**row.kwargs, "reference": MISSING}


@pytest.mark.parametrize(("name", "method", "hidden", "missing"), list(of_a_hidden_use_case()), ids=str)
def test_what_may_not_be_seen_answers_like_what_does_not_exist(
    world: World, name: str, method: str, hidden: dict[str, Any], missing: dict[str, Any]
) -> None:
    for caller in ("olivia", "otto", "admin", *(["pipeline"] if name.startswith("api-") else [])):
        answers = [world.send(caller, method, world.url(name, words)) for words in (hidden, missing)]
        assert [answer.status_code for answer in answers] == [404, 404], caller
        assert told(answers[0]) == told(answers[1]), caller


@pytest.mark.parametrize(
    ("name", "method", "key"),
    [
        ("api-release", "GET", "hidden_release"),
        ("api-release-verdict", "GET", "hidden_release"),
        ("api-release-attestations", "GET", "hidden_release"),
        ("api-release-approve", "POST", "hidden_release"),
        ("api-release-withdraw", "POST", "hidden_release"),
        ("api-evaluation-run", "GET", "hidden_run"),
        ("usecases:component", "GET", "hidden_component"),
        ("usecases:retire-component", "POST", "hidden_component"),
        ("api-component", "GET", "hidden_component"),
        ("api-component-uses", "GET", "hidden_component"),
        ("api-component-releases", "GET", "hidden_component"),
        ("approvals:component-releases", "GET", "hidden_component"),
        ("api-approve-data-use", "POST", "hidden_data_use"),
        ("usecases:approve-data-use", "POST", "hidden_data_use"),
        ("usecases:refuse-data-use", "POST", "hidden_data_use"),
        ("usecases:request", "GET", "hidden_request"),
        ("usecases:accept-request", "POST", "hidden_request"),
        ("usecases:withdraw-request", "POST", "hidden_request"),
        ("api-accept-request", "POST", "hidden_request"),
        ("api-decline-request", "POST", "hidden_request"),
        ("api-withdraw-request", "POST", "hidden_request"),
    ],
)
def test_an_id_of_something_hidden_answers_like_one_that_was_never_given(
    world: World, name: str, method: str, key: str
) -> None:
    for caller in ("olivia", "otto", "dev"):
        answers = [world.send(caller, method, world.url(name, {"pk": pk})) for pk in (world.pks[key], NO_SUCH_ID)]
        assert [answer.status_code for answer in answers] == [404, 404], caller
        assert told(answers[0]) == told(answers[1]), caller


def told(response: Any) -> tuple[str, dict[str, str]]:
    """Body and headers without what is drawn anew for every answer: the request's id, the mask of the form's token."""
    body = re.sub(rb"\b[A-Za-z0-9]{64}\b", b"(token)", response.content).decode()
    return body, {name: value for name, value in response.headers.items() if name != "X-Request-ID"}


def test_what_is_hidden_stands_in_no_list(world: World) -> None:
    """Not by title, not by reference, whoever asks without the right."""
    for caller in ("olivia", "otto", "admin", "dev", "pipeline"):
        for row in ROWS:
            if row.method != "GET" or row.kwargs or (caller in MACHINES and not is_api(row)):
                continue
            if row.name in WHOLE_TRAIL and caller == "admin":
                continue
            response = world.send(caller, "GET", world.url(row.name, {}))
            body = b"".join(response.streaming_content) if response.streaming else response.content
            assert not re.search(rb"Ledger reader|UC-0002", body), f"{caller} {label(row)}"


def test_whoever_may_see_restricted_sees_it(world: World) -> None:
    for caller, expected in (("fiona", 200), ("rafael", 200), ("aud", 200), ("admin", 404), ("amina", 404)):
        assert world.send(caller, "GET", f"/use-cases/{HIDDEN}/").status_code == expected, caller
