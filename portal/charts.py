"""Figures drawn on the server with plotly and sent as plain JSON; the browser adds colours from the page's tokens."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

Moment = datetime.date  # a datetime is one too

# Colours are the names of tokens: chart.js replaces each by what the page's scheme gives at that moment.
INK, INK_2, INK_3, PEN, RULE = "var(--ink)", "var(--ink-2)", "var(--ink-3)", "var(--pen)", "var(--rule)"
SERIES_COLOURS = (INK, PEN, INK_3)

PLOT_HEIGHT, LABEL_HEIGHT, LETTER_WIDTH = 220, 15, 7  # pixels, near enough to keep labels apart

# Without these plotly offers to upload the chart to a third party and shows its maker's mark.
CONFIG: dict[str, object] = {
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": False,
}


@dataclass(frozen=True)
class Series:
    """One line: a name people know and (moment, value or None) in order; None breaks the line."""

    name: str
    points: Sequence[tuple[Moment, float | None]]


@dataclass(frozen=True)
class Marker:
    """Something that changed: a thin vertical with a label."""

    at: Moment
    label: str


def escaped(text: object) -> str:
    """Text that plotly shows as written: it reads a small HTML of its own in every title, label and hover."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, length: int = 18) -> str:
    """A name that fits beside the chart; the hover and the table carry the whole."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def scores_over_time(
    series: Iterable[Series], threshold: float | None = None, markers: Iterable[Marker] = ()
) -> dict[str, Any]:
    """Scores (fractions of one) by run over time, the required threshold dashed with its value, changes marked."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=_layout())
    lines = list(series)
    for index, line in enumerate(lines):
        _add_line(figure, line, SERIES_COLOURS[index % len(SERIES_COLOURS)])
    low, high = _frame(lines, threshold)
    _add_names(figure, lines, low, high)
    if threshold is not None:
        _add_threshold(figure, threshold)
    for marker in markers:
        _add_marker(figure, marker)
    figure.update_yaxes(tickformat=".0%", range=[low, high])
    figure.update_xaxes(range=_span(lines))
    figure.update_layout(hovermode="closest")
    return _sent(figure)


def daily_cost_and_tokens(
    days: Sequence[datetime.date], cost: Sequence[float | None], tokens: Sequence[int | None], currency: str
) -> dict[str, Any]:
    """Cost as columns and tokens as a line above it, by day; one axis each, on the same days.

    Raises ValueError when the three sequences differ in length.
    """
    import plotly.graph_objects as go

    if not len(days) == len(cost) == len(tokens):
        raise ValueError("days, cost and tokens must be equally long: give None for a day without a figure")
    iso = [day.isoformat() for day in days]
    unit = escaped(currency)
    figure = go.Figure(layout=_layout())
    figure.add_bar(
        x=iso,
        y=list(cost),
        customdata=[[unit]] * len(iso),
        name=_("Cost"),
        marker={"color": INK_3},
        hovertemplate="%{x|%-d %b %Y}<br>%{y:,.2f} %{customdata[0]}<extra></extra>",
    )
    figure.add_scatter(
        x=iso,
        y=list(tokens),
        yaxis="y2",
        name=_("Tokens"),
        mode="lines",
        connectgaps=False,
        line={"color": PEN, "width": 2},
        hovertemplate="%{x|%-d %b %Y}<br>%{y:,.0f}<extra></extra>",
    )
    figure.update_layout(
        bargap=0.25,
        yaxis={
            "domain": [0, 0.56],
            "rangemode": "tozero",
            "zeroline": True,
            "zerolinecolor": INK,
            "tickformat": ",.2~f",
        },
        yaxis2={**_axis(), "domain": [0.68, 1], "rangemode": "tozero", "tickformat": "~s", "anchor": "x"},
        annotations=[
            _axis_title(_("Cost, %(currency)s") % {"currency": unit}, 0.56, INK_2),
            _axis_title(_("Tokens"), 1, PEN),
        ],
    )
    return _sent(figure)


def _axis() -> dict[str, Any]:
    return {"gridcolor": RULE, "zeroline": False, "showline": False, "ticks": "", "nticks": 5}


