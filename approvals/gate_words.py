"""The few words a gate's sentences are made of: dimensions, cases and percentages. Pure."""

PLACES = range(1, 7)


def title(dimension: str) -> str:
    """Return a dimension's key as the start of a sentence: `attack_resistance` becomes "Attack resistance"."""
    return dimension.replace("_", " ").capitalize()


def cases(number: int) -> str:
    """Return a number of cases in words."""
    return f"{number} case" if number == 1 else f"{number} cases"


def percent(share: float, beside: float | None = None) -> str:
    """Return a share as a percentage with one decimal, or more where rounding would hide a difference.

    "84.97 % does not meet 85 %" explains a verdict; "85 % does not meet 85 %" would not. The same holds for a rate that
    is nearly, but not quite, none or all.
    """
    neighbours = [each for each in (beside, 0.0, 1.0) if each is not None and each != share]
    text = ""
    for places in PLACES:
        text = f"{share * 100:.{places}f}"
        if all(text != f"{each * 100:.{places}f}" for each in neighbours):
            break
    return f"{text.rstrip('0').rstrip('.')} %"
