"""The door the sample evidence comes through: the portal's own API over HTTP, with the evaluation pipeline's token."""

from typing import Any

import httpx


class Door:
    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )

    def push_run(self, payload: dict[str, Any]) -> dict[str, Any]:
        """One evaluation run; the same run again is the same run. Raises RuntimeError with the portal's own words."""
        return self._post("evaluation-runs/", payload)

    def push_run_once(self, payload: dict[str, Any]) -> None:
        """A run whose time is now: pushed unless its id is known already, for a second push would revise it."""
        known = self._client.get("evaluation-runs/", params={"use_case": payload["use_case"], "page_size": 200})
        _require(known)
        if payload["external_id"] not in {run["external_id"] for run in known.json()["results"]}:
            self.push_run(payload)

    def push_usage(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return self._post("usage-records/", rows)

    def close(self) -> None:
        self._client.close()

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        _require(answer)
        found: dict[str, Any] = answer.json()
        return found


def _require(answer: httpx.Response) -> None:
    if answer.status_code >= 300:
        raise RuntimeError(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:800]}"
        )
