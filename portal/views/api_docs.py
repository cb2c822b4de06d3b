"""The API's reference as an ordinary page of ours, made from the same schema the endpoints are checked against."""

import functools
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/api_docs.html", _reference())


@functools.cache
def _reference() -> dict[str, Any]:
    """The whole reference; it changes with the program only, and making it walks every endpoint."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return {"info": schema["info"], "groups": _groups(schema)}


def _groups(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations by tag, each with what it takes and gives as flat lists of fields."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in schema["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(schema, path, method, operation))
    return [{"tag": tag, "operations": operations} for tag, operations in sorted(groups.items())]


def _operation(schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = [
        {"status": status, "fields": _fields(schema, _json(answer))}
        for status, answer in operation["responses"].items()
        if status != "4XX"
    ]
    return {
        "id": f"{method}-{operation['operationId']}",
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "text": operation.get("description", ""),
        "parameters": [
            {"name": found["name"], "kind": found["in"], "text": found.get("description", "")}
            for found in operation.get("parameters", [])
        ],
        "body": _fields(schema, body),
        "answers": answers,
    }


def _json(answer: dict[str, Any]) -> Any:
    return answer.get("content", {}).get("application/json", {}).get("schema")


def _fields(schema: dict[str, Any], node: Any, prefix: str = "", depth: int = 0) -> list[dict[str, Any]]:
    node = _resolved(schema, node)
    if not node or depth > 3:
        return []
    if node.get("type") == "array":
        return _fields(schema, node["items"], f"{prefix}[]", depth)
    found: list[dict[str, Any]] = []
    required = set(node.get("required", []))
    for name, field in node.get("properties", {}).items():
        inner = _resolved(schema, field)
        path = f"{prefix}.{name}".strip(".")
        found.append(
            {
                "path": path,
                "type": _type(inner),
                "required": name in required,
                "text": inner.get("description", ""),
            }
        )
        if inner.get("type") in ("object", "array"):
            found += _fields(schema, inner, path, depth + 1)
    return found


def _resolved(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    while isinstance(node, dict) and ("$ref" in node or len(node.get("allOf", [])) == 1):
        node = schema["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node["allOf"][0]
    return node or {}


def _type(node: dict[str, Any]) -> str:
    if node.get("enum"):
        return " | ".join(str(word) for word in node["enum"][:12])
    form = f" ({node['format']})" if node.get("format") else ""
    return f"{node.get('type', 'any')}{form}"
