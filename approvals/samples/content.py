"""The sample organisation's data, read from its two files."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@cache
def organisation() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((HERE / "organisation.yaml").read_text(encoding="utf-8"))
    return data


@cache
def use_cases() -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = yaml.safe_load((HERE / "use_cases.yaml").read_text(encoding="utf-8"))["use_cases"]
    return data
