"""Who may do what on the ground floor.

A value `@name` stands for the id of that person or service account in the cast (`filled`). Rows that would change
something address what does not exist, or send too little.
"""

from typing import Any

from tests.access.rows import Row
from tests.cast import Cast

NO_ID = {"pk": "00000000-0000-7000-8000-000000000000"}
OTTO = {"pk": "@otto"}
ACCOUNT = {"pk": "@ingest"}
ADMIN = {"admin": 200}


def filled(values: dict[str, Any], cast: Cast) -> dict[str, Any]:
    """The address's parts with names replaced by ids."""
    known = {f"@{name}": str(row.pk) for name, row in (*cast.people.items(), *cast.accounts.items())}
    return {key: known.get(value, value) for key, value in values.items()}


def closed(name: str, **kwargs: Any) -> Row:
    """A verb on what does not exist: 404 for everybody, whatever they may."""
    return Row(name=name, method="POST", kwargs={**NO_ID, **kwargs}, data={}, others=404, anonymous=401)


ROWS: list[Row] = [
    *(Row(name=name, method="GET", others=200, anonymous=200) for name in ("livez", "metrics", "sign-in")),
    # No worker beats while tests run, so readiness is refused to everybody alike.
    Row(name="readyz", method="GET", others=503, anonymous=503),
    Row(name="sign-in", method="POST", data={}, others=422, anonymous=422),
    Row(name="sign-out", method="GET", others=405, anonymous=302),
    Row(name="sign-out", method="POST", data={}, others=302, anonymous=401),
    Row(name="audit-trail", method="GET", allowed={"admin": 200, "aud": 200}),
    Row(name="people", method="GET", allowed=ADMIN),
    Row(name="add-person", method="GET", allowed=ADMIN),
    Row(name="add-person", method="POST", data={"name": ""}, allowed={"admin": 422}, anonymous=401),
    Row(name="person", method="GET", kwargs=OTTO, allowed=ADMIN),
    Row(name="add-service-account", method="GET", allowed=ADMIN),
    Row(name="add-service-account", method="POST", data={"name": ""}, allowed={"admin": 422}, anonymous=401),
    Row(name="service-account", method="GET", kwargs=ACCOUNT, allowed=ADMIN),
    Row(name="issue-token", method="POST", kwargs=ACCOUNT, data={}, allowed={"admin": 422}, anonymous=401),
    Row(
        name="give-grant",
        method="POST",
        kwargs={"kind": "person", **OTTO},
        data={},
        allowed={"admin": 422},
        anonymous=401,
    ),
    # Nobody switches off, or on, what is in that state already: conflicts are told to administrators only.
    Row(name="reactivate-person", method="POST", kwargs=OTTO, data={}, allowed={"admin": 409}, anonymous=401),
    Row(
        name="reactivate-service-account", method="POST", kwargs=ACCOUNT, data={}, allowed={"admin": 409}, anonymous=401
    ),
    Row(
        name="deactivate-person", method="POST", kwargs={"pk": "@admin"}, data={}, allowed={"admin": 403}, anonymous=401
    ),
    closed("deactivate-service-account"),
    closed("revoke-token"),
    closed("end-grant"),
    # Reading somebody else's notice, or none, does nothing and leads home.
    Row(name="read-notice", method="POST", kwargs=NO_ID, data={}, others=302, anonymous=401),
    Row(name="api-docs", method="GET", others=200),
    Row(name="api-schema", method="GET", others=200, anonymous=401),
    Row(name="api-me", method="GET", others=200, anonymous=401),
    Row(name="api-audit-events", method="GET", allowed={"admin": 200, "aud": 200}, others=403, anonymous=401),
    # Without a provider's addresses in the settings the start of single sign-on leads to nowhere but back.
    Row(name="oidc_authentication_init", method="GET", others=302, anonymous=302),
    Row(name="oidc_authentication_callback", method="GET", others=302, anonymous=302),
]
