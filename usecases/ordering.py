"""In which orders the register is read. Each order has an index, and a cursor that names the last row seen."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from usecases.choices import Stage, Tier

MAX_TITLE = 160


def _rank(column: str, words: list[str]) -> Case:
    """The place of a word in its list, as the index has it; a word that is not there comes first."""
    whens = [When(**{column: word}, then=Value(place)) for place, word in enumerate(words, start=1)]
    return Case(*whens, default=Value(0), output_field=IntegerField())


STAGE_RANK = _rank("stage", list(Stage.values))
TIER_RANK = _rank("tier", list(Tier.values))


@dataclass(frozen=True)
class Order:
    """`by` is a column or the expression of an index; `shown` reads the same value from a row, `read` from a cursor."""

    key: str
    label: Any
    by: Any
    value_of: Callable[[Any], Any]
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    downwards_first: bool = False


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError(text)
    return number


def _title(text: str) -> str:
    if "\x00" in text or len(text) > MAX_TITLE:
        raise ValueError(text)
    return text


def _place(words: list[str], word: str) -> int:
    return words.index(word) + 1 if word in words else 0


ORDERS: dict[str, Order] = {
    order.key: order
    for order in (
        Order(
            "updated", _("Changed"), F("updated_at"), lambda row: row.updated_at, datetime.isoformat,
            datetime.fromisoformat, downwards_first=True,
        ),
        Order(
            "registered", _("Registered"), F("registered_at"), lambda row: row.registered_at, datetime.isoformat,
            datetime.fromisoformat, downwards_first=True,
        ),
        Order("title", _("Name"), F("title"), lambda row: row.title, str, _title),
        Order("reference", _("Reference"), F("number"), lambda row: row.number, str, _whole),
        Order("stage", _("Stage"), STAGE_RANK, lambda row: _place(list(Stage.values), row.stage), str, _whole),
        Order("tier", _("Tier"), TIER_RANK, lambda row: _place(list(Tier.values), row.tier), str, _whole),
    )
}  # fmt: skip
DEFAULT = "-updated"
SORTS = [sign + key for key in ORDERS for sign in ("", "-")]


def order_by(sort: str) -> tuple[Any, Any]:
    """What to order by; the id decides between equals, in the same direction so that one index serves both ways."""
    by = ORDERS[sort.removeprefix("-")].by
    if sort.startswith("-"):
        return by.desc(), F("id").desc()
    return by.asc(), F("id").asc()


def key_of(row: Any, sort: str) -> str:
    """The cursor that stands for this row: its id, then the value it is ordered by."""
    order = ORDERS[sort.removeprefix("-")]
    return f"{row.pk}_{order.write(order.value_of(row))}"


def after(found: Any, sort: str, cursor: str) -> Any:
    """What comes behind the cursor's row. Raises ValueError for a cursor that no page of this order handed out."""
    order = ORDERS[sort.removeprefix("-")]
    row_id, mark, text = cursor.partition("_")
    if not mark:
        raise ValueError(cursor)
    pk, value = uuid.UUID(row_id), order.read(text)
    sign, other = ("lte", "gte") if sort.startswith("-") else ("gte", "lte")
    column = "placed" if order.by in (STAGE_RANK, TIER_RANK) else str(order.by.name)
    if column == "placed":
        found = found.alias(placed=order.by)
    # Not `value < v OR (value = v AND id < …)`: this form begins at one place of the index.
    return found.filter(**{f"{column}__{sign}": value}).exclude(Q(**{column: value}) & Q(**{f"id__{other}": pk}))
