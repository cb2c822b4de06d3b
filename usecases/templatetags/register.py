"""The rows of the register's table, drawn in one go: nodes of a template for each cell cost most of the page's time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.templatetags.gatehouse import tier, when
from usecases.choices import Pattern, Stage
from usecases.finding.lines import Line

register = template.Library()

_ROW = (
    '<tr><td class="pick"><input type="checkbox" name="ref" value="{reference}" form="bulk" aria-label="{choose}"></td>'
    '<td class="ref nowrap">{reference}</td><th scope="row" class="lead"><a href="{url}">{title}</a></th>{cells}</tr>\n'
)


@register.simple_tag
def register_rows(rows: Sequence[Line], shown: Sequence[str], reported: Mapping[Any, str]) -> SafeString:
    """A row for each use case with the columns `shown`; whatever a person wrote is escaped.

    `reported` gives the stages that sources report, by id.
    """
    address, choose = reverse("usecases:list"), _("Choose %(reference)s")
    words: _Words = {"stage": _words(Stage), "pattern": _words(Pattern), "reported": reported}
    cells = [_CELLS[column] for column in shown]
    drawn = [
        _ROW.format(
            reference=row.reference,
            choose=escape(choose % {"reference": row.reference}),
            url=f"{address}{row.reference}/",
            title=escape(row.title),
            cells="".join([cell(row, words) for cell in cells]),
        )
        for row in rows
    ]
    return SafeString("".join(drawn))  # nosec B703: every part is escaped or a reference


_Words = Mapping[str, Mapping[Any, str]]


def _words(choices: Any) -> dict[str, str]:
    """Each value's label in the reader's language, escaped, asked for once a page."""
    return {value: escape(label) for value, label in choices.choices}


def _tags(row: Line, _words: _Words) -> str:
    tags = [f'<a class="tag" href="?tag={escape(tag)}">{escape(tag)}</a> ' for tag in row.tags]
    return f"<td>{''.join(tags)}</td>"


_CELLS: dict[str, Callable[[Line, _Words], str]] = {
    "unit": lambda row, _: f"<td>{escape(row.unit)}</td>",
    "owner": lambda row, _: f"<td>{escape(row.owner)}</td>",
    "stage": lambda row, words: f"<td>{words['stage'][row.stage]}</td>",
    "tier": lambda row, _: f"<td>{tier(row.tier)}</td>",
    "pattern": lambda row, words: f"<td>{words['pattern'][row.pattern]}</td>",
    "reported": lambda row, words: f"<td>{escape(words['reported'].get(row.id, ''))}</td>",
    "tags": _tags,
    "registered": lambda row, _: f'<td class="figure">{when(row.registered_at, relative=False)}</td>',
    "updated": lambda row, _: f'<td class="figure">{when(row.updated_at, relative=False)}</td>',
}
