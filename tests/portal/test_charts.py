"""Charts: figures are plain JSON that carries no markup, nothing is uploaded, and one vendor file is served."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from portal import htmx
from portal.charts import CONFIG, Marker, Series, daily_cost_and_tokens, escaped, scores_over_time, shortened
from portal.finders import ModuleStaticFilesStorage, PlotlyFinder, plotly_directory

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert('1')</script> & <a href=x>"
DAYS = [datetime.date(2026, 11, day) for day in (1, 2, 3)]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in strings(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in strings(item)]
    return [value] if isinstance(value, str) else []


def figures() -> list[dict[str, Any]]:
    series = [Series(HOSTILE, list(zip(DAYS, [0.8, None, 0.9], strict=True)))]
    return [
        scores_over_time(series, 0.85, [Marker(DAYS[1], HOSTILE)]),
        daily_cost_and_tokens(DAYS, [1.5, None, 2.0], [100, 200, None], HOSTILE),
    ]


@pytest.mark.parametrize("figure", figures(), ids=["scores", "cost"])
def test_a_figure_is_json_and_carries_no_markup_a_person_wrote(figure: dict[str, Any]) -> None:
    assert json.loads(json.dumps(figure)) == figure
    told = " ".join(text for text in strings(figure) if "hovertemplate" not in text)
    assert "<script" not in told
    assert "<a " not in told
    assert "&lt;" in told
    own = {re.sub(r"%\{[^}]*\}", "", trace["hovertemplate"]) for trace in figure["data"]}
    assert own <= {"<br><br><extra></extra>", "<br> <extra></extra>", "<br><extra></extra>"}


@pytest.mark.parametrize("figure", figures(), ids=["scores", "cost"])
def test_a_figure_uploads_nothing_and_leaves_colours_to_the_page(figure: dict[str, Any]) -> None:
    assert figure["config"] == CONFIG
    assert (CONFIG["showSendToCloud"], CONFIG["plotlyServerURL"], CONFIG["displaylogo"]) == (False, "", False)
    assert "template" not in figure["layout"]
    assert figure["layout"]["paper_bgcolor"] == figure["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert figure["layout"]["showlegend"] is False
    tokens = set(re.findall(r"--([\w-]+):", (ROOT / "static/css/tokens.css").read_text()))
    asked = set(re.findall(r"var\(--([\w-]+)\)", json.dumps(figure)))
    assert asked
    assert asked <= tokens


def test_the_browser_keeps_the_same_rules_whatever_the_server_says() -> None:
    script = (ROOT / "static/js/chart.js").read_text()
    rules = re.search(r"const RULES = (\{.*?\});", script)
    assert rules is not None
    assert json.loads(re.sub(r"(\w+):", r'"\1":', rules[1])) == CONFIG
    assert "...figure.config, ...RULES" in script


def test_a_missing_score_breaks_the_line_instead_of_being_a_zero() -> None:
    scores = figures()[0]["data"][0]
    assert scores["y"] == [0.8, None, 0.9]
    assert scores["connectgaps"] is False


def test_the_threshold_is_dashed_across_the_whole_width_and_says_its_value() -> None:
    layout = figures()[0]["layout"]
    line = next(shape for shape in layout["shapes"] if shape.get("xref") == "paper")
    assert (line["y0"], line["y1"], line["x0"], line["x1"], line["line"]["dash"]) == (0.85, 0.85, 0, 1, "dash")
    assert "required 85.0\u00a0%" in [note["text"] for note in layout["annotations"]]


def test_lines_that_end_together_are_named_apart() -> None:
    points = [(DAYS[0], 0.8), (DAYS[1], 0.9)]
    notes = scores_over_time([Series("Relevance", points), Series("Coherence", points)])["layout"]["annotations"]
    assert abs(notes[0]["yshift"] - notes[1]["yshift"]) >= 15


def test_a_chart_of_nothing_is_an_empty_frame() -> None:
    assert scores_over_time([])["data"] == []
    assert daily_cost_and_tokens([], [], [], "EUR")["data"][0]["y"] == []


def test_days_without_their_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        daily_cost_and_tokens(DAYS, [1.0], [1, 2, 3], "EUR")


@pytest.mark.parametrize(
    ("text", "expected"), [("a<b>", "a&lt;b&gt;"), ("R&D", "R&amp;D"), ("&lt;", "&amp;lt;"), (3, "3")]
)
def test_escaping_leaves_no_pseudo_html(text: object, expected: str) -> None:
    assert escaped(text) == expected


def test_a_long_name_is_cut_before_it_is_escaped() -> None:
    assert shortened("Groundedness of answers in production") == "Groundedness of a…"
    assert len(shortened("x" * 18)) == 18


def test_the_finder_serves_exactly_plotlys_own_script() -> None:
    finder = PlotlyFinder()
    found = finder.find("vendor/plotly/plotly.min.js")
    assert Path(found) == plotly_directory() / "plotly.min.js"
    assert Path(found).stat().st_size > 1_000_000
    assert finder.find("vendor/plotly/plotly.min.js", find_all=True) == [found]
    assert [(name, storage.prefix) for name, storage in finder.list(None)] == [("plotly.min.js", "vendor/plotly")]
    assert finder.check() == []


@pytest.mark.parametrize(
    "path",
    [
        "plotly.min.js",
        "vendor/plotly/",
        "vendor/plotly/widgetbundle.js",
        "vendor/plotly/datasets/iris.csv.gz",
        "vendor/plotly/../plotly/plotly.min.js",
        "vendor/plotly/../../__init__.py",
        "../plotly.min.js",
        "/vendor/plotly/plotly.min.js",
    ],
)
def test_the_finder_answers_to_no_other_name(path: str) -> None:
    assert PlotlyFinder().find(path) == []
    assert PlotlyFinder().find(path, find_all=True) == []


def fragment_request(**headers: str) -> Any:
    request = RequestFactory().get("/use-cases/", headers=headers)
    request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]  # as its middleware does
    return request


def test_only_a_swap_gets_the_fragment_and_caches_keep_them_apart() -> None:
    context = {"problem": {"title": "No"}}
    whole = htmx.render(fragment_request(), "errors/404.html", context, status=404)
    assert (whole.status_code, whole["Vary"]) == (404, "HX-Request")
    assert not htmx.wants_fragment(fragment_request())
    assert htmx.wants_fragment(fragment_request(**{"HX-Request": "true"}))
    assert not htmx.wants_fragment(fragment_request(**{"HX-Request": "true", "HX-Boosted": "true"}))
    assert not htmx.wants_fragment(fragment_request(**{"HX-Request": "true", "HX-History-Restore-Request": "true"}))


def test_after_a_write_a_browser_is_sent_on_and_htmx_is_told_where() -> None:
    sent = htmx.redirect_to(fragment_request(), "/use-cases/UC-0001/")
    assert (sent.status_code, sent["Location"]) == (303, "/use-cases/UC-0001/")
    told = htmx.redirect_to(fragment_request(**{"HX-Request": "true"}), "/use-cases/UC-0001/")
    assert (told.status_code, told["HX-Redirect"]) == (200, "/use-cases/UC-0001/")


def test_a_toast_travels_as_an_event() -> None:
    assert json.loads(htmx.toast(HttpResponse(), "Saved <b>")["HX-Trigger"]) == {"toast": {"text": "Saved <b>"}}


def test_hashed_modules_import_each_other_by_their_hashed_names(tmp_path: Path) -> None:
    modules = {f"js/{source.name}": source.read_text() for source in (ROOT / "static/js").glob("*.js")}
    modules["vendor/other.js"] = 'import { a } from "./a.js";'
    for name, text in modules.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    storage = ModuleStaticFilesStorage(location=str(tmp_path), base_url="/static/")
    made = storage.post_process({name: (storage, name) for name in modules})
    hashed = {name: new for name, new, _done in made if new and not new.endswith(".gz")}
    for name, new in hashed.items():
        for imported in re.findall(r'from "\./([^"]+)"', (tmp_path / new).read_text()):
            assert name == "vendor/other.js" or f"js/{imported}" in hashed.values()
    assert hashed["js/app.js"] != "js/app.js"
    assert (tmp_path / hashed["vendor/other.js"]).read_text() == modules["vendor/other.js"]
