"""`Idempotency-Key` on writes: the same request again gets the same answer, another request under the key is refused.

The key's row is inserted in its own transaction before the work. Two equal requests at once: one works, the other is
told to wait. A request that failed with a server error frees its key.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from portal.access import Denied, Reason, Refused
from portal.api.authentication import actor_of
from portal.models import IdempotencyKey

# A key whose work neither finished nor failed (the process died) may be taken over after this.
ABANDONED = timedelta(minutes=10)
# Headers that belong to the answer; the rest belong to the request or to the moment.
KEPT_HEADERS = ("Location",)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Wraps a DRF view method; without the header nothing changes."""

    @functools.wraps(handler)
    def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return handler(view, request, *args, **kwargs)
        entry, fresh = _claim(request, key)
        if not fresh:
            return _replay(entry)
        try:
            response = _answer(handler, view, request, *args, **kwargs)
        except BaseException:
            entry.delete()
            raise
        if response.status_code >= 500:
            entry.delete()
        else:
            _keep(entry, response)
        return response

    return wrapped


def _answer(handler: Handler, view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
    """The handler's answer, or the problem of an expected error: both are what a repetition gets."""
    from portal.api.problems import exception_handler

    try:
        return handler(view, request, *args, **kwargs)
    except Exception as error:
        problem = exception_handler(error, view.get_exception_handler_context())
        if problem is None:
            raise
        return problem


def _keep(entry: IdempotencyKey, response: Response) -> None:
    body = {
        # As text: the database would put the keys of a JSON value in another order.
        "data": json.dumps(response.data, cls=JSONEncoder),
        "content_type": response.content_type,
        "headers": {name: response[name] for name in KEPT_HEADERS if name in response},
    }
    IdempotencyKey.objects.filter(pk=entry.pk).update(status=response.status_code, body=body)


def _replay(entry: IdempotencyKey) -> Response:
    kept: dict[str, Any] = entry.body or {}
    return Response(
        json.loads(kept["data"]),
        status=entry.status,
        content_type=kept["content_type"],
        headers={**kept["headers"], "Idempotent-Replay": "true"},
    )


def _claim(request: Request, key: str) -> tuple[IdempotencyKey, bool]:
    """(the key's row, whether this request is the one that works)."""
    if not _KEY.fullmatch(key):
        text = _("An Idempotency-Key is 1 to 200 printable ASCII characters without spaces.")
        raise ValidationError({"Idempotency-Key": [text]})
    actor = actor_of(request).key
    digest = _digest(request)
    for _attempt in range(2):
        try:
            with transaction.atomic():
                entry = IdempotencyKey.objects.create(
                    actor=actor, key=key, method=request.method or "", path=request.path, request_sha256=digest
                )
            return entry, True
        except IntegrityError:
            found = IdempotencyKey.objects.filter(actor=actor, key=key).first()
            if found is None:
                continue
            return _known(found, digest)
    raise Refused(Denied((Reason("idempotency_key_busy", _("Try again in a moment."), conflict=True),)))


def _digest(request: Request) -> bytes:
    """SHA-256 of method, address and content. Content is what was parsed: order of keys and spaces do not count."""
    data = dict(request.data.lists()) if isinstance(request.data, QueryDict) else request.data
    parts = [request.method, request.get_full_path(), data]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=_fingerprint).encode()).digest()


def _fingerprint(value: Any) -> str:
    """What JSON has no word for, by its bytes. Raises TypeError for a parser's result that cannot be compared."""
    if isinstance(value, UploadedFile):
        digest = hashlib.sha256()
        for chunk in value.chunks():
            digest.update(chunk)
        value.seek(0)
        return f"{value.name} {digest.hexdigest()}"
    if isinstance(value, bytes | bytearray):
        return hashlib.sha256(value).hexdigest()
    raise TypeError(f"{type(value).__name__} cannot be told apart from another: parse it into plain values.")


def _known(entry: IdempotencyKey, digest: bytes) -> tuple[IdempotencyKey, bool]:
    if bytes(entry.request_sha256) != digest:
        text = _("This Idempotency-Key was used for another request. Send a new key with a new request.")
        raise Refused(Denied((Reason("idempotency_key_reused", text, conflict=True),)))
    if entry.status is not None:
        return entry, False
    taken_over = IdempotencyKey.objects.filter(
        pk=entry.pk, status__isnull=True, created_at__lt=timezone.now() - ABANDONED
    ).update(created_at=timezone.now())
    if taken_over:
        return entry, True
    text = _("The same request is still being worked on. Ask again in a moment.")
    raise Refused(Denied((Reason("idempotency_key_busy", text, conflict=True),)))
