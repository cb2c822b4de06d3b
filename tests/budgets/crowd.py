"""Many use cases at once, each with all that the first one has: copies, written in bulk."""

import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models, transaction

from approvals.models import Release, Verdict
from evidence.models import EvaluationDimension, EvaluationRun, UsageDay, UsageRecord
from portal.models import Notice
from tests.access.world import World
from usecases.models import (
    DataUse,
    Fact,
    StewardshipRequest,
    SystemVersion,
    UseCase,
    UseCaseUserPermission,
    VersionComponent,
    WorkItem,
)


@transaction.atomic
def grow_to(world: World, wanted: int) -> None:
    """Add use cases of Olivia's in customer service until there are `wanted`."""
    first = UseCase.objects.get(number=1)
    titles = [f"Assistant {number}" for number in range(UseCase.objects.count() + 1, wanted + 1)]
    assert titles
    cases = UseCase.objects.bulk_create([copy(first, "number", title=title) for title in titles])
    version = SystemVersion.objects.get(use_case=first)
    versions = {row.use_case_id: row.pk for row in each(version, cases)}
    for table in (DataUse, Fact, StewardshipRequest, UsageDay, UsageRecord):
        for row in table.objects.filter(use_case=first):
            each(row, cases, versions)
    for table in (VersionComponent, WorkItem):
        for row in table.objects.filter(use_case=first):
            each(row, cases, versions)
    for row in UseCaseUserPermission.objects.filter(content_object=first):
        UseCaseUserPermission.objects.bulk_create([copy(row, content_object_id=case.pk) for case in cases])
    runs = each(EvaluationRun.objects.get(use_case=first), cases, versions)
    for row in EvaluationDimension.objects.filter(run__use_case=first):
        EvaluationDimension.objects.bulk_create([copy(row, run_id=run.pk) for run in runs])
    release = Release.objects.get(use_case=first)
    releases = each(release, cases, versions)
    verdict = Verdict.objects.filter(release=release).latest("judged_at")
    Verdict.objects.bulk_create([copy(verdict, release_id=row.pk) for row in releases])
    notice = Notice.objects.filter(person=world.cast.olivia).first()
    if notice is not None:
        Notice.objects.bulk_create([copy(notice) for _case in cases])


def each(
    row: models.Model, cases: Iterable[UseCase], versions: Mapping[uuid.UUID, uuid.UUID] | None = None
) -> list[Any]:
    """The row once more for every use case, claiming that use case's version where it claims one."""
    copies = []
    for case in cases:
        changes: dict[str, Any] = {"use_case_id": case.pk}
        if getattr(row, "system_version_id", None) is not None and versions:
            changes["system_version_id"] = versions[case.pk]
        if hasattr(row, "external_id"):
            changes["external_id"] = uuid.uuid4().hex
        copies.append(copy(row, **changes))
    return type(row)._default_manager.bulk_create(copies)


def copy(row: models.Model, *without: str, **changes: Any) -> Any:
    """A new row with the values of this one, its own key, and what is said to differ."""
    values = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.generated and not field.primary_key and field.attname not in without
    }
    key = {"pk": yesterday()} if isinstance(row._meta.pk, models.UUIDField) else {}
    return type(row)(**{**values, **key, **changes})


def yesterday() -> uuid.UUID:
    """A key of the day before, so that what the world holds stays on the first page of every list."""
    milliseconds = int((time.time() - 86_400) * 1000)
    return uuid.UUID(
        int=(milliseconds << 80) | (7 << 76) | (2 << 62) | secrets.randbits(62) | secrets.randbits(12) << 64
    )
