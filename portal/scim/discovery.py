"""What this service provider can do and keeps, as SCIM asks for it: configuration, resource types, schemas."""

from typing import Any

from portal.scim.words import CONFIGURATION, ENTERPRISE, GROUP, MOST_OPERATIONS, USER

MOST_RESULTS = 200


def configuration(base: str) -> dict[str, Any]:
    no = {"supported": False}
    return {
        "schemas": [f"{CONFIGURATION}:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {**no, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": no,
        "sort": no,
        "etag": no,
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": f"A token of the scope scim; at most {MOST_OPERATIONS} operations in one PATCH.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    def kind(name: str, schema: str, extensions: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "schemas": [f"{CONFIGURATION}:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "schema": schema,
            "schemaExtensions": extensions,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }

    return [kind("User", USER, [{"schema": ENTERPRISE, "required": False}]), kind("Group", GROUP, [])]


def schemas(base: str) -> list[dict[str, Any]]:
    user = [
        _attribute("userName", required=True, uniqueness="server"),
        _attribute("externalId", case_exact=True),
        _attribute("displayName"),
        _complex("name", [_attribute("formatted"), _attribute("givenName"), _attribute("familyName")]),
        _attribute("title"),
        _complex("emails", [_attribute("value"), _attribute("type"), _attribute("primary", kind="boolean")], many=True),
        _attribute("active", kind="boolean"),
        _complex("groups", [_attribute("value"), _attribute("display")], many=True, mutability="readOnly"),
    ]
    group = [
        _attribute("displayName", required=True, uniqueness="server"),
        _attribute("externalId", case_exact=True),
        _complex("members", [_attribute("value"), _attribute("display", mutability="readOnly")], many=True),
    ]
    manager = [_complex("manager", [_attribute("value"), _attribute("displayName", mutability="readOnly")])]
    return [
        _schema(base, USER, "User", user),
        _schema(base, GROUP, "Group", group),
        _schema(base, ENTERPRISE, "EnterpriseUser", manager),
    ]


def _schema(base: str, urn: str, name: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schemas": [f"{CONFIGURATION}:Schema"],
        "id": urn,
        "name": name,
        "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
    }


def _attribute(
    name: str,
    *,
    kind: str = "string",
    required: bool = False,
    uniqueness: str = "none",
    case_exact: bool = False,
    mutability: str = "readWrite",
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "required": required,
        "caseExact": case_exact,
        "mutability": mutability,
        "returned": "default",
        "uniqueness": uniqueness,
    }


def _complex(
    name: str, inner: list[dict[str, Any]], *, many: bool = False, mutability: str = "readWrite"
) -> dict[str, Any]:
    return {**_attribute(name, kind="complex", mutability=mutability), "multiValued": many, "subAttributes": inner}
