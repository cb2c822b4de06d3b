"""What speaks today against building on the data a use case has declared. Reads, never writes.

Approvals end by the calendar, so nothing here is stored: whoever asks, the checklist, a page or the gate, gets what
holds on the day of asking.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal.access import Reason
from usecases.choices import DataUseState, Grounding
from usecases.models import DataSource, DataUse


def uses_of(use_case_id: uuid.UUID) -> list[DataUse]:
    """What the use case builds on, with each source; uses that were ended are history."""
    found = DataUse.objects.filter(use_case_id=use_case_id).exclude(state=DataUseState.ENDED)
    return list(found.select_related("data_source").order_by("data_source__name", "id"))


def objections(uses: Iterable[DataUse]) -> list[Reason]:
    """Every approval that was given once and does not count today, in sentences that say what to do."""
    return [reason for use in uses for reason in _against(use)]


def _against(use: DataUse) -> Iterator[Reason]:
    source = use.data_source
    if use.lapsed:
        text = _("The approval of “%(source)s” lapsed on %(day)s. Ask its owner to renew it.")
        yield _reason("data_approval_lapsed", text, source, day=spoken(use.valid_until))
    if use.state == DataUseState.REOPENED:
        text = _("The approval of “%(source)s” has to be confirmed again by its owner: %(why)s")
        yield _reason("data_approval_reopened", text, source, why=use.reopened_reason)
    if use.state == DataUseState.APPROVED and source.certificate == "lapsed":
        text = _("The certificate of “%(source)s” lapsed on %(day)s. Ask its owner to certify the source again.")
        yield _reason("data_certificate_lapsed", text, source, day=spoken(source.certified_until))


def _reason(code: str, text: str, source: DataSource, **words: str) -> Reason:
    return Reason(code, text % {"source": source.name, **words}, conflict=True)


def grounding_objections(manifest: Mapping[str, Any], uses: Iterable[DataUse]) -> list[Reason]:
    """What speaks against the knowledge sources a manifest names, as far as the catalogue knows them.

    A knowledge source is the catalogue's by its id in `reference`, or by the name of a source the use case declared.
    """
    named = [entry for entry in manifest.get("knowledge_sources", []) if isinstance(entry, dict)]
    declared = {use.data_source_id: use for use in uses}
    by_name = {use.data_source.name.casefold(): use.data_source for use in declared.values()}
    by_id = _catalogued({pk for entry in named if (pk := _id_in(entry))} - declared.keys())
    found: list[Reason] = []
    for entry in named:
        pk = _id_in(entry)
        source = declared[pk].data_source if pk in declared else by_id.get(pk) if pk else None
        source = source or by_name.get(str(entry.get("name", "")).casefold())
        if source is None:
            continue
        if source.pk not in declared:
            text = _("The version reads “%(source)s”, which this use case has not declared. Ask its owner first.")
            found.append(_reason("data_use_not_declared", text, source))
        if source.grounding == Grounding.UNTRUSTED:
            text = _("“%(source)s” is not trusted for answers to rest on, says its owner. Take it out of the version.")
            found.append(_reason("data_source_not_trusted", text, source))
    return found


def _id_in(entry: Mapping[str, Any]) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(entry.get("reference", "")))
    except ValueError:
        return None


def _catalogued(ids: set[uuid.UUID]) -> dict[uuid.UUID, DataSource]:
    """No query where the manifest refers to nothing beyond what was declared."""
    return {source.pk: source for source in DataSource.objects.filter(pk__in=ids)} if ids else {}


def next_end(uses: Iterable[DataUse]) -> date | None:
    """The last day on which all of this still counts; None when nothing has an end."""
    days = [day for use in uses for day in (use.valid_until, use.data_source.certified_until) if day is not None]
    return min(days, default=None)


def spoken(day: date | None) -> str:
    return date_format(day, "j F Y") if day else ""
