"""Which formats there are, in the order they are tried, and which one a file is."""

from typing import Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.azure import AzureEvaluation
from evidence.connectors.formats.base import Format
from evidence.connectors.formats.content import Content
from evidence.connectors.formats.deepeval import DeepEval
from evidence.connectors.formats.inspect import Inspect
from evidence.connectors.formats.lm_eval import LmEval
from evidence.connectors.formats.promptfoo import Promptfoo
from evidence.connectors.formats.ragas import Ragas
from evidence.connectors.formats.table import Table

OWN: Final = "gatehouse"
# From the most to the least particular: any list of rows is a table.
FORMATS: Final[tuple[type[Format], ...]] = (Promptfoo, DeepEval, AzureEvaluation, Inspect, LmEval, Ragas, Table)
TITLES: Final[dict[str, str]] = {OWN: "Gatehouse", **{each.key: each.title for each in FORMATS}}


def format_of(content: Content, wanted: str = "") -> Format | None:
    """The format the content is of; None for the portal's own. SchemaError when it is not the one that was said."""
    if wanted and wanted not in TITLES:
        raise SchemaError(f"There is no format “{wanted[:40]}”.", mend=f"Use one of {', '.join(TITLES)}.")
    if wanted == OWN or (not wanted and _is_own(content)):
        return None
    for each in FORMATS:
        if wanted in ("", each.key) and each().sniff(content):
            return each()
    if wanted:
        raise SchemaError(f"This is no file of {TITLES[wanted]}.", mend="Leave the format out to have it recognised.")
    return None


def _is_own(content: Content) -> bool:
    first = content.first if content.first is not None else content.value
    return isinstance(first, dict) and "cases" in first and ("external_id" in first or "finished_at" in first)
