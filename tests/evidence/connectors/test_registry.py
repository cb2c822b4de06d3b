"""Which kinds of source there are, and that each says what a person needs to know of it."""

import pytest

from evidence.choices import ConnectorKind
from evidence.connectors.registry import CONNECTORS, connector


def test_every_kind_that_can_be_chosen_has_its_connector_and_the_other_way_round() -> None:
    assert set(CONNECTORS) == set(ConnectorKind.values)
    with pytest.raises(
        LookupError, match="There is no connector “arize”, only: aws, azure_cost, azure_monitor, evaluation"
    ):
        connector("arize")


@pytest.mark.parametrize("kind", sorted(CONNECTORS))
def test_every_kind_explains_itself_its_fields_and_how_it_was_verified(kind: str) -> None:
    found = connector(kind)
    assert found.kind == kind
    assert found.title
    assert found.summary.endswith(".")
    assert found.proof.kind in ("run", "specification", "documentation")
    assert found.proof.words.endswith(".")
    assert all(entry.label and entry.help for entry in found.config_schema)
    assert not any(entry.secret and entry.default for entry in found.config_schema)
