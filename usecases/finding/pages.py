"""Pages of the register: by rank when words are given, else by cursor in any order. Only what the actor may see.

What a query finds for the actor is first gathered, bounded and in no order: that is the count, too. Few rows are then
sorted, many are walked in the order of an index. Left alone the planner sorts a hundred thousand for a page of fifty,
or walks as many to find three.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramSimilarity, TrigramWordSimilarity
from django.db.models import F, FloatField, UUIDField, Value
from django.db.models.functions import Coalesce

from portal.actors import Actor
from usecases.finding.filters import OneOf
from usecases.finding.lines import lines
from usecases.finding.query import Query
from usecases.models import UseCase
from usecases.ordering import DEFAULT, after, key_of, order_by
from usecases.querysets import prefixes_of, reference_in

FEW = 500
# So many of the newest hits are ranked; of more than these nobody reads the tail.
RANKED = 200
# How many one bulk action takes at most.
MOST_AT_ONCE = 500
# Of titles that only come near, those are left out that come much less near than the nearest.
NEAR_ENOUGH = 0.7


@dataclass(frozen=True)
class Page:
    """`next_key` is the cursor of the following page, "" at the end; `similar`: nothing hit, these come near.

    `count` is how many there are in all, at most one more than FEW.
    """

    rows: list[Any]
    count: int = 0
    next_key: str = ""
    similar: bool = False


class _Found:
    """What a query finds for an actor, in the form that suits how much it is."""

    def __init__(self, actor: Actor, query: Query, *, similar: bool = False, as_lines: bool = False) -> None:
        self._actor, self._query, self._similar, self._as_lines = actor, query, similar, as_lines

    def shown(self, rows: Any) -> Any:
        """The rows in the form in which they are wanted; asked for last, so that no join stands in what finds them."""
        return lines(rows) if self._as_lines else rows.select_related("owner", "unit")

    @cached_property
    def few(self) -> list[Any] | None:
        """The ids when they are few; None when they are many, or when nothing narrows the register."""
        if not self._query.narrows:
            return None
        ids = self._matching(gathering=True).ids_visible_to(self._actor, FEW + 1)
        return ids if len(ids) <= FEW else None

    def rows(self) -> Any:
        """To be taken in some order, and through what the actor may see."""
        if self.few is None:
            return self._matching()
        ids = Value(self.few, output_field=ArrayField(UUIDField()))
        return UseCase.objects.filter(OneOf(F("id"), ids))

    def ranked_by(self, likeness: Any, ids: Any) -> Any:
        """Those of these ids with how well each fits the words; in no order."""
        rows = UseCase.objects.filter(id__in=ids).annotate(likeness=likeness)
        return lines(rows, "likeness") if self._as_lines else rows.select_related("owner", "unit")

    def count(self) -> int:
        """At most one more than FEW."""
        if self.few is not None:
            return len(self.few)
        return FEW + 1 if self._query.narrows else UseCase.objects.all().count_visible_to(self._actor, FEW + 1)

    def _matching(self, *, gathering: bool = False) -> Any:
        rows = self._query.narrow(UseCase.objects.all(), gathering=gathering)
        return rows.search(self._query.q, similar=self._similar) if self._query.q else rows


def page(actor: Actor, query: Query, cursor: str, size: int, *, as_lines: bool = False) -> Page:
    """One page, of lines when only what the list shows is wanted. A cursor not of this order gives an empty page."""
    if query.ranked:
        return _ranked(actor, query, size, as_lines=as_lines)
    found = _Found(actor, query, as_lines=as_lines)
    if query.q and found.few == []:
        return _near(actor, query, size, as_lines=as_lines)
    rows, following = _in_order(actor, found, query.order, cursor, size)
    return Page(rows, found.count(), following)


def _ranked(actor: Actor, query: Query, size: int, *, as_lines: bool = False) -> Page:
    """The best hits; when the actor may see none, those that come near, as if nothing hidden had hit."""
    found = _Found(actor, query, as_lines=as_lines)
    hits = _best(actor, found, query.q, size, similar=False)
    return Page(hits, found.count()) if hits else _near(actor, query, size, as_lines=as_lines)


def _near(actor: Actor, query: Query, size: int, *, as_lines: bool = False) -> Page:
    near = _best(actor, _Found(actor, query, similar=True, as_lines=as_lines), query.q, size, similar=True)
    return Page(near, len(near), similar=bool(near))


def first_rows(actor: Actor, words: str, size: int) -> list[Any]:
    """The best hits for these words, or what comes near."""
    return _ranked(actor, Query(q=words), size).rows


def all_rows(actor: Actor, query: Query, limit: int = MOST_AT_ONCE) -> list[Any]:
    """The first of what the query finds, in its order; as far as one bulk action goes."""
    return _in_order(actor, _Found(actor, query), query.order, "", limit)[0]


def every_page(actor: Actor, query: Query, size: int) -> Iterator[list[Any]]:
    """All that the query finds, page after page in its order; what comes near when nothing is hit."""
    found = _Found(actor, query)
    if query.q and found.few == []:
        yield _near(actor, query, size).rows
        return
    cursor = ""
    while True:
        rows, cursor = _in_order(actor, found, query.order, cursor, size)
        yield rows
        if not cursor:
            return


def by_references(actor: Actor, references: list[str]) -> list[Any]:
    """Those of these use cases the actor may see, in the order of their numbers."""
    numbers = [number for text in references[:MOST_AT_ONCE] if (number := reference_in(text)) is not None]
    found = UseCase.objects.visible_to(actor).filter(number__in=numbers).select_related("owner", "unit")
    return list(found.order_by("number"))


def _in_order(actor: Actor, found: _Found, sort: str, cursor: str, size: int) -> tuple[list[Any], str]:
    if found.few == []:
        return [], ""
    wanted = found.rows()
    if sort == DEFAULT:
        rows, key = wanted.page_visible_to(actor, cursor, size, shown=found.shown)
        return rows, key
    if cursor:
        try:
            wanted = after(wanted, sort, cursor)
        except (ValueError, OverflowError):
            return [], ""
    rows = list(found.shown(wanted.taken_for(actor, size + 1, *order_by(sort))))
    if len(rows) <= size:
        return rows, ""
    return rows[:size], key_of(rows[size - 1], sort)


def _best(actor: Actor, found: _Found, words: str, size: int, *, similar: bool) -> list[Any]:
    """The newest hits, ranked: the title's likeness weighs most, the words' places in the text decide the rest."""
    if found.few == []:
        return []
    newest = found.rows().taken_for(actor, RANKED, *order_by(DEFAULT))
    likeness: Any = TrigramWordSimilarity(words, "title")
    parts = prefixes_of(words)
    if parts and not similar:
        text = SearchQuery(parts, config="simple", search_type="raw")
        rank = Coalesce(SearchRank(F("search"), text), Value(0.0), output_field=FloatField())
        likeness = likeness + TrigramSimilarity("title", words) + rank
    ranked = found.ranked_by(likeness, newest.values("id"))
    rows = list(ranked.order_by("-likeness", "-updated_at", "-id")[:size])
    if not similar or not rows:
        return rows
    return [row for row in rows if row.likeness >= NEAR_ENOUGH * rows[0].likeness]
