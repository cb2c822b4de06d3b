"""The calls to Langfuse, in the dialect of the hosted service and version 4 and in that of self-hosted version 3."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote

from evidence.connectors.errors import SchemaError
from evidence.connectors.langfuse_rows import Dialect, Item, Row, Run
from evidence.connectors.paging import walk, walk_numbered
from evidence.connectors.progress import bounds
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.transport import Transport

PER_PAGE: Final = 100  # more is refused
SCORES_PER_ITEM: Final = 50  # as many as an item brings with it
METRIC_ROWS: Final = 1000
# Times are clipped to the asked window, so items are asked for from before there was any.
FROM_THE_BEGINNING: Final = "2020-01-01T00:00:00Z"
GENERATIONS: Final = {
    "column": "type",
    "operator": "any of",
    "value": ["GENERATION", "EMBEDDING"],
    "type": "stringOptions",
}


@dataclass(slots=True)
class Api:
    """Reads one project: the credentials belong to it."""

    http: Transport
    base_url: str
    project_id: str = ""
    _items: dict[str, dict[str, Row]] = field(default_factory=dict)

    def project(self) -> str:
        found = rows_of(self.get("projects").get("data"))
        if not found:
            raise SchemaError("Langfuse names no project.", mend="Use the keys of a project, not of an organisation.")
        self.project_id = text_of(found[0].get("id"))
        return first_text(found[0].get("name"), self.project_id)

    def dialect(self, wanted: str) -> Dialect:
        """The configured dialect, or the one this Langfuse understands."""
        if wanted in ("v3", "v4"):
            return "v3" if wanted == "v3" else "v4"
        try:
            self.get("experiments", {"fromStartTime": _text(datetime.now(UTC)), "limit": 1})
        except SchemaError as error:
            if error.status == 404:
                return "v3"
            raise
        return "v4"

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Row:
        return self.http.get(f"{self.base_url}/api/public/{path}", params=params).object()

    # --- version 4 and the hosted service -----------------------------------------------------------------------

    def experiments(self, since: datetime) -> list[Row]:
        params = {"fromStartTime": _text(since), "fields": "core,metadata"}
        return [row for page in self._cursored("experiments", params) for row in page]

    def experiment(self, row: Row, datasets: Mapping[str, Row]) -> Run:
        """An experiment with all its items and their scores."""
        external_id = text_of(row.get("id"))
        params = {
            "experimentId": external_id,
            "fromStartTime": FROM_THE_BEGINNING,
            "fields": "core,dataset,itemMetadata,scores",
            "scoreLimit": SCORES_PER_ITEM,
        }
        items = [item for page in self._cursored("experiment-items", params) for item in page]
        return Run(
            id=external_id,
            name=text_of(row.get("name")),
            url=f"{self.base_url}/project/{self.project_id}",
            metadata=mapping_of(row.get("metadata")),
            dataset=datasets.get(text_of(row.get("datasetId")), {"id": text_of(row.get("datasetId"))}),
            items=tuple(self._experiment_item(item) for item in items),
            environment=next((text_of(item.get("environment")) for item in items), ""),
        )

    def _experiment_item(self, row: Row) -> Item:
        scores = rows_of(row.get("scores"))
        if len(scores) >= SCORES_PER_ITEM:  # there may be more
            params = {"traceId": text_of(row.get("traceId")), "fields": "details,subject"}
            scores = [found for page in self._cursored("v3/scores", params) for found in page]
        item_id = first_text(row.get("experimentItemId"), row.get("id"))
        return Item(
            id=item_id,
            started_at=time_of_text(row.get("startTime")),
            ended_at=time_of_text(row.get("endTime")),
            metadata=mapping_of(row.get("experimentItemMetadata")),
            error="it ended with an error" if text_of(row.get("level")) == "ERROR" else "",
            scores=tuple(scores),
            facts={"item": item_id, "trace": row.get("traceId"), "id": row.get("id"), "level": row.get("level")},
        )

    def metrics(self, day: date, environments: list[str]) -> list[Row]:
        """One day of model calls by model, environment, level and tags; SchemaError when rows are missing."""
        start, end = bounds(day)
        filters: list[Row] = [GENERATIONS]
        if environments:
            filters.append(
                {"column": "environment", "operator": "any of", "value": environments, "type": "stringOptions"}
            )
        asked = {
            "view": "observations",
            "dimensions": [{"field": name} for name in ("providedModelName", "environment", "level", "tags")],
            "metrics": [
                {"measure": "count", "aggregation": "count"},
                *({"measure": name, "aggregation": "sum"} for name in ("inputTokens", "outputTokens", "totalCost")),
            ],
            "filters": filters,
            "fromTimestamp": _text(start),
            "toTimestamp": _text(end),
            "config": {"row_limit": METRIC_ROWS},
        }
        rows = rows_of(self.get("v2/metrics", {"query": json.dumps(asked)}).get("data"))
        if len(rows) >= METRIC_ROWS:
            raise SchemaError(
                f"{day} has {METRIC_ROWS} or more combinations of model, environment and tags; the rest is cut off.",
                mend="Use fewer different tags, or name the environments that count.",
            )
        return rows

    def _cursored(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Row]]:
        def ask(_: int, cursor: str) -> Row:
            return self.get(path, {**params, "limit": PER_PAGE, **({"cursor": cursor} if cursor else {})})

        return walk(
            ask,
            rows="data",
            identify=lambda row: text_of(row.get("id")),
            following=lambda reply: text_of(mapping_of(reply.get("meta")).get("cursor")),
        )

    # --- both ---------------------------------------------------------------------------------------------------

    def datasets(self) -> list[Row]:
        return [row for page in self._numbered("v2/datasets", {}) for row in page]

    # --- version 3, self-hosted ---------------------------------------------------------------------------------

    def runs(self, dataset: Row) -> list[Row]:
        """All runs of a dataset; the interface has no filter by time."""
        pages = self._numbered(f"datasets/{quote(text_of(dataset.get('name')), safe='')}/runs", {})
        return [row for page in pages for row in page]

    def run(self, row: Row, dataset: Row) -> Run:
        """A run with all its items and the scores of their traces."""
        dataset_id, name = text_of(dataset.get("id")), text_of(row.get("name"))
        known = self._dataset_items(text_of(dataset.get("name")))
        pages = self._numbered("dataset-run-items", {"datasetId": dataset_id, "runName": name})
        items = [item for page in pages for item in page]
        return Run(
            id=text_of(row.get("id")),
            name=name,
            url=f"{self.base_url}/project/{self.project_id}/datasets/{dataset_id}/runs/{text_of(row.get('id'))}",
            metadata=mapping_of(row.get("metadata")),
            dataset=dataset,
            items=tuple(self._run_item(item, known) for item in items),
        )

    def _run_item(self, row: Row, known: Mapping[str, Row]) -> Item:
        item_id, trace = text_of(row.get("datasetItemId")), text_of(row.get("traceId"))
        pages = self._numbered("v2/scores", {"traceId": trace}) if trace else ()
        made = time_of_text(row.get("createdAt"))
        return Item(
            id=item_id,
            started_at=made,
            ended_at=made,
            metadata=mapping_of(known.get(item_id, {}).get("metadata")),
            error="",
            scores=tuple(found for page in pages for found in page),
            facts={"item": item_id, "trace": trace, "observation": row.get("observationId")},
        )

    def _dataset_items(self, name: str) -> dict[str, Row]:
        if name not in self._items:
            pages = self._numbered("dataset-items", {"datasetName": name})
            self._items[name] = {text_of(row.get("id")): row for page in pages for row in page}
        return self._items[name]

    def daily(self, day: date, environment: str, tag: str) -> Row:
        """The metrics of one day, of one environment and tag where they are named."""
        start, end = bounds(day)
        only = {name: value for name, value in (("environment", environment), ("tags", tag)) if value}
        params = {"fromTimestamp": _text(start), "toTimestamp": _text(end), **only}
        pages = self._numbered("metrics/daily", params, identify=lambda row: text_of(row.get("date")))
        rows = [row for page in pages for row in page]
        return next((row for row in rows if text_of(row.get("date"))[:10] == day.isoformat()), {})

    def _numbered(self, path: str, params: Mapping[str, Any], identify: Any = None) -> Iterator[list[Row]]:
        return walk_numbered(
            lambda page: self.get(path, {**params, "page": page, "limit": PER_PAGE}),
            rows="data",
            size=PER_PAGE,
            identify=identify or (lambda row: text_of(row.get("id"))),
            pages=lambda reply: mapping_of(reply.get("meta")).get("totalPages"),
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
