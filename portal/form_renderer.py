"""Draws a form's drop-downs in one go: Django draws each option by two templates, most of a filter form's time."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

SELECT = "django/forms/widgets/select.html"


class Renderer(DjangoTemplates):
    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        if template_name == SELECT:
            return select(context["widget"])
        return super().render(template_name, context, request)


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
    kept = [(name, value) for name, value in attributes.items() if value is not False]
    drawn = (
        format_html(" {}", name) if value is True else format_html(' {}="{}"', name, value) for name, value in kept
    )
    return format_html_join("", "{}", ((one,) for one in drawn))
