"""What whoever brings a file says about it: formats rarely know the use case, and some not even their own date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from evidence.connectors.shapes import text_of, time_of_text

LONGEST: Final = {"format": 40, "use_case": 12, "version": 71, "run": 120, "environment": 40, "column": 200}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table name the item, its kind and its trial; the others hold scores or are not read."""

    item: str = ""
    kind: str = ""
    trial: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """All of it may be empty. Use case, version and environment count before the file's own words; what the run is
    called and when it finished count only where the file does not say.

    `column` chooses one of several runs in a file (a promptfoo prompt, by its label).
    """

    format: str = ""
    use_case: str = ""
    version: str = ""
    run: str = ""
    finished_at: datetime | None = None
    environment: str = ""
    column: str = ""
    file_name: str = ""
    file_sha256: str = ""  # of the bytes as they came
    columns: Columns = field(default_factory=Columns)
    metrics: frozenset[str] = frozenset()  # those a mapping names

    @classmethod
    def of(
        cls,
        stored: Mapping[str, Any],
        *,
        config: Mapping[str, Any],
        metrics: Iterable[str] = (),
        file_name: str = "",
        file_sha256: str = "",
    ) -> Self:
        """From what was stored with the upload, and the connector's configuration."""
        texts: dict[str, Any] = {name: text_of(stored.get(name))[:longest] for name, longest in LONGEST.items()}
        return cls(
            **texts,
            finished_at=time_of_text(stored.get("finished_at")),
            file_name=file_name,
            file_sha256=file_sha256,
            columns=Columns(*(text_of(config.get(f"{name}_column")) for name in ("item", "kind", "trial"))),
            metrics=frozenset(metrics),
        )
