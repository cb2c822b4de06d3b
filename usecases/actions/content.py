"""Publishing the questionnaires that this version ships with."""

import hashlib
import json
from pathlib import Path

import yaml
from django.db import transaction

from portal import actors
from portal.audit import record
from usecases.models import Questionnaire
from usecases.questionnaires import sections_of

CONTENT = Path(__file__).parents[1] / "content"
SHIPPED = ("discovery.yaml",)


def publish() -> list[str]:
    """Publish what is new; one line for each thing published.

    Raises RuntimeError when a published version was edited: answers refer to it, so it may not change under them.
    """
    return [line for name in SHIPPED if (line := publish_questionnaire(CONTENT / name))]


@transaction.atomic
def publish_questionnaire(path: Path) -> str:
    """Publish one file; the empty string when this version of it is published already."""
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    sections_of(definition)
    key, version = str(definition["key"]), str(definition["version"])
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    known = Questionnaire.objects.filter(key=key, version=version).first()
    if known is not None:
        if known.digest != digest:
            raise RuntimeError(
                f"{path.name} differs from the published version {version} of “{key}”. Raise its version."
            )
        return ""
    row = Questionnaire.objects.create(
        key=key, version=version, title=definition["title"], definition=definition, digest=digest
    )
    record(
        actors.worker("install"),
        "questionnaire.published",
        row,
        f"published the questionnaire {row.title}, version {version}.",
        data={"key": key, "version": version, "digest": digest},
    )
    return f"questionnaire {key} {version}"
