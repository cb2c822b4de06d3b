"""Components: they draw exactly what they are told, say it in words, and escape whatever a person wrote."""

import datetime
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.template import engines
from django.test import RequestFactory

from portal.access import Reason
from portal.templatetags import drawing, writing
from portal.templatetags.icons import icon_svg

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=y>' onmouseover='z"
DIGEST = "9f2b7c1e4a5d6f8090a1b2c3d4e5f60718293a4b5c6d7e8f9012345678abcdef"
NOON = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)


def render(source: str, **context: Any) -> str:
    template = engines["django"].from_string("{% load gatehouse i18n %}" + source)
    return str(template.render(context, RequestFactory().get("/use-cases/", context.pop("query", {}))))


class Elements(HTMLParser):
    """Every element and its attributes, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str, css_class: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.found if t == tag and (not css_class or css_class in (a.get("class") or "").split())]


def denied(*reasons: str) -> Any:
    class Denied(SimpleNamespace):
        def __bool__(self) -> bool:
            return False

    return Denied(reasons=reasons)


class HostileForm(forms.Form):
    name = forms.CharField(label=HOSTILE, help_text=HOSTILE)
    kind = forms.ChoiceField(label=HOSTILE, choices=[("a", HOSTILE)], widget=forms.RadioSelect)
    agreed = forms.BooleanField(label=HOSTILE)

    def clean(self) -> None:
        self.add_error(None, HOSTILE)


EVERYWHERE = [
    '{% verdict "pass" label=x %}',
    "{% tier x %}",
    "{% digest x label=x %}",
    "{% person x %}{% person x machine=True %}{% initials x %}",
    "{% interval value=0.5 threshold=0.4 rule=x verdict=x unit=x %}",
    "{% quantity 3 x %}{% money 3 x %}",
    "{% when None never=x %}",
    "{% meter 3 4 label=x %}{% spark values label=x %}{% ticks runs label=x %}{% micro stages label=x %}",
    "{% verb x url=x name=x value=x dialog=x fields=mapping %}",
    '{% verb x url=x method="post" fields=mapping %}',
    "{% verb x ruling=ruling %}",
    "{% sort_head x x %}",
    "{% page_head x lede=x eyebrow=x crumbs=links %}{{ x }}{% endpage_head %}",
    "{% section x note=x id=x url=x url_label=x %}{{ x }}{% endsection %}",
    "{% ledger x align=x %}{% endledger %}",
    "{% dialog x x %}{{ x }}{% enddialog %}",
    '{% include "components/refusal.html" with reasons=words title=x only %}',
    '{% include "components/notice.html" with text=x title=x verdict=x url=x label=x only %}',
    '{% include "components/empty.html" with title=x text=x url=x label=x only %}',
    '{% include "components/form.html" with form=form only %}',
    '{% include "components/docket_entry.html" with age=x unit=x title=x url=x text=x note=x verb_url=x %}',
    '{% include "components/facts.html" with facts=facts only %}',
    '{% include "components/answer.html" with verdict=x text=x note=x question=x only %}',
    '{% include "components/lane.html" with lane=lane only %}',
    '{% include "components/path.html" with steps=steps goal=x only %}',
    '{% include "components/trail_entry.html" with event=event changes=moves only %}',
    '{% include "components/spine.html" with stages=stages only %}',
    '{% include "components/tabs.html" with tabs=links label=x only %}',
    '{% include "components/pager.html" with previous_url=x next_url=x summary=x only %}',
    '{% include "components/chart.html" with url=x title=x note=x headers=words rows=rows size=x only %}',
    '{% include "components/filters.html" with form=form search="name" chips=links target=x only %}',
    '{% include "components/thread_entry.html" with entry=said only %}',
    '{% include "components/diff.html" with lines=lines title=x only %}',
    '{% include "components/changes.html" with changes=changes only %}',
    '{% include "errors/_problem.html" with problem=problem only %}',
    '{% include "errors/403.html" with problem=problem %}',
    '{% include "errors/500.html" with problem=problem %}',
]


@pytest.mark.parametrize("source", EVERYWHERE)
def test_no_component_lets_a_hostile_text_become_markup(source: str) -> None:
    x = HOSTILE
    html = render(
        source,
        x=x,
        words=[x],
        rows=[[x, x]],
        links=[{"label": x, "url": x, "count": x}],
        mapping={x: x},
        values=[1, None, 2],
        runs=[{"ok": False, "label": x}],
        ruling=denied(x),
        stages=[{"label": x, "state": x, "kind": x, "note": x, "url": x, "gate": x}],
        facts=[{"label": x, "value": x, "source": x, "url": x}],
        steps=[{"text": x, "who": x, "url": x, "note": x}],
        lines=[{"kind": x, "text": x}],
        changes=[{"path": x, "before": x, "after": x}, {"sentence": x}],
        said={
            "comment": {"author": x, "text": x, "written_at": NOON, "edited_at": NOON},
            "edit_url": x,
            "withdraw_url": x,
        },
        moves=[{"subject": x, "label": x, "said_before": x, "said_after": x}],
        event={"at": NOON, "by": x, "text": x, "actor": x, "sentence": x, "reason": x, "seq": x, "url": x},
        lane={"title": x, "asks": x, "state": "signed", "person": x, "comment": x, "note": x, "decided_at": NOON},
        problem={"title": x, "detail": x, "reasons": [x], "code": x},
        form=HostileForm({"name": x, "kind": x}),
    )
    elements = Elements(html)
    assert "img" not in [tag for tag, _attributes in elements.found]
    assert all(attributes.get("src", "").endswith(".js") for attributes in elements.all("script"))
    assert not [name for _tag, attributes in elements.found for name in attributes if name.startswith("on")]
    assert "<script>alert" not in html


@pytest.mark.parametrize(
    ("value", "shape", "word"),
    [
        ("pass", "circle", "Pass"),
        ("fail", "rect", "Fail"),
        ("inconclusive", "path", "Inconclusive"),
        ("waived", "path", "Waived"),
        ("not_evaluated", "circle", "Not evaluated"),
        ("", "circle", "Not evaluated"),
        (None, "circle", "Not evaluated"),
        ("excellent", "circle", "Not evaluated"),
    ],
)
def test_a_verdict_is_a_shape_and_a_word_and_the_unknown_was_not_evaluated(value: Any, shape: str, word: str) -> None:
    html = render("{% verdict value %}", value=value)
    elements = Elements(html)
    assert elements.all(shape)
    assert elements.all("svg", "mark")[0]["data-verdict"] == word.lower().replace(" ", "-")
    assert html.endswith(f"</svg>{word}</span>")


def test_every_verdict_has_its_own_shape() -> None:
    assert len(set(drawing.MARKS.values())) == len(drawing.MARKS) == 5


@pytest.mark.parametrize(("tier", "open_bars"), [("low", 3), ("moderate", 2), ("high", 1), ("critical", 0), ("", 4)])
def test_a_tier_is_as_many_bars_as_it_is_heavy(tier: str, open_bars: int) -> None:
    bars = Elements(render("{% tier tier %}", tier=tier)).all("rect")
    assert len(bars) == 4
    assert len([bar for bar in bars if bar.get("class") == "off"]) == open_bars


def test_a_provisional_tier_says_so_and_an_unknown_one_is_not_classified() -> None:
    assert "<em>provisional</em>" in render('{% tier "high" provisional=True %}')
    assert "Not classified" in render('{% tier "enormous" %}')


def test_the_interval_places_point_bounds_cap_and_threshold_exactly() -> None:
    html = render('{% interval low=0.6 high=0.9 value=0.75 threshold=0.7 rule="lower_bound" min=0.5 max=1 n=200 %}')
    elements = Elements(html)
    assert elements.all("circle", "point")[0]["cx"] == "50.00%"
    assert (elements.all("line", "range")[0]["x1"], elements.all("line", "range")[0]["x2"]) == ("20.00%", "80.00%")
    assert elements.all("line", "bound")[0]["x1"] == "20.00%"
    assert elements.all("line", "threshold")[0]["x1"] == "40.00%"
    assert (elements.all("rect", "zone")[0]["x"], elements.all("rect", "zone")[0]["width"]) == ("40.00%", "60.00%")
    assert elements.all("path", "break")
    assert elements.all("svg")[0]["aria-label"] == (
        "75.0\u00a0%, interval 60.0\u00a0% to 90.0\u00a0%, at least 70.0\u00a0%, judged by the lower bound, n = 200"
    )


def test_an_upper_bound_wears_its_cap_above_and_passes_below_the_threshold() -> None:
    elements = Elements(render('{% interval low=0.01 high=0.04 value=0.02 threshold=0.03 rule="upper_bound" %}'))
    assert elements.all("line", "bound")[0]["x1"] == "80.00%"
    assert (elements.all("rect", "zone")[0]["x"], elements.all("rect", "zone")[0]["width"]) == ("0%", "60.00%")
    assert not elements.all("path", "break")


def test_what_was_not_measured_has_no_point_and_says_so() -> None:
    html = render('{% interval value=None threshold=0.7 rule="point" %}')
    assert not Elements(html).all("circle")
    assert 'aria-label="Not measured, at least 70.0\u00a0%, judged by the point"' in html


@pytest.mark.parametrize(
    ("value", "expected"), [(-1, "0.00%"), (0, "0.00%"), (5, "50.00%"), (10, "100.00%"), (11, "100.00%"), ("NaN", None)]
)
def test_a_position_stays_on_its_axis(value: Any, expected: str | None) -> None:
    assert drawing.position(value, 0, 10) == expected


def test_a_position_on_an_axis_without_length_is_nowhere() -> None:
    assert drawing.position(1, 1, 1) is None


def test_a_digest_shows_twelve_characters_and_copies_all() -> None:
    html = render('{% digest value label="release digest" %}', value=DIGEST)
    button = Elements(html).all("button", "digest")[0]
    assert button["data-copy"] == DIGEST
    assert button["aria-label"] == f"Copy the release digest {DIGEST[:12]}"
    assert f"<code>{DIGEST[:12]}<span" in re.sub(r"\s+<", "<", html)
    assert "No digest yet" in render("{% digest value %}", value="")


def test_a_fingerprint_tells_digests_apart_that_begin_alike() -> None:
    assert drawing.fingerprint_svg(DIGEST) != drawing.fingerprint_svg(DIGEST[:12] + "0" * 52)


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Olivia Okafor", "OO"), ("Priya", "P"), ("Jean-Luc von Berg", "JB"), ("  ", "?"), ("(x) y", "Y")],
)
def test_initials_are_at_most_two_letters(name: str, initials: str) -> None:
    assert writing.initials_of(name) == initials


def test_nobody_is_written_as_nobody() -> None:
    assert "Nobody yet" in render("{% person None %}")
    assert ">OO</span><span>Olivia Okafor</span>" in render(
        "{% person who %}", who=SimpleNamespace(name="Olivia Okafor")
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{% quantity 12345.5 "ms" %}', "12,345.5\u00a0ms"),
        ("{% quantity None %}", "—"),
        ("{% percent 0.895 %}", "89.5\u00a0%"),
        ("{% percent value digits=0 %}", "33\u00a0%"),
        ('{% money 1234.5 "EUR" %}', "1,234.50\u00a0EUR"),
        ('{% money small "USD" %}', "0.00012\u00a0USD"),
        ('{% money 0 "EUR" %}', "0.00\u00a0EUR"),
        ('{% money None "EUR" %}', "—"),
        ('{% money nan "EUR" %}', "—"),
    ],
)
def test_numbers_are_grouped_and_carry_their_unit(source: str, expected: str) -> None:
    assert render(source, value=Decimal(1) / 3, small=Decimal("0.000123"), nan=float("nan")) == expected


def test_a_time_is_absolute_with_the_relative_beside_it(time_machine: Any) -> None:
    time_machine.move_to(NOON + datetime.timedelta(hours=3), tick=False)
    html = render("{% when moment %}", moment=NOON).replace("\u00a0", " ")
    assert html == (
        '<time datetime="2026-11-23T12:00:00+00:00">23 Nov 2026, 12:00 <span class="relative">3 hours ago</span></time>'
    )
    days = [render("{% when day %}", day=NOON.date() + datetime.timedelta(days=n)) for n in (-4, -1, 0, 1, 5)]
    assert [re.findall('relative">([^<]*)', day)[0] for day in days] == [
        "4 days ago",
        "yesterday",
        "today",
        "tomorrow",
        "in 5 days",
    ]


def test_a_refused_verb_keeps_its_place_and_gives_every_reason() -> None:
    html = render(
        '{% verb "Approve this release" url="/go/" method="post" ruling=ruling %}',
        ruling=denied("You built it.", "No gate."),
    )
    elements = Elements(html)
    button = elements.all("button")[0]
    assert (button["type"], button["aria-disabled"]) == ("button", "true")
    assert button["aria-describedby"] == elements.all("ul", "reasons")[0]["id"]
    assert "<li>You built it.</li><li>No gate.</li>" in html
    assert not elements.all("form")
    assert "/go/" not in html


@pytest.mark.parametrize(
    ("reasons", "title"),
    [
        ([Reason("a", "Ask an owner.")], "Not yours to do"),
        ([Reason("a", "Ask an owner."), Reason("b", "It waits.", conflict=True)], "Not possible yet"),
        ([Reason("b", "It waits.", conflict=True)], "Not possible yet"),
        (["A fault of the form."], "Not possible yet"),
    ],
)
def test_a_refusal_says_whether_it_is_about_the_person_or_the_state(reasons: list[Any], title: str) -> None:
    html = render('{% include "components/refusal.html" with reasons=reasons only %}', reasons=reasons)
    assert [each for each in ("Not yours to do", "Not possible yet") if each in html] == [title]


def test_a_refusal_without_reasons_is_still_a_refusal() -> None:
    html = render('{% verb "Approve" url="/go/" method="post" ruling=ruling %}', ruling=denied())
    assert "You may not do this." in html
    assert "/go/" not in html


def test_an_allowed_post_verb_is_a_form_with_its_token() -> None:
    elements = Elements(
        render('{% verb "Withdraw" url="/go/" method="post" fields=fields %}', fields={"digest": DIGEST})
    )
    assert elements.all("form")[0] == {"method": "post", "action": "/go/", "class": "verb-form"}
    assert {i["name"]: bool(i["value"]) for i in elements.all("input")} == {"csrfmiddlewaretoken": True, "digest": True}


def test_a_sort_head_turns_round_and_keeps_the_filters() -> None:
    source = '{% sort_head "Tier" "tier" %}'
    first = Elements(render(source, query={"q": "a&b", "cursor": "z"}))
    assert first.all("a")[0]["href"] == "?q=a%26b&sort=tier"
    assert "aria-sort" not in first.all("th")[0]
    second = Elements(render(source, query={"sort": "tier"}))
    assert (second.all("a")[0]["href"], second.all("th")[0]["aria-sort"]) == ("?sort=-tier", "ascending")


def test_a_field_is_tied_to_its_help_and_its_error() -> None:
    class Form(forms.Form):
        name = forms.CharField(help_text="What people call it.")

    html = render('{% include "components/field.html" with field=form.name only %}', form=Form({"name": ""}))
    elements = Elements(html)
    described = (elements.all("input")[0]["aria-describedby"] or "").split()
    assert described == [elements.all("p", "help")[0]["id"], elements.all("div", "errors")[0]["id"]]
    assert elements.all("input")[0]["aria-invalid"] == "true"


def test_an_icon_takes_nothing_but_a_name() -> None:
    assert 'aria-hidden="true"' in icon_svg("plus")
    with pytest.raises(ValueError, match="is no icon name"):
        icon_svg("{% now 'Y' %}")
