"""Words, filters and orders beside the plain list at 100,000 use cases, and everything beside itself at 1,000."""

from pathlib import Path
from typing import Any

import pytest

from tests.approvals.story import approved
from tests.bench.load import Target, interleaved
from tests.bench.population import analyse, fill_register, on_three_teams, session_cookie
from tests.bench.servers import serve
from tests.bench.surroundings import fill_around
from tests.bench.table import below, publish
from tests.cast import Cast
from usecases.models import UseCase

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
FEW, MANY = 1_000, 100_000
ROUNDS = 15
WANTED = {
    "words that many have": "q=invoices",
    "words that one has": "q=invoices+777",
    "mistyped words": "q=invocies",
    "a reference": "q=UC-0500",
    "stage": "stage=pilot",
    "a stage nobody is in": "stage=stopped",
    "tier": "tier=high&tier=critical",
    "pattern": "pattern=agent",
    "unit": "unit={unit}",
    "owner": "owner=petra",
    "data class": "data=internal",
    "model": "model=gpt-4o",
    "overdue": "overdue=yes",
    "verdict": "verdict=fail",
    "tag": "tag=wave-4",
    "by name": "sort=title",
    "by tier": "sort=-tier",
    "by stage": "sort=stage",
}
PLAIN = "plain list"
MOST, GROWTH = 2.0, 1.3


def medians(cast: Cast, settings: Any) -> dict[str, float]:
    """Milliseconds of each page, by who asks and what for."""
    people = {"auditor": cast.aud, "owner": cast.olivia, "engineer": cast.dev, "of three": cast.otto}
    with serve("portal.settings", settings.GATEHOUSE_HOME) as server:
        unit = cast.units["Customer service"].pk
        targets = {
            f"{who}: {name}": Target(
                server.port, f"/use-cases/?{query.format(unit=unit)}", {"Cookie": session_cookie(person)}
            )
            for who, person in people.items()
            for name, query in {PLAIN: "", **WANTED}.items()
        }
        return interleaved(targets, ROUNDS)


def test_finding_is_at_most_twice_the_plain_list_and_does_not_grow(
    committed_cast: Cast, settings: Any, tmp_path: Path
) -> None:
    approved(committed_cast)
    fill_register(committed_cast, FEW)
    fill_around(committed_cast)
    on_three_teams(committed_cast)
    analyse()
    small = medians(committed_cast, settings)
    last = UseCase.objects.latest("number").number
    fill_register(committed_cast, MANY - FEW)
    fill_around(committed_cast, since=last)
    analyse()
    large = medians(committed_cast, settings)
    rows = []
    for name, value in large.items():
        plain = large[f"{name.partition(':')[0]}: {PLAIN}"]
        rows.append(below(f"{name}, growth", value, "ms", "the same at 1,000 use cases", small[name], GROWTH))
        rows.append(below(name, value, "ms", "the plain list at 100,000", plain, MOST))
    publish(rows)
    assert [row.name for row in rows if not row.holds] == []
