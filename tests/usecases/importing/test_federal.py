"""The public inventories come in with the totals that were published about them, and again without a second effect."""

from pathlib import Path

import pytest

from portal.models import AuditEvent
from tests.cast import Cast
from tests.usecases.importing.files import FEDERAL_2024, FEDERAL_2025, FEDERAL_2025_BOOK
from tests.usecases.importing.scenes import applied, checked, undone
from usecases.models import Fact, ImportedUseCase, UseCase

INVENTORIES = [
    *((path, 3611, 445) for path in FEDERAL_2025),
    *((path, 3611, 445) for path in FEDERAL_2025_BOOK),
    *((path, 2133, 351) for path in FEDERAL_2024),
]


@pytest.mark.parametrize(
    ("path", "uses", "high"), INVENTORIES, ids=lambda value: getattr(value, "stem", str(value))[:4]
)
def test_a_public_inventory_comes_in_whole_and_goes_out_whole(cast: Cast, path: Path, uses: int, high: int) -> None:
    register_import = applied(cast, path.read_bytes(), file_name=path.name)
    assert (register_import.state, register_import.error) == ("applied", "")
    assert UseCase.objects.count() == uses
    assert Fact.objects.filter(name="reported_impact", value="high", until__isnull=True).count() == high
    assert set(UseCase.objects.values_list("stage", flat=True)) == {"registered"}
    assert AuditEvent.objects.filter(payload__action="use_case.registered").count() == uses

    again = checked(cast, path.read_bytes(), file_name=path.name)
    assert (again.counts["same"], again.counts["create"], again.counts["change"]) == (uses, 0, 0)

    back = undone(cast, register_import)
    assert (back.state, back.counts["undone"], back.counts["kept"]) == ("undone", uses, 0)
    assert (UseCase.objects.count(), Fact.objects.count(), ImportedUseCase.objects.count()) == (0, 0, 0)
