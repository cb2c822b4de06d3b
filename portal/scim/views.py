"""SCIM's addresses: discovery, Users, Groups. Errors are SCIM's, and the token is one that is good for nothing else."""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import Http404
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access import Refused, require
from portal.actions import provisioning as verbs
from portal.api.authentication import TokenAuthentication, actor_of
from portal.api.parsers import StrictJSONParser
from portal.api.problems import exception_handler
from portal.errors import scim_response
from portal.models import ProvisionedGroup, ProvisionedPerson
from portal.provisioning_policies import may_provision
from portal.scim import discovery, resources
from portal.scim.words import (
    MESSAGES,
    ScimError,
    condition,
    patched_group,
    patched_person,
    person_fields,
)

DEFAULT_COUNT = 100


class ScimParser(StrictJSONParser):
    media_type = "application/scim+json"


class ScimRenderer(JSONRenderer):
    media_type = "application/scim+json"
    format = "scim"


class ScimView(APIView):
    """Only a directory's token opens this; a browser's session does not. Not part of the portal's own API document."""

    schema = None
    authentication_classes = [TokenAuthentication]
    parser_classes: list[type[BaseParser]] = [ScimParser, StrictJSONParser]
    renderer_classes = [ScimRenderer, JSONRenderer]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        require(may_provision(actor_of(request)))

    def handle_exception(self, exc: Exception) -> Any:
        answer = _error(exc)
        if answer is None:
            return super().handle_exception(exc)
        if isinstance(exc, APIException):
            # What the caller is told by headers, as everywhere: which token, and when to come again.
            exc.auth_header = self.get_authenticate_header(self.request)  # type: ignore[attr-defined]
            told = exception_handler(exc, {})
            for name in ("WWW-Authenticate", "Retry-After"):
                if told is not None and name in told:
                    answer[name] = told[name]
        return answer


def _error(error: Exception) -> HttpResponseBase | None:
    match error:
        case ScimError():
            return scim_response(error.status, error.detail, error.scim_type)
        case verbs.Taken():
            return scim_response(409, " ".join(error.messages), "uniqueness")
        case IntegrityError() if "_unique" in str(error) or "provisioned_" in str(error):
            return scim_response(409, "Somebody took this name or key in this moment.", "uniqueness")
        case ValidationError():
            return scim_response(400, " ".join(error.messages), "invalidValue")
        case Refused():
            return scim_response(409 if error.is_conflict else 403, str(error))
        case Http404():
            return scim_response(404, "There is no such resource here, or it is in nobody's keeping.")
        case APIException():
            kind = "invalidSyntax" if error.status_code == 400 else ""
            return scim_response(error.status_code, str(error.detail), kind)
    return None


