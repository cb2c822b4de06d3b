"""Words that stand for numbers are declared, or they are no numbers."""

from decimal import Decimal

import pytest

from evidence.connectors.errors import Refused
from evidence.connectors.labels import read_labels, worth


def test_a_declared_word_is_worth_its_number_whatever_its_case() -> None:
    labels = read_labels(["safety:Safe=1", "safety:unsafe=0", "tone: rather rude =0.25"])
    assert worth(labels, "safety", "SAFE") == Decimal(1)
    assert worth(labels, "tone", "rather rude") == Decimal("0.25")
    assert worth(labels, "tone", "safe") == "safe"  # declared for another metric
    assert worth(labels, "safety", None) is None


@pytest.mark.parametrize("entry", ["safe=1", "safety:safe", "safety:safe=good", ":safe=1", "safety:=1", "a:b=nan", ""])
def test_an_entry_that_declares_nothing_is_refused(entry: str) -> None:
    with pytest.raises(Refused, match="worth"):
        read_labels([entry])
