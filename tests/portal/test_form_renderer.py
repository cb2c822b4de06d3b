"""The inputs and drop-downs drawn by us are those Django draws."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import SafeString

from portal.form_renderer import Renderer

CHOICES: list[Any] = [
    ("", "Any"),
    ("a&b", "<b>A & B</b>"),
    ("Group “1”", [(1, "one"), (2, "two \u00a0")]),
    ("'x\"", "quotes"),
]


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted((name, value or "") for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip(" \n\t"):
            self.found.append(data.strip(" \n\t"))


@pytest.mark.parametrize("value", [None, "", "a&b", 2, "'x\"", "unknown"])
@pytest.mark.parametrize("widget", [forms.Select, forms.SelectMultiple, forms.NullBooleanSelect])
def test_a_drop_down_is_the_same_as_djangos(widget: type[forms.Select], value: Any) -> None:
    made = widget(attrs={"class": "wide", "data-x": '"<>', "disabled": True, "hidden": False, "title": None})
    if widget is not forms.NullBooleanSelect:
        made.choices = CHOICES
    given = [value] if widget is forms.SelectMultiple and value is not None else value
    ours, theirs = (made.render("n", given, renderer=renderer) for renderer in (Renderer(), DjangoTemplates()))
    assert Elements(ours).found == Elements(theirs).found
    assert Elements(ours).found[0][0] == "select"


INPUTS = [
    forms.TextInput,
    forms.NumberInput,
    forms.EmailInput,
    forms.URLInput,
    forms.PasswordInput,
    forms.HiddenInput,
    forms.DateInput,
    forms.DateTimeInput,
    forms.TimeInput,
    forms.CheckboxInput,
    forms.FileInput,
]


@pytest.mark.parametrize("value", [None, "", "a&b", 2, "'x\"<", True, SafeString("&amp;")])
@pytest.mark.parametrize("widget", INPUTS)
def test_an_input_is_the_same_as_djangos(widget: type[forms.Widget], value: Any) -> None:
    made = widget(attrs={"class": "wide", "data-x": '"<>', "disabled": True, "hidden": False, "title": None})
    ours, theirs = (made.render('n"', value, renderer=renderer) for renderer in (Renderer(), DjangoTemplates()))
    assert Elements(ours).found == Elements(theirs).found
    assert Elements(ours).found[0][0] == "input"


@pytest.mark.parametrize("widget", [forms.CheckboxSelectMultiple, forms.RadioSelect])
def test_a_box_drawn_on_its_own_is_the_same_as_djangos(widget: type[forms.CheckboxSelectMultiple]) -> None:
    drawn = []
    for renderer in (Renderer(), DjangoTemplates()):
        form = forms.Form(renderer=renderer, initial={"of": ["a&b", 2]})
        form.fields["of"] = forms.ChoiceField(choices=CHOICES, widget=widget(attrs={"data-x": '"<>'}))
        drawn.append([[Elements(box.tag(wrap_label=wrap)).found for box in form["of"]] for wrap in (False, True)])
    assert drawn[0] == drawn[1]
    assert len(drawn[0][0]) == 5
