"""SCIM's names, its errors, and its two languages: filters and PATCH paths. Pure: text and plain values in and out.

Providers differ from the RFC and from each other: "False" for false, `Replace` for replace, a value without a path, a
path as a key. What each of them sends is read; what is not kept here is ignored, as the RFC allows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"
CONFIGURATION = "urn:ietf:params:scim:schemas:core:2.0"
MOST_OPERATIONS, MOST_MEMBERS = 100, 1000

_FILTER = re.compile(r'\s*([A-Za-z][\w.]*)\s+eq\s+"((?:[^"\\]|\\.){0,255})"\s*', re.IGNORECASE)
_MEMBER = re.compile(r'members\[\s*value\s+eq\s+"([^"]{1,64})"\s*\]', re.IGNORECASE)
_WORK_EMAIL = re.compile(
    r'emails\[\s*(?:type\s+eq\s+"work"|primary\s+eq\s+(?:true|"true"))\s*\](?:\.value)?', re.IGNORECASE
)


class ScimError(Exception):
    """What SCIM answers instead: the status, its own word for it, and a sentence."""

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.scim_type = status, detail, scim_type


def invalid(detail: str) -> ScimError:
    return ScimError(400, detail, "invalidValue")


def condition(text: str, known: Sequence[str]) -> tuple[str, str] | None:
    """(attribute in lower case, value) of `attribute eq "value"`; None without a filter. Nothing else is spoken."""
    if not text:
        return None
    found = _FILTER.fullmatch(text)
    if found is None or found[1].lower() not in known:
        names = ", ".join(known)
        raise ScimError(
            400, f'This filter is not spoken here: use one of {names} with eq and "a value".', "invalidFilter"
        )
    return found[1].lower(), re.sub(r"\\(.)", r"\1", found[2])


def person_fields(resource: Any) -> dict[str, Any]:
    """What a User, or the value of an operation, says about what is kept here: flat, by our names; None removes."""
    if not isinstance(resource, Mapping):
        raise invalid("An object of attributes is expected here.")
    found: dict[str, Any] = {}
    for key, value in resource.items():
        found.update(_attribute(str(key), value))
    return found


def _attribute(key: str, value: Any) -> dict[str, Any]:
    name = key.lower().removeprefix(f"{USER.lower()}:")
    plain = {
        "username": "user_name",
        "externalid": "external_id",
        "displayname": "display_name",
        "title": "title",
        "name.formatted": "formatted",
        "name.givenname": "given_name",
        "name.familyname": "family_name",
    }
    if name in plain:
        return {plain[name]: _text(key, value)}
    if name == "active":
        return {"active": _truth(value)}
    if name == "name":
        inner = value if isinstance(value, Mapping) else {}
        return {k: v for part, item in inner.items() for k, v in _attribute(f"name.{part}", item).items()}
    if name == "emails":
        return {"email": _email(value)}
    if _WORK_EMAIL.fullmatch(key):
        return {"email": _text(key, value)}
    if name == ENTERPRISE.lower():
        inner = value if isinstance(value, Mapping) else {}
        named = [item for part, item in inner.items() if str(part).lower() == "manager"]
        return {"manager": _reference(named[0])} if named else {}
    if name in (f"{ENTERPRISE.lower()}:manager", f"{ENTERPRISE.lower()}:manager.value", "manager"):
        return {"manager": _reference(value)}
    return {}


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 255:
        raise invalid(f"{key[:80]} is a text of at most 255 characters.")
    return value.strip()


def _truth(value: Any) -> bool:
    """Providers send true and false also as text, with a capital."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise invalid("active is true or false.")


def _email(value: Any) -> str:
    """The primary address, else that of work, else the first."""
    if value is None:
        return ""
    entries = value if isinstance(value, list) else [value]
    entries = [{"value": each} if isinstance(each, str) else each for each in entries]
    if not all(isinstance(each, Mapping) for each in entries):
        raise invalid("emails is a list of objects with a value.")
    ranked = sorted(entries, key=lambda each: (each.get("primary") is not True, each.get("type") != "work"))
    return _text("emails", ranked[0].get("value")) if ranked else ""


def _reference(value: Any) -> str:
    """The id of another resource, however it is wrapped; empty takes it away."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        value = value.get("value")
    return _text("manager", value)


def operations(body: Any) -> Iterator[tuple[str, str, Any]]:
    """(add, replace or remove; the path or ""; the value) of each operation of a PATCH, in order."""
    given = (
        next((body[key] for key in body if str(key).lower() == "operations"), None) if isinstance(body, dict) else None
    )
    if not isinstance(given, list) or not 0 < len(given) <= MOST_OPERATIONS:
        raise ScimError(400, f"Operations is a list of 1 to {MOST_OPERATIONS} operations.", "invalidSyntax")
    for each in given:
        if not isinstance(each, Mapping):
            raise ScimError(400, "An operation is an object.", "invalidSyntax")
        op, path = str(each.get("op", "")).lower(), each.get("path") or ""
        if op not in ("add", "replace", "remove"):
            raise ScimError(400, "op is add, replace or remove.", "invalidSyntax")
        if not isinstance(path, str) or len(path) > 255:
            raise ScimError(400, "path is a text.", "invalidPath")
        if op == "remove" and not path:
            raise ScimError(400, "What is removed needs a path.", "noTarget")
        yield op, path, each.get("value")


def patched_person(body: Any) -> dict[str, Any]:
    """The flat changes that a PATCH of a User asks for, later ones over earlier ones."""
    found: dict[str, Any] = {}
    for op, path, value in operations(body):
        said = {path: None} if op == "remove" else {path: value} if path else value
        found.update(person_fields(said))
    return found


def patched_group(body: Any) -> Iterator[tuple[str, Any]]:
    """("name" or "external_id", text), or ("set", "add" or "drop", member ids): what a PATCH of a Group asks for."""
    for op, path, value in operations(body):
        if path:
            yield from _group_step(op, path, value)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from _group_step(op, str(key), item)
        else:
            raise invalid("A value without a path is an object of attributes.")


def _group_step(op: str, path: str, value: Any) -> Iterator[tuple[str, Any]]:
    name = path.lower().removeprefix(f"{GROUP.lower()}:")
    one = _MEMBER.fullmatch(path)
    if one is not None:
        yield ("drop" if op == "remove" else "add"), [one[1]]
    elif name == "members":
        if op == "remove":
            yield ("drop", member_ids(value)) if value else ("set", [])
        else:
            yield ("add" if op == "add" else "set"), member_ids(value)
    elif name in ("displayname", "externalid"):
        yield ("name" if name == "displayname" else "external_id"), _text(path, None if op == "remove" else value)


def member_ids(value: Any) -> list[str]:
    """The ids in a list of members, each once."""
    entries = [] if value is None else value if isinstance(value, list) else [value]
    if len(entries) > MOST_MEMBERS:
        raise ScimError(400, f"At most {MOST_MEMBERS} members in one request.", "tooMany")
    found: list[Any] = [each.get("value") if isinstance(each, Mapping) else each for each in entries]
    if not all(isinstance(each, str) and 0 < len(each) <= 64 for each in found):
        raise invalid("members is a list of objects, each with the id of a User as its value.")
    return list(dict.fromkeys(found))
