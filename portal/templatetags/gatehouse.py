"""The components as tags, the way page templates reach them; templates/components/README.md lists them all."""

import datetime
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from portal.templatetags import drawing, writing
from portal.templatetags.icons import icon_svg

register = template.Library()

register.simple_tag(drawing.interval_svg, name="interval")
register.simple_tag(drawing.mark_svg, name="mark")
register.simple_tag(drawing.wordmark_svg, name="wordmark")
register.simple_tag(icon_svg, name="icon")
register.simple_tag(writing.quantity_text, name="quantity")
register.simple_tag(writing.percent_text, name="percent")
register.simple_tag(writing.money_text, name="money")
register.filter("person_name", writing.name_of)


@register.simple_tag
def verdict(value: object, label: str = "") -> SafeString:
    """Shape and word for pass, fail, inconclusive, waived; anything else was not evaluated."""
    key = drawing.verdict_key(value)
    return format_html(
        '<span class="verdict" data-verdict="{}">{}{}</span>',
        key,
        drawing.mark_svg(key),
        label or drawing.verdict_word(key),
    )


# Translated one by one when shown: a long list asks for one word a row.
TIER_WORDS = {
    "low": gettext_noop("Low"),
    "moderate": gettext_noop("Moderate"),
    "high": gettext_noop("High"),
    "critical": gettext_noop("Critical"),
    "blocked": gettext_noop("Blocked"),
}


@register.simple_tag
def tier(value: object, provisional: bool = False) -> SafeString:
    """A risk tier: weight, not colour, and its word."""
    key = str(value or "").lower()
    return _tier(key if key in TIER_WORDS else "", provisional, get_language() or "")


@cache
def _tier(known: str, provisional: bool, _language: str) -> SafeString:
    """Drawn once per word and language: a list shows fifty."""
    return format_html(
        '<span class="tier" data-tier="{}">{}<span>{}</span>{}</span>',
        known or "none",
        drawing.tier_svg(known),
        _(TIER_WORDS[known]) if known else _("Not classified"),
        format_html("<em>{}</em>", _("provisional")) if provisional else "",
    )


@register.inclusion_tag("components/digest.html")
def digest(value: object, label: str = "", full: bool = False) -> dict[str, Any]:
    """A digest as fingerprint, its first twelve characters and a copy button; the whole on demand."""
    whole = str(value or "")
    return {
        "whole": whole,
        "start": whole if full else whole[:12],
        "rest": "" if full else whole[12:],
        "glyph": drawing.fingerprint_svg(whole.removeprefix("sha256:")) if whole else "",
        "full": full,
        "label": label or _("digest"),
    }


@register.simple_tag
def initials(user: Any, you: bool = False) -> SafeString:
    """The initials alone; the name is there for screen readers and on hover."""
    name = writing.name_of(user)
    return format_html(
        '<span class="initials" title="{}"{}><span aria-hidden="true">{}</span><span class="hidden">{}</span></span>',
        name,
        SafeString(" data-you") if you else "",
        writing.initials_of(name),
        name,
    )


@register.simple_tag
def person(user: Any, you: bool = False, machine: bool = False) -> SafeString:
    """Initials and name; a machine is written in mono without initials."""
    name = writing.name_of(user)
    if not name:
        return format_html('<span class="person faint">{}</span>', _("Nobody yet"))
    if machine:
        return format_html('<span class="person" data-machine><code>{}</code></span>', name)
    return format_html(
        '<span class="person"><span class="initials"{} aria-hidden="true">{}</span><span>{}</span></span>',
        SafeString(" data-you") if you else "",
        writing.initials_of(name),
        name,
    )


@register.simple_tag
def when(moment: datetime.date | None, never: str = "", relative: bool = True) -> SafeString:
    """The absolute time, the relative one beside it."""
    if not moment:
        return format_html('<span class="faint">{}</span>', never or _("Not yet"))
    beside = f' <span class="relative">{writing.relative_text(moment)}</span>' if relative else ""
    # Nothing to escape in digits and the words of our own catalogue; a list shows fifty of these.
    return SafeString(f'<time datetime="{moment.isoformat()}">{writing.absolute_text(moment)}{beside}</time>')  # nosec B703


@register.simple_tag
def zone_name() -> str:
    """The time zone in which this page shows its times."""
    return timezone.get_current_timezone_name()


@register.simple_tag
def meter(value: Any, limit: Any, label: str = "") -> SafeString:
    """How much of the whole is done."""
    words = _("%(done)s of %(all)s") % {"done": writing.quantity_text(value), "all": writing.quantity_text(limit)}
    return drawing.meter_svg(value, limit, f"{label}: {words}" if label else words)


