"""What a list asks for: words, filters, order, columns. One value for the page, the API and saved views."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from usecases.finding.filters import filters
from usecases.ordering import DEFAULT, SORTS

MAX_WORDS = 120
# Columns that may be left out, in their order; the reference and the name always stand.
COLUMNS: dict[str, Any] = {
    "unit": _("Unit"),
    "owner": _("Owner"),
    "stage": _("Stage"),
    "tier": _("Tier"),
    "reported": _("Reported stage"),
    "pattern": _("Pattern"),
    "tags": _("Tags"),
    "registered": _("Registered"),
    "updated": _("Changed"),
}
USUAL_COLUMNS = ("unit", "owner", "stage", "tier", "updated")


@dataclass(frozen=True)
class Query:
    """`sort` is empty for the usual order: by rank when there are words, else the newest change first."""

    q: str = ""
    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""
    columns: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.wanted)

    @property
    def ranked(self) -> bool:
        return bool(self.q) and not self.sort

    @property
    def order(self) -> str:
        return self.sort or DEFAULT

    @property
    def shown(self) -> tuple[str, ...]:
        return self.columns or USUAL_COLUMNS

    def narrow(self, rows: Any, *, gathering: bool = False) -> Any:
        """The rows that fit every filter; the words are looked for elsewhere."""
        known = filters()
        for key, values in self.wanted.items():
            rows = known[key].narrow(rows, values, gathering=gathering)
        return rows

    def pairs(self) -> list[tuple[str, str]]:
        """The query as the address has it."""
        found = [("q", self.q)] if self.q else []
        found += [(key, value) for key, values in self.wanted.items() for value in values]
        found += [("sort", self.sort)] if self.sort else []
        return found + [("columns", column) for column in self.columns]

    def address(self, **more: str) -> str:
        return "?" + urlencode([*self.pairs(), *((key, value) for key, value in more.items() if value)])

    def without(self, key: str, value: str) -> "Query":
        """The same with one value of one filter taken away; `q` takes the words."""
        if key == "q":
            return replace(self, q="")
        left = tuple(each for each in self.wanted.get(key, ()) if each != value)
        wanted = {**self.wanted, key: left}
        return replace(self, wanted={name: values for name, values in wanted.items() if values})

    def as_json(self) -> dict[str, list[str]]:
        """What a saved view keeps; order and columns have columns of their own."""
        return {**({"q": [self.q]} if self.q else {}), **{key: list(values) for key, values in self.wanted.items()}}


def known_keys() -> set[str]:
    return {"q", "sort", "columns", *filters()}


def read(params: QueryDict) -> Query:
    """The query in an address; what makes no sense is left out, as a link may be older than a filter."""
    return build({key: params.getlist(key) for key in known_keys() if key in params})


def build(given: Mapping[str, Sequence[str]]) -> Query:
    """The same from plain lists, as a saved view keeps them."""
    wanted = {key: tuple(each.accepted(given[key])) for key, each in filters().items() if given.get(key)}
    words = " ".join(_last(given.get("q", ())).replace("\x00", "").split())
    sort = _last(given.get("sort", ()))
    columns = tuple(column for column in COLUMNS if column in given.get("columns", ()))
    return Query(
        q=words[:MAX_WORDS],
        wanted={key: values for key, values in wanted.items() if values},
        sort=sort if sort in SORTS else "",
        columns=() if columns == USUAL_COLUMNS else columns,
    )


def refused(given: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, str]]:
    """(key, value) of what `build` would leave out: for callers who must be told."""
    for key, each in filters().items():
        for value in given.get(key, ()):
            if value and not each.accepted([value]):
                yield key, value
    if (sort := _last(given.get("sort", ()))) and sort not in SORTS:
        yield "sort", sort


def _last(values: Sequence[str]) -> str:
    return values[-1] if values else ""
