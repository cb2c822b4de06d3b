"""Doors parse, call one verb and present: they write nothing themselves and reach use cases only through visibility."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FLOORS = ("portal", "usecases", "evidence", "approvals")
DOORS = (
    "views",
    "api",
    "tasks",
    "management",
    "receivers",
    "urls",
    "templatetags",
    "middleware",
    "context",
    "forms",
    "charts",
)
WRITES = {
    "save",
    "create",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "aupdate",
    "acreate",
}
# (file, call) that writes outside a verb, and why that is right.
WRITES_FOR_A_REASON = {
    (
        "portal/api/authentication.py",
        "ApiToken.objects.filter(…).update",
    ): "last used, to the minute; no fact of business",
    ("portal/api/idempotency.py", "IdempotencyKey.objects.create"): "the answer kept for a repeated request",
    ("portal/api/idempotency.py", "IdempotencyKey.objects.filter(…).update"): "the same",
    ("portal/api/idempotency.py", "entry.delete"): "a failed request frees its key",
    ("portal/tasks.py", "Heartbeat.objects.update_or_create"): "the worker's sign of life",
}
SEEN_ONLY = {"visible_to", "get_visible", "page_visible_to", "count_visible_to", "none"}
# (file, expression) that is scoped further on, and how.
SCOPED_LATER: dict[tuple[str, str], str] = {}


def door_files() -> Iterator[Path]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            room = path.relative_to(ROOT / floor).parts[0].removesuffix(".py")
            if room in DOORS:
                yield path


def writes(source: str) -> Iterator[tuple[int, str]]:
    """(line, call) of every call that looks like a write to the database."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        receiver = ast.unparse(node.func.value)
        # `.update` of a dictionary is no write; of a queryset it is, and that is reached through a manager.
        queryset_update = node.func.attr == "update" and any(
            mark in receiver for mark in ("objects", ".filter(", "_set")
        )
        if node.func.attr in WRITES or queryset_update:
            yield node.lineno, f"{abridged(node.func.value)}.{node.func.attr}"


def abridged(node: ast.expr) -> str:
    """The receiver of a call with arguments left out."""
    match node:
        case ast.Call(func=func):
            return f"{abridged(func)}(…)"
        case ast.Attribute(value=value, attr=attr):
            return f"{abridged(value)}.{attr}"
        case _:
            return ast.unparse(node)


def past_visibility(source: str) -> Iterator[tuple[int, str]]:
    """(line, expression) that reaches use cases by another way than what the actor may see."""
    tree = ast.parse(source)
    fine = {
        id(link)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in SEEN_ONLY
        for link in chain(node.value)
    }
    for node in ast.walk(tree):
        if is_manager_of_use_cases(node) and id(node) not in fine:
            yield node.lineno, ast.unparse(node)


def chain(node: ast.expr) -> Iterator[ast.expr]:
    """The expression and what it is called on: `a.b(1).c` gives itself, `a.b(1)`, `a.b`, `a`."""
    yield node
    match node:
        case ast.Call(func=inner) | ast.Attribute(value=inner):
            yield from chain(inner)


def is_manager_of_use_cases(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("objects", "_default_manager", "_base_manager")
        and (ast.unparse(node.value).rpartition(".")[2] == "UseCase")
    )


def test_no_door_writes() -> None:
    found = {
        (str(path.relative_to(ROOT)), call): line
        for path in door_files()
        for line, call in writes(path.read_text(encoding="utf-8"))
    }
    assert {key: line for key, line in found.items() if key not in WRITES_FOR_A_REASON} == {}
    assert WRITES_FOR_A_REASON.keys() <= found.keys(), "a write is gone: take it off the list"


def test_no_door_reaches_use_cases_past_visibility() -> None:
    found = {
        (str(path.relative_to(ROOT)), expression): line
        for path in door_files()
        for line, expression in past_visibility(path.read_text(encoding="utf-8"))
    }
    assert {key: line for key, line in found.items() if key not in SCOPED_LATER} == {}
    assert SCOPED_LATER.keys() <= found.keys(), "an exception is gone: take it off the list"


def test_what_a_query_finds_is_only_taken_as_far_as_visible() -> None:
    """The pages of the register narrow first; rows and ids leave them through what the actor may see."""
    source = (ROOT / "usecases" / "finding" / "pages.py").read_text(encoding="utf-8")
    taken = {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func.value) in {"wanted", "found.rows()", "self._matching(gathering=True)"}
    }
    assert taken == {"page_visible_to", "taken_for", "ids_visible_to"}


def test_only_the_audit_module_writes_the_trail() -> None:
    elsewhere = [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
        if "migrations" not in path.parts and path.name != "audit.py"
        if any(
            isinstance(node, ast.Constant) and isinstance(node.value, str) and "INTO audit_event" in node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
        or "AuditEvent.objects.create" in path.read_text(encoding="utf-8")
    ]
    assert elsewhere == []


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("thing.save()", "thing.save"),
        ("Thing.objects.create(a=1)", "Thing.objects.create"),
        ("Thing.objects.filter(a=1).update(a=2)", "Thing.objects.filter(…).update"),
        ("Thing.objects.select_related('a').get(pk=1).delete()", "Thing.objects.select_related(…).get(…).delete"),
        ("use_case.release_set.update(a=1)", "use_case.release_set.update"),
    ],
)
def test_the_guard_sees_a_write(source: str, call: str) -> None:
    assert [seen for _line, seen in writes(source)] == [call]


@pytest.mark.parametrize("source", ["context.update(a=1)", "digest.update(b'')", "saved = thing.saved", "form.clean()"])
def test_the_guard_leaves_other_calls_alone(source: str) -> None:
    assert list(writes(source)) == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("UseCase.objects.visible_to(actor).filter(a=1)", []),
        ("UseCase.objects.get_visible(actor, 'UC-0001')", []),
        ("UseCase.objects.select_related('unit').get_visible(actor, 'UC-0001')", []),
        ("queryset = UseCase.objects.none()", []),
        ("UseCase.objects.get(pk=1)", [1]),
        ("UseCase.objects.filter(a=1).exists()", [1]),
        ("rows = models.UseCase.objects.all()", [1]),
        ("manager = UseCase.objects", [1]),
    ],
)
def test_the_guard_sees_a_way_past_visibility(source: str, lines: list[int]) -> None:
    assert [line for line, _expression in past_visibility(source)] == lines
