"""Imports at each of their stages, made by the verbs themselves; the worker's part runs at once."""

import io
from functools import partial
from typing import Any

from tests.cast import Cast
from tests.usecases.importing.files import SMALL
from usecases.actions.import_work import run_import
from usecases.actions.imports import request_apply, request_check, request_undo, upload_import
from usecases.models import ImportRow, RegisterImport


def uploaded(cast: Cast, body: bytes | str = SMALL, by: str = "arno", **changes: Any) -> RegisterImport:
    data = body.encode() if isinstance(body, str) else body
    values: dict[str, Any] = {
        "file_name": "inventory.csv",
        "source_name": "Inventory",
        "default_unit": cast.units["Customer service"],
        "default_owner": cast.olivia,
        **changes,
    }
    return upload_import(actor=cast.actor(by), file=io.BytesIO(data), **values)


def checked(cast: Cast, body: bytes | str = SMALL, by: str = "arno", **changes: Any) -> RegisterImport:
    return gone_on(cast, uploaded(cast, body, by, **changes), request_check, by)


def applied(cast: Cast, body: bytes | str = SMALL, by: str = "arno", **changes: Any) -> RegisterImport:
    return gone_on(cast, checked(cast, body, by, **changes), request_apply, by)


def undone(
    cast: Cast, register_import: RegisterImport, by: str = "arno", *, edited_too: bool = False
) -> RegisterImport:
    return gone_on(cast, register_import, partial(request_undo, edited_too=edited_too), by)


def gone_on(cast: Cast, register_import: RegisterImport, verb: Any, by: str = "arno") -> RegisterImport:
    verb(actor=cast.actor(by), register_import=register_import)
    run_import(register_import.pk)
    return RegisterImport.objects.get(pk=register_import.pk)


def fates(register_import: RegisterImport) -> list[tuple[int, str, str]]:
    rows = ImportRow.objects.filter(register_import=register_import).order_by("number")
    return list(rows.values_list("number", "outcome", "title"))
