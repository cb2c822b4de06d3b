"""Draws a form's inputs and drop-downs in one go: Django draws each box and option by two templates, most of a filter
form's time."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

SELECT = "django/forms/widgets/select.html"
# Each of these is one `input`, as Django's own templates have it.
INPUTS = {
    f"django/forms/widgets/{kind}.html"
    for kind in (
        *("checkbox", "date", "datetime", "email", "file", "hidden", "input", "number", "password", "text", "time"),
        "url",
    )
}
OPTIONS = {f"django/forms/widgets/{kind}_option.html" for kind in ("checkbox", "input", "radio")}


class Renderer(DjangoTemplates):
    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        if template_name in INPUTS:
            return one_input(context["widget"])
        if template_name in OPTIONS and not context["widget"]["wrap_label"]:
            return one_input(context["widget"])
        if template_name == SELECT:
            return select(context["widget"])
        return super().render(template_name, context, request)


def one_input(widget: Mapping[str, Any]) -> SafeString:
    """An `input`; without a value when there is none."""
    value = widget["value"]
    told = "" if value is None else f' value="{_escaped(value)}"'
    named = f'type="{_escaped(widget["type"])}" name="{_escaped(widget["name"])}"'
    return SafeString(f"<input {named}{told}{_attributes(widget['attrs'])}>")  # nosec B703: every part is escaped


def select(widget: Mapping[str, Any]) -> SafeString:
    """The same elements as Django's own template, groups included; values and labels escaped."""
    groups = [
        format_html('<optgroup label="{}">{}</optgroup>', name, _options(options)) if name else _options(options)
        for name, options, _index in widget["optgroups"]
    ]
    drawn = format_html_join("", "{}", ((group,) for group in groups))
    return format_html('<select name="{}"{}>{}</select>', widget["name"], _attributes(widget["attrs"]), drawn)


def _options(options: Iterable[Mapping[str, Any]]) -> SafeString:
    rows = ((option["value"], _attributes(option["attrs"]), option["label"]) for option in options)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


def _attributes(attributes: Mapping[str, Any]) -> SafeString:
    """True is the bare name, False is left out."""
    drawn = (
        f" {_escaped(name)}" if value is True else f' {_escaped(name)}="{_escaped(value)}"'
        for name, value in attributes.items()
        if value is not False
    )
    return SafeString("".join(drawn))  # nosec B703: every part is escaped


def _escaped(value: Any) -> str:
    return conditional_escape(value)
