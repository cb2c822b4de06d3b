"""Static files: plotly's own script found in its wheel (nothing else of it), and our modules hashed together."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

PREFIX = "vendor/plotly"
FILE = "plotly.min.js"


def plotly_directory() -> Path:
    """Where the installed wheel keeps its script; found without importing plotly, which takes long.

    Raises FileNotFoundError when plotly is not installed.
    """
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("plotly is not installed: install the requirements again")
    return Path(spec.origin).parent / "package_data"


class PlotlyFinder(BaseFinder):
    """Finds `vendor/plotly/plotly.min.js` and answers to no other name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.storage = FileSystemStorage(location=plotly_directory())
        self.storage.prefix = PREFIX  # type: ignore[attr-defined]  # collectstatic reads it

    def check(self, **_kwargs: Any) -> list[CheckMessage]:
        if (plotly_directory() / FILE).is_file():
            return []
        return [Error(f"plotly's {FILE} is missing from its package", hint="Install the requirements again.")]

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """The file's absolute path (in a list for `find_all`), or an empty list."""
        if path != f"{PREFIX}/{FILE}":
            return []
        found = self.storage.path(FILE)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        yield FILE, self.storage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed, compressed files in which our own modules import each other by hashed names too.

    Only `js/` is rewritten: searching a vendor's minified megabytes for imports takes long and risks breaking them.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1]),
    )