def _listed(items: list[Any], total: int, start: int) -> Response:
    body = {
        "schemas": [f"{MESSAGES}:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(items),
        "Resources": items,
    }
    return Response(body)


def _page(request: Request) -> tuple[int, int]:
    """(the first index, counted from one; how many): out of range is brought into it, as the RFC says."""
    numbers = []
    for name, usual in (("startIndex", 1), ("count", DEFAULT_COUNT)):
        text = request.query_params.get(name, str(usual))
        if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > 9:
            raise ScimError(400, f"{name} is a whole number.", "invalidValue")
        numbers.append(int(text))
    return max(numbers[0], 1), min(max(numbers[1], 0), discovery.MOST_RESULTS)


class Configuration(ScimView):
    def get(self, request: Request) -> Response:
        return Response(discovery.configuration(resources.base()))


class ResourceTypes(ScimView):
    def get(self, request: Request, name: str = "") -> Response:
        return _constant(discovery.resource_types(resources.base()), name)


class Schemas(ScimView):
    def get(self, request: Request, name: str = "") -> Response:
        return _constant(discovery.schemas(resources.base()), name)


def _constant(known: list[dict[str, Any]], name: str) -> Response:
    if not name:
        return _listed(known, len(known), 1)
    for each in known:
        if each["id"] == name:
            return Response(each)
    raise Http404


class Users(ScimView):
    def get(self, request: Request) -> Response:
        wanted = condition(request.query_params.get("filter", ""), [name.lower() for name in resources.PERSON_FILTERS])
        start, count = _page(request)
        rows = resources.narrowed(resources.people(), wanted, of_groups=False)
        found = rows.order_by("id")[start - 1 : start - 1 + count]
        return _listed([resources.user(row) for row in found], rows.count(), start)

    def post(self, request: Request) -> Response:
        person = verbs.provision_person(actor=actor_of(request), fields=person_fields(request.data))
        return _user(person.pk, 201)


class OneUser(ScimView):
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return _user(pk)

    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """What is left out is emptied, but for what a person cannot be without, and whether they are here."""
        empty = dict.fromkeys(("external_id", "title", "email", "given_name", "family_name", "manager"), "")
        return self._changed(request, pk, empty | person_fields(request.data))

    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        return self._changed(request, pk, patched_person(request.data))

    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Switches the account off: a person stays in the trail, and the address keeps answering."""
        verbs.change_provisioned(actor=actor_of(request), person=_known(pk).person, fields={"active": False})
        return Response(status=204)

    def _changed(self, request: Request, pk: uuid.UUID, fields: dict[str, Any]) -> Response:
        verbs.change_provisioned(actor=actor_of(request), person=_known(pk).person, fields=fields)
        return _user(pk)


def _known(pk: uuid.UUID) -> ProvisionedPerson:
    found = resources.people().filter(person_id=pk).first()
    if found is None:
        raise Http404
    return found


def _user(pk: uuid.UUID, status: int = 200) -> Response:
    body = resources.user(_known(pk))
    return Response(body, status=status, headers={"Location": body["meta"]["location"]})


class Groups(ScimView):
    def get(self, request: Request) -> Response:
        wanted = condition(request.query_params.get("filter", ""), [name.lower() for name in resources.GROUP_FILTERS])
        start, count = _page(request)
        members = _with_members(request)
        rows = resources.narrowed(resources.groups(members=members), wanted, of_groups=True)
        found = rows.order_by("id")[start - 1 : start - 1 + count]
        return _listed([resources.group(row, members=members) for row in found], rows.count(), start)

    def post(self, request: Request) -> Response:
        said = dict(patched_group({"Operations": [{"op": "replace", "value": request.data}]}))
        group = verbs.provision_group(
            actor=actor_of(request),
            name=said.get("name", ""),
            external_id=said.get("external_id", ""),
            members=said.get("set", []),
        )
        return _group(group.pk, 201)


class OneGroup(ScimView):
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return _group(pk, members=_with_members(request))

    def put(self, request: Request, pk: uuid.UUID) -> Response:
        said = dict(patched_group({"Operations": [{"op": "replace", "value": request.data}]}))
        steps = list(({"external_id": "", "set": []} | said).items())
        return self._changed(request, pk, steps)

    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        return self._changed(request, pk, list(patched_group(request.data)))

    def _changed(self, request: Request, pk: uuid.UUID, steps: list[tuple[str, Any]]) -> Response:
        verbs.change_group(actor=actor_of(request), group=_known_group(pk), steps=steps)
        return _group(pk)


def _with_members(request: Request) -> bool:
    left_out = request.query_params.get("excludedAttributes", "")[:255]
    return "members" not in [name.strip().lower() for name in left_out.split(",")]


def _known_group(pk: uuid.UUID, *, members: bool = True) -> ProvisionedGroup:
    found = resources.groups(members=members).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _group(pk: uuid.UUID, status: int = 200, *, members: bool = True) -> Response:
    body = resources.group(_known_group(pk, members=members), members=members)
    return Response(body, status=status, headers={"Location": body["meta"]["location"]})
