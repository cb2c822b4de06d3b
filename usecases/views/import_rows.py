"""The rows of an import as its page shows them: in the words people see, never by our own names."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usecases.choices import Pattern, RowOutcome
from usecases.import_forms import AFTERWARDS, FIELD_NAMES, WORD_NAMES, RowsForm
from usecases.importing.words import CODED
from usecases.models import ImportRow, RegisterImport

PAGE = 50


def listing(held: RegisterImport, given: Any) -> dict[str, Any]:
    """One page of rows of the kind that is asked for, and where the next one begins."""
    wanted = RowsForm(given)
    wanted.is_valid()
    outcome, after = wanted.cleaned_data.get("outcome", ""), wanted.cleaned_data.get("after") or 0
    rows = ImportRow.objects.filter(register_import=held, number__gt=after).select_related("use_case")
    listed = list(_of_kind(rows, outcome).order_by("number")[: PAGE + 1])
    return {
        "outcome": outcome,
        "rows": [_shown(row) for row in listed[:PAGE]],
        "after": listed[PAGE - 1].number if len(listed) > PAGE else 0,
        "tally": _tally(held.counts),
    }


def _of_kind(rows: QuerySet[ImportRow], outcome: str) -> QuerySet[ImportRow]:
    if outcome == "undone":
        return rows.filter(after__has_key="undone")
    if outcome == "kept":
        return rows.exclude(kept="")
    return rows.filter(outcome=outcome) if outcome else rows


def _tally(counts: dict[str, int]) -> list[tuple[str, str, int]]:
    """(label, value of the filter, rows) of every kind there is."""
    kinds = (*RowOutcome.choices, *AFTERWARDS)
    return [(str(label), str(name), counts[name]) for name, label in kinds if name in counts]


def _shown(row: ImportRow) -> dict[str, Any]:
    return {
        "row": row,
        "changes": [
            {
                "field": field_name(change["field"]),
                "before": _word(change["field"], change["before"]),
                "after": _word(change["field"], change["after"]),
            }
            for change in row.changes
        ],
        "missing": [field_name(name) for name in row.missing],
    }


def field_name(name: str) -> str:
    return _("Other columns") if name == "other_columns" else str(FIELD_NAMES.get(name, name))


def _word(name: str, value: str) -> str:
    """Our word for what is kept as a code."""
    labels: dict[str, Any] = dict(Pattern.choices) if name == "pattern" else WORD_NAMES
    return str(labels.get(value, value)) if name in CODED else value
