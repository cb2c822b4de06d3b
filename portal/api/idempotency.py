"""`Idempotency-Key` on writes: the same request again gets the same answer, another request under the key is refused.

The key's row is inserted in its own transaction before the work. Two equal requests at once: one works, the other is
told to wait. A request that failed with a server error frees its key.
"""

import functools
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Denied, Reason, Refused
from portal.api.authentication import actor_of
from portal.models import IdempotencyKey

# A key whose work neither finished nor failed (the process died) may be taken over after this.
ABANDONED = timedelta(minutes=10)

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
            assert entry.status is not None
            return Response(entry.body, status=entry.status, headers={"Idempotent-Replay": "true"})
        try:
            response = handler(view, request, *args, **kwargs)
        except Exception as error:
            response = view.handle_exception(error) if _is_expected(view, error) else None
            if response is None:
                entry.delete()
                raise
        IdempotencyKey.objects.filter(pk=entry.pk).update(status=response.status_code, body=_storable(response.data))
        return response

    return wrapped


def _is_expected(view: Any, error: Exception) -> bool:
    from portal.api.problems import exception_handler

    return exception_handler(error, view.get_exception_handler_context()) is not None


def _storable(data: Any) -> Any:
    import json

    from rest_framework.utils.encoders import JSONEncoder

    return json.loads(json.dumps(data, cls=JSONEncoder))


def _claim(request: Request, key: str) -> tuple[IdempotencyKey, bool]:
    if len(key) > 200:
        raise Refused(
            Denied((Reason("idempotency_key_too_long", _("An Idempotency-Key has 200 characters at most.")),))
        )
    actor = actor_of(request).key
    # The parsed body, not the raw one: the stream may be read only once and was read by the parser.
    digest = hashlib.sha256(repr((request.method, request.path, request.data)).encode()).digest()
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