@register.simple_tag
def ticks(runs: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """One tick a run, oldest first."""
    failed = sum(1 for run in runs if not run.get("ok"))
    words = _("%(runs)s runs, %(failed)s failed") % {"runs": len(runs), "failed": failed}
    return drawing.ticks_svg(runs, f"{label}: {words}" if label else words)


@register.simple_tag
def spark(values: Sequence[Any], label: str = "") -> SafeString:
    """A small line without axes; the last value is told to screen readers."""
    known = [value for value in values if writing.as_decimal(value) is not None]
    words = _("last value %(value)s") % {"value": writing.quantity_text(known[-1])} if known else _("No readings")
    return drawing.spark_svg(values, f"{label}: {words}" if label else words)


@register.simple_tag
def micro(stages: Sequence[Mapping[str, Any]], label: str = "") -> SafeString:
    """The stage track in a table row; the current stage is told in words."""
    current = next((str(s.get("label", "")) for s in stages if s.get("state") == "current"), "")
    return drawing.micro_svg(stages, label or (_("Stage: %(stage)s") % {"stage": current} if current else _("Stages")))


@register.inclusion_tag("components/verb.html", takes_context=True)
def verb(  # one button, many honest variants; every one is a keyword
    context: template.Context,
    label: str,
    *,
    url: str = "",
    method: str = "get",
    ruling: Any = None,
    weight: str = "",
    size: str = "",
    icon: str = "",
    name: str = "",
    value: str = "",
    dialog: str = "",
    form: str = "",
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A button that says what it does; refused, it keeps its place and gives the reasons."""
    reasons = [str(reason) for reason in getattr(ruling, "reasons", None) or ()]
    if ruling is not None and not ruling and not reasons:
        reasons = [_("You may not do this.")]
    return {
        "request": context.get("request"),
        "label": label,
        "url": url,
        "method": method.lower(),
        "reasons": reasons if ruling is not None and not ruling else [],
        "refusal_id": writing.element_id("refusal", label, url, *reasons),
        "weight": weight,
        "size": size,
        "icon": icon_svg(icon) if icon else "",
        "name": name,
        "value": value,
        "dialog": dialog,
        "form": form,
        "fields": fields or {},
    }


@register.simple_tag
def refusal_title(reasons: Sequence[Any]) -> str:
    """What stands over a list of reasons: whether it is about the person, or about the state, which may change."""
    personal = [getattr(reason, "conflict", True) is False for reason in reasons]
    return _("Not yours to do") if personal and all(personal) else _("Not possible yet")


@register.inclusion_tag("components/sort_head.html", takes_context=True)
def sort_head(context: template.Context, label: str, key: str, figure: bool = False) -> dict[str, Any]:
    """A column head that sorts by `?sort=`, first upwards, then downwards, and keeps the other filters."""
    request = context.get("request")
    query = request.GET.copy() if request else None
    now = query.get("sort", "") if query is not None else ""
    following = f"-{key}" if now == key else key
    href = f"?sort={following}"
    if query is not None:
        query["sort"] = following
        query.pop("cursor", None)
        query.pop("page", None)
        query.pop("before", None)
        href = f"?{query.urlencode()}"
    state = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    return {"label": label, "href": href, "state": state, "figure": figure}


def _component(context: template.Context, file: str, **params: Any) -> SafeString:
    return context.template.engine.get_template(file).render(template.Context(params))  # type: ignore[union-attr]


@register.simple_block_tag(takes_context=True)
def page_head(
    context: template.Context,
    content: str,
    title: str,
    *,
    lede: str = "",
    eyebrow: str = "",
    crumbs: Sequence[Mapping[str, str]] = (),
) -> SafeString:
    """What this page is about; the content of the block are its verbs."""
    verbs = content if content.strip() else ""
    params = {"title": title, "lede": lede, "eyebrow": eyebrow, "crumbs": crumbs, "content": verbs}
    return _component(context, "components/page_head.html", **params)


@register.simple_block_tag(takes_context=True)
def section(
    context: template.Context,
    content: str,
    title: str,
    *,
    note: str = "",
    id: str = "",
    count: int | None = None,
    url: str = "",
    url_label: str = "",
) -> SafeString:
    """A part of a page under its heading; labelled by it."""
    params = {"note": note, "count": count, "url": url, "url_label": url_label, "content": content}
    told = id or writing.element_id("section", title)
    return _component(context, "components/section.html", title=title, element_id=told, **params)


@register.simple_block_tag(takes_context=True)
def ledger(context: template.Context, content: str, title: str, align: str = "", wide: bool = False) -> SafeString:
    """A table: the block holds thead and tbody, the title is its caption."""
    return _component(context, "components/ledger.html", title=title, align=align, wide=wide, content=content)


@register.simple_block_tag(takes_context=True)
def dialog(context: template.Context, content: str, element_id: str, title: str) -> SafeString:
    """A question over the page, opened by a verb that names its id."""
    return _component(context, "components/dialog.html", element_id=element_id, title=title, content=content)
