"""Who may do what on the ground floor. Rows that would change something are taken back by the world."""

from typing import Any

from tests.access.rows import Row

OTTO, ACCOUNT = {"pk": "@otto"}, {"pk": "@account"}
ADMIN = {"admin": 200}
READERS = {"aud": 200}


def verb(name: str, kwargs: dict[str, Any], status: int, data: dict[str, Any] | None = None) -> Row:
    """An administrator's form: nothing at this address for others, a sign-in asked of strangers."""
    return Row(name=name, method="POST", kwargs=kwargs, data=data or {}, allowed={"admin": status}, anonymous=401)


ROWS: list[Row] = [
    *(Row(name=name, method="GET", others=200, anonymous=200) for name in ("livez", "metrics", "sign-in")),
    # No worker beats while tests run, so readiness is refused to everybody alike.
    Row(name="readyz", method="GET", others=503, anonymous=503),
    Row(name="sign-in", method="POST", data={}, others=422, anonymous=422),
    Row(name="sign-out", method="POST", data={}, others=302, anonymous=401),
    # Without a provider in the settings single sign-on leads back to the door.
    Row(name="oidc_authentication_init", method="GET", others=404, anonymous=404),
    Row(name="oidc_authentication_callback", method="GET", others=404, anonymous=404),
    Row(name="audit-trail", method="GET", allowed=READERS),
    # Narrowed, so that the number of its pages is the same in every world.
    Row(name="export-audit-trail", method="GET", data={"about": "UC-0001"}, allowed=READERS),
    # Open to everybody; what it finds is what each may know of.
    Row(name="search", method="GET", others=200),
    Row(name="people", method="GET", allowed=ADMIN),
    Row(name="person", method="GET", kwargs=OTTO, allowed=ADMIN),
    Row(name="service-account", method="GET", kwargs=ACCOUNT, allowed=ADMIN),
    *(Row(name=name, method="GET", allowed=ADMIN) for name in ("add-person", "add-service-account")),
    verb("add-person", {}, 422),
    verb("add-service-account", {}, 422),
    verb("deactivate-person", OTTO, 302),
    verb("deactivate-person", {"pk": "@admin"}, 403),
    verb("reactivate-person", OTTO, 409),
    verb("deactivate-service-account", ACCOUNT, 302),
    verb("reactivate-service-account", ACCOUNT, 409),
    verb("give-grant", {"kind": "person", **OTTO}, 422),
    verb("give-grant", {"kind": "person", **OTTO}, 302, {"role": "owner"}),
    verb("give-grant", {"kind": "person", "pk": "@admin"}, 403, {"role": "approver"}),
    verb("give-grant", {"kind": "account", **ACCOUNT}, 422, {"role": "approver"}),
    verb("end-grant", {"pk": "@grant"}, 302),
    verb("issue-token", ACCOUNT, 422),
    verb("issue-token", ACCOUNT, 302, {"label": "x", "scopes": "read", "days": "1"}),
    verb("revoke-token", {"pk": "@token"}, 302),
    # Each of these asks once more before it ends something.
    Row(name="deactivate-person", method="GET", kwargs=OTTO, allowed=ADMIN),
    Row(name="deactivate-service-account", method="GET", kwargs=ACCOUNT, allowed=ADMIN),
    Row(name="end-grant", method="GET", kwargs={"pk": "@grant"}, allowed=ADMIN),
    Row(name="revoke-token", method="GET", kwargs={"pk": "@token"}, allowed=ADMIN),
    # Everybody says when they are away themselves; a window is known to the two it is about and to administrators.
    Row(name="absences", method="GET", others=200),
    Row(name="absences", method="POST", data={}, others=422, anonymous=401),
    Row(name="person-absences", method="GET", kwargs=OTTO, allowed=ADMIN),
    verb("person-absences", OTTO, 422),
    Row(
        name="end-absence",
        method="POST",
        kwargs={"pk": "@absence"},
        data={},
        allowed={"fiona": 302, "admin": 302, "sam": 403},
        anonymous=401,
    ),
    Row(
        name="decline-absence",
        method="POST",
        kwargs={"pk": "@absence"},
        data={},
        allowed={"sam": 302, "fiona": 403, "admin": 403},
        anonymous=401,
    ),
    # A directory's token alone opens SCIM: no session, and no token that is good for more.
    *(
        Row(name=name, method="GET", kwargs=kwargs, others=403, anonymous=401)
        for name, kwargs in (
            ("scim-configuration", {}),
            ("scim-resource-types", {}),
            ("scim-resource-type", {"name": "User"}),
            ("scim-schemas", {}),
            ("scim-schema", {"name": "User"}),
            ("scim-users", {}),
            ("scim-user", OTTO),
            ("scim-groups", {}),
            ("scim-group", OTTO),
        )
    ),
    *(
        Row(name=name, method=method, kwargs=kwargs, data={}, others=403, anonymous=401)
        for name, method, kwargs in (
            ("scim-users", "POST", {}),
            ("scim-user", "PUT", OTTO),
            ("scim-user", "PATCH", OTTO),
            ("scim-user", "DELETE", OTTO),
            ("scim-groups", "POST", {}),
            ("scim-group", "PUT", OTTO),
            ("scim-group", "PATCH", OTTO),
        )
    ),
    # Reading somebody else's notice does nothing and leads home.
    Row(name="read-notice", method="POST", kwargs={"pk": "@notice"}, data={}, others=302, anonymous=401),
    Row(name="read-notices", method="POST", data={}, others=302, anonymous=401),
    Row(name="api-docs", method="GET", others=200),
    Row(name="api-schema", method="GET", others=200, anonymous=401),
    Row(name="api-me", method="GET", others=200, anonymous=401),
    Row(name="api-audit-events", method="GET", allowed=READERS, others=403, anonymous=401),
]
