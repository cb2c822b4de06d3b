"""Small drawings in the page (marks, glyphs, bars) as SVG with attributes only, so that the strict CSP holds."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.templatetags.writing import Number, as_decimal, axis_value

# Shape before colour: filled round, filled square, half-filled diamond, open ring, open diamond with a bar.
MARKS: dict[str, str] = {
    "pass": '<circle cx="8" cy="8" r="7"/><path class="knock" d="M4.75 8.25l2.25 2.25 4.25-4.75"/>',
    "fail": '<rect x="1.5" y="1.5" width="13" height="13"/><path class="knock" d="M5.25 5.25l5.5 5.5m0-5.5l-5.5 5.5"/>',
    "inconclusive": '<path d="M8 .75V15.25L.75 8z"/><path class="line" d="M8 1.75L14.25 8 8 14.25 1.75 8z"/>',
    "waived": '<path class="line" d="M8 1.75L14.25 8 8 14.25 1.75 8z"/><path class="line" d="M5 8h6"/>',
    "not-evaluated": '<circle class="line" cx="8" cy="8" r="6" stroke-dasharray="3.4 2.88"/>',
}
TIERS = ("low", "moderate", "high", "critical", "blocked")
BAR = 4  # bars in the tier glyph
ROUND_ENDS = tuple(map(Decimal, ("0.05", "0.1", "0.2", "0.5", "1")))  # where an axis of defect rates may end


def verdict_key(value: object) -> str:
    """The mark for a verdict; whatever is unknown or missing was not evaluated, never a pass."""
    key = str(value or "").strip().lower().replace("_", "-")
    return key if key in MARKS else "not-evaluated"


def verdict_word(key: str) -> str:
    words = {
        "pass": _("Pass"),
        "fail": _("Fail"),
        "inconclusive": _("Inconclusive"),
        "waived": _("Waived"),
        "not-evaluated": _("Not evaluated"),
    }
    return words[key]


def mark_svg(value: object) -> SafeString:
    key = verdict_key(value)
    shape = SafeString(MARKS[key])  # nosec B703: one of our own shapes
    return format_html(
        '<svg class="mark" data-verdict="{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', key, shape
    )


@cache
def tier_svg(tier: str) -> SafeString:
    """Rising bars, as many filled as the tier is heavy; a blocked case is a shut gate."""
    if tier == "blocked":
        shut = '<rect x=".5" width="17" height="14"/><path class="strike" d="M3.5 7h11"/>'
        return format_html('<svg viewBox="0 0 18 14" aria-hidden="true">{}</svg>', SafeString(shut))
    weight = min(TIERS.index(tier) + 1, BAR) if tier in TIERS else 0
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="3" height="{}"{}/>',
        (
            (
                f"{i * 4.5 + 0.5:g}",
                f"{10 - i * 3:g}",
                f"{3 + i * 3:g}",
                "" if i < weight else SafeString(' class="off"'),
            )
            for i in range(BAR)
        ),
    )
    return format_html('<svg viewBox="0 0 18 14" aria-hidden="true">{}</svg>', bars)


def fingerprint_svg(digest: str) -> SafeString:
    """Twelve bars read from the whole digest (the text beside it shows only its beginning)."""
    step = max(len(digest) // 12, 1)
    heights = [2 + int(char, 16) * 0.8 if char in "0123456789abcdef" else 2 for char in digest[::step][:12]]
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="1.5" height="{}"/>',
        ((f"{i * 2.5:g}", f"{14 - height:g}", f"{height:g}") for i, height in enumerate(heights)),
    )
    return format_html('<svg viewBox="0 0 30 14" aria-hidden="true">{}</svg>', bars)


def position(value: Number | None, low: Number, high: Number) -> str | None:
    """Where a value stands between two ends, as a percentage of the width; held inside the ends."""
    number, start, end = as_decimal(value), as_decimal(low), as_decimal(high)
    if number is None or start is None or end is None or end <= start:
        return None
    share = min(max((number - start) / (end - start), Decimal(0)), Decimal(1))
    return f"{share * 100:.2f}%"


def axis_ends(values: Sequence[Number | None], rule: str, unit: str) -> tuple[Number, Number]:
    """The ends of the axis when the page gives none: near enough to see the interval, and round."""
    known = [number for number in map(as_decimal, values) if number is not None]
    top = max(known, default=Decimal(1))
    if unit != "%":
        return 0, top * Decimal("1.2") or 1
    if rule == "upper_bound":
        return 0, next((end for end in ROUND_ENDS if end > top), Decimal(1))
    return (Decimal("0.5") if known and min(known) >= Decimal("0.5") else 0), 1


def interval_words(
    *, value: Number | None, low: Number | None, high: Number | None, threshold: Number | None, rule: str, unit: str
) -> str:
    """The bar in a sentence, for those who do not see it."""
    if as_decimal(value) is None:
        told = [_("Not measured")]
    else:
        told = [axis_value(value, unit)]
        if as_decimal(low) is not None and as_decimal(high) is not None:
            told.append(
                _("interval %(low)s to %(high)s") % {"low": axis_value(low, unit), "high": axis_value(high, unit)}
            )
    if as_decimal(threshold) is not None:
        limit = {"limit": axis_value(threshold, unit)}
        told.append(_("at most %(limit)s") % limit if rule == "upper_bound" else _("at least %(limit)s") % limit)
        judged = {
            "lower_bound": _("judged by the lower bound"),
            "upper_bound": _("judged by the upper bound"),
            "point": _("judged by the point"),
        }
        told.append(judged.get(rule, ""))
    return ", ".join(part for part in told if part)


def interval_svg(
    *,
    low: Number | None = None,
    high: Number | None = None,
    value: Number | None = None,
    threshold: Number | None = None,
    rule: str = "point",
    min: Number | None = None,
    max: Number | None = None,
    verdict: str = "",
    n: int | None = None,
    unit: str = "%",
    better: str = "",
) -> SafeString:
    """Point, interval and threshold on one axis; the bound the rule judges wears the cap.

    All positions are percentages of the width, so the bar stretches without distorting its marks. An axis that does
    not begin at zero wears a break mark. `better` is `higher` or `lower` (the side of the threshold that passes); by
    default lower for an upper bound.
    """
    chosen = axis_ends((value, low, high, threshold), rule, unit)
    start, end = chosen[0] if min is None else min, chosen[1] if max is None else max
    at = {name: position(v, start, end) for name, v in (("value", value), ("low", low), ("high", high))}
    limit = position(threshold, start, end)
    parts = [*_zone(limit, better or ("lower" if rule == "upper_bound" else "higher"))]
    parts.append(SafeString('<line class="axis" x1="0%" x2="100%" y1="12" y2="12"/>'))
    if as_decimal(start):
        parts.append(SafeString('<path class="break" d="M3 8l-3 8m6-8l-3 8"/>'))  # the axis does not begin at zero
    if at["low"] and at["high"]:
        parts.append(format_html('<line class="range" x1="{}" x2="{}" y1="12" y2="12"/>', at["low"], at["high"]))
        cap = {"lower_bound": at["low"], "upper_bound": at["high"]}.get(rule)
        if cap:
            parts.append(format_html('<line class="bound" x1="{}" x2="{}" y1="6" y2="18"/>', cap, cap))
    if limit:
        parts.append(format_html('<line class="threshold" x1="{}" x2="{}" y1="1" y2="23"/>', limit, limit))
    if at["value"]:
        parts.append(format_html('<circle class="point" cx="{}" cy="12" r="4.5"/>', at["value"]))
    else:
        parts.append(SafeString('<line class="empty" x1="0%" x2="100%" y1="12" y2="12"/>'))
    words = interval_words(value=value, low=low, high=high, threshold=threshold, rule=rule, unit=unit)
    if n is not None:
        words = f"{words}, {_('n = %(count)s') % {'count': n}}"
    return format_html(
        '<svg class="interval" data-verdict="{}" role="img" aria-label="{}" height="24">{}</svg>',
        verdict_key(verdict) if verdict else "",
        words,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _zone(limit: str | None, better: str) -> list[SafeString]:
    if not limit:
        return []
    start, width = ("0%", limit) if better == "lower" else (limit, f"{100 - float(limit[:-1]):.2f}%")
    return [format_html('<rect class="zone" x="{}" y="5" width="{}" height="14"/>', start, width)]


def meter_svg(value: Number | None, limit: Number, label: str) -> SafeString:
    done = position(value, 0, limit) or "0.00%"
    return format_html(
        '<svg class="meter" role="img" aria-label="{}" height="6">'
        '<rect class="rest" width="100%" height="6"/><rect width="{}" height="6"/></svg>',
        label,
        done,
    )


def ticks_svg(runs: Iterable[Mapping[str, Any]], label: str) -> SafeString:
    """One tick a run on a line; a failed run is a square below it. The newest stands at the right."""
    drawn = []
    for index, run in enumerate(runs):
        x, title = index * 8 + 4, run.get("label", "")
        shape = (
            format_html('<line x1="{}" x2="{}" y1="2" y2="12"><title>{}</title></line>', x, x, title)
            if run.get("ok")
            else format_html('<rect x="{}" y="15" width="6" height="6"><title>{}</title></rect>', x - 3, title)
        )
        drawn.append((shape,))
    width = max(len(drawn) * 8, 8)
    return format_html(
        '<svg class="ticks" role="img" aria-label="{}" viewBox="0 0 {} 24" preserveAspectRatio="xMinYMid">{}</svg>',
        label,
        width,
        format_html_join("", "{}", drawn),
    )


def spark_svg(values: Sequence[Number | None], label: str) -> SafeString:
    """A line without axes; a missing value breaks the line instead of pretending a zero."""
    numbers = [as_decimal(value) for value in values]
    known = [number for number in numbers if number is not None]
    if not known:
        return format_html('<span class="faint">{}</span>', _("No readings"))
    low, span = min(known), (max(known) - min(known)) or 1
    step = 96 / max(len(numbers) - 1, 1)
    path, pen_up, last = [], True, (0.0, 0.0)
    for index, number in enumerate(numbers):
        if number is None:
            pen_up = True
            continue
        last = (index * step, float(18 - (number - low) / span * 16))
        path.append(f"{'M' if pen_up else 'L'}{last[0]:.1f} {last[1]:.1f}")
        pen_up = False
    return format_html(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 96 20"><path d="{}"/>'
        '<circle class="dot" cx="{}" cy="{}" r="2.5"/></svg>',
        label,
        "".join(path),
        f"{last[0]:.1f}",
        f"{last[1]:.1f}",
    )


def micro_svg(stages: Sequence[Mapping[str, Any]], label: str) -> SafeString:
    """The stage track small enough for a table row: done filled, current in pen, ahead open."""
    names = {"done": "on", "current": "now"}
    cells = format_html_join(
        "",
        '<rect class="{}" x="{}" y="1" width="{}" height="8"/>',
        ((names.get(str(stage.get("state")), "off"), index * 12 + 1, 9) for index, stage in enumerate(stages)),
    )
    return format_html(
        '<svg class="micro" role="img" aria-label="{}" viewBox="0 0 {} 10" preserveAspectRatio="xMinYMid">{}</svg>',
        label,
        max(len(stages) * 12, 12),
        cells,
    )


def wordmark_svg() -> SafeString:
    """Our mark: two posts and the barrier between them, lifted."""
    return SafeString(
        '<svg viewBox="0 0 20 20" aria-hidden="true"><path fill="currentColor" d="M1 4h4v14H1zM15 4h4v14h-4z"/>'
        '<path class="lift" fill="none" stroke="currentColor" stroke-width="2.5" d="M5 12L15 2"/></svg>'
    )