def _layout() -> dict[str, Any]:
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "var(--sans)", "size": 12, "color": INK_2},
        "margin": {"l": 48, "r": 16, "t": 16, "b": 36},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {"bgcolor": "var(--sheet)", "bordercolor": INK, "font": {"color": INK, "family": "var(--sans)"}},
        "xaxis": {
            **_axis(),
            "showgrid": False,
            "showline": True,
            "linecolor": "var(--edge)",
            "fixedrange": True,
            "tickformat": "%-d %b\n%Y",
        },
        "yaxis": {**_axis(), "fixedrange": True},
    }


def _add_line(figure: Any, line: Series, colour: str) -> None:
    name = escaped(line.name)
    figure.add_scatter(
        x=[at.isoformat() for at, _value in line.points],
        y=[value for _at, value in line.points],
        customdata=[[name]] * len(line.points),
        name=name,
        mode="lines+markers",
        connectgaps=False,
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 6},
        hovertemplate="%{customdata[0]}<br>%{x|%-d %b %Y}<br>%{y:.1%}<extra></extra>",
    )


def _frame(lines: Sequence[Series], threshold: float | None) -> tuple[float, float]:
    """Where the axis of scores begins and ends: everything drawn with some air, never far above all of them."""
    values = [value for line in lines for _at, value in line.points if value is not None]
    values += [] if threshold is None else [threshold]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = max((high - low) * 0.12, 0.02)
    return max(low - air, -0.02), high + air


def _span(lines: Sequence[Series]) -> list[str] | None:
    """The first and last moment with a day of air, so that labels do not stretch the axis."""
    moments = [at for line in lines for at, _value in line.points]
    if not moments:
        return None
    day = datetime.timedelta(days=1)
    return [(min(moments) - day).isoformat(), (max(moments) + day).isoformat()]


def _add_names(figure: Any, lines: Sequence[Series], low: float, high: float) -> None:
    """Names each line at its last point, kept from covering each other; there is no legend to look up."""
    ends = []
    for index, line in enumerate(lines):
        last = next(((at, value) for at, value in reversed(line.points) if value is not None), None)
        if last:
            ends.append((last[1], last[0], shortened(line.name), SERIES_COLOURS[index % len(SERIES_COLOURS)]))
    ends.sort(key=lambda end: end[0])
    top = float("-inf")
    for value, at, name, colour in ends:
        natural = (value - low) / (high - low) * PLOT_HEIGHT
        top = max(natural, top + LABEL_HEIGHT)
        figure.add_annotation(
            x=at.isoformat(),
            y=value,
            text=escaped(name),
            showarrow=False,
            xanchor="left",
            xshift=8,
            yshift=round(top - natural),
            font={"color": colour},
        )
    widest = max((len(name) for _value, _at, name, _colour in ends), default=0)
    figure.update_layout(margin={"r": 16 + widest * LETTER_WIDTH})


def _add_threshold(figure: Any, threshold: float) -> None:
    line = {"color": INK, "width": 1.5, "dash": "dash"}
    figure.add_shape(type="line", xref="paper", x0=0, x1=1, y0=threshold, y1=threshold, line=line)
    words = _("required %(limit)s") % {"limit": f"{threshold:.1%}".replace("%", "\u00a0%")}
    figure.add_annotation(
        xref="paper",
        x=0,
        y=threshold,
        text=words,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        xshift=4,
        font={"color": INK},
    )


def _add_marker(figure: Any, marker: Marker) -> None:
    at = marker.at.isoformat()
    figure.add_shape(type="line", yref="paper", x0=at, x1=at, y0=0, y1=1, line={"color": PEN, "width": 1})
    figure.add_annotation(
        yref="paper",
        x=at,
        y=1,
        text=escaped(marker.label),
        showarrow=False,
        xanchor="left",
        yanchor="top",
        xshift=4,
        font={"color": PEN, "size": 11},
    )


def _axis_title(text: str, top: float, colour: str) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"color": colour}}


def _sent(figure: Any) -> dict[str, Any]:
    """What the endpoint answers: the figure's data and layout without plotly's own theme, and the fixed config."""
    told: dict[str, Any] = figure.to_plotly_json()
    layout = dict(told["layout"])
    layout.pop("template", None)
    return {"data": [dict(trace) for trace in told["data"]], "layout": layout, "config": dict(CONFIG)}
